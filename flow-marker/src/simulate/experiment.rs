//! Experiments: how long until an elephant is found, and how often something else is.

use std::sync::atomic::{AtomicU64, Ordering};

use super::agent::Agent;
use super::collector::Collector;
use super::contender::{Contender, Method};
use super::fill::{ELEPHANT, fill};
use super::mix::Mix;
use super::port::{CROWD, Port};
use super::random::Random;
use super::setup::Setup;
use super::traffic::Shape;

/// Whoever is not found by then is not found, in seconds.
const LIMIT: f64 = 60.0;

/// Before the elephant begins, in seconds: agents are in their rhythm, and losses are known where there are any.
fn warm(setup: &Setup) -> f64 {
    if setup.sending.loss > 0.0 { 15.0 } else { 2.0 }
}

/// How long each method takes to find a steady flow of `share` × the threshold, in seconds from its first packet to the
/// arrival of the datagram that decides; in order, one for each elephant of each run.
pub(super) fn detection(setup: &Setup, methods: &[Method], share: f64, runs: u64) -> Vec<Vec<f64>> {
    let rounds = parallel(runs, |run| {
        let seed = setup.seed ^ run.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        find_one(setup, methods, share, Random::new(seed, share.to_bits()))
    });
    let of = |at: usize| {
        let of_method = rounds.iter().filter_map(|times| times.get(at));
        let mut times: Vec<f64> = of_method.flatten().copied().collect();
        times.sort_by(f64::total_cmp);
        times
    };
    (0..methods.len()).map(of).collect()
}

/// One run: when each method found each elephant.
fn find_one(setup: &Setup, methods: &[Method], share: f64, mut random: Random) -> Vec<Vec<f64>> {
    let start = warm(setup) + random.unit();
    let (link, rate) = (setup.link_bytes(), share * setup.threshold_bytes());
    let mut port = Port::new(setup.sending.rate, Random::new(random.next(), 1));
    if setup.background > 0.0 {
        port.add_crowd(setup.background * link, (link, setup.frame), 0.0);
    }
    if let Some(mix) = setup.beside {
        fill(mix, &mut port, setup, &mut random);
    }
    // Several do not begin together.
    let starts: Vec<f64> = std::iter::once(start)
        .chain((1..setup.elephants).map(|_| start + random.unit()))
        .collect();
    for (number, start) in (ELEPHANT..).zip(&starts) {
        let plan = setup.plan(Shape::Steady, rate);
        if methods.contains(&Method::WithAcks) {
            port.add_both_ways(number, plan, *start);
        } else {
            port.add(number, plan, *start);
        }
    }
    let size = setup.beside.map_or(256, Mix::flows);
    let contenders = methods
        .iter()
        .map(|method| Contender::new(*method, size))
        .collect();
    let mut collector = Collector::new((setup.threshold, setup.frame), contenders);
    let mut agent = Agent::new(setup.sending, Random::new(random.next(), 2));
    let mut times = vec![vec![f64::INFINITY; starts.len()]; methods.len()];
    let mut open = methods.len() * starts.len();
    while let Some(packet) = port.next() {
        if packet.at > start + LIMIT || open == 0 {
            break;
        }
        for sent in [agent.due(packet.at), agent.sample(&packet)]
            .into_iter()
            .flatten()
        {
            collector.datagram(&sent, |method, at, found| {
                let number = found.flow.checked_sub(ELEPHANT);
                let number = number.and_then(|number| usize::try_from(number).ok());
                let Some(number) = number else { return };
                if let Some(time) = times.get_mut(method).and_then(|times| times.get_mut(number))
                    && time.is_infinite()
                {
                    *time = at - starts.get(number).copied().unwrap_or(start);
                    open -= 1;
                }
            });
        }
    }
    times
}

/// Marks of flows that are none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct FalseMarks {
    pub(super) count: u64,
    /// Hours that were simulated, of one port.
    pub(super) hours: f64,
}

/// Simulated at a time, in seconds: flows of a mix live no longer than this.
const SPAN: f64 = 60.0;

/// How often each method marks a flow of a mix without elephants.
pub(super) fn false_marks(setup: &Setup, methods: &[Method], mix: Mix, hours: f64) -> Vec<FalseMarks> {
    let runs = super::random::whole((hours * 3600.0 / SPAN).ceil());
    let rounds = parallel(runs, |run| {
        let seed = setup.seed ^ run.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let part = mix
            .name()
            .bytes()
            .fold(0, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(byte));
        mark_wrongly(setup, methods, mix, Random::new(seed, part))
    });
    let of = |at: usize| FalseMarks {
        count: rounds.iter().filter_map(|counts| counts.get(at)).sum(),
        hours: runs as f64 * SPAN / 3600.0,
    };
    (0..methods.len()).map(of).collect()
}

/// One run: how many marks each method made.
fn mark_wrongly(setup: &Setup, methods: &[Method], mix: Mix, mut random: Random) -> Vec<u64> {
    let mut port = Port::new(setup.sending.rate, Random::new(random.next(), 1));
    fill(mix, &mut port, setup, &mut random);
    let size = mix.flows();
    let contenders = methods
        .iter()
        .map(|method| Contender::new(*method, size))
        .collect();
    let mut collector = Collector::new((setup.threshold, setup.frame), contenders);
    let mut agent = Agent::new(setup.sending, Random::new(random.next(), 2));
    // Those that a mix has, and none of the crowd.
    let elephants = ELEPHANT..CROWD;
    let mut counts = vec![0; methods.len()];
    let mut polled = 0.0;
    while let Some(packet) = port.next() {
        if packet.at > SPAN {
            break;
        }
        let datagrams = [agent.due(packet.at), agent.sample(&packet)];
        for sent in datagrams.into_iter().flatten() {
            let mut marked = Vec::new();
            collector.datagram(&sent, |method, _, found| {
                if !elephants.contains(&found.flow) {
                    marked.push(method);
                }
            });
            for method in marked {
                if let Some(count) = counts.get_mut(method) {
                    *count += 1;
                }
                // A flow that stays marked could be marked but once.
                if let Some(contender) = collector.contenders.get_mut(method)
                    && mix.is_single()
                {
                    *contender = Contender::new(contender.method(), size);
                }
            }
            if sent.at - polled > 0.1 {
                polled = sent.at;
                collector.poll(sent.at);
            }
        }
    }
    counts
}

/// Does `work` for each run, on all cores; the results are in the order of the runs.
fn parallel<T: Send>(runs: u64, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicU64::new(0);
    let mut done: Vec<(u64, T)> = std::thread::scope(|scope| {
        let worker = || {
            let mut done = Vec::new();
            loop {
                let run = next.fetch_add(1, Ordering::Relaxed);
                if run >= runs {
                    return done;
                }
                done.push((run, work(run)));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let finished = workers.into_iter().filter_map(|worker| worker.join().ok());
        finished.flatten().collect()
    });
    done.sort_by_key(|(run, _)| *run);
    done.into_iter().map(|(_, result)| result).collect()
}

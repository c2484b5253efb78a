//! The task that gathers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, timeout};

use super::agents::Agents;
use super::changes::{self, Restarts};
use super::ends::Endings;
use super::flows::{Around, FlowList, Flows, Round};
use super::gather::{self, Gathered, Ports, Sinces, bits};
use super::history::Point;
use super::{AllEnds, FRESH, Frame, Live};
use crate::clock::{Clock, Time};
use crate::config::Config;
use crate::control::desk::Desk;
use crate::control::pause::Pause;
use crate::control::switches::Switches;
use crate::engine::{AgentStatus, Engine, LiveFlow, Loads};
use crate::metrics::Metrics;
use crate::overview::{Facts, LINKS, Overview, Traffic};

/// Between two rounds.
const SECOND: Duration = Duration::from_secs(1);

/// Between two looks at the counters of all ports: agents send them each 20 or 30 s, fast ones each 5.
const LOADS: Duration = Duration::from_secs(5);

/// Between two visits of the sampling doctor, who looks at everything that is known of sampling.
const DOCTOR: Duration = Duration::from_secs(10);

/// A question that took so long is asked again after this many times as long: what is dear takes a percent of a thread at most.
const RARELY: u32 = 100;

/// Ports of which the fullest are found: some may be of agents that are no switch.
const PORTS: usize = 4 * LINKS;

/// Flows that are shown: all elephants that there can be, or as many of what may become one. 5 MB, and some 10 ms a second.
const FLOWS: usize = 1 << 14;

/// Over so long traffic is averaged: agents send samples in bursts, up to a second apart (sFlow v5 §4.2.2).
const SMOOTH: f64 = 2.0;

/// What is gathered from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The receiving threads.
    pub engine: Engine,
    /// The switches, and what was decided about them.
    pub switches: Arc<Switches>,
    /// Who decides on captures and drops.
    pub desk: Desk,
    /// Whether they are paused.
    pub pause: Arc<Pause>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The configuration in force, for what must not be marked.
    pub config: watch::Receiver<Arc<Config>>,
    /// The time.
    pub clock: Clock,
}

/// What was counted until a moment.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    at: Time,
    large: u64,
    small: u64,
    samples: u64,
    received: u64,
    lost: u64,
}

/// Rates, averaged over [`SMOOTH`].
#[derive(Debug, Clone, Copy, Default)]
struct Rates {
    marked: f64,
    large: f64,
    mice: f64,
    samples: f64,
}

/// Gathers once a second.
#[derive(Debug)]
pub struct Collector {
    sources: Sources,
    live: Live,
    flows: Flows,
    agents: Agents,
    restarts: Restarts,
    sinces: Sinces,
    endings: Endings,
    loads: Loads,
    /// When counters, and the doctor, are asked again.
    due: [Time; 2],
    counted: Option<Counted>,
    rates: Rates,
    facts: Facts,
    /// The second of the last point of history.
    written: u64,
}

impl Collector {
    /// One that publishes in `live`.
    pub fn new(sources: Sources, live: Live) -> Self {
        Self {
            sources,
            live,
            flows: Flows::default(),
            agents: Agents::default(),
            restarts: Restarts::default(),
            sinces: Sinces::default(),
            endings: Endings::default(),
            loads: Loads::default(),
            due: [Time::START; 2],
            counted: None,
            rates: Rates::default(),
            facts: Facts::default(),
            written: 0,
        }
    }

    /// Until it is dropped.
    pub async fn run(mut self) {
        let mut seconds = tokio::time::interval(SECOND);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let live = self.live.clone();
        loop {
            tokio::select! {
                biased;
                _ = seconds.tick() => {
                    self.round().await;
                    if self.live.0.frames.receiver_count() > 0 {
                        self.publish();
                    }
                }
                () = live.0.wanted.notified() => {
                    let now = self.sources.clock.now();
                    if self.counted.is_none_or(|counted| now.since(counted.at) >= FRESH) {
                        self.round().await;
                    }
                    self.publish();
                }
            }
        }
    }

    /// Asks everybody once.
    async fn round(&mut self) {
        self.ask_rarely().await;
        // Without an answer, what was said before holds.
        if let Ok(Ok(lasting)) = timeout(FRESH, self.sources.desk.lasting()).await {
            self.endings.take(lasting);
        }
        // When nobody answers, the second is a hole.
        let Ok(parts) = self.sources.engine.ask(|shard, now| shard.live(now)).await else {
            return;
        };
        let (mut told, mut agents) = (Vec::new(), Vec::new());
        for part in parts {
            told.extend(part.flows);
            agents.extend(part.agents);
        }
        agents.sort_by_key(|status| (status.agent, status.last_seen));
        // An agent that was silent for an hour may have got another owner: the later answer is the last.
        agents.reverse();
        agents.dedup_by_key(|status| status.agent);
        if told.len() > FLOWS {
            told.sort_unstable_by_key(|flow| std::cmp::Reverse((flow.elephant.is_some(), flow.rate)));
            told.truncate(FLOWS);
        }
        self.take(&told, &agents);
    }

    /// Asks what is dear, if it is time for that.
    async fn ask_rarely(&mut self) {
        let (clock, live) = (self.sources.clock, self.live.clone());
        let [loads_due, doctor_due] = self.due;
        let began = clock.now();
        if began >= loads_due {
            if let Ok(parts) = self
                .sources
                .engine
                .ask(|shard, now| shard.loads(now, PORTS))
                .await
            {
                self.loads = Loads::merge(parts, PORTS);
                let hosts = std::mem::take(&mut self.loads.hosts);
                live.places().learn(&live.0.roster, hosts);
            }
            self.due = [next(began, clock.now(), LOADS), doctor_due];
        }
        let began = clock.now();
        if began >= doctor_due {
            if let Ok(report) = self.sources.engine.doctor().await {
                let member = |agent| live.0.roster.find(agent);
                let expected = |agent| member(agent).is_some_and(|member| !member.is_retired());
                self.agents.diagnose(&report, expected, |agent| live.place(agent));
            }
            let [loads_due, _] = self.due;
            self.due = [loads_due, next(began, clock.now(), DOCTOR)];
        }
    }

    /// Takes what was told, and notes it.
    fn take(&mut self, told: &[LiveFlow], statuses: &[AgentStatus]) {
        let (now, live) = (self.sources.clock.now(), self.live.clone());
        let name = |agent: IpAddr| live.place(agent);
        let ports = Ports::of(self.sources.switches.roster(), name);
        let config = Arc::clone(&self.sources.config.borrow());
        self.endings.follow(told, config.mark.hold);
        let around = (&ports, &self.endings);
        let Gathered {
            switches,
            controls,
            marks,
            ends,
        } = gather::switches(now, &self.sources.switches, around, &mut self.sinces);
        live.0.ends.store(Arc::new(AllEnds { at: now, ends }));
        let around = Around {
            now,
            clock: &self.sources.clock,
            mark: &config.mark,
            marks: &marks,
        };
        let round = self
            .flows
            .take(&around, told, |agent, port| ports.at(agent, port));
        self.restarts.take(now, statuses);
        let expected: Vec<_> = switches.iter().map(|switch| switch.place.agent).collect();
        let agents = self.agents.take(now, statuses, &expected, name);
        live.0
            .flows
            .store(Arc::new(FlowList::new(now, Arc::clone(&round.flows))));
        let lost = self.count(now, &round, statuses);
        self.facts = Facts {
            now,
            started: self.sources.clock.unix_ns(Time::START),
            switches,
            controls,
            agents,
            flows: round.flows,
            counts: round.counts,
            traffic: Traffic {
                marked: bits(self.rates.marked),
                large: bits(self.rates.large),
                mice: bits(self.rates.mice),
            },
            samples_per_second: self.rates.samples,
            skew: self.sources.clock.skew(),
            ..Facts::default()
        };
        self.write(now, lost);
    }

    /// How much has come since the last round; the share of datagrams that is missing of that.
    fn count(&mut self, now: Time, round: &Round, statuses: &[AgentStatus]) -> Option<f64> {
        let threads = self.sources.metrics.threads();
        let sum = |of: fn(&AgentStatus) -> u64| statuses.iter().map(of).fold(0, u64::saturating_add);
        let counted = Counted {
            at: now,
            large: threads.iter().map(|thread| thread.traffic_large.get()).sum(),
            small: threads.iter().map(|thread| thread.traffic_small.get()).sum(),
            samples: sum(|status| status.flow.counts.received),
            received: sum(|status| status.received),
            lost: sum(|status| status.lost),
        };
        let before = self.counted.replace(counted)?;
        let seconds = now.since(before.at).as_secs_f64().max(1e-3);
        let per_second = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        let large = per_second(counted.large, before.large) * 8.0;
        // The counters have all of them, the flows only those that have not ended.
        let known = (round.marked + round.unmarked).max(1) as f64;
        let marked = large * round.marked as f64 / known;
        let share = 1.0 - (-seconds / SMOOTH).exp();
        let toward = |mean: &mut f64, value: f64| *mean += (value - *mean) * share;
        toward(&mut self.rates.marked, marked);
        toward(&mut self.rates.large, large - marked);
        toward(
            &mut self.rates.mice,
            per_second(counted.small, before.small) * 8.0,
        );
        toward(
            &mut self.rates.samples,
            per_second(counted.samples, before.samples),
        );
        let received = counted.received.saturating_sub(before.received);
        let lost = counted.lost.saturating_sub(before.lost);
        Some(lost as f64 / received.saturating_add(lost).max(1) as f64)
    }

    /// Writes history; `lost`: the share that was missing in the last second, of which nothing is known after the start.
    fn write(&mut self, now: Time, lost: Option<f64>) {
        let second = self.sources.clock.unix_ns(now) / 1_000_000_000;
        // Two rounds may be in one second of everybody's clock.
        let Some(lost) = lost.filter(|_| second > self.written) else {
            return;
        };
        self.written = second;
        let installed = self
            .facts
            .switches
            .iter()
            .map(|switch| switch.tally.installed)
            .sum::<usize>();
        let point = Point {
            marked: narrow(self.rates.marked),
            large: narrow(self.rates.large),
            mice: narrow(self.rates.mice),
            marks: narrow(installed as f64),
            samples: narrow(self.rates.samples),
            lost: narrow(lost),
        };
        self.live.add(second, &point);
    }

    /// Makes the overview of what was gathered last, and publishes it, once.
    fn publish(&mut self) {
        let (live, sources) = (self.live.clone(), &self.sources);
        // When nobody has answered since, what is known is not published again as if it were new.
        let gathered = self.counted.map(|counted| counted.at);
        let Some(now) = gathered.filter(|now| live.0.frames.borrow().is_before(*now)) else {
            return;
        };
        let name = |agent: IpAddr| live.place(agent);
        let facts = &mut self.facts;
        facts.pause = gather::pause(&sources.pause, &sources.switches);
        facts.modes = sources.switches.modes();
        facts.findings = self.agents.findings();
        facts.links = gather::links(&self.loads, &facts.flows, name);
        let journal = sources.switches.journal();
        facts.changes = changes::recent((now, &sources.clock), journal, &self.restarts, name);
        facts.stale_lists = sources.metrics.process.lists_stale.get();
        let json = Overview::of(facts).to_json();
        self.live.0.frames.send_replace(Frame::new(now, json));
    }
}

/// When to ask again what took from `began` to `ended`.
fn next(began: Time, ended: Time, usually: Duration) -> Time {
    ended + usually.max(ended.since(began) * RARELY)
}

/// With the digits that charts need.
#[expect(clippy::cast_possible_truncation, reason = "rounds to the nearest")]
const fn narrow(value: f64) -> f32 {
    value as f32
}

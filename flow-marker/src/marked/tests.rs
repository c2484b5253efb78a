//! Samples of a flow here and elsewhere.

use std::time::Duration;

use super::*;
use crate::packet::{EtherType, IpProtocol};

const HERE: AgentId = AgentId(0);
const NEXT: AgentId = AgentId(1);
const OTHER: AgentId = AgentId(2);
const MARK: u8 = 10;

fn at(seconds: u64) -> Time {
    Time::START + Duration::from_secs(seconds)
}

fn flow(n: u16) -> FiveTuple {
    FiveTuple {
        source: [10, 0, 0, 1].into(),
        destination: [10, 0, 0, 2].into(),
        protocol: IpProtocol::TCP,
        source_port: n,
        destination_port: 80,
    }
}

/// A packet of the flow with these ports.
fn packet(n: u16, dscp: u8, ttl: u8) -> Header {
    let mut bytes = [0; 40];
    (bytes[0], bytes[1], bytes[3], bytes[8], bytes[9]) = (0x45, dscp << 2, 40, ttl, 6);
    bytes[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    bytes[20..22].copy_from_slice(&n.to_be_bytes());
    (bytes[23], bytes[32]) = (80, 0x50);
    let header = Header::parse_ethertype(EtherType::IPV4, &bytes);
    assert_eq!(FiveTuple::of(&header), Some(flow(n)));
    header
}

struct Scene {
    marked: Marked,
    trace: Arc<Trace>,
    queues: Arc<Queues>,
}

impl Scene {
    /// Flow 7 is marked here; flow 8 is to be marked at the next switch as well, and is marked here.
    fn new() -> Self {
        let (trace, queues) = (Arc::<Trace>::default(), Arc::<Queues>::default());
        let place = |agent, trace: Option<&Arc<Trace>>| Place {
            agent,
            dscp: Some(MARK),
            trace: trace.cloned(),
        };
        let flows = [
            (flow(7), place(HERE, Some(&trace))),
            (flow(8), place(HERE, Some(&trace))),
            (flow(8), place(NEXT, None)),
        ];
        Self {
            marked: Marked::new(flows, Arc::clone(&queues)),
            trace,
            queues,
        }
    }

    fn sample(&self, seconds: u64, agent: AgentId, n: u16, dscp: u8) {
        self.marked.sample(at(seconds), agent, &packet(n, dscp, 64), None);
    }

    fn leave(&self, seconds: u64, agent: AgentId, (n, dscp): (u16, u8), (port, queue): (u32, u32)) {
        let exit = Some(Exit { port, queue });
        self.marked.sample(at(seconds), agent, &packet(n, dscp, 64), exit);
    }

    fn read(&self) -> Sightings {
        self.trace.read(&self.queues)
    }
}

#[test]
fn without_marks_nothing_is_looked_at() {
    let marked = Marked::default();
    marked.sample(
        at(1),
        NEXT,
        &packet(7, MARK, 64),
        Some(Exit { port: 1, queue: 1 }),
    );
    assert!(marked.ports.is_empty());
}

#[test]
fn the_mark_counts_elsewhere_and_its_absence_once_it_is_settled() {
    let scene = Scene::new();
    scene.sample(1, NEXT, 7, 0);
    scene.sample(1, HERE, 7, 0);
    assert_eq!(scene.read(), Sightings::default(), "before the switch has it");
    // It may be there before the switch says so.
    scene.sample(2, NEXT, 7, MARK);
    let marked = scene.read().marked.unwrap();
    assert_eq!((marked.samples, marked.agent, marked.first), (1, NEXT, at(2)));
    assert_eq!(scene.trace.first_marked(), Some(at(2)));
    scene.trace.settle(at(5));
    scene.sample(4, NEXT, 7, 0);
    assert_eq!(scene.read().unmarked, None, "it was sampled before");
    for second in 5..8 {
        scene.sample(second, NEXT, 7, 0);
        scene.sample(second, HERE, 7, 0);
        scene.sample(second, NEXT, 9, 0);
    }
    let seen = scene.read();
    assert_eq!(seen.in_a_row, Some((3, at(5))));
    assert_eq!(
        seen.unmarked.map(|seen| (seen.samples, seen.last)),
        Some((3, at(7)))
    );
    assert_eq!(seen.entered.map(|seen| seen.samples), Some(3));
    // What it had before it was marked counts as little at the switch that marks it as the mark itself.
    scene.sample(8, HERE, 7, MARK);
    assert_eq!(scene.read().marked.map(|seen| seen.samples), Some(1));
    scene.sample(9, OTHER, 7, MARK);
    let seen = scene.read();
    assert_eq!((seen.in_a_row, seen.marked.unwrap().agent), (None, OTHER));
    // Written anew, or nobody knows.
    scene.sample(10, NEXT, 7, 0);
    scene.trace.settle(at(12));
    assert_eq!(scene.read().in_a_row, None);
    scene.trace.unsettle();
    scene.sample(20, NEXT, 7, 0);
    assert_eq!(scene.read().in_a_row, None);
}

#[test]
fn what_comes_before_the_switch_cannot_be_marked_by_it() {
    let scene = Scene::new();
    scene.trace.settle(at(1));
    // The next switch is to mark it, too, so it may be that it enters there.
    scene.sample(2, NEXT, 8, 0);
    assert_eq!(scene.read().unmarked, None);
    scene.sample(2, NEXT, 8, MARK);
    assert_eq!(scene.read().marked.map(|seen| seen.agent), Some(NEXT));
    // A router has made the time to live smaller before it came here.
    scene.sample(3, HERE, 7, 0);
    scene.marked.sample(at(3), OTHER, &packet(7, 0, 65), None);
    assert_eq!(scene.read().unmarked, None);
    scene.marked.sample(at(3), OTHER, &packet(7, 0, 63), None);
    assert_eq!(scene.read().unmarked.map(|seen| seen.samples), Some(1));
}

#[test]
fn a_queue_of_its_own_is_told_from_that_of_all() {
    let scene = Scene::new();
    scene.trace.settle(at(1));
    // Nobody knows yet that marked flows leave by this port.
    scene.leave(2, NEXT, (9, 0), (5, 0));
    for _ in 0..10 {
        scene.leave(2, NEXT, (7, MARK), (5, 1));
        scene.leave(2, NEXT, (9, 0), (5, 0));
        // Other ports, other classes, the flow without its mark: none of these say anything.
        scene.leave(2, NEXT, (9, 0), (6, 1));
        scene.leave(2, NEXT, (9, 46), (5, 1));
        scene.leave(2, NEXT, (7, 0), (5, 0));
    }
    let queued = scene.read().queued.unwrap();
    let expected = Queued {
        agent: NEXT,
        port: 5,
        queue: 1,
        votes: 10,
        unmarked: Some((0, 10)),
    };
    assert_eq!(queued, expected);
    // The queues are mixed up: after as many samples that is known.
    for _ in 0..30 {
        scene.leave(3, NEXT, (7, MARK), (5, 0));
    }
    assert_eq!(
        scene.read().queued.map(|queued| (queued.queue, queued.votes)),
        Some((0, 20))
    );
    // It leaves the switch that marks it, too, which is looked at when it is not seen there any more.
    scene.leave(4, HERE, (7, 0), (2, 3));
    assert_eq!(scene.read().queued.unwrap().agent, NEXT);
    scene.leave(14, HERE, (7, 0), (2, 3));
    let queued = scene.read().queued.unwrap();
    assert_eq!(
        (queued.agent, queued.port, queued.queue, queued.votes),
        (HERE, 2, 3, 1)
    );
}

#[test]
fn a_fabric_of_more_ports_than_places_forgets_none_of_those_it_knows() {
    let queues = Queues::default();
    let claimed: Vec<_> = (0..10_000)
        .filter(|port| queues.claim(NEXT, *port).is_some())
        .collect();
    assert!((3000..=4096).contains(&claimed.len()), "{}", claimed.len());
    for port in &claimed {
        queues.unmarked(
            NEXT,
            Exit {
                port: *port,
                queue: 4,
            },
        );
        queues.unmarked(
            HERE,
            Exit {
                port: *port,
                queue: 5,
            },
        );
    }
    let vote = queue::Vote::default();
    vote.cast(1);
    for port in claimed {
        let at = queues.claim(NEXT, port).unwrap();
        let queued = queues.of(at, &vote).unwrap();
        assert_eq!(
            (queued.agent, queued.port, queued.unmarked),
            (NEXT, port, Some((4, 1)))
        );
    }
}

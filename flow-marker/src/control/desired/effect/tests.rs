//! What is seen, and what it comes to.

use super::*;
use crate::flow::{AgentId, FiveTuple};
use crate::marked::{Exit, Marked, Place};
use crate::packet::{EtherType, Header, IpProtocol};

const HERE: AgentId = AgentId(0);
const NEXT: AgentId = AgentId(1);

fn at(seconds: u64) -> Time {
    Time::START + Duration::from_secs(seconds)
}

fn name(agent: AgentId) -> Option<IpAddr> {
    (agent == NEXT).then_some([10, 0, 0, 2].into())
}

/// A mark, and the fabric that sees its flow.
struct Scene {
    proving: Proving,
    queues: Arc<Queues>,
    marked: Marked,
}

impl Scene {
    /// Installed at 1 s, so settled at 3 s.
    fn new() -> Self {
        let mut proving = Proving::default();
        proving.sent(true);
        let flow = FiveTuple {
            source: [10, 0, 0, 1].into(),
            destination: [10, 0, 0, 9].into(),
            protocol: IpProtocol::TCP,
            source_port: 7,
            destination_port: 80,
        };
        let place = Place {
            agent: HERE,
            dscp: Some(10),
            trace: proving.trace().cloned(),
        };
        let queues = Arc::<Queues>::default();
        let marked = Marked::new([(flow, place)], Arc::clone(&queues));
        proving.installed(at(1));
        Self {
            proving,
            queues,
            marked,
        }
    }

    fn sample(&self, seconds: u64, agent: AgentId, dscp: u8, times: u64) {
        self.leave(seconds, (agent, None), (7, dscp), times);
    }

    fn leave(
        &self,
        seconds: u64,
        (agent, exit): (AgentId, Option<Exit>),
        (port, dscp): (u8, u8),
        times: u64,
    ) {
        let mut bytes = [0; 40];
        (bytes[0], bytes[1], bytes[3], bytes[8], bytes[9]) = (0x45, dscp << 2, 40, 64, 6);
        bytes[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 9]);
        (bytes[21], bytes[23], bytes[32]) = (port, 80, 0x50);
        let header = Header::parse_ethertype(EtherType::IPV4, &bytes);
        for _ in 0..times {
            self.marked.sample(at(seconds), agent, &header, exit);
        }
    }

    fn judge(&mut self, seconds: u64) -> (Effect, Option<News>) {
        let news = self.proving.judge(at(seconds), &self.queues);
        (self.proving.proof().effect, news)
    }

    fn why(&self) -> String {
        self.proving.proof().why.unwrap().text(name)
    }
}

#[test]
fn nothing_is_said_before_anything_is_seen() {
    let mut scene = Scene::new();
    assert_eq!(scene.judge(2), (Effect::Unknown, None));
    // What passed before the mark, and a few that did after it, prove nothing.
    scene.sample(2, NEXT, 0, 1000);
    scene.sample(4, NEXT, 0, 15);
    scene.sample(9, NEXT, 0, 0);
    assert_eq!(scene.judge(10), (Effect::Unknown, None));
    assert_eq!(scene.proving.proof().since, None);
}

#[test]
fn rules_that_match_and_marks_that_arrive() {
    let mut scene = Scene::new();
    scene.proving.counted(at(3), (10, 15_000));
    assert_eq!(scene.judge(3), (Effect::Hits, None));
    scene.sample(4, NEXT, 10, 1);
    assert_eq!(scene.judge(4), (Effect::Seen, Some(News::Arrives)));
    assert_eq!(scene.judge(5), (Effect::Seen, None), "said once");
    let proof = scene.proving.proof();
    assert_eq!(proof.since, Some(at(4)));
    assert_eq!(
        proof.seen.marked.map(|seen| (seen.agent, seen.first)),
        Some((NEXT, at(4)))
    );
}

#[test]
fn a_port_that_does_not_trust_the_mark_is_found_whenever_it_begins_to() {
    let mut scene = Scene::new();
    scene.proving.counted(at(3), (10, 15_000));
    scene.sample(4, NEXT, 10, 100);
    assert_eq!(scene.judge(4).0, Effect::Seen);
    // Sixteen in a row, but all at once: a commit of the switch may be under way.
    scene.sample(10, NEXT, 0, 20);
    assert_eq!(scene.judge(10).0, Effect::Seen);
    scene.sample(13, NEXT, 0, 1);
    assert_eq!(scene.judge(13), (Effect::None, Some(News::NoEffect)));
    assert!(scene.why().starts_with("21 samples in a row"), "{}", scene.why());
    assert!(scene.why().contains("10.0.0.2"), "{}", scene.why());
    assert_eq!(scene.judge(14), (Effect::None, None));
    // It works again, and does not again: nobody is told twice.
    scene.sample(15, NEXT, 10, 1);
    assert_eq!(scene.judge(15), (Effect::Seen, None));
    for second in 16..40 {
        scene.sample(second, NEXT, 0, 1);
    }
    assert_eq!(scene.judge(40), (Effect::None, None));
    assert_eq!(scene.proving.proof().since, Some(at(40)));
}

#[test]
fn a_mark_that_four_packets_in_five_have_is_hardly_ever_called_none() {
    let mut random = 12345_u64;
    let mut scene = Scene::new();
    let mut wrong = 0;
    for sample in 0..200_000_u64 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let dscp = if random % 10 < 8 { 10 } else { 0 };
        scene.sample(3 + sample, NEXT, dscp, 1);
        wrong += u64::from(scene.judge(3 + sample).0 == Effect::None);
    }
    assert_eq!(wrong, 0, "four in five");
}

#[test]
fn a_rule_that_nothing_meets_is_found_by_its_counters() {
    let mut scene = Scene::new();
    scene.proving.counted(at(3), (0, 0));
    scene.sample(4, HERE, 0, 1000);
    scene.proving.counted(at(13), (0, 0));
    assert_eq!(scene.judge(13).0, Effect::Unknown, "two listings are not enough");
    // The same listing once more, from the server's memory.
    scene.proving.counted(at(13), (0, 0));
    scene.sample(20, HERE, 0, 7);
    assert_eq!(scene.judge(20).0, Effect::Unknown);
    scene.proving.counted(at(23), (0, 0));
    assert_eq!(
        scene.judge(23).0,
        Effect::Unknown,
        "seven packets may have come by another port"
    );
    scene.sample(25, HERE, 0, 8);
    scene.proving.counted(at(33), (0, 0));
    assert_eq!(scene.judge(33), (Effect::None, Some(News::NoEffect)));
    assert!(scene.why().contains("while 8 packets"), "{}", scene.why());
    // What is plainly seen is not denied by counters, which some hardware does not have.
    scene.sample(34, NEXT, 10, 1);
    assert_eq!(scene.judge(34), (Effect::Seen, Some(News::Arrives)));
}

#[test]
fn counters_that_stop_are_as_bad_as_counters_that_never_moved() {
    let mut scene = Scene::new();
    for (second, packets) in [(3, 1000), (13, 9000), (23, 9000), (33, 9000)] {
        scene.proving.counted(at(second), (packets, packets * 1500));
        scene.sample(second + 1, HERE, 0, 100);
        assert_eq!(scene.judge(second).0, Effect::Hits);
    }
    scene.proving.counted(at(43), (9000, 9000 * 1500));
    assert_eq!(scene.judge(43), (Effect::None, Some(News::NoEffect)));
    assert_eq!(scene.proving.proof().hits.map(|hits| hits.packets), Some(9000));
    // They move again.
    scene.proving.counted(at(53), (9001, 9000 * 1500));
    assert_eq!(scene.judge(53).0, Effect::Hits);
}

#[test]
fn commits_set_counters_back_and_silence_is_no_fault() {
    let mut scene = Scene::new();
    // Of a switch that commits all the time, each listing shows what has come since.
    for second in 0..20 {
        scene.proving.counted(at(3 + second * 10), (second % 3 * 5, 1500));
        scene.sample(4 + second * 10, HERE, 0, 100);
        assert_ne!(scene.judge(4 + second * 10).0, Effect::None);
    }
    // 0, 5, 10, back to 0, …: 5 + 5 each time.
    assert_eq!(scene.proving.proof().hits.map(|hits| hits.packets), Some(65));
    for second in 20..40 {
        scene.proving.counted(at(3 + second * 10), (5, 1500));
        assert_eq!(
            scene.judge(4 + second * 10).0,
            Effect::Hits,
            "no packets, no fault"
        );
    }
    // Written anew: what was listed before does not count.
    scene.sample(400, HERE, 0, 100);
    scene.proving.sent(true);
    scene.proving.installed(at(401));
    scene.proving.counted(at(403), (5, 1500));
    assert_eq!(scene.judge(404).0, Effect::Hits);
}

#[test]
fn queues_tell_whether_they_honour_the_mark() {
    for (queue, effect, news) in [
        (1, Effect::Queued, Some(News::Arrives)),
        (0, Effect::None, Some(News::NoEffect)),
    ] {
        let mut scene = Scene::new();
        let by = |queue| (NEXT, Some(Exit { port: 4, queue }));
        scene.leave(4, by(queue), (7, 10), 7);
        scene.leave(4, by(0), (9, 0), 20);
        assert_eq!(
            scene.judge(4),
            (Effect::Seen, Some(News::Arrives)),
            "not enough to tell"
        );
        scene.leave(5, by(queue), (7, 10), 1);
        let (found, told) = scene.judge(5);
        // That it arrives was said.
        assert_eq!(
            (found, told),
            (effect, news.filter(|news| *news == News::NoEffect))
        );
        if effect == Effect::None {
            assert!(
                scene.why().contains("port 4, it leaves by queue 0"),
                "{}",
                scene.why()
            );
        }
    }
}

#[test]
fn what_is_no_mark_is_known_by_its_counters_alone() {
    let mut proving = Proving::default();
    proving.sent(false);
    proving.installed(at(1));
    assert!(proving.trace().is_none());
    for listing in 0..10 {
        proving.counted(at(3 + listing * 10), (0, 0));
        assert_eq!(proving.judge(at(3 + listing * 10), &Queues::default()), None);
    }
    assert_eq!(
        proving.proof().effect,
        Effect::Unknown,
        "it may be that nothing came"
    );
    proving.counted(at(103), (3, 300));
    proving.judge(at(103), &Queues::default());
    assert_eq!(proving.proof().effect, Effect::Hits);
}

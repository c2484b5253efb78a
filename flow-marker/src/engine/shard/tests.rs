use std::path::Path;
use std::time::Duration;

use super::*;
use crate::engine::threshold::Fired;
use crate::engine::{FlowRecord, Notice};
use crate::sflow::tests::build::{datagram, expanded_flow, raw_header};

/// Takes notices or does not.
struct Taker(bool);

impl Outlet for Taker {
    fn elephant(&mut self, _: Notice) -> bool {
        self.0
    }

    fn fired(&mut self, _: Fired) -> bool {
        self.0
    }

    fn flow(&mut self, _: FlowRecord) -> bool {
        self.0
    }
}

fn shard(takes: bool) -> (Shard, Arc<Metrics>) {
    let text = "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n[mark]\nthreshold = \"1M\"\n";
    let config = Config::parse(Path::new("t"), text).unwrap();
    let metrics = Arc::new(Metrics::new(config.switches.iter().map(|s| s.agent), 1));
    let board = Arc::new(PortBoard::new(&config.switches));
    let shard = Shard::new(
        &config,
        &metrics,
        0,
        (board, &Common::new(&config)),
        Box::new(Taker(takes)),
    );
    (shard, metrics)
}

/// One sample of a TCP flow, which stands for 303,600 bytes.
fn sample() -> Vec<u8> {
    let mut header = vec![2; 12];
    header.extend([8, 0, 0x45, 0, 5, 0xdc, 0, 1, 0, 0, 64, 6, 0, 0]);
    header.extend([10, 1, 0, 1, 10, 2, 0, 1, 0x9c, 0x40, 0x13, 0x89]);
    header.resize(64, 0);
    let sample = expanded_flow([0, 1], [0, 1], [0, 9], &[raw_header(&header)]);
    datagram("10.0.0.1".parse().unwrap(), &[sample])
}

fn at(seconds: u64) -> Time {
    Time::START + Duration::from_secs(seconds)
}

#[test]
fn elephants_are_those_detected_and_not_ended_delivered_or_not() {
    for takes in [true, false] {
        let (mut shard, metrics) = shard(takes);
        let received = Received {
            from: "10.0.0.1:6343".parse().unwrap(),
            bytes: &sample(),
        };
        shard.batch(at(1), &[received]);
        let agent = Arc::clone(metrics.agents().next().unwrap());
        let counts = || {
            let counters = (agent.detected.get(), agent.ended.get());
            (counters.0, counters.1, metrics.threads()[0].elephants.get())
        };
        shard.tick(at(1));
        assert_eq!(counts(), (1, 0, 1), "taken: {takes}");
        shard.tick(at(20));
        assert_eq!(counts(), (1, 1, 0), "taken: {takes}");
    }
}

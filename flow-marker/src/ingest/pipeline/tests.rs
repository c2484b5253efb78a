use std::path::Path;
use std::time::Duration;

use super::*;
use crate::sflow::tests::build::{datagram, expanded_flow, raw_header};

fn pipeline() -> (Pipeline, Arc<Metrics>) {
    let text = "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n[mark]\nthreshold = \"1M\"\n";
    let config = Config::parse(Path::new("t"), text).unwrap();
    let metrics = Arc::new(Metrics::new(config.switches.iter().map(|s| s.agent), 1));
    (
        Pipeline::new(&config, &metrics, &metrics.threads()[0], Arc::default()),
        metrics,
    )
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
        let (mut pipeline, metrics) = pipeline();
        let mut deliver = |_: Notice| takes;
        pipeline.datagram(at(1), &sample(), &mut deliver);
        let agent = Arc::clone(metrics.agents().next().unwrap());
        let counts = || {
            let counters = (agent.detected.get(), agent.ended.get());
            (counters.0, counters.1, metrics.threads()[0].elephants.get())
        };
        pipeline.tick(at(1), &mut deliver);
        assert_eq!(counts(), (1, 0, 1), "taken: {takes}");
        pipeline.tick(at(20), &mut deliver);
        assert_eq!(counts(), (1, 1, 0), "taken: {takes}");
    }
}

#[test]
fn one_sample_stands_for_ten_seconds_of_its_port_at_most() {
    let gigabit = Some("1G".parse().unwrap());
    assert!(is_plausible(1_250_000_000, gigabit));
    assert!(!is_plausible(1_250_000_001, gigabit));
    assert!(is_plausible(150_000_000 * 9, None), "400G at 1:100 000, 9 kB");
    assert!(!is_plausible(u64::from(u32::MAX) * 1500, None));
    assert!(!is_plausible(u64::MAX, Some(BitRate::from_bits_per_second(1))));
}

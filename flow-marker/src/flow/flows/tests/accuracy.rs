//! Rates from samples against the true bytes of a generated trace.
//!
//! Two hundred flows send packets at random times, with rates that differ by a factor of 60. One packet of 100 is
//! sampled at random and goes through keys, table and smoothing; the truth is the same formula, fed with every packet.
//! An exponential average with time constant t has the noise of a plain one over 2t, so that c, the samples in the
//! averaging window, is what is expected in 2t; a flow's frames are of one length, since the bound is one for frames
//! (Phaal and Panchen, Packet Sampling Basics).

use super::*;

/// SplitMix64 (Steele et al. 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// Above 0, below 1.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
}

const FLOWS: usize = 200;
const N: u32 = 100;
const T: f64 = 2.0;
/// Packets a second, of all flows.
const PACKETS: f64 = 100_000.0;
const SECONDS: f64 = 16.0;

struct True {
    share: f64,
    length: u32,
    rate: f64,
    at: f64,
    recent: u32,
}

#[test]
fn rates_stay_within_the_sampling_error() {
    let (mut within, mut within_wide, mut all) = (0, 0, 0);
    for seed in 0..4 {
        let (narrow, wide, flows) = run(seed);
        within += narrow;
        within_wide += wide;
        all += flows;
    }
    // By the window that an exponential average is worth, the bound is what it says: 95 %, here of 800 flows.
    let share = f64::from(within) / f64::from(all);
    assert!((0.93..0.975).contains(&share), "{share} of {all}");
    // By the samples of the last time constant, which people count, it is kept with room to spare.
    let share = f64::from(within_wide) / f64::from(all);
    assert!(share >= 0.95, "{share} of {all}");
    println!("{within} and {within_wide} of {all} flows");
}

fn run(seed: u64) -> (u32, u32, u32) {
    let mut random = Random(seed);
    let mut truth: Vec<True> = (0..FLOWS)
        .map(|n| True {
            share: 1.0 / (1.0 + n as f64 / 3.4),
            length: 64 + u32::try_from(random.next() % 1437).unwrap(),
            rate: 0.0,
            at: 0.0,
            recent: 0,
        })
        .collect();
    let total: f64 = truth.iter().map(|flow| flow.share).sum();
    let ends: Vec<f64> = truth
        .iter()
        .scan(0.0, |sum, flow| {
            *sum += flow.share / total;
            Some(*sum)
        })
        .collect();
    let mut flows = flows(json!({ "keys": "ipsource,tcpsourceport", "value": "bytes", "t": T, "n": 1000 }));
    let mut now = 0.0;
    while now < SECONDS {
        now -= random.unit().ln() / PACKETS;
        let share = random.unit();
        let n = ends.partition_point(|end| *end < share).min(FLOWS - 1);
        let flow = &mut truth[n];
        flow.rate = flow.rate * (-(now - flow.at) / T).exp() + f64::from(flow.length) / T;
        flow.at = now;
        if random.next().is_multiple_of(u64::from(N)) {
            flow.recent += u32::from(now > SECONDS - T);
            let frame = segment(u16::try_from(n).unwrap(), 443);
            let view = view_of(&frame, DataSource::interface(1), N, flow.length);
            let at = Time::from_nanos(whole(now * 1e9));
            flows.sample(at, SourceId(0), &view, nothing).unwrap();
        }
    }
    let end = Time::from_nanos(whole(now * 1e9));
    let (mut narrow, mut wide) = (0, 0);
    for (n, flow) in truth.iter().enumerate() {
        let value = flows
            .value(end, |_| true, &format!("10.0.0.1,{n}"))
            .unwrap_or(0.0);
        let exact = flow.rate * (-(now - flow.at) / T).exp();
        let error = (value / exact - 1.0).abs();
        let expected = 2.0 * T * PACKETS * flow.share / total / f64::from(N);
        narrow += u32::from(error <= 1.96 / expected.sqrt());
        wide += u32::from(error <= 1.96 / f64::from(flow.recent).sqrt());
    }
    (narrow, wide, u32::try_from(FLOWS).unwrap())
}

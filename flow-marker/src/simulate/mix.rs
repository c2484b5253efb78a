//! Traffic without elephants.

use super::port::{Port, Short};
use super::random::Random;
use super::setup::Setup;
use super::traffic::{Carrier, Shape};

/// What a port carries besides elephants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Mix {
    /// One steady flow of a fifth of the threshold.
    #[value(name = "steady-20")]
    Steady20,
    /// One steady flow of half of the threshold.
    #[value(name = "steady-50")]
    Steady50,
    /// One steady flow of four fifths of the threshold.
    #[value(name = "steady-80")]
    Steady80,
    /// One flow of half of the threshold in bursts of 64 KB at line rate.
    #[value(name = "bursts-64k")]
    Bursts64k,
    /// One flow of half of the threshold in bursts of 1 MB at line rate.
    #[value(name = "bursts-1m")]
    Bursts1m,
    /// One flow of a fifth of the threshold in bursts of 8 MB at line rate.
    #[value(name = "bursts-8m")]
    Bursts8m,
    /// Hundreds of flows: short ones with TCP's start and bounded Pareto sizes up to what the threshold carries in 0.96 s
    /// (20 % of the link), 40 with bursts of 64 KB to 8 MB and 200 steady ones (20 % each), four of 0.3 × the threshold
    /// (12 %).
    Stress,
    /// The short flows of `stress` alone.
    Short,
    /// The flows with bursts of `stress` alone.
    Bursts,
    /// `stress`, among 24 elephants of 1.25 × the threshold, whose marks are none of a mouse: for thresholds of 2 % and less.
    Crowded,
}

/// A flow's bursts, for mixes of one flow.
const ONE: u32 = 1;

/// Elephants have this number or a higher one, up to the crowd's.
pub(super) const ELEPHANT: u32 = 1000;

impl Mix {
    /// The name in tables.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Steady20 => "steady-20",
            Self::Steady50 => "steady-50",
            Self::Steady80 => "steady-80",
            Self::Bursts64k => "bursts-64k",
            Self::Bursts1m => "bursts-1m",
            Self::Bursts8m => "bursts-8m",
            Self::Stress => "stress",
            Self::Short => "short",
            Self::Bursts => "bursts",
            Self::Crowded => "crowded",
        }
    }

    /// Whether it is one flow.
    pub(super) const fn is_single(self) -> bool {
        !matches!(self, Self::Stress | Self::Short | Self::Bursts | Self::Crowded)
    }

    /// Places that a table needs for it.
    pub(super) const fn flows(self) -> usize {
        if self.is_single() { 64 } else { 1 << 14 }
    }

    /// Adds its flows to a port.
    pub(super) fn fill(self, port: &mut Port, setup: &Setup, random: &mut Random) {
        let rate = setup.threshold_bytes();
        let mut one = |shape, share: f64| port.add(ONE, setup.plan(shape, share * rate), random.unit());
        match self {
            Self::Steady20 => one(Shape::Steady, 0.2),
            Self::Steady50 => one(Shape::Steady, 0.5),
            Self::Steady80 => one(Shape::Steady, 0.8),
            Self::Bursts64k => one(Shape::Bursts(64e3), 0.5),
            Self::Bursts1m => one(Shape::Bursts(1e6), 0.5),
            Self::Bursts8m => one(Shape::Bursts(8e6), 0.2),
            Self::Stress => stress(port, setup, random),
            Self::Crowded => {
                for number in 0..24 {
                    let plan = setup.plan(Shape::Steady, 1.25 * rate);
                    port.add(ELEPHANT + number, plan, random.unit());
                }
                stress(port, setup, random);
            }
            Self::Short => short(port, setup),
            Self::Bursts => bursts(port, setup, random),
        }
    }
}

fn stress(port: &mut Port, setup: &Setup, random: &mut Random) {
    crowd(port, setup, random);
    bursts(port, setup, random);
    short(port, setup);
}

/// Steady flows, far below the threshold.
fn crowd(port: &mut Port, setup: &Setup, random: &mut Random) {
    for number in 0..200 {
        add(port, setup, number, (Shape::Steady, 0.01), random.unit());
    }
    for number in 200..204 {
        add(port, setup, number, (Shape::Steady, 0.3), random.unit());
    }
}

/// Flows with bursts at line rate.
fn bursts(port: &mut Port, setup: &Setup, random: &mut Random) {
    for number in 300..340 {
        let burst = 64e3 * 125_f64.powf(random.unit());
        add(
            port,
            setup,
            number,
            (Shape::Bursts(burst), 0.05),
            10.0 * random.unit(),
        );
    }
}

/// One flow of a mix of many: one in ten is UDP, and one in ten TCP without timestamps.
fn add(port: &mut Port, setup: &Setup, number: u32, (shape, share): (Shape, f64), start: f64) {
    let mut plan = setup.plan(shape, share * setup.threshold_bytes());
    plan.carrier = match number % 10 {
        _ if plan.carrier == Carrier::Udp => Carrier::Udp,
        0 => Carrier::Udp,
        5 => Carrier::PlainTcp,
        _ => plan.carrier,
    };
    port.add(number, plan, start);
}

/// Short flows with TCP's start.
fn short(port: &mut Port, setup: &Setup) {
    let rate = setup.threshold_bytes();
    let largest = 0.96 * rate;
    let (low, exponent) = (2e3_f64.min(largest / 10.0), 1.1);
    // The mean of a bounded Pareto distribution.
    let (a, b) = (low.powf(1.0 - exponent), largest.powf(1.0 - exponent));
    let tail = 1.0 - (low / largest).powf(exponent);
    let mean = exponent * low.powf(exponent) * (a - b) / ((exponent - 1.0) * tail);
    port.add_short(Short {
        per_second: 2.0 * rate / mean,
        bytes: (low, largest),
        exponent,
        plan: setup.plan(Shape::Steady, setup.link_bytes()),
    });
}

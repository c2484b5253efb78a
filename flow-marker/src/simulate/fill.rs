//! The flows of a mix.

use super::mix::Mix;
use super::port::{Port, Short};
use super::random::Random;
use super::setup::Setup;
use super::traffic::{Carrier, Shape};

/// A flow's bursts, for mixes of one flow.
const ONE: u32 = 1;

/// Elephants have this number or a higher one, up to the crowd's.
pub(super) const ELEPHANT: u32 = 1000;

/// Adds its flows to a port.
pub(super) fn fill(mix: Mix, port: &mut Port, setup: &Setup, random: &mut Random) {
    let rate = setup.threshold_bytes();
    let mut one = |shape, share: f64| port.add(ONE, setup.plan(shape, share * rate), random.unit());
    match mix {
        Mix::Steady20 => one(Shape::Steady, 0.2),
        Mix::Steady50 => one(Shape::Steady, 0.5),
        Mix::Steady80 => one(Shape::Steady, 0.8),
        Mix::Bursts64k => one(Shape::Bursts(64e3), 0.5),
        Mix::Bursts1m => one(Shape::Bursts(1e6), 0.5),
        Mix::Bursts8m => one(Shape::Bursts(8e6), 0.2),
        Mix::Stress => stress(port, setup, random),
        Mix::Crowded => {
            for number in 0..24 {
                let plan = setup.plan(Shape::Steady, 1.25 * rate);
                port.add(ELEPHANT + number, plan, random.unit());
            }
            stress(port, setup, random);
        }
        Mix::Short => short(port, setup),
        Mix::Bursts => bursts(port, setup, random),
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

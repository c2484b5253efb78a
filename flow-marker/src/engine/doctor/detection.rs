//! How long detection takes at a port, and what to change when that is long.

use serde::Serialize;
use shared::units::BitRate;

use super::agent::AgentDoctor;
use super::finding::{Finding, Kind, Severity};
use super::judge;
use super::port::Port;
use super::sampler::{Sampler, Span};
use crate::clock::Time;
use crate::config::Profile;
use crate::detect::Path;
use crate::sflow::DataSource;
use crate::simulate::expected::{self, Case, Expected};

/// How elephants are looked for on an agent.
#[derive(Clone, Copy)]
pub struct Detecting<'a> {
    /// How much evidence is asked for.
    pub profile: Profile,
    /// The rate that makes an elephant on the port with this ifIndex, whose counters say that it has this speed; `None`:
    /// none is looked for there.
    pub threshold: &'a dyn Fn(u32, Option<BitRate>) -> Option<BitRate>,
}

/// How long detection takes at a port, by simulation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detection {
    /// By what most of the traffic is judged: `sequence`, `count` or `average`.
    pub path: &'static str,
    /// The rate that makes an elephant, in bits per second.
    pub threshold: u64,
    /// Samples a second that a flow of this rate gives.
    pub samples_per_second: f64,
    /// Seconds until a flow of 1.25 times this rate is found, in half of all cases; nothing when that is over a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median: Option<f64>,
    /// In 99 of 100 cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
    /// The coarsest sampling rate with a median of a second; nothing when none has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_at: Option<u32>,
}

/// What is the same for all ports of an agent.
pub(super) struct Around<'a> {
    detecting: &'a Detecting<'a>,
    held: bool,
    /// What samples for ports that do not sample themselves.
    common: Option<&'a Sampler>,
    now: Time,
}

impl<'a> Around<'a> {
    pub(super) fn new(agent: &'a AgentDoctor, detecting: &'a Detecting<'a>, now: Time) -> Self {
        let samplers = agent.samplers.sorted();
        let rates = samplers.iter().map(|(_, sampler)| sampler.span(now).rate());
        let common = samplers.iter().find(|(source, _)| source.if_index().is_none());
        Self {
            detecting,
            held: is_held(rates.sum(), judge::share(agent.flow_samples, agent.datagrams)),
            common: common.map(|(_, sampler)| sampler),
            now,
        }
    }
}

/// Whether samples of an agent wait for others, when all of it makes so many a second, and so many come in a datagram.
fn is_held(per_second: f64, in_datagram: f64) -> bool {
    // Seven are there in a tenth of a second, which is no wait; and where three come in a second, one that waits would be
    // in a datagram with others.
    per_second < 70.0 && (per_second < 3.0 || in_datagram > 1.5)
}

/// What is to be expected of a port, and what is wrong with it.
pub(super) fn of_port(
    if_index: u32,
    port: &Port,
    agent: &AgentDoctor,
    around: &Around<'_>,
) -> Option<(Detection, Option<Finding>)> {
    let own = agent.samplers.get(DataSource::interface(if_index));
    let sampler = own.or(around.common)?;
    let span = sampler.span(around.now);
    let speed = (port.speed > 0).then(|| BitRate::from_bits_per_second(port.speed));
    let threshold = (around.detecting.threshold)(if_index, speed)?;
    // Of less the mix of frames and clocks is chance.
    if span.samples < 20 || span.largest == 0 || sampler.rate == 0 {
        return None;
    }
    // Losses make up for themselves up to eight times, at the cost of time.
    let said = f64::from(sampler.rate);
    let rate = span
        .effective_rate(sampler.rate)
        .unwrap_or(said)
        .clamp(said, 8.0 * said);
    let bytes = rate * f64::from(span.largest);
    let timed = span.timed_bytes * 2 >= span.frame_bytes;
    let case = Case {
        profile: around.detecting.profile,
        path: Path::of(around.detecting.profile, timed, bytes),
        held: around.held,
    };
    let samples = expected::samples_per_second(threshold, bytes);
    let expected = case.expected(samples);
    // As many samples as it takes, with what gets lost.
    let second_at = case
        .samples_for(1.0)
        .map(|needed| rounded(said * samples / needed));
    let finding = finding(sampler.rate, (span, threshold), case, (expected, second_at));
    let detection = Detection {
        path: case.path.name(),
        threshold: threshold.bits_per_second(),
        samples_per_second: samples,
        median: Some(expected.median).filter(|seconds| seconds.is_finite()),
        p99: Some(expected.p99).filter(|seconds| seconds.is_finite()),
        second_at,
    };
    Some((detection, finding))
}

/// A sampling rate as one would configure it, and not coarser: one digit.
fn rounded(rate: f64) -> u32 {
    let rate = rate.max(1.0);
    let magnitude = 10_f64.powf(rate.log10().floor());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number that is not negative; saturates"
    )]
    let rounded = ((rate / magnitude).floor() * magnitude) as u32;
    rounded
}

/// Something is wrong where half of all elephants are not found within two seconds: the usual rates (1:1000 at 1 Gb/s) take
/// one, by sequence numbers as by counts.
fn finding(
    rate: u32,
    (span, threshold): (&Span, BitRate),
    case: Case,
    (expected, second_at): (Expected, Option<u32>),
) -> Option<Finding> {
    if expected.median <= 2.0 {
        return None;
    }
    let flow = BitRate::from_bytes_per_second(threshold.as_f64() / 8.0 * expected::SHARE);
    let how = match case.path {
        Path::Sequence => "by sequence numbers",
        Path::Count => "by counts",
        Path::Average => "by an average",
    };
    let when = if expected.median.is_infinite() {
        "is not found within a minute".to_owned()
    } else {
        let last = match expected.p99 {
            p99 if p99.is_finite() => format!("{p99:.1} s"),
            _ => "more than a minute".to_owned(),
        };
        format!(
            "is found {how} after {:.1} s, in one of 100 cases after {last}",
            expected.median
        )
    };
    let change = match second_at {
        Some(rate) => format!("Sample 1:{rate} or finer on this port: then it is found within a second."),
        None => "No sampling rate makes that a second: choose another `profile`.".to_owned(),
    };
    Some(Finding::new(
        if expected.median > 10.0 {
            Severity::Critical
        } else {
            Severity::Warning
        },
        Kind::TooCoarse,
        format!(
            "At 1:{rate} with frames of {} bytes a flow of {flow} {when}.",
            span.largest
        ),
        change,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_agents_whose_samples_wait_make_detection_wait() {
        assert!(is_held(1.0, 1.0), "nobody can tell, so the worst");
        assert!(!is_held(10.0, 1.0), "each is sent at once");
        assert!(is_held(10.0, 7.0));
        assert!(!is_held(1000.0, 7.0), "no time to wait");
    }

    #[test]
    fn rates_are_round_and_never_coarser() {
        for (rate, expected) in [
            (25_400.0, 20_000),
            (999.0, 900),
            (1.5, 1),
            (0.2, 1),
            (1e12, u32::MAX),
        ] {
            assert_eq!(rounded(rate), expected);
        }
    }
}

//! One switch's desired state, call by call.

use std::sync::Arc;

use shared::units::BitRate;
use shared::wire::ServerTiming;

use super::*;
use crate::actuator::{Action, Control, Failure, Kind, Mark, Verdict};
use crate::config::{Cos, Dscp, Mode};
use crate::detect::{Clock, Evidence, Path};
use crate::flow::FiveTuple;
use crate::packet::IpProtocol;
use crate::sflow::DataSource;

mod life;
mod places;
mod modes;
mod verdicts;
mod remains;
mod follow;

pub(in crate::control) fn at(seconds: u64) -> Time {
    Time::START + Duration::from_secs(seconds)
}

pub(in crate::control) fn name(n: u16) -> AclName {
    format!("fm_mark_{n}").parse().unwrap()
}

pub(in crate::control) const PORT: Holder = Holder::Source(DataSource::interface(1));

pub(in crate::control) fn wish(n: u16, mbps: u64) -> Wish {
    let rate = BitRate::from_bits_per_second(mbps * 1_000_000);
    Wish {
        control: Arc::new(Control {
            name: name(n),
            interface: "swp+".to_owned(),
            action: Action::Mark {
                flow: FiveTuple {
                    source: "10.0.0.1".parse().unwrap(),
                    destination: "10.0.0.2".parse().unwrap(),
                    protocol: IpProtocol::TCP,
                    source_port: n,
                    destination_port: 80,
                },
                mark: Mark {
                    dscp: Some(Dscp::ELEPHANT),
                    cos: Some(Cos::ELEPHANT),
                },
            },
        }),
        holder: PORT,
        cause: Arc::new(Cause {
            agent: "10.0.0.233".parse().unwrap(),
            port: 1,
            port_name: None,
            detected: at(0),
            evidence: Evidence {
                path: Path::Average,
                clock: Clock::Arrival,
                bytes: 1,
                span: Duration::ZERO,
                samples: 1,
                first_sample: at(0),
                rate,
                threshold: rate,
                confidence: 0.5,
            },
            hold: None,
            about: None,
            person: None,
        }),
    }
}

pub(super) fn limits() -> Limits {
    Limits {
        hold: Duration::from_secs(10),
        max_rules: 3,
    }
}

pub(in crate::control) fn act() -> Modes {
    Modes::default().with(Kind::Mark, Mode::Act)
}

fn installed(etag: &str) -> Verdict {
    Verdict::Installed {
        etag: Some(etag.to_owned()),
        timing: ServerTiming::default(),
    }
}

fn present(n: u16, etag: &str) -> Present {
    Present {
        name: name(n),
        etag: etag.to_owned(),
        entries: 1,
        shadowed: None,
    }
}

fn failed() -> Verdict {
    Verdict::Failed(Failure {
        why: "connection refused".to_owned(),
        retry_after: None,
    })
}

/// What the plan says, in short: `+1` installs control 1, `-1` removes it.
fn plan(desired: &Desired, seconds: u64) -> Vec<String> {
    desired
        .plan(at(seconds))
        .changes
        .iter()
        .map(|change| {
            let number = change.name.as_str().trim_start_matches("fm_mark_");
            match change.is_install() {
                true => format!("+{number}"),
                false => format!("-{number}"),
            }
        })
        .collect()
}

/// Carries the plan out with one verdict for everything.
fn carry_out(desired: &mut Desired, seconds: u64, verdict: &Verdict) -> Vec<Noted> {
    let plan = desired.plan(at(seconds));
    desired.begin(at(seconds), &plan);
    plan.changes
        .iter()
        .map(|change| {
            let verdict = match (change.is_install(), verdict) {
                (false, Verdict::Installed { .. }) => Verdict::Removed,
                _ => verdict.clone(),
            };
            desired.verdict(at(seconds), change, verdict)
        })
        .collect()
}

/// Controls that are over since the last call.
fn finished(desired: &mut Desired) -> Vec<View> {
    let decided = desired.take_decided();
    decided.iter().filter_map(Decision::finished).cloned().collect()
}

/// What was decided since the last call.
fn decided(desired: &mut Desired) -> Vec<&'static str> {
    let decided = desired.take_decided().into_iter();
    decided.map(|decision| decision.what.word()).collect()
}

fn states(desired: &Desired) -> Vec<State> {
    desired.views().map(|view| view.state).collect()
}

fn with_one_installed() -> Desired {
    let mut desired = Desired::new(limits(), act());
    desired.want(wish(1, 100));
    carry_out(&mut desired, 1, &installed("\"a\""));
    assert_eq!(states(&desired), [State::Installed]);
    desired
}

//! Whether a control works, and where the time went, in `/controls/json`.
//!
//! Times are nanoseconds since 1970 (UTC), spans are seconds.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Clock;
use crate::control::desired::{self, Split, View};
use crate::control::oversight;
use crate::control::switches::Switches;
use crate::flow::AgentId;
use crate::marked;

/// Whether a control works.
#[derive(Debug, Serialize)]
pub(super) struct Effect {
    /// `unknown`, `hits`, `seen`, `queued` or `none`.
    verdict: desired::Effect,
    /// Why no effect is seen, in words.
    why: Option<String>,
    /// Since when it is that.
    since: Option<u64>,
    /// What its rules have matched; null: the switch does not say.
    hits: Option<Hits>,
    /// Samples with the mark from other switches.
    seen: Option<Seen>,
    /// Samples without it from there, since it was installed.
    unmarked: Option<Seen>,
    /// The unmarked of them since the last marked one.
    unmarked_in_a_row: u32,
    /// Samples from the switch itself since then, which show packets before they are marked.
    entering: u64,
    queue: Option<Queue>,
}

#[derive(Debug, Serialize)]
struct Hits {
    packets: u64,
    bytes: u64,
    /// When the switch counted.
    counted: u64,
}

#[derive(Debug, Serialize)]
struct Seen {
    /// Who saw it last.
    agent: Option<IpAddr>,
    samples: u64,
    first: u64,
    last: u64,
}

/// Its usual queue, and that of unmarked traffic at the same port.
#[derive(Debug, Serialize)]
struct Queue {
    agent: Option<IpAddr>,
    ifindex: u32,
    queue: u32,
    /// Null: none was seen.
    unmarked: Option<u32>,
}

impl Effect {
    pub(super) fn of(view: &View, switches: &Switches, clock: &Clock) -> Self {
        let (proof, address) = (&view.proof, |agent: AgentId| oversight::address(switches, agent));
        let seen = |seen: marked::Seen| Seen {
            agent: address(seen.agent),
            samples: seen.samples,
            first: clock.unix_ns(seen.first),
            last: clock.unix_ns(seen.last),
        };
        Self {
            verdict: proof.effect,
            why: proof.why.map(|why| why.text(address)),
            since: proof.since.map(|since| clock.unix_ns(since)),
            hits: proof.hits.map(|hits| Hits {
                packets: hits.packets,
                bytes: hits.bytes,
                counted: clock.unix_ns(hits.counted),
            }),
            seen: proof.seen.marked.map(seen),
            unmarked: proof.seen.unmarked.map(seen),
            unmarked_in_a_row: proof.seen.in_a_row.map_or(0, |(samples, _)| samples),
            entering: proof.seen.entered.map_or(0, |seen| seen.samples),
            queue: proof.seen.queued.map(|queued| Queue {
                agent: address(queued.agent),
                ifindex: queued.port,
                queue: queued.queue,
                unmarked: queued.unmarked.map(|(queue, _)| queue),
            }),
        }
    }
}

/// Where the time went, in seconds; null: not yet, or not known.
#[derive(Debug, Serialize)]
pub(super) struct Timing {
    /// How long the first sample waited at its agent.
    agent_hold_seconds: Option<f64>,
    /// `estimated` from the gaps between datagrams, or `measured` by the agent's timestamps.
    agent_hold: Option<&'static str>,
    /// From the first sample to the decision.
    evidence_seconds: f64,
    /// From the decision to the first request.
    decision_to_request_seconds: Option<f64>,
    http_seconds: Option<f64>,
    queue_seconds: Option<f64>,
    commit_seconds: Option<f64>,
    /// From the installation to the first sample of a marked packet from another switch.
    first_marked_seconds: Option<f64>,
}

impl Timing {
    pub(super) fn of(view: &View) -> Self {
        let split = Split::of(view);
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        Self {
            agent_hold_seconds: split.hold.map(|hold| hold.time.as_secs_f64()),
            agent_hold: split
                .hold
                .map(|hold| if hold.measured { "measured" } else { "estimated" }),
            evidence_seconds: split.evidence.as_secs_f64(),
            decision_to_request_seconds: seconds(split.decision),
            http_seconds: seconds(split.http),
            queue_seconds: seconds(split.queue),
            commit_seconds: seconds(split.commit),
            first_marked_seconds: seconds(split.marked),
        }
    }
}

//! What the figures mean.

use std::time::Duration;

use super::agent::AgentDoctor;
use super::finding::{Finding, Kind, Severity};
use super::port::{Port, Sampled};
use super::sampler::{Pool, Sampler, Span};
use crate::clock::Time;
use crate::config::Profile;
use crate::sflow::DataSource;

/// How long counters may take to come at all: the slowest agents in use poll each minute.
const COUNTERS: Duration = Duration::from_secs(180);

/// A part of a whole; nothing of nothing.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// What concerns the agent as a whole.
pub(super) fn of_agent(agent: &AgentDoctor, now: Time) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lost = share(agent.datagrams_lost, agent.datagrams + agent.datagrams_lost);
    if lost > 0.001 && agent.datagrams_lost >= 10 {
        let severity = if lost > 0.05 {
            Severity::Critical
        } else {
            Severity::Warning
        };
        findings.push(Finding::new(
            severity,
            Kind::DatagramLoss,
            format!("{:.1} % of its datagrams do not arrive.", lost * 100.0),
            "Look for drops between the agent and here, and at the receive buffer of this host; give sFlow a class of its own on the way.",
        ));
    }
    let long = agent.first.is_some_and(|first| now.since(first) > COUNTERS);
    if long && !agent.any_counters {
        findings.push(Finding::new(
            Severity::Warning,
            Kind::NoCounters,
            "It sends flow samples but no counters, so port speeds, names and utilisation are unknown.",
            "Turn on counter polling, every 20 or 30 seconds, on every port.",
        ));
    }
    if agent.refused > 0 {
        findings.push(Finding::new(
            Severity::Warning,
            Kind::TooMany,
            "It has more data sources or ports than are watched here.",
            "",
        ));
    }
    findings
}

/// What concerns a data source.
pub(super) fn of_source(
    source: DataSource,
    (sampler, span): (&Sampler, &Span),
    counter_rate: Option<f64>,
    profile: Profile,
    now: Time,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(rate_finding(sampler, span, counter_rate));
    findings.extend(changed_finding(sampler, now));
    findings.extend(loss_findings(span));
    findings.extend(header_findings(span));
    findings.extend(clock_finding(span, profile));
    match span.pool(sampler.rate) {
        Pool::Still => findings.push(Finding::new(
            Severity::Info,
            Kind::PoolUseless,
            "Its sample pool never grows, so losses are estimated by sequence numbers and counters only.",
            "",
        )),
        Pool::Synthetic => findings.push(Finding::new(
            Severity::Info,
            Kind::PoolUseless,
            "Its sample pool is computed from the sampling rate and does not count packets.",
            "",
        )),
        Pool::Counted | Pool::Unknown => {}
    }
    if source.if_index().is_none() {
        findings.push(Finding::new(
            Severity::Info,
            Kind::NotAnInterface,
            format!("{source} samples for all ports of the agent: samples are counted at their input ports."),
            "",
        ));
        if span.samples >= 20 && share(span.unknown_input, span.samples) > 0.5 {
            findings.push(Finding::new(
                Severity::Warning,
                Kind::NoInput,
                "Most of its samples do not say by which port the packet came in.",
                "Sample at the ports, when the agent can.",
            ));
        }
    } else if span.samples >= 20 && share(span.elsewhere, span.samples) > 0.5 {
        findings.push(Finding::new(
            Severity::Info,
            Kind::OtherPort,
            "Most of its packets came in and go out by other ports than the one that samples: it may be a member of a LAG.",
            "Have the agent send LAG counters, or name the `lag` of the port in the configuration.",
        ));
    }
    findings
}

/// The rate that the agent says, against what pool and counters say.
fn rate_finding(sampler: &Sampler, span: &Span, counter_rate: Option<f64>) -> Option<Finding> {
    let rate = sampler.rate;
    if rate == 0 {
        return Some(Finding::new(
            Severity::Critical,
            Kind::NoRate,
            "Its samples do not say how many packets they stand for.",
            "Set a sampling rate on the agent.",
        ));
    }
    let said = f64::from(rate);
    // A quarter beyond what chance explains. What the network loses has its own finding.
    let differs = |found: f64| (found / said - 1.0).abs() > 0.25 + span.error();
    // More packets than there are cannot be sampled: then counters stand still, and say nothing of the rate.
    let differs = |found: &f64| *found >= 1.0 && differs(*found);
    let by_pool = span.agents_rate(rate).filter(differs);
    let by_counters = counter_rate
        .map(|found| found * (1.0 - share(span.lost, span.samples + span.lost)))
        .filter(differs);
    let (found, what) = by_pool
        .map(|found| (found, "sample pool"))
        .or_else(|| by_counters.map(|found| (found, "port counters")))?;
    let severity = if found / said > 2.0 || found / said < 0.5 {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let sentence = format!("It says 1:{rate}, but by its {what} one packet in {found:.0} is sampled.");
    let change = if found > said {
        "The agent may be short of resources, or sample one direction or some packets only: raise the sampling rate's N until both agree."
    } else {
        "Look for ports or packets that are sampled twice, such as both directions where one is meant."
    };
    Some(Finding::new(severity, Kind::RateDiffers, sentence, change))
}

fn changed_finding(sampler: &Sampler, now: Time) -> Option<Finding> {
    let (before, at) = sampler.changed?;
    if now.since(at) > Duration::from_secs(3600) {
        return None;
    }
    let often = sampler.changes >= 3;
    let changes = match sampler.changes {
        1 => "1 change was".to_owned(),
        changes => format!("{changes} changes were"),
    };
    Some(Finding::new(
        if often { Severity::Warning } else { Severity::Info },
        Kind::RateChanged,
        format!(
            "Its sampling rate went from 1:{before} to 1:{} {:.0} s ago; {changes} seen.",
            sampler.rate,
            now.since(at).as_secs_f64(),
        ),
        if often {
            "The agent adapts its rate to load: choose a rate that it can keep at the highest load."
        } else {
            ""
        },
    ))
}

fn loss_findings(span: &Span) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lost = share(span.lost, span.samples + span.lost);
    if lost > 0.01 && span.lost >= 10 {
        let severity = if lost > 0.2 {
            Severity::Critical
        } else {
            Severity::Warning
        };
        findings.push(Finding::new(
            severity,
            Kind::SampleLoss,
            format!("{:.1} % of its samples do not arrive.", lost * 100.0),
            "Look for drops between the agent and here, and on the agent's way to its processor.",
        ));
    }
    let dropped = share(span.drops, span.samples + span.drops);
    if dropped > 0.01 && span.drops >= 10 {
        findings.push(Finding::new(
            Severity::Warning,
            Kind::AgentDrops,
            format!(
                "The agent dropped {} samples for lack of resources while {} came.",
                span.drops, span.samples
            ),
            "Sample one packet in more on this agent, or raise its limit of samples a second.",
        ));
    }
    findings
}

fn header_findings(span: &Span) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |count: u64, kind, what: &str, change: &str| {
        let part = share(count, span.samples);
        if part > 0.01 && count >= 5 {
            let severity = if part > 0.2 {
                Severity::Critical
            } else {
                Severity::Warning
            };
            let sentence = format!(
                "{:.0} % of its headers (longest: {} bytes) {what}.",
                part * 100.0,
                span.header_bytes
            );
            findings.push(Finding::new(severity, kind, sentence, change));
        }
    };
    let longer = "Raise the header size on the agent to 128 bytes, or to 192 where packets are in tunnels.";
    found(span.cut, Kind::HeaderCut, "end before the ports", longer);
    found(
        span.cut_inside,
        Kind::HeaderCutInTunnel,
        "end inside a tunnel, before the inner ports",
        longer,
    );
    found(
        span.headless,
        Kind::NoHeader,
        "are missing",
        "Let the agent send sampled headers.",
    );
    findings
}

/// Flows whose packets do not tell when they were sent are judged by counts.
fn clock_finding(span: &Span, profile: Profile) -> Option<Finding> {
    /// Ethernet with a tag, IPv6 and TCP with timestamps.
    const WITH_TIMESTAMPS: u32 = 18 + 40 + 32;
    let untimed = span.tcp_bytes - span.timed_bytes;
    let part = share(untimed, span.frame_bytes);
    if profile == Profile::Average || span.frames < 50 || part <= 0.5 {
        return None;
    }
    Some(Finding::new(
        Severity::Warning,
        Kind::NoClock,
        format!(
            "{:.0} % of its bytes are TCP without timestamps: these flows are found by counts, which takes longer.",
            part * 100.0
        ),
        if span.header_bytes < WITH_TIMESTAMPS {
            "Raise the header size on the agent to 128 bytes."
        } else {
            "Turn on TCP timestamps (RFC 7323) on the hosts."
        },
    ))
}

/// What concerns a port.
pub(super) fn of_port(if_index: u32, port: &Port, agent: &AgentDoctor, now: Time) -> Vec<Finding> {
    let mut findings = Vec::new();
    let sampler = agent.samplers.get(DataSource::interface(if_index));
    let sampled = sampler.is_some() || port.samples != (0, 0);
    let late = port
        .counters
        .is_none_or(|last| now.since(last) > COUNTERS.max(port.interval.unwrap_or_default() * 3));
    let long = agent.first.is_some_and(|first| now.since(first) > COUNTERS);
    if late && long && agent.any_counters {
        findings.push(Finding::new(
            Severity::Warning,
            Kind::NoCounters,
            match port.counters {
                Some(last) => format!(
                    "Its last counters came {:.0} s ago.",
                    now.since(last).as_secs_f64()
                ),
                None => "It is seen in samples, but its counters never came.".to_owned(),
            },
            "Turn on counter polling for this port.",
        ));
    }
    if port.counters.is_some() {
        findings.extend((!sampled).then(|| unsampled_finding(port, agent)).flatten());
        if port.is_up && port.speed == 0 {
            findings.push(Finding::new(
                Severity::Warning,
                Kind::NoSpeed,
                "It is up, but its counters do not say its speed.",
                "Set the speed of the port in the configuration.",
            ));
        }
        if port.name.is_none() {
            findings.push(Finding::new(
                Severity::Info,
                Kind::NoName,
                "The agent does not send its name.",
                "Let the agent send port names, or name the port in the configuration or the topology.",
            ));
        }
    }
    findings
}

/// A port that should have samples by what it carried. What only goes out has none where packets are sampled as they come in.
fn unsampled_finding(port: &Port, agent: &AgentDoctor) -> Option<Finding> {
    /// With the coarsest rates in use, one in a million, this many frames have samples.
    const ENOUGH: u64 = 10_000_000;
    let sampled = agent.sampled();
    let frames = sampled.part(port.frames);
    if frames <= ENOUGH {
        return None;
    }
    let did = match sampled {
        Sampled::In => "received",
        Sampled::Out => "sent",
        Sampled::Both => "carried",
    };
    let (why, change) = match agent.flow_samples {
        0 => (
            ": the agent has sent no sample at all",
            "Turn on packet sampling on the agent.",
        ),
        _ => ("", "Turn on packet sampling for this port."),
    };
    let sentence = format!("It {did} {frames} frames, and none was sampled{why}.");
    Some(Finding::new(
        Severity::Warning,
        Kind::NotSampled,
        sentence,
        change,
    ))
}

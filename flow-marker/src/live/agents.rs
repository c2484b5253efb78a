//! Who is heard: when last, how much of it is missing, what the sampling doctor says of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Time;
use crate::engine::AgentStatus;
use crate::engine::doctor::{AgentReport, Finding, Report, Severity};
use crate::overview::{AgentFact, FindingFact, Place};

/// Loss is told of so much time, up to twice as much.
const WINDOW: Duration = Duration::from_secs(60);

/// So long an agent may be silent that carries no traffic: it sends counters each 20 or 30 s by default.
const PATIENCE: Duration = Duration::from_secs(35);

/// And at the most, whatever the interval of its counters seems to be.
const LONGEST: Duration = Duration::from_secs(300);

/// Findings that are kept, the gravest: the first screen names one and counts the others.
const FINDINGS: usize = 500;

/// Datagrams that have come and that are missing, at a moment.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    at: Time,
    received: u64,
    lost: u64,
}

/// What is remembered of agents from second to second.
#[derive(Debug, Default)]
pub(super) struct Agents {
    /// Where the present window began, and the one before it.
    marks: HashMap<IpAddr, [Mark; 2]>,
    /// How often counters come, in seconds.
    intervals: HashMap<IpAddr, f64>,
    findings: Vec<FindingFact>,
    /// Of those that should be heard.
    expected: HashMap<IpAddr, Expected>,
    /// It was told before who should be heard.
    begun: bool,
}

/// What is remembered of an agent that should be heard, also when it is silent for so long that the receiving threads have
/// forgotten it.
#[derive(Debug, Clone, Copy)]
struct Expected {
    since: Time,
    last: Option<Time>,
}

impl Agents {
    /// Takes what the doctor says. `expected`: of a switch of the inventory.
    pub(super) fn diagnose(
        &mut self,
        report: &Report,
        expected: impl Fn(IpAddr) -> bool,
        mut place: impl FnMut(IpAddr) -> Arc<Place>,
    ) {
        self.intervals.clear();
        self.findings.clear();
        for agent in &report.agents {
            let intervals = agent.ports.iter().filter_map(|port| port.counter_interval);
            if let Some(longest) = intervals.reduce(f64::max) {
                self.intervals.insert(agent.agent, longest);
            }
            let (place, expected) = (place(agent.agent), expected(agent.agent));
            self.findings
                .extend(findings(agent).map(|(at, finding)| FindingFact {
                    place: Arc::clone(&place),
                    expected,
                    severity: finding.severity,
                    kind: finding.kind,
                    at,
                    sentence: finding.sentence.clone(),
                }));
        }
        self.findings
            .sort_by_key(|finding| std::cmp::Reverse((finding.expected, finding.severity)));
        self.findings.truncate(FINDINGS);
    }

    /// What the doctor has found, the gravest first, and what strangers say after that.
    pub(super) fn findings(&self) -> Vec<FindingFact> {
        self.findings.clone()
    }

    /// What is known of every agent that was heard, and of those that are `expected` and were not.
    pub(super) fn take(
        &mut self,
        now: Time,
        statuses: &[AgentStatus],
        expected: &[IpAddr],
        mut place: impl FnMut(IpAddr) -> Arc<Place>,
    ) -> Vec<AgentFact> {
        let mut known = std::mem::take(&mut self.expected);
        let new = Expected {
            since: if self.begun { now } else { Time::START },
            last: None,
        };
        self.begun = true;
        let known = expected
            .iter()
            .map(|agent| (*agent, known.remove(agent).unwrap_or(new)));
        self.expected = known.collect();
        let mut facts = Vec::with_capacity(statuses.len());
        let before = std::mem::take(&mut self.marks);
        // An agent that was silent for an hour may have got another owner: the later answer is the last.
        for status in statuses {
            let mark = Mark {
                at: now,
                received: status.received,
                lost: status.lost,
            };
            let mut marks = before.get(&status.agent).copied().unwrap_or([mark; 2]);
            let [present, old] = &mut marks;
            if now.since(present.at) >= WINDOW {
                (*old, *present) = (*present, mark);
            }
            facts.push(AgentFact {
                place: place(status.agent),
                expected: self.expected.contains_key(&status.agent),
                last: Some(status.last_seen),
                since: Time::START,
                patience: self.patience(status.agent),
                received: status.received.saturating_sub(old.received),
                lost: status.lost.saturating_sub(old.lost),
            });
            self.marks.insert(status.agent, marks);
            if let Some(expected) = self.expected.get_mut(&status.agent) {
                expected.last = Some(status.last_seen);
            }
        }
        let missing = expected.iter().filter(|agent| !self.marks.contains_key(*agent));
        let missing = missing.filter_map(|agent| Some((*agent, *self.expected.get(agent)?)));
        facts.extend(missing.map(|(agent, Expected { since, last })| AgentFact {
            place: place(agent),
            expected: true,
            last,
            since,
            patience: PATIENCE,
            received: 0,
            lost: 0,
        }));
        facts
    }

    fn patience(&self, agent: IpAddr) -> Duration {
        let interval = self.intervals.get(&agent).copied().unwrap_or_default();
        Duration::from_secs_f64(interval.clamp(0.0, LONGEST.as_secs_f64()) * 1.5).clamp(PATIENCE, LONGEST)
    }
}

/// What is worth a look: of which port, and what.
fn findings(agent: &AgentReport) -> impl Iterator<Item = (Option<String>, &Finding)> {
    let whole = agent.findings.iter().map(|finding| (None, finding));
    let sources = agent.sources.iter().flat_map(|source| {
        let name = source.name.as_deref().unwrap_or(&source.data_source);
        source
            .findings
            .iter()
            .map(move |finding| (Some(name.to_owned()), finding))
    });
    let ports = agent.ports.iter().flat_map(|port| {
        let name = match &port.name {
            Some(name) => name.to_string(),
            None => format!("port {}", port.if_index),
        };
        port.findings
            .iter()
            .map(move |finding| (Some(name.clone()), finding))
    });
    let all = whole.chain(sources).chain(ports);
    all.filter(|(_, finding)| finding.severity > Severity::Info)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::loss::SampleCounts;

    fn at(seconds: u64) -> Time {
        Time::START + Duration::from_secs(seconds)
    }

    fn status(agent: IpAddr, last_seen: Time) -> AgentStatus {
        AgentStatus {
            agent,
            source: (agent, 6343).into(),
            inventory: "switch",
            first_seen: Time::START,
            last_seen,
            uptime_ms: 0,
            received: 1,
            lost: 0,
            out_of_order: 0,
            duplicates: 0,
            restarts: 0,
            flow: SampleCounts::default(),
            counters: SampleCounts::default(),
            discards: SampleCounts::default(),
        }
    }

    #[test]
    fn who_is_forgotten_was_heard_and_who_has_just_come_has_time() {
        let [old, new, stranger]: [IpAddr; 3] = [1, 2, 9].map(|n| [10, 0, 0, n].into());
        let mut agents = Agents::default();
        let mut take = |now, statuses: &[AgentStatus], expected: &[IpAddr]| {
            let place = |agent: IpAddr| {
                Arc::new(Place {
                    agent,
                    name: agent.to_string().into(),
                })
            };
            agents.take(now, statuses, expected, place)
        };
        let facts = take(at(1), &[], &[old]);
        assert_eq!((facts[0].last, facts[0].since), (None, Time::START));
        let heard = [status(old, at(100)), status(stranger, at(100))];
        let facts = take(at(100), &heard, &[old]);
        let expected: Vec<_> = facts.iter().map(|fact| fact.expected).collect();
        assert_eq!(expected, [true, false]);
        // The receiving threads forget who is silent for an hour; a reload brings another switch.
        let facts = take(at(5000), &[], &[old, new]);
        assert_eq!(facts.len(), 2);
        assert_eq!(facts[0].last, Some(at(100)));
        assert_eq!((facts[1].last, facts[1].since), (None, at(5000)));
        assert!(facts[0].silent(at(5000)).is_some() && facts[1].silent(at(5010)).is_none());
        assert!(facts[1].silent(at(5040)).is_some());
    }
}

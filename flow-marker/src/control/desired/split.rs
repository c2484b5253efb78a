//! Where the time went between the first packet of a flow and the first marked one.

use std::fmt;
use std::time::Duration;

use super::View;
use crate::engine::Hold;

/// The parts of it, in their order; `None`: not yet, or not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// The first sample waited at its agent.
    pub hold: Option<Hold>,
    /// From its arrival to the decision.
    pub evidence: Duration,
    /// From the decision to the first request to the switch: what was under way there, and the pace of changes.
    pub decision: Option<Duration>,
    /// The way to the server and back, and requests that failed.
    pub http: Option<Duration>,
    /// In the server's queue.
    pub queue: Option<Duration>,
    /// The commit of the switch.
    pub commit: Option<Duration>,
    /// From then on to the first sample of a marked packet from another switch, which waited at its agent, too; zero when
    /// that came before the server's answer.
    pub marked: Option<Duration>,
}

impl Split {
    /// Of a control.
    pub fn of(view: &View) -> Self {
        let (cause, times) = (&view.cause, &view.times);
        let server = view.timing.filter(|_| times.installed.is_some());
        let asked = times.put_sent.zip(times.installed);
        let seen = view.proof.seen.marked.map(|seen| seen.first);
        Self {
            hold: cause.hold,
            evidence: cause.detected.since(cause.evidence.first_sample),
            decision: times.put_sent.map(|sent| sent.since(cause.detected)),
            http: asked.zip(server).map(|((sent, installed), server)| {
                installed
                    .since(sent)
                    .saturating_sub(server.queue)
                    .saturating_sub(server.commit)
            }),
            queue: server.map(|server| server.queue),
            commit: server.map(|server| server.commit),
            marked: seen
                .zip(times.installed)
                .map(|(seen, installed)| seen.since(installed)),
        }
    }
}

/// For a log line: `hold 250 ms (estimated), evidence 812 ms, …`.
impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        if let Some(hold) = self.hold {
            let how = if hold.measured { "measured" } else { "estimated" };
            write!(f, "hold {:.0} ms ({how}), ", ms(hold.time))?;
        }
        write!(f, "evidence {:.0} ms", ms(self.evidence))?;
        let parts = [
            ("decision to request", self.decision),
            ("HTTP", self.http),
            ("queue", self.queue),
            ("commit", self.commit),
            ("marked packet seen", self.marked),
        ];
        for (name, time) in parts {
            if let Some(time) = time {
                write!(f, ", {name} {:.1} ms", ms(time))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use shared::wire::ServerTiming;

    use super::*;
    use crate::control::desired::tests::{at, wish};
    use crate::control::desired::{Proof, State, There, Times};
    use crate::flow::AgentId;
    use crate::marked::{Seen, Sightings};

    #[test]
    fn the_parts_are_all_of_it() {
        let wish = wish(1, 100);
        let mut cause = (*wish.cause).clone();
        (cause.evidence.first_sample, cause.detected) = (at(10), at(11));
        let ms = Duration::from_millis;
        let view = View {
            control: wish.control,
            cause: cause.into(),
            state: State::Installed,
            there: There::Yes,
            times: Times {
                put_sent: Some(at(11) + ms(20)),
                installed: Some(at(11) + ms(120)),
                ..Times::default()
            },
            timing: Some(ServerTiming {
                queue: ms(5),
                commit: ms(80),
                tool: ms(70),
            }),
            current: None,
            proof: Proof::default(),
            error: None,
            person: None,
            shadowed: None,
        };
        let split = Split::of(&view);
        assert_eq!(
            split.to_string(),
            "evidence 1000 ms, decision to request 20.0 ms, HTTP 15.0 ms, queue 5.0 ms, commit 80.0 ms"
        );
        let mut seen = view.clone();
        seen.proof.seen = Sightings {
            marked: Some(Seen {
                samples: 3,
                first: at(11) + ms(160),
                last: at(12),
                agent: AgentId(1),
            }),
            ..Sightings::default()
        };
        let (split, installed) = (Split::of(&seen), view.times.installed.unwrap());
        let parts = [split.decision, split.http, split.queue, split.commit];
        let sum: Duration = parts.into_iter().flatten().sum();
        assert_eq!(split.evidence + sum, installed.since(at(10)));
        assert_eq!(split.marked, Some(ms(40)));
        // What was never sent has no times but those of detection.
        seen.times = Times::default();
        let split = Split::of(&seen);
        assert_eq!(
            (split.decision, split.http, split.queue, split.marked),
            (None, None, None, None)
        );
    }
}

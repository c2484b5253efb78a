//! Whether a control works.
//!
//! Three things tell: the counters of its rules, samples of its flow from other switches, and the queue that it leaves by.
//! What they say is judged again and again, since a mark that works can cease to: another tool's rule comes before ours, a
//! port in the middle no longer trusts the mark.
//!
//! "No effect" must not be said lightly. It is said when
//!
//! * [`IN_A_ROW`] samples from behind the switch, over [`LONG_ENOUGH`] or more, show the flow without the mark, and none
//!   with it in between;
//! * or its usual queue is that of unmarked traffic at the same port, by [`MAJORITY`] samples of each;
//! * or its counters have not moved in [`LISTINGS`] listings, while [`ENTERING`] packets of it were sampled on their way
//!   into the switch between two of these, and no marked packet was seen elsewhere.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Time;
use crate::flow::AgentId;
use crate::marked::{Queued, Queues, Sightings, Trace};

/// Samples without the mark in a row. Of a flow of which nine packets in ten are marked, so many come by chance once in
/// 10¹⁶ times; even if it were one in two, once in 65,536.
const IN_A_ROW: u32 = 16;

/// Over so long: more than any gap between two commits of the switch.
const LONG_ENOUGH: Duration = Duration::from_secs(3);

/// Samples by which a queue must be ahead of all others before it is the usual one.
const MAJORITY: u32 = 8;

/// Listings in which counters have not moved, the first one included. A commit sets them back; that one directly before
/// three of them in a row left no packet time to come is not to be expected.
const LISTINGS: u32 = 3;

/// Packets of the flow that were sampled between the last two of them. Each is a packet that was there for certain; a few
/// more than one, since an agent may see the flow by another port than the rule.
const ENTERING: u64 = 8;

/// Agents hold a sample for a second (sFlow v5 §4.2.2); what comes so long after the mark was sampled after it.
const SETTLES: Duration = Duration::from_secs(2);

/// What is known of a control's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It is too early, or nothing was to be seen.
    #[default]
    Unknown,
    /// Its rules match packets.
    Hits,
    /// The mark was seen in another switch's samples.
    Seen,
    /// Marked packets leave by another queue than unmarked ones.
    Queued,
    /// No effect seen.
    None,
}

impl Effect {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Unknown, Self::Hits, Self::Seen, Self::Queued, Self::None];
}

/// Why no effect is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its rules match nothing.
    NotHit {
        /// Packets of it that were sampled on their way into the switch meanwhile.
        entered: u64,
    },
    /// It has no mark elsewhere.
    NotMarked {
        /// The agent that said so last.
        agent: AgentId,
        /// Samples in a row.
        samples: u32,
    },
    /// The queue of all is its queue, too.
    SameQueue(Queued),
}

impl Why {
    /// In words. `name` knows the agents' addresses.
    pub fn text(&self, name: impl Fn(AgentId) -> Option<IpAddr>) -> String {
        let named = |agent| Named(name(agent));
        match self {
            Self::NotHit { entered } => format!(
                "its counters have not moved in {LISTINGS} listings, while {entered} packets of it were sampled on their \
                 way into the switch: the rule is in a chain or at an interface that they do not pass, or another rule \
                 comes before it"
            ),
            Self::NotMarked { agent, samples } => format!(
                "{samples} samples in a row show it without the mark, the last one at {}: the mark is not set, or a port \
                 on the way does not trust it",
                named(*agent)
            ),
            Self::SameQueue(queued) => format!(
                "at {}, port {}, it leaves by queue {}, as unmarked traffic does: the queues there do not honour the mark",
                named(queued.agent),
                queued.port,
                queued.queue
            ),
        }
    }
}

/// The address of an agent, if it is known.
struct Named(Option<IpAddr>);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("another switch"),
        }
    }
}

/// What the rules of a control have matched since they are on the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hits {
    /// Packets.
    pub packets: u64,
    /// Bytes of those packets.
    pub bytes: u64,
    /// When the switch counted last.
    pub counted: Time,
}

/// What a control comes to, as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Proof {
    /// In one word.
    pub effect: Effect,
    /// Since when it is that; `None`: it was never anything else.
    pub since: Option<Time>,
    /// Why no effect is seen.
    pub why: Option<Why>,
    /// What its rules match; `None` when nobody knows.
    pub hits: Option<Hits>,
    /// What samples show of its flow.
    pub seen: Sightings,
}

/// What is to be said of a control, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Its mark was seen elsewhere.
    Arrives,
    /// No effect is seen.
    NoEffect,
}

/// Counters from listing to listing.
#[derive(Debug)]
struct Counters {
    packets: u64,
    bytes: u64,
    /// Listings in which they have not moved.
    idle: u32,
    /// Packets of the flow that had been sampled at the last of them.
    entered: u64,
    /// They have not moved for so long that something is wrong; packets that were sampled meanwhile.
    stuck: Option<u64>,
}

/// Finds out whether one control works.
#[derive(Debug, Default)]
pub(super) struct Proving {
    trace: Option<Arc<Trace>>,
    counters: Option<Counters>,
    proof: Proof,
    /// What was said before: that nothing is seen, for this kind of reason, or that the mark arrives. Said once each.
    told: Vec<Option<std::mem::Discriminant<Why>>>,
}

impl Proving {
    /// A request to install it is sent: if it is a mark, its flow is looked out for from now on.
    pub(super) fn sent(&mut self, is_mark: bool) {
        if is_mark && self.trace.is_none() {
            self.trace = Some(Arc::default());
        }
        self.unsettle();
    }

    /// Nobody knows whether the switch has it.
    pub(super) fn unsettle(&mut self) {
        if let Some(trace) = &self.trace {
            trace.unsettle();
        }
        self.count_anew();
    }

    /// It is on the switch.
    pub(super) fn installed(&mut self, now: Time) {
        if let Some(trace) = &self.trace {
            trace.settle(now + SETTLES);
        }
        self.count_anew();
    }

    /// It is not on the switch any more.
    pub(super) fn gone(&mut self) {
        (self.trace, self.counters) = (None, None);
    }

    /// Listings from before say nothing of what is there now.
    const fn count_anew(&mut self) {
        if let Some(counters) = &mut self.counters {
            (counters.idle, counters.stuck) = (0, None);
        }
    }

    pub(super) const fn trace(&self) -> Option<&Arc<Trace>> {
        self.trace.as_ref()
    }

    pub(super) const fn proof(&self) -> &Proof {
        &self.proof
    }

    fn entered(&self) -> u64 {
        self.trace.as_ref().map_or(0, |trace| trace.entering())
    }

    /// So much its rules have matched, all together, when the switch counted.
    pub(super) fn counted(&mut self, at: Time, (packets, bytes): (u64, u64)) {
        let entered = self.entered();
        if self.proof.hits.is_some_and(|hits| hits.counted >= at) {
            // The same listing as before.
            return;
        }
        let before = self.counters.take();
        let (was, set_back) = match &before {
            Some(before) if packets >= before.packets && bytes >= before.bytes => {
                ((before.packets, before.bytes), false)
            }
            // They were set back, by a commit.
            Some(_) => ((0, 0), true),
            None => ((0, 0), false),
        };
        let (more, more_bytes) = (packets - was.0, bytes - was.1);
        let hits = self.proof.hits.get_or_insert_default();
        hits.packets = hits.packets.saturating_add(more);
        hits.bytes = hits.bytes.saturating_add(more_bytes);
        hits.counted = at;
        let (idle, then) = before.map_or((0, entered), |before| (before.idle, before.entered));
        let idle = if more == 0 && !set_back {
            idle.saturating_add(1)
        } else {
            0
        };
        let meanwhile = entered.saturating_sub(then);
        self.counters = Some(Counters {
            packets,
            bytes,
            idle,
            entered,
            stuck: (idle >= LISTINGS && meanwhile >= ENTERING).then_some(meanwhile),
        });
    }

    /// What all that comes to, while it is on the switch; and whether that is news.
    pub(super) fn judge(&mut self, now: Time, queues: &Queues) -> Option<News> {
        let seen = self.trace.as_ref().map(|trace| trace.read(queues));
        self.proof.seen = seen.unwrap_or_default();
        let (effect, why) = self.verdict();
        if effect != self.proof.effect {
            self.proof.since = Some(now);
        }
        (self.proof.effect, self.proof.why) = (effect, why);
        let (kind, news) = match (effect, why.as_ref().map(std::mem::discriminant)) {
            (_, Some(kind)) => (Some(kind), News::NoEffect),
            (Effect::Seen | Effect::Queued, None) => (None, News::Arrives),
            (_, None) => return None,
        };
        let is_new = !self.told.contains(&kind);
        is_new.then(|| {
            self.told.push(kind);
            news
        })
    }

    fn verdict(&self) -> (Effect, Option<Why>) {
        let seen = &self.proof.seen;
        if let (Some((samples @ IN_A_ROW.., first)), Some(unmarked)) = (seen.in_a_row, seen.unmarked)
            && unmarked.last.since(first) >= LONG_ENOUGH
        {
            let agent = unmarked.agent;
            return (Effect::None, Some(Why::NotMarked { agent, samples }));
        }
        let queue = seen.queued.filter(|queued| queued.votes >= MAJORITY);
        let queue = queue.and_then(|queued| Some((queued, queued.unmarked?)));
        match queue.filter(|(_, (_, votes))| *votes >= MAJORITY) {
            Some((queued, (unmarked, _))) if queued.queue == unmarked => {
                return (Effect::None, Some(Why::SameQueue(queued)));
            }
            Some(_) => return (Effect::Queued, None),
            None => {}
        }
        if seen.marked.is_some() {
            return (Effect::Seen, None);
        }
        match self.counters.as_ref().and_then(|counters| counters.stuck) {
            Some(entered) => (Effect::None, Some(Why::NotHit { entered })),
            None if self.proof.hits.is_some_and(|hits| hits.packets > 0) => (Effect::Hits, None),
            None => (Effect::Unknown, None),
        }
    }
}

#[cfg(test)]
mod tests;

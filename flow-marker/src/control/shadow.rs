//! What would have been done, and what was done: totals by the minute, over any span of the last week.
//!
//! A minute in which nothing happened takes no memory, and one in which something did takes about 30 bytes. When those of a
//! switch take more than their share, the oldest minutes of an hour become one.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::desired::{Decision, What};
use crate::actuator::Kind;
use crate::clock::Time;
use crate::config::Mode;

/// How far back totals reach.
pub const REACH: Duration = Duration::from_secs(7 * 86_400);

/// Bytes that the past of one switch may take: 64 MiB for 1,000 switches, and 168 hours of 100 bytes each four times over.
const SHARE: usize = 64 << 10;

/// What a record takes besides its bytes.
const OVERHEAD: usize = size_of::<Past>() + 16;

/// How elephants are found.
pub const PATHS: [&str; 3] = ["sequence", "count", "average"];

/// Why something that was found got no control.
pub const REASONS: [&str; 18] = [
    "dscp",
    "udp",
    "roce",
    "bgp",
    "bfd",
    "excluded",
    "dismissed",
    "port_name",
    "family",
    "agent",
    "exempt",
    "resting",
    "switch_full",
    "all_full",
    "drops_full",
    "unruled",
    "budget",
    "other",
];

/// A number that is kept.
type Counter = u8;

const ELEPHANTS: Counter = 0;
const BEGUN: Counter = 3;
const ENDED: Counter = 6;
/// At a time.
const MOST: Counter = 9;
/// At the end.
const LEVEL: Counter = 12;
const CHANGES: Counter = 15;
/// In one minute.
const CHANGES_MOST: Counter = 16;
const BYTES: Counter = 17;
const REFUSED: Counter = 18;

const fn of_kind(first: Counter, kind: Kind) -> Counter {
    first
        + match kind {
            Kind::Mark => 0,
            Kind::Capture => 1,
            Kind::Drop => 2,
        }
}

fn position(words: &[&str], word: Option<&str>) -> Option<Counter> {
    let position = words.iter().position(|known| Some(*known) == word)?;
    Counter::try_from(position).ok()
}

/// The totals of some span of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals(BTreeMap<Counter, u64>);

impl Totals {
    fn get(&self, counter: Counter) -> u64 {
        self.0.get(&counter).copied().unwrap_or_default()
    }

    fn add(&mut self, counter: Counter, more: u64) {
        if more > 0 {
            let count = self.0.entry(counter).or_default();
            *count = count.saturating_add(more);
        }
    }

    fn at_least(&mut self, counter: Counter, value: u64) {
        if value > self.get(counter) {
            self.0.insert(counter, value);
        }
    }

    /// With what came after it.
    fn then(&mut self, later: &Self) {
        for (&counter, &value) in &later.0 {
            if (MOST..LEVEL).contains(&counter) || counter == CHANGES_MOST {
                self.at_least(counter, value);
            } else if !(LEVEL..CHANGES).contains(&counter) {
                self.add(counter, value);
            }
        }
        for kind in Kind::ALL {
            let level = of_kind(LEVEL, kind);
            match later.get(level) {
                0 => self.0.remove(&level),
                value => self.0.insert(level, value),
            };
        }
    }

    /// Elephants by how they were found, as [`PATHS`] calls it.
    pub fn elephants(&self) -> impl Iterator<Item = (&'static str, u64)> {
        PATHS
            .into_iter()
            .zip((ELEPHANTS..).map(|counter| self.get(counter)))
    }

    /// Controls of a kind that were wanted, that were not wanted any more, and that were wanted at a time at most.
    pub fn controls(&self, kind: Kind) -> (u64, u64, u64) {
        let [begun, ended, most] = [BEGUN, ENDED, MOST].map(|first| self.get(of_kind(first, kind)));
        (begun, ended, most)
    }

    /// What got no control by reason, as [`REASONS`] calls it, without reasons of which there was nothing.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let refused = REASONS
            .into_iter()
            .zip((REFUSED..).map(|counter| self.get(counter)));
        refused.filter(|(_, times)| *times > 0)
    }

    /// Changes of controls on switches, and in one minute at most.
    pub fn changes(&self) -> (u64, u64) {
        (self.get(CHANGES), self.get(CHANGES_MOST))
    }

    /// Bytes that samples of marked flows stand for, from detection to their end; counted at their end.
    pub fn bytes(&self) -> u64 {
        self.get(BYTES)
    }

    /// Counter and value, both as LEB128 (DWARF 5 §7.6).
    fn pack(&self) -> Box<[u8]> {
        let mut packed = Vec::new();
        for (&counter, &value) in &self.0 {
            packed.push(counter);
            let mut rest = value;
            loop {
                let low = (rest & 0x7f).to_le_bytes()[0];
                rest >>= 7;
                packed.push(if rest == 0 { low } else { low | 0x80 });
                if rest == 0 {
                    break;
                }
            }
        }
        packed.into()
    }

    fn unpack(packed: &[u8]) -> Self {
        let mut totals = Self::default();
        let mut bytes = packed.iter().copied();
        while let Some(counter) = bytes.next() {
            let (mut value, mut shift) = (0_u64, 0_u32);
            for byte in bytes.by_ref() {
                value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or_default();
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            totals.0.insert(counter, value);
        }
        totals
    }
}

/// One minute of the past, or several of an hour.
#[derive(Debug)]
struct Past {
    /// The first.
    minute: u32,
    totals: Box<[u8]>,
}

/// The totals of one switch, or of all.
#[derive(Debug, Default)]
pub struct Shadow {
    /// The present minute, counted from the start of the process.
    minute: u32,
    present: Totals,
    past: VecDeque<Past>,
    /// What the past takes.
    bytes: usize,
}

fn minute_of(time: Time) -> u32 {
    u32::try_from(time.as_nanos() / 60_000_000_000).unwrap_or(u32::MAX)
}

impl Shadow {
    /// Takes a decision. `budget` is how many controls there may be on the switch; true when it was decided in mode
    /// `observe` and would have found no place. For all switches together `over` says that.
    pub fn take(&mut self, decision: &Decision, budget: usize, over: bool) -> bool {
        self.turn(decision.at);
        let observed = decision.mode == Mode::Observe;
        let Some(kind) = decision.kind() else {
            self.present
                .add(CHANGES, u64::from(decision.what == What::OrphanRemoved));
            return false;
        };
        let mut is_over = over;
        match decision.what {
            What::Wanted | What::WouldHave => {
                self.found(decision, kind);
                self.present.add(of_kind(BEGUN, kind), 1);
                let there: u64 = Kind::ALL
                    .map(|kind| self.present.get(of_kind(LEVEL, kind)))
                    .iter()
                    .sum();
                is_over |= observed && usize::try_from(there).is_ok_and(|there| there >= budget);
                self.present.add(of_kind(LEVEL, kind), 1);
                let most = self.present.get(of_kind(LEVEL, kind));
                let budget = u64::try_from(budget).unwrap_or(u64::MAX);
                self.present.at_least(of_kind(MOST, kind), most.min(budget));
                match is_over {
                    true => self.refused(Some("budget")),
                    false => self.present.add(CHANGES, u64::from(observed)),
                }
            }
            What::Released | What::Dismissed => {
                self.present.add(of_kind(ENDED, kind), 1);
                let level = self.present.0.entry(of_kind(LEVEL, kind)).or_default();
                *level = level.saturating_sub(1);
                self.present.add(CHANGES, u64::from(observed));
            }
            What::Installed | What::Vacated => self.present.add(CHANGES, 1),
            What::Removed => {
                let was_there = decision.view().is_some_and(|view| view.times.removed.is_some());
                self.present.add(CHANGES, u64::from(was_there));
            }
            What::Guarded => {
                self.found(decision, kind);
                self.refused(decision.reason);
            }
            What::OverBudget => self.refused(decision.reason),
            _ => {}
        }
        is_over
    }

    fn found(&mut self, decision: &Decision, kind: Kind) {
        let by_detection = kind == Kind::Mark && decision.who.is_none();
        let path = decision.cause().map(|cause| cause.evidence.path.name());
        if let Some(path) = position(&PATHS, path).filter(|_| by_detection) {
            self.present.add(ELEPHANTS + path, 1);
        }
    }

    fn refused(&mut self, reason: Option<&str>) {
        let reason = position(&REASONS, reason).or_else(|| position(&REASONS, Some("other")));
        if let Some(reason) = reason {
            self.present.add(REFUSED + reason, 1);
        }
    }

    /// A marked flow has ended, after so many bytes.
    pub fn covered(&mut self, now: Time, bytes: u64) {
        self.turn(now);
        self.present.add(BYTES, bytes);
    }

    /// The present minute is another one, if it is.
    fn turn(&mut self, now: Time) {
        let minute = minute_of(now);
        if minute <= self.minute {
            return;
        }
        let totals = std::mem::take(&mut self.present);
        for kind in Kind::ALL {
            let level = totals.get(of_kind(LEVEL, kind));
            self.present.add(of_kind(LEVEL, kind), level);
            self.present.at_least(of_kind(MOST, kind), level);
        }
        self.keep(self.minute, totals);
        self.minute = minute;
        let reach = u32::try_from(REACH.as_secs() / 60).unwrap_or(u32::MAX);
        while self
            .past
            .front()
            .is_some_and(|past| past.minute.saturating_add(reach) < minute)
        {
            self.forget();
        }
    }

    fn keep(&mut self, minute: u32, mut totals: Totals) {
        totals.at_least(CHANGES_MOST, totals.get(CHANGES));
        totals.0.retain(|_, value| *value > 0);
        let before = self.past.back().map(|past| Totals::unpack(&past.totals));
        let is_quiet = |counter: &Counter| (MOST..CHANGES).contains(counter);
        let level = |totals: &Totals| Kind::ALL.map(|kind| totals.get(of_kind(LEVEL, kind)));
        // Nothing happened in it, and the one before says how many there are.
        if totals.0.keys().all(is_quiet) && level(&before.unwrap_or_default()) == level(&totals) {
            return;
        }
        let totals = totals.pack();
        self.bytes += totals.len() + OVERHEAD;
        self.past.push_back(Past { minute, totals });
        while self.bytes > SHARE {
            self.join();
        }
    }

    /// Makes one of the two oldest that are of the same hour.
    fn join(&mut self) {
        let minutes: Vec<u32> = self.past.iter().map(|past| past.minute / 60).collect();
        let mut pairs = minutes.iter().zip(minutes.iter().skip(1));
        let Some(at) = pairs.position(|(one, next)| one == next) else {
            return self.forget();
        };
        let Some(next) = self.past.remove(at + 1) else {
            return;
        };
        if let Some(one) = self.past.get_mut(at) {
            let mut totals = Totals::unpack(&one.totals);
            totals.then(&Totals::unpack(&next.totals));
            self.bytes -= one.totals.len() + next.totals.len() + OVERHEAD;
            one.totals = totals.pack();
            self.bytes += one.totals.len();
        }
    }

    fn forget(&mut self) {
        if let Some(past) = self.past.pop_front() {
            self.bytes = self.bytes.saturating_sub(past.totals.len() + OVERHEAD);
        }
    }

    /// The totals of all minutes from that of `from` to that of `until`, both included.
    pub fn sum(&self, from: Time, until: Time) -> Totals {
        let (from, until) = (minute_of(from), minute_of(until));
        let mut sum = Totals::default();
        let mut before = None;
        for past in self.past.iter().filter(|past| past.minute <= until) {
            match past.minute < from {
                true => before = Some(past),
                false => sum.then(&Totals::unpack(&past.totals)),
            }
        }
        if (from..=until).contains(&self.minute) {
            let mut present = self.present.clone();
            present.at_least(CHANGES_MOST, present.get(CHANGES));
            sum.then(&present);
        } else if self.minute < from {
            sum.then(&self.present);
            sum.0.retain(|counter, _| (LEVEL..CHANGES).contains(counter));
        }
        // What was there before and goes on.
        let before = before
            .map(|past| Totals::unpack(&past.totals))
            .unwrap_or_default();
        for kind in Kind::ALL {
            let there = before.get(of_kind(LEVEL, kind));
            let there = match self.minute < from {
                true => self.present.get(of_kind(LEVEL, kind)),
                false => there,
            };
            sum.at_least(of_kind(MOST, kind), there);
        }
        sum
    }
}

#[cfg(test)]
mod tests;

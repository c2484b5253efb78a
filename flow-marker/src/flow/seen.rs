//! Which keys samples have had, and when last (sFlow-RT, `/flowkeys/json`).
//!
//! Looking for all keys costs more than counting a flow, so that only one sample in an interval is looked at: what a
//! thread receives often is seen, what it receives once an hour among much else may not be.

use std::time::Duration;

use super::language::{Field, Needs};
use super::program::{Workspace, has};
use super::view::View;
use crate::clock::Time;

/// Occurrences that are told apart: a packet, and two inside it.
const DEPTH: u8 = 3;
/// Between two samples that are looked at: 100 a second, each of some microseconds.
const INTERVAL: Duration = Duration::from_millis(10);

/// When keys were seen last.
#[derive(Debug)]
pub struct Seen {
    /// By key, and by occurrence within.
    last: Vec<Option<Time>>,
    next: Time,
    workspace: Workspace,
}

impl Default for Seen {
    fn default() -> Self {
        Self::new()
    }
}

impl Seen {
    /// Nothing was seen.
    pub fn new() -> Self {
        Self {
            last: vec![None; Field::ALL.len() * usize::from(DEPTH)],
            next: Time::START,
            workspace: Workspace::empty(),
        }
    }

    /// What a sample is to be prepared for before it is looked at.
    pub const NEEDS: Needs = Needs::ALL;

    /// Whether a sample is to be looked at.
    #[inline]
    pub fn is_due(&self, now: Time) -> bool {
        now >= self.next
    }

    /// Looks at a sample, which was prepared for [`Self::NEEDS`].
    pub fn look(&mut self, now: Time, view: &View<'_>) {
        self.next = now + INTERVAL;
        let occurrences = Field::ALL
            .iter()
            .flat_map(|field| (0..DEPTH).map(move |nth| (field, nth)));
        for ((field, nth), last) in occurrences.zip(&mut self.last) {
            if (nth == 0 || field.is_layered()) && has(*field, nth, view, &mut self.workspace) {
                *last = Some(now);
            }
        }
    }

    /// The keys that were seen, and when last.
    pub fn keys(&self) -> impl Iterator<Item = (String, Time)> + '_ {
        let occurrences = Field::ALL
            .iter()
            .flat_map(|field| (0..DEPTH).map(move |nth| (field, nth)));
        occurrences.zip(&self.last).filter_map(|((field, nth), last)| {
            let name = match nth {
                0 => field.name().to_owned(),
                nth => format!("{}.{nth}", field.name()),
            };
            Some((name, (*last)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::flow::testing::*;

    #[test]
    fn the_keys_of_a_sample_are_seen_and_when() {
        let mut seen = Seen::new();
        let at = |ms: u64| Time::from_nanos(ms * 1_000_000);
        assert!(seen.is_due(at(0)));
        let inner = segment(1, 2);
        let outer = udp(9, 4789, &vxlan(5, &inner));
        let frame = ethernet(0x0800, &ipv4([10, 0, 0, 1], [10, 0, 0, 2], 17, &outer));
        seen.look(at(0), &view(&frame));
        assert!(!seen.is_due(at(9)) && seen.is_due(at(10)));
        seen.look(at(10), &view(&inner));
        let keys: BTreeMap<String, Time> = seen.keys().collect();
        for (key, when) in [
            ("ipsource", Some(10)),
            ("ipsource.1", Some(0)),
            ("ipsource.2", None),
            ("tcpflags", Some(10)),
            ("vni", Some(0)),
            ("ip6source", None),
            ("inputifindex", Some(10)),
            ("stack", Some(10)),
            ("bgpas", None),
        ] {
            assert_eq!(keys.get(key).copied(), when.map(at), "{key}");
        }
    }
}

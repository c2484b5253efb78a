//! Which changes go together. Pure: takes `now`, never waits.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use shared::AclName;
use tokio::time::Instant;

use super::change::{Change, Footprint};

/// A batch is sealed when nothing has arrived for so long …
pub const QUIET: Duration = Duration::from_millis(5);
/// … or when its first change has waited for so long.
pub const LONGEST: Duration = Duration::from_millis(50);

/// Most changes in one batch: as many as may wait, which halving after a refusal finds its way through in 13 levels.
pub const MAX_CHANGES: usize = 4096;

/// The quiet window of the batch that is being collected.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    opened: Instant,
    last: Instant,
}

impl Window {
    /// Opened by the first change.
    pub const fn open(now: Instant) -> Self {
        Self {
            opened: now,
            last: now,
        }
    }

    /// Another change has arrived.
    pub const fn arrival(&mut self, now: Instant) {
        self.last = now;
    }

    /// When the batch is to be sealed if nothing more arrives.
    pub fn deadline(&self) -> Instant {
        (self.last + QUIET).min(self.opened + LONGEST)
    }
}

/// How long a caller whose change the tool refused commits apart (`acl-server` contract §2.4).
pub const QUARANTINE: Duration = Duration::from_secs(600);
/// Most callers that are remembered for it; beyond, the one that was refused longest ago is forgotten.
const MAX_SUSPECTS: usize = 1024;

/// Changes that wait, in the order of their arrival.
#[derive(Debug, Default)]
pub struct Queue {
    changes: VecDeque<Change>,
    /// When the tool last refused something of a caller.
    refused: HashMap<Arc<str>, Instant>,
    /// The last batch was of those who are in good standing, so one of the others is next.
    others_turn: bool,
}

/// Names and prefixes that are taken.
#[derive(Default)]
struct Taken {
    names: HashSet<AclName>,
    prefixes: Vec<String>,
}

impl Taken {
    fn overlaps(&self, footprint: Footprint<'_>) -> bool {
        let by_prefix = self
            .prefixes
            .iter()
            .any(|prefix| Footprint::Prefix(prefix).overlaps(&footprint));
        by_prefix
            || match footprint.prefix() {
                Some(prefix) => self.names.iter().any(|name| name.as_str().starts_with(prefix)),
                None => footprint.names().any(|name| self.names.contains(name)),
            }
    }

    fn take(&mut self, footprint: Footprint<'_>) {
        self.names.extend(footprint.names().cloned());
        self.prefixes.extend(footprint.prefix().map(str::to_owned));
    }
}

impl Queue {
    /// Puts a change at the end.
    pub fn push(&mut self, change: Change) {
        self.changes.push_back(change);
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The tool refused something of this caller, who therefore commits apart for a while.
    pub fn suspect(&mut self, who: &Arc<str>, now: Instant) {
        self.refused
            .retain(|_, refused| now.saturating_duration_since(*refused) < QUARANTINE);
        if self.refused.len() >= MAX_SUSPECTS
            && let Some(oldest) = self
                .refused
                .iter()
                .min_by_key(|(_, when)| **when)
                .map(|(who, _)| Arc::clone(who))
        {
            self.refused.remove(&oldest);
        }
        self.refused.insert(Arc::clone(who), now);
    }

    fn is_suspect(&self, who: &Arc<str>, now: Instant) -> bool {
        self.refused
            .get(who)
            .is_some_and(|refused| now.saturating_duration_since(*refused) < QUARANTINE)
    }

    /// Takes out the next batch: at most one change per name, and no change before an earlier one to the same name.
    ///
    /// A caller who was refused lately is in a batch of its own, after the others; but never waits for more than one
    /// batch of theirs, so that a steady stream does not keep it out for ever.
    pub fn seal(&mut self, now: Instant) -> Vec<Change> {
        let apart = |who: &Arc<str>| self.is_suspect(who, now).then(|| Arc::clone(who));
        // Whose turn it is; `None`: all who are in good standing.
        let mut turns = self.changes.iter().map(|change| apart(&change.caller.who));
        let Some(first) = turns.next() else {
            return Vec::new();
        };
        let mut turns = std::iter::once(first.clone()).chain(turns);
        let wanted = match self.others_turn {
            true => turns.find(Option::is_some),
            false => turns.find(Option::is_none),
        };
        let turn = wanted.unwrap_or_else(|| first.clone());
        let batch = self.take(&turn, now);
        // All of theirs may have to wait for earlier changes of somebody else; the very first change waits for nobody.
        let (turn, batch) = match batch.is_empty() {
            true => (first.clone(), self.take(&first, now)),
            false => (turn, batch),
        };
        self.others_turn = turn.is_none();
        batch
    }

    fn take(&mut self, turn: &Option<Arc<str>>, now: Instant) -> Vec<Change> {
        let mut taken = Taken::default();
        let (mut batch, mut later) = (Vec::new(), VecDeque::new());
        for change in std::mem::take(&mut self.changes) {
            let footprint = change.action.footprint();
            let wanted = match turn {
                Some(who) => change.caller.who == *who,
                None => !self.is_suspect(&change.caller.who, now),
            };
            // A change that stays behind takes its names too: those after it must not overtake it.
            let free = batch.len() < MAX_CHANGES && wanted && !taken.overlaps(footprint);
            taken.take(footprint);
            if free {
                batch.push(change);
            } else {
                later.push_back(change);
            }
        }
        self.changes = later;
        batch
    }

    /// Takes out everything, to be turned away.
    pub fn drain(&mut self) -> impl Iterator<Item = Change> + '_ {
        self.changes.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::sync::oneshot;

    use super::super::change::{Action, Precondition};
    use super::*;

    fn change(action: Action) -> Change {
        Change {
            action,
            precondition: Precondition::default(),
            reply: oneshot::channel().0,
            budget: None,
        }
    }

    fn put(name: &str) -> Action {
        Action::Put {
            name: name.parse().unwrap(),
            content: vec![],
            rules: vec![],
        }
    }

    fn delete_all(prefix: &str) -> Action {
        Action::DeleteAll {
            prefix: prefix.to_owned(),
        }
    }

    fn sealed(queue: &mut Queue) -> Vec<Action> {
        queue.seal().into_iter().map(|change| change.action).collect()
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn the_window_is_quiet_for_5_ms_or_50_ms_old() {
        let start = Instant::now();
        let mut window = Window::open(start);
        assert_eq!(window.deadline(), start + QUIET);
        for ms in (4..60).step_by(4) {
            window.arrival(start + Duration::from_millis(ms));
        }
        assert_eq!(window.deadline(), start + LONGEST);
    }

    #[test]
    fn one_change_per_name_and_the_later_ones_in_order() {
        let mut queue = Queue::default();
        let delete = Action::Delete {
            name: "a".parse().unwrap(),
        };
        for action in [put("a"), put("b"), delete.clone(), put("a"), put("c")] {
            queue.push(change(action));
        }
        assert_eq!(sealed(&mut queue), [put("a"), put("b"), put("c")]);
        assert_eq!(sealed(&mut queue), [delete]);
        assert_eq!(sealed(&mut queue), [put("a")]);
        assert!(queue.is_empty());
    }

    #[test]
    fn removing_all_is_a_border_for_the_names_it_touches() {
        let mut queue = Queue::default();
        for action in [
            put("fm_1"),
            delete_all("fm_"),
            put("fm_2"),
            put("other"),
            delete_all("f"),
        ] {
            queue.push(change(action));
        }
        assert_eq!(sealed(&mut queue), [put("fm_1"), put("other")]);
        assert_eq!(sealed(&mut queue), [delete_all("fm_")]);
        assert_eq!(sealed(&mut queue), [put("fm_2")]);
        assert_eq!(sealed(&mut queue), [delete_all("f")]);
    }

    fn any_action() -> impl Strategy<Value = Action> {
        let name = "[ab]{1,2}";
        prop_oneof![
            4 => name.prop_map(|n| put(&n)),
            2 => name.prop_map(|n| Action::Delete { name: n.parse().unwrap() }),
            1 => "[ab]{0,1}".prop_map(|p| delete_all(&p)),
        ]
    }

    proptest! {
        #[test]
        fn order_is_kept_among_changes_that_touch_the_same_name(actions in proptest::collection::vec(any_action(), 0..40)) {
            let mut queue = Queue::default();
            actions.iter().cloned().for_each(|action| queue.push(change(action)));
            let mut carried: Vec<Action> = Vec::new();
            while !queue.is_empty() {
                let batch = sealed(&mut queue);
                prop_assert!(!batch.is_empty());
                for (i, a) in batch.iter().enumerate() {
                    prop_assert!(batch[..i].iter().all(|b| !a.footprint().overlaps(&b.footprint())));
                }
                carried.extend(batch);
            }
            prop_assert_eq!(carried.len(), actions.len());
            for name in ["a", "b", "aa", "ab", "ba", "bb"] {
                let touching = |list: &[Action]| -> Vec<Action> {
                    list.iter().filter(|a| a.footprint().overlaps(&Footprint::Name(name))).cloned().collect()
                };
                prop_assert_eq!(touching(&carried), touching(&actions));
            }
        }
    }
}

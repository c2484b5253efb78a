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

/// Most changes in one batch: those of a thousand clients, which halving after a refusal finds its way through in 10 levels.
pub const MAX_CHANGES: usize = 1024;

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
    /// Callers in whose batch the tool hung, since when; forgiven at their next success.
    hung: HashMap<Arc<str>, Instant>,
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
        remember(&mut self.refused, who, now);
    }

    /// The tool hung on a batch of several callers: each commits apart until it has shown that it was another.
    pub fn suspect_until_success(&mut self, who: &Arc<str>, now: Instant) {
        remember(&mut self.hung, who, now);
    }

    /// The tool has accepted something of this caller.
    pub fn trust(&mut self, who: &Arc<str>) {
        self.hung.remove(who);
    }

    fn is_suspect(&self, who: &Arc<str>, now: Instant) -> bool {
        let lately = |list: &HashMap<Arc<str>, Instant>| {
            list.get(who)
                .is_some_and(|since| now.saturating_duration_since(*since) < QUARANTINE)
        };
        lately(&self.refused) || lately(&self.hung)
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
        let passed_over = self
            .changes
            .iter()
            .any(|change| self.is_suspect(&change.caller.who, now));
        self.others_turn = turn.is_none() && passed_over;
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

fn remember(list: &mut HashMap<Arc<str>, Instant>, who: &Arc<str>, now: Instant) {
    list.retain(|_, since| now.saturating_duration_since(*since) < QUARANTINE);
    if list.len() >= MAX_SUSPECTS
        && let Some(oldest) = list
            .iter()
            .min_by_key(|(_, when)| **when)
            .map(|(who, _)| Arc::clone(who))
    {
        list.remove(&oldest);
    }
    list.insert(Arc::clone(who), now);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::change::{Action, Caller, Edit, Precondition};
    use super::super::id::CommitId;
    use super::super::tests::world::{delete, edit, put};
    use super::*;

    fn change(action: Action, who: &str) -> Change {
        let id = CommitId { start: 0, number: 0 };
        Change {
            id,
            action,
            precondition: Precondition::default(),
            caller: Caller {
                who: who.into(),
                from: "-".into(),
                may: None,
            },
            queued: start(),
            reply: None,
            budget: None,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
    fn start() -> Instant {
        Instant::now()
    }

    fn new(acl: &str) -> Action {
        put(acl, "[iptables]\n")
    }

    fn clear(prefix: &str) -> Action {
        Action::Clear {
            prefix: prefix.to_owned(),
        }
    }

    fn sealed(queue: &mut Queue) -> Vec<Action> {
        queue
            .seal(start())
            .into_iter()
            .map(|change| change.action)
            .collect()
    }

    fn queue(actions: impl IntoIterator<Item = Action>) -> Queue {
        let mut queue = Queue::default();
        actions
            .into_iter()
            .for_each(|action| queue.push(change(action, "x")));
        queue
    }

    #[test]
    fn the_window_is_quiet_for_5_ms_or_50_ms_old() {
        let start = start();
        let mut window = Window::open(start);
        assert_eq!(window.deadline(), start + QUIET);
        for ms in (4..60).step_by(4) {
            window.arrival(start + Duration::from_millis(ms));
        }
        assert_eq!(window.deadline(), start + LONGEST);
    }

    #[test]
    fn one_change_per_name_and_the_later_ones_in_order() {
        let mut queue = queue([new("a"), new("b"), delete("a"), new("a"), new("c")]);
        assert_eq!(sealed(&mut queue), [new("a"), new("b"), new("c")]);
        assert_eq!(sealed(&mut queue), [delete("a")]);
        assert_eq!(sealed(&mut queue), [new("a")]);
        assert!(queue.is_empty());
    }

    #[test]
    fn removing_all_is_a_border_for_the_names_it_touches() {
        let mut queue = queue([new("fm_1"), clear("fm_"), new("fm_2"), new("other"), clear("f")]);
        assert_eq!(sealed(&mut queue), [new("fm_1"), new("other")]);
        assert_eq!(sealed(&mut queue), [clear("fm_")]);
        assert_eq!(sealed(&mut queue), [new("fm_2")]);
        assert_eq!(sealed(&mut queue), [clear("f")]);
    }

    #[test]
    fn a_transaction_takes_all_its_names() {
        let both = edit(vec![("a", None), ("b", None)]);
        let mut queue = queue([new("a"), both.clone(), new("b"), new("c")]);
        assert_eq!(sealed(&mut queue), [new("a"), new("c")]);
        assert_eq!(sealed(&mut queue), [both]);
        assert_eq!(sealed(&mut queue), [new("b")]);
    }

    #[test]
    fn who_was_refused_is_alone_and_last_and_not_kept_out() {
        let mut queue = Queue::default();
        queue.suspect(&"bad".into(), start());
        queue.suspect(&"worse".into(), start());
        for (acl, who) in [
            ("a", "bad"),
            ("b", "x"),
            ("c", "worse"),
            ("d", "bad"),
            ("a", "x"),
            ("e", "y"),
        ] {
            queue.push(change(new(acl), who));
        }
        // `x` wants `a` too, after `bad` does.
        assert_eq!(sealed(&mut queue), [new("b"), new("e")]);
        queue.push(change(new("f"), "x"));
        assert_eq!(sealed(&mut queue), [new("a"), new("d")]);
        assert_eq!(sealed(&mut queue), [new("a"), new("f")]);
        assert_eq!(sealed(&mut queue), [new("c")]);
        assert!(queue.is_empty() && sealed(&mut queue).is_empty());
    }

    #[test]
    fn only_so_many_are_remembered_and_not_for_ever() {
        let mut queue = Queue::default();
        for n in 0..MAX_SUSPECTS + 10 {
            queue.suspect(&n.to_string().into(), start() + Duration::from_millis(n as u64));
        }
        assert_eq!(queue.refused.len(), MAX_SUSPECTS);
        let latest: Arc<str> = (MAX_SUSPECTS + 9).to_string().into();
        assert!(queue.is_suspect(&latest, start()) && !queue.is_suspect(&"9".into(), start()));
        assert!(!queue.is_suspect(&latest, start() + QUARANTINE + Duration::from_secs(9)));
    }

    fn any_action() -> impl Strategy<Value = Action> {
        let name = "[ab]{1,2}";
        prop_oneof![
            4 => name.prop_map(|n| new(&n)),
            2 => name.prop_map(|n| delete(&n)),
            1 => Just(edit(vec![("a", None), ("ab", None)])),
            1 => "[ab]{0,1}".prop_map(|p| clear(&p)),
        ]
    }

    proptest! {
        #[test]
        fn order_is_kept_among_changes_that_touch_the_same_name(
            actions in proptest::collection::vec((any_action(), "[xyz]"), 0..40),
            suspects in proptest::collection::vec("[xyz]", 0..3),
        ) {
            let mut queue = Queue::default();
            for who in suspects {
                queue.suspect(&who.as_str().into(), start());
            }
            for (action, who) in &actions {
                queue.push(change(action.clone(), who));
            }
            let actions: Vec<Action> = actions.into_iter().map(|(action, _)| action).collect();
            let mut carried: Vec<Action> = Vec::new();
            while !queue.is_empty() {
                let batch = queue.seal(start());
                prop_assert!(!batch.is_empty());
                let apart = |change: &Change| queue.is_suspect(&change.caller.who, start());
                if batch.iter().any(apart) {
                    prop_assert!(batch.iter().all(|change| change.caller.who == batch[0].caller.who));
                }
                for (i, a) in batch.iter().enumerate() {
                    let footprint = a.action.footprint();
                    prop_assert!(batch[..i].iter().all(|b| !footprint.overlaps(&b.action.footprint())));
                }
                carried.extend(batch.into_iter().map(|change| change.action));
            }
            prop_assert_eq!(carried.len(), actions.len());
            for name in ["a", "b", "aa", "ab", "ba", "bb"] {
                let one = [Edit { name: name.parse().unwrap(), wish: None }];
                let touching = |list: &[Action]| -> Vec<Action> {
                    list.iter().filter(|a| a.footprint().overlaps(&Footprint::Edits(&one))).cloned().collect()
                };
                prop_assert_eq!(touching(&carried), touching(&actions));
            }
        }
    }
}

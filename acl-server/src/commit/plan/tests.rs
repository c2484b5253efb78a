use std::sync::Arc;

use super::super::change::{Action, Effect, Precondition};
use super::super::drift;
use super::super::facts::Facts;
use super::super::room::{MAX_ACLS, MAX_BYTES};
use super::super::tests::disk::Disk;
use super::super::tests::world::{caller, delete, edit, name, put, wish};
use super::*;
use crate::store::etag;

struct Fixture {
    store: Store,
    kept: Arc<dyn Dir>,
    book: Book,
}

#[expect(clippy::disallowed_methods, reason = "any instant will do as the origin")]
fn now() -> Instant {
    Instant::now()
}

fn fixture(files: &[(&str, &str)]) -> Fixture {
    let disk = Disk::default();
    let store = Store::new(disk.dir("policy.d"));
    for (name, content) in files {
        disk.by_hand("policy.d", &format!("50rest-{name}.rules"), Some(content));
    }
    let (mut book, _, first) = Book::open(disk.dir("state"), now()).unwrap();
    assert!(first);
    drift::scan(&store, &mut book.committed).unwrap();
    book.adopt_all();
    book.all_installed(&store);
    Fixture {
        store,
        kept: disk.dir("drift"),
        book,
    }
}

fn change(action: Action, precondition: Precondition) -> Change {
    Change {
        id: CommitId { start: 0, number: 1 },
        action,
        precondition,
        caller: caller("x"),
        queued: now(),
        reply: None,
        budget: None,
    }
}

impl Fixture {
    fn batch(&mut self, changes: Vec<Change>, synced: bool) -> Plan {
        let basis = Basis {
            store: &self.store,
            book: &mut self.book,
            synced,
            limits: Limits::default(),
            now: now(),
            kept: &*self.kept,
        };
        Plan::new(changes, basis)
    }

    fn plan(&mut self, action: Action, synced: bool) -> Plan {
        self.batch(vec![change(action, Precondition::default())], synced)
    }

    fn verdict(&mut self, action: Action, precondition: Precondition) -> Verdict {
        let plan = self.batch(vec![change(action, precondition)], true);
        match (plan.decided.into_iter().next(), plan.members.into_iter().next()) {
            (Some((_, verdict)), None) => verdict,
            (None, Some(member)) => member.success,
            other => panic!("{other:?}"),
        }
    }
}

fn done(effect: Effect) -> Verdict {
    Verdict::Done {
        effects: vec![effect],
        unconfirmed: false,
    }
}

#[test]
fn created_replaced_unchanged_and_removed_are_told_apart() {
    let mut f = fixture(&[("a", "1\n")]);
    let none = Precondition::default;
    assert_eq!(f.verdict(put("b", "1\n"), none()), done(Effect::Created));
    assert_eq!(f.verdict(put("a", "2\n"), none()), done(Effect::Replaced));
    assert_eq!(f.verdict(put("a", "1\n"), none()), done(Effect::Unchanged));
    assert_eq!(f.verdict(delete("a"), none()), done(Effect::Removed));
    assert_eq!(f.verdict(delete("zzz"), none()), done(Effect::Absent));
    assert!(f.plan(delete("zzz"), true).members.is_empty());
    assert!(f.plan(put("a", "1\n"), true).members.is_empty());
}

#[test]
fn nothing_is_taken_for_granted_while_unsynced() {
    let mut f = fixture(&[("a", "1\n")]);
    assert_eq!(f.plan(put("a", "1\n"), false).members.len(), 1);
    assert_eq!(f.plan(delete("zzz"), false).members.len(), 1);
}

#[test]
fn preconditions_are_decided_against_the_content() {
    let mut f = fixture(&[("a", "1\n")]);
    let absent = || Precondition {
        if_match: None,
        absent: true,
    };
    let matching = |tag: &str| Precondition {
        if_match: Some(vec!["\"x\"".to_owned(), tag.to_owned()]),
        absent: false,
    };
    let failed = Verdict::PreconditionFailed {
        name: name("a"),
        current: Some(etag(b"1\n")),
    };
    assert_eq!(f.verdict(put("a", "2\n"), absent()), failed);
    assert_eq!(f.verdict(put("b", "2\n"), absent()), done(Effect::Created));
    let one = etag(b"1\n");
    assert_eq!(f.verdict(put("a", "2\n"), matching(&one)), done(Effect::Replaced));
    assert_eq!(f.verdict(delete("a"), matching("*")), done(Effect::Removed));
    assert_eq!(f.verdict(delete("a"), matching(&etag(b"2\n"))), failed);
    let missing = Verdict::PreconditionFailed {
        name: name("b"),
        current: None,
    };
    assert_eq!(f.verdict(put("b", "2\n"), matching("*")), missing);
}

#[test]
fn removing_all_takes_every_name_under_the_prefix() {
    let mut f = fixture(&[("fm_1", "1\n"), ("fm_2", "2\n"), ("other", "3\n")]);
    let prefix = "fm_".to_owned();
    let plan = f.plan(Action::Clear { prefix }, true);
    let names: Vec<_> = plan.files.iter().map(|file| file.name.to_string()).collect();
    assert_eq!(names, ["fm_1", "fm_2"]);
    assert_eq!(plan.members[0].files, 0..2);
    assert!(plan.files.iter().all(|file| file.new.is_none()));
}

#[test]
fn what_a_caller_may_not_do_counts_for_old_and_new_rules() {
    const DROP: &str = "[iptables]\n-A FORWARD -i swp1 -j DROP\n";
    const MARK: &str = "[iptables]\n-t mangle -A FORWARD -i swp1 -j SETQOS --set-dscp 8\n";
    let mut f = fixture(&[("drops", DROP), ("marks", MARK)]);
    let mut as_marker = |action: Action| {
        let mut change = change(action, Precondition::default());
        change.caller.may = Some([crate::rules::Action::Mark].into_iter().collect());
        let plan = f.batch(vec![change], true);
        plan.decided.into_iter().next().map(|(_, verdict)| verdict)
    };
    let forbidden = |acl: &str| {
        Some(Verdict::Forbidden {
            name: name(acl),
            missing: [crate::rules::Action::Drop].into_iter().collect(),
        })
    };
    assert_eq!(as_marker(put("new", DROP)), forbidden("new"));
    assert_eq!(
        as_marker(put("drops", MARK)),
        forbidden("drops"),
        "by overwriting"
    );
    assert_eq!(as_marker(delete("drops")), forbidden("drops"));
    assert_eq!(as_marker(put("marks", DROP)), forbidden("marks"));
    assert_eq!(as_marker(delete("marks")), None);
    assert_eq!(
        as_marker(Action::Clear {
            prefix: String::new()
        }),
        forbidden("drops")
    );
}

#[test]
fn number_and_bytes_of_acls_are_bounded() {
    let mut f = fixture(&[("a", "1\n")]);
    let empty = |n: usize| OnDisk::new(n.to_string().as_bytes(), &Facts::default(), None);
    for index in 0..MAX_ACLS - 2 {
        f.book
            .committed
            .set_disk(&name(&format!("x{index}")), Some(empty(index)));
    }
    let batch = ["b", "c", "a"].map(|name| change(put(name, "9\n"), Precondition::default()));
    let plan = f.batch(batch.into(), true);
    assert_eq!(
        plan.members.len(),
        2,
        "one more fits, and a replacement always does"
    );
    assert!(matches!(plan.decided[0].1, Verdict::NoRoom { .. }));

    let mut f = fixture(&[]);
    let large = OnDisk::new(&vec![b'\n'; MAX_BYTES - 3], &Facts::default(), None);
    f.book.committed.set_disk(&name("large"), Some(large));
    let batch = ["b", "c"].map(|name| change(put(name, "9\n"), Precondition::default()));
    let plan = f.batch(batch.into(), true);
    assert_eq!((plan.members.len(), plan.decided.len()), (1, 1));
}

#[test]
fn a_rule_that_another_acl_has_is_a_conflict() {
    const RULE: &str = "[iptables]\n# one\n-A FORWARD -i swp1 -j DROP\n";
    const SAME: &str = "[iptables]\n-A FORWARD --in-interface swp1 -j DROP\n";
    let mut f = fixture(&[("a", RULE)]);
    let duplicate = Verdict::Duplicate {
        name: name("b"),
        line: 2,
        of: name("a"),
    };
    let none = Precondition::default;
    assert_eq!(f.verdict(put("b", SAME), none()), duplicate);
    assert_eq!(f.verdict(put("a", SAME), none()), done(Effect::Replaced));
    let other = SAME.replace("[iptables]", "[ip6tables]");
    assert_eq!(f.verdict(put("b", &other), none()), done(Effect::Created));
    // In one batch: the second of two, and one whose rule is only on its way out.
    let mut batch = |actions: [Action; 2]| {
        let changes = actions.map(|action| change(action, Precondition::default()));
        f.batch(changes.into(), true).members.len()
    };
    let new = "[iptables]\n-A FORWARD -i swp2 -j DROP\n";
    assert_eq!(batch([put("b", new), put("c", new)]), 1);
    assert_eq!(batch([delete("a"), put("c", SAME)]), 1);
    let moved = edit(vec![("a", Some(wish(new, None))), ("b", Some(wish(SAME, None)))]);
    assert!(f.verdict(moved, none()).is_success());
}

use tokio::sync::oneshot;

use super::super::committed::rule_ids;
use super::*;

struct Fixture {
    _directory: tempfile::TempDir,
    store: Store,
    committed: Committed,
}

fn fixture(files: &[(&str, &str)]) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let mut committed = Committed::default();
    for (name, content) in files {
        std::fs::write(directory.path().join(format!("50rest-{name}.rules")), content).unwrap();
        committed.set(&name.parse().unwrap(), Some(content.as_bytes()));
    }
    let store = Store::open(directory.path()).unwrap();
    Fixture {
        _directory: directory,
        store,
        committed,
    }
}

fn change(action: Action, precondition: Precondition) -> Change {
    Change {
        action,
        precondition,
        reply: oneshot::channel().0,
        budget: None,
    }
}

fn put(name: &str, content: &str) -> Action {
    Action::Put {
        name: name.parse().unwrap(),
        content: content.as_bytes().to_vec(),
        rules: rule_ids(content.as_bytes()),
    }
}

fn delete(name: &str) -> Action {
    Action::Delete {
        name: name.parse().unwrap(),
    }
}

impl Fixture {
    fn plan(&self, action: Action, precondition: Precondition, synced: bool) -> Plan {
        Plan::new(
            vec![change(action, precondition)],
            &self.store,
            &self.committed,
            synced,
        )
    }

    fn verdict(&self, action: Action, precondition: Precondition) -> Verdict {
        let plan = self.plan(action, precondition, true);
        match (plan.decided.into_iter().next(), plan.members.into_iter().next()) {
            (Some((_, verdict)), None) => verdict,
            (None, Some(member)) => member.success,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn created_replaced_unchanged_and_removed_are_told_apart() {
    let f = fixture(&[("a", "1\n")]);
    let none = Precondition::default;
    assert_eq!(
        f.verdict(put("b", "1\n"), none()),
        Verdict::Installed { created: true }
    );
    assert_eq!(
        f.verdict(put("a", "2\n"), none()),
        Verdict::Installed { created: false }
    );
    assert_eq!(f.verdict(put("a", "1\n"), none()), Verdict::Unchanged);
    assert_eq!(f.verdict(delete("a"), none()), Verdict::Removed);
    assert!(f.plan(delete("zzz"), none(), true).members.is_empty());
    assert!(f.plan(put("a", "1\n"), none(), true).members.is_empty());
}

#[test]
fn nothing_is_taken_for_granted_while_unsynced_or_after_an_edit() {
    let mut f = fixture(&[("a", "1\n")]);
    assert_eq!(
        f.plan(put("a", "1\n"), Precondition::default(), false)
            .members
            .len(),
        1
    );
    assert_eq!(
        f.plan(delete("zzz"), Precondition::default(), false)
            .members
            .len(),
        1
    );
    f.committed
        .set(&"a".parse().unwrap(), Some(b"what the switch has\n"));
    assert_eq!(
        f.plan(put("a", "1\n"), Precondition::default(), true)
            .members
            .len(),
        1
    );
}

#[test]
fn preconditions_are_decided_against_the_content() {
    let f = fixture(&[("a", "1\n")]);
    let absent = || Precondition {
        if_match: None,
        absent: true,
    };
    let matching = |tag: &str| Precondition {
        if_match: Some(vec!["\"x\"".to_owned(), tag.to_owned()]),
        absent: false,
    };
    let failed = Verdict::PreconditionFailed {
        current: Some(etag(b"1\n")),
    };
    assert_eq!(f.verdict(put("a", "2\n"), absent()), failed);
    assert_eq!(
        f.verdict(put("b", "2\n"), absent()),
        Verdict::Installed { created: true }
    );
    assert_eq!(
        f.verdict(put("a", "2\n"), matching(&etag(b"1\n"))),
        Verdict::Installed { created: false }
    );
    assert_eq!(f.verdict(delete("a"), matching("*")), Verdict::Removed);
    assert_eq!(f.verdict(delete("a"), matching(&etag(b"2\n"))), failed);
    assert_eq!(
        f.verdict(put("b", "2\n"), matching("*")),
        Verdict::PreconditionFailed { current: None }
    );
}

#[test]
fn removing_all_takes_every_name_under_the_prefix() {
    let f = fixture(&[("fm_1", "1\n"), ("fm_2", "2\n"), ("other", "3\n")]);
    let plan = f.plan(
        Action::DeleteAll {
            prefix: "fm_".to_owned(),
        },
        Precondition::default(),
        true,
    );
    let names: Vec<_> = plan.files.iter().map(|file| file.name.to_string()).collect();
    assert_eq!(names, ["fm_1", "fm_2"]);
    assert_eq!(plan.members[0].files, 0..2);
    assert!(plan.files.iter().all(|file| file.new.is_none()));
}

#[test]
fn what_was_made_by_hand_goes_with_all() {
    let mut f = fixture(&[("a", "1\n"), ("by_hand", "2\n")]);
    f.committed.set(&"by_hand".parse().unwrap(), None);
    let plan = f.plan(
        Action::DeleteAll {
            prefix: String::new(),
        },
        Precondition::default(),
        true,
    );
    assert_eq!(plan.files.len(), 2);
}

#[test]
fn number_and_bytes_of_acls_are_bounded() {
    let mut f = fixture(&[("a", "1\n")]);
    for index in 0..MAX_ACLS - 2 {
        f.committed.set(&format!("x{index}").parse().unwrap(), Some(b""));
    }
    let batch = ["b", "c", "a"].map(|name| change(put(name, "9\n"), Precondition::default()));
    let plan = Plan::new(batch.into(), &f.store, &f.committed, true);
    assert_eq!(
        plan.members.len(),
        2,
        "one more fits, and a replacement always does"
    );
    assert!(matches!(plan.decided[0].1, Verdict::NoRoom { .. }));

    let mut f = fixture(&[]);
    let large = vec![b'\n'; MAX_BYTES - 3];
    // Without looking for rules in 64 MiB of empty lines.
    f.committed
        .put(&"large".parse().unwrap(), &large, std::iter::empty());
    let batch = ["b", "c"].map(|name| change(put(name, "9\n"), Precondition::default()));
    let plan = Plan::new(batch.into(), &f.store, &f.committed, true);
    assert_eq!((plan.members.len(), plan.decided.len()), (1, 1));
}

#[test]
fn a_rule_that_another_acl_has_is_a_conflict() {
    const RULE: &str = "[iptables]\n# one\n-A FORWARD -i swp1 -j DROP\n";
    const SAME: &str = "[iptables]\n-A FORWARD --in-interface swp1 -j DROP\n";
    let f = fixture(&[("a", RULE)]);
    let duplicate = Verdict::Duplicate {
        line: 2,
        of: "a".parse().unwrap(),
    };
    assert_eq!(f.verdict(put("b", SAME), Precondition::default()), duplicate);
    assert_eq!(
        f.verdict(put("a", SAME), Precondition::default()),
        Verdict::Installed { created: false }
    );
    let other = SAME.replace("[iptables]", "[ip6tables]");
    assert_eq!(
        f.verdict(put("b", &other), Precondition::default()),
        Verdict::Installed { created: true }
    );
    // In one batch: the second of two, but not one whose rule is on its way out.
    let batch = |actions: [Action; 2]| {
        let changes = actions.map(|action| change(action, Precondition::default()));
        Plan::new(changes.into(), &f.store, &f.committed, true)
            .members
            .len()
    };
    let new = "[iptables]\n-A FORWARD -i swp2 -j DROP\n";
    assert_eq!(batch([put("b", new), put("c", new)]), 1);
    assert_eq!(batch([delete("a"), put("c", SAME)]), 2);
}

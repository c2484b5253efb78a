//! What a sealed batch means for the files. Preconditions, "unchanged", 201 or 200 and the number of ACLs are decided
//! here, against what is committed, and nowhere else.

use std::collections::BTreeMap;

use shared::AclName;

use super::change::{Action, Change, Precondition, Verdict};
use super::journal::FileChange;
use crate::store::{ReadError, Store, etag, fingerprint};

/// Most ACLs on one switch (`acl-server` contract §4).
pub const MAX_ACLS: usize = 10_000;

/// The committed ACLs and the fingerprints of their contents.
pub type Committed = BTreeMap<AclName, crate::store::Fingerprint>;

/// A change that takes part in the commit.
#[derive(Debug)]
pub struct Member {
    /// The change.
    pub change: Change,
    /// Its place among the batch's files: `files[range]`.
    pub files: std::ops::Range<usize>,
    /// What its caller hears if the tool accepts it.
    pub success: Verdict,
}

/// A batch, ready to be carried out.
#[derive(Debug, Default)]
pub struct Plan {
    /// Who takes part.
    pub members: Vec<Member>,
    /// All files that change, each once.
    pub files: Vec<FileChange>,
    /// Who has a verdict without the tool.
    pub decided: Vec<(Change, Verdict)>,
}

/// What one change comes to.
enum Decision {
    Now(Verdict),
    Commit {
        files: Vec<FileChange>,
        success: Verdict,
    },
}

impl Plan {
    /// Decides what can be decided without the tool. `synced`: the switch is known to have what is committed, so a change
    /// that changes nothing needs no run.
    pub fn new(batch: Vec<Change>, store: &Store, committed: &Committed, synced: bool) -> Self {
        let mut plan = Self::default();
        let mut count = committed.len();
        for change in batch {
            match decide(&change, store, committed, synced, &mut count) {
                Decision::Now(verdict) => plan.decided.push((change, verdict)),
                Decision::Commit { files, success } => {
                    let start = plan.files.len();
                    plan.files.extend(files);
                    plan.members.push(Member {
                        change,
                        files: start..plan.files.len(),
                        success,
                    });
                }
            }
        }
        plan
    }
}

fn decide(
    change: &Change,
    store: &Store,
    committed: &Committed,
    synced: bool,
    count: &mut usize,
) -> Decision {
    let names: Vec<AclName> = match &change.action {
        Action::Put { name, .. } | Action::Delete { name } => vec![name.clone()],
        Action::DeleteAll { prefix } => committed
            .keys()
            .filter(|name| name.as_str().starts_with(prefix))
            .cloned()
            .collect(),
    };
    let mut files = Vec::new();
    for name in names {
        let old = match store.read(&name) {
            Ok(old) => old,
            Err(error) => return Decision::Now(unreadable(&error)),
        };
        if !holds(&change.precondition, old.as_deref()) {
            return Decision::Now(Verdict::PreconditionFailed {
                current: old.as_deref().map(etag),
            });
        }
        let new = match &change.action {
            Action::Put { content, .. } => Some(content.clone()),
            Action::Delete { .. } | Action::DeleteAll { .. } => None,
        };
        // The file may have been edited since; then equal bytes are not what the switch has.
        let as_committed = committed.get(&name) == old.as_deref().map(fingerprint).as_ref();
        if old != new || !as_committed {
            files.push(FileChange { name, old, new });
        }
    }
    let created = files.iter().any(|file| file.old.is_none() && file.new.is_some());
    let success = match change.action {
        Action::Put { .. } if files.is_empty() => Verdict::Unchanged,
        Action::Put { .. } => Verdict::Installed { created },
        Action::Delete { .. } | Action::DeleteAll { .. } => Verdict::Removed,
    };
    if files.is_empty() && synced {
        return Decision::Now(success);
    }
    if created {
        if *count >= MAX_ACLS {
            return Decision::Now(Verdict::TooMany { limit: MAX_ACLS });
        }
        *count += 1;
    }
    Decision::Commit { files, success }
}

fn holds(precondition: &Precondition, current: Option<&[u8]>) -> bool {
    if precondition.absent && current.is_some() {
        return false;
    }
    let Some(wanted) = &precondition.if_match else {
        return true;
    };
    let Some(current) = current else { return false };
    let tag = etag(current);
    wanted.iter().any(|wanted| wanted == "*" || *wanted == tag)
}

fn unreadable(error: &ReadError) -> Verdict {
    Verdict::StoreFailed {
        why: error.to_string(),
        full: false,
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    struct Fixture {
        _directory: tempfile::TempDir,
        store: Store,
        committed: Committed,
    }

    fn fixture(files: &[(&str, &str)]) -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let mut committed = Committed::new();
        for (name, content) in files {
            std::fs::write(directory.path().join(format!("50rest-{name}.rules")), content).unwrap();
            committed.insert(name.parse().unwrap(), fingerprint(content.as_bytes()));
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
            .insert("a".parse().unwrap(), fingerprint(b"what the switch has\n"));
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
    fn the_number_of_acls_is_bounded() {
        let mut f = fixture(&[("a", "1\n")]);
        for index in 0..MAX_ACLS - 2 {
            f.committed.insert(format!("x{index}").parse().unwrap(), [0; 32]);
        }
        let batch = ["b", "c", "a"].map(|name| change(put(name, "9\n"), Precondition::default()));
        let plan = Plan::new(batch.into(), &f.store, &f.committed, true);
        assert_eq!(
            plan.members.len(),
            2,
            "one more fits, and a replacement always does"
        );
        assert_eq!(plan.decided[0].1, Verdict::TooMany { limit: MAX_ACLS });
    }
}

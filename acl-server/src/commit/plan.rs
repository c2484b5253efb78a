//! What a sealed batch means for the files. Preconditions, "unchanged", 201 or 200 and the number of ACLs are decided
//! here, against what is committed, and nowhere else.

use std::collections::{BTreeSet, HashMap, HashSet};

use shared::AclName;

use super::change::{Action, Change, Precondition, Verdict};
use super::committed::{Committed, RuleId};
use super::journal::{Content, FileChange};
use crate::store::{ReadError, Store, etag, fingerprint};

/// Most ACLs on one switch (`acl-server` contract §4).
pub const MAX_ACLS: usize = 10_000;
/// Most bytes in all of them: what a batch that removes everything must hold in memory, on a switch CPU.
pub const MAX_BYTES: usize = 64 << 20;

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
    Done(Verdict),
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
        let mut sealing = Sealing {
            store,
            committed,
            synced,
            acls: committed.len(),
            bytes: committed.bytes(),
            touched: HashSet::new(),
            brought: HashMap::new(),
        };
        for change in batch {
            match sealing.decide(&change) {
                Ok(Decision::Done(verdict)) | Err(verdict) => plan.decided.push((change, verdict)),
                Ok(Decision::Commit { files, success }) => {
                    let start = plan.files.len();
                    plan.files.extend(files);
                    let files = start..plan.files.len();
                    plan.members.push(Member {
                        change,
                        files,
                        success,
                    });
                }
            }
        }
        plan
    }
}

/// What is known while a batch is being sealed: the committed state, and what the members so far would make of it.
struct Sealing<'a> {
    store: &'a Store,
    committed: &'a Committed,
    synced: bool,
    acls: usize,
    bytes: usize,
    /// The ACLs that an earlier member changes: whether their rules stay is for the tool to say.
    touched: HashSet<AclName>,
    /// The rules that earlier members bring.
    brought: HashMap<RuleId, AclName>,
}

impl Sealing<'_> {
    fn decide(&mut self, change: &Change) -> Result<Decision, Verdict> {
        let mut files = Vec::new();
        for name in self.names(&change.action)? {
            let old = self.store.read(&name).map_err(|error| unreadable(&error))?;
            if !holds(&change.precondition, old.as_deref()) {
                return Err(Verdict::PreconditionFailed {
                    current: old.as_deref().map(etag),
                });
            }
            let new = match &change.action {
                Action::Put { content, .. } => Some(Content::from(content.as_slice())),
                Action::Delete { .. } | Action::DeleteAll { .. } => None,
            };
            // The file may have been edited since; then equal bytes are not what the switch has.
            let as_committed = self.committed.fingerprint(&name) == old.as_deref().map(fingerprint);
            if old.as_deref() != new.as_deref() || !as_committed {
                files.push(FileChange {
                    name,
                    old: old.map(Content::from),
                    new,
                });
            }
        }
        let created = files.iter().any(|file| file.old.is_none() && file.new.is_some());
        let success = match change.action {
            Action::Put { .. } if files.is_empty() => Verdict::Unchanged,
            Action::Put { .. } => Verdict::Installed { created },
            Action::Delete { .. } | Action::DeleteAll { .. } => Verdict::Removed,
        };
        if files.is_empty() && self.synced {
            return Ok(Decision::Done(success));
        }
        self.check_room(&files)?;
        if !files.is_empty() {
            self.check_duplicates(&change.action)?;
        }
        self.touched.extend(files.iter().map(|file| file.name.clone()));
        Ok(Decision::Commit { files, success })
    }

    fn names(&self, action: &Action) -> Result<Vec<AclName>, Verdict> {
        match action {
            Action::Put { name, .. } | Action::Delete { name } => Ok(vec![name.clone()]),
            Action::DeleteAll { prefix } => {
                // What was made by hand since is ours too, and what was removed by hand is still on the switch.
                let on_disk = self.store.names().map_err(|error| unreadable(&error.into()))?;
                let all: BTreeSet<AclName> = on_disk
                    .into_iter()
                    .chain(self.committed.names().cloned())
                    .collect();
                Ok(all
                    .into_iter()
                    .filter(|name| name.as_str().starts_with(prefix))
                    .collect())
            }
        }
    }

    /// Counts what the files would make of the number of ACLs and of their bytes.
    fn check_room(&mut self, files: &[FileChange]) -> Result<(), Verdict> {
        let (mut acls, mut bytes) = (self.acls, self.bytes);
        for file in files {
            let length = |content: &Option<Content>| content.as_deref().map_or(0, <[u8]>::len);
            acls = (acls + usize::from(file.new.is_some())).saturating_sub(usize::from(file.old.is_some()));
            bytes = (bytes + length(&file.new)).saturating_sub(length(&file.old));
        }
        // What becomes no larger always fits.
        if acls > MAX_ACLS && acls > self.acls {
            return Err(Verdict::NoRoom {
                why: format!("a switch has at most {MAX_ACLS} ACLs"),
            });
        }
        if bytes > MAX_BYTES && bytes > self.bytes {
            return Err(Verdict::NoRoom {
                why: format!("the ACLs of a switch have at most {MAX_BYTES} bytes in all"),
            });
        }
        (self.acls, self.bytes) = (acls, bytes);
        Ok(())
    }

    /// The tool refuses a rule that another ACL has already.
    fn check_duplicates(&mut self, action: &Action) -> Result<(), Verdict> {
        let Action::Put { name, rules, .. } = action else {
            return Ok(());
        };
        for (line, rule) in rules {
            let committed = self.committed.owner(rule);
            let committed = committed.filter(|owner| !self.touched.contains(*owner));
            match self.brought.get(rule).or(committed) {
                Some(of) if of != name => {
                    return Err(Verdict::Duplicate {
                        line: *line,
                        of: of.clone(),
                    });
                }
                _ => {}
            }
        }
        let brought = rules.iter().map(|(_, rule)| (*rule, name.clone()));
        self.brought.extend(brought);
        Ok(())
    }
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
mod tests;

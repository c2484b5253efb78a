//! What a sealed batch means for the files. Preconditions, drift, locks, "unchanged", 201 or 200, rights, duplicates and
//! room are decided here, against what is committed, and nowhere else.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use shared::AclName;
use tokio::time::Instant;

use super::book::{Book, Ended, Written};
use super::change::{Action, Caller, Change, Edit, Effect, Precondition, Verdict, Wish};
use super::committed::{Known, OnDisk};
use super::drift::{self, keep};
use super::facts::{Facts, RuleId};
use super::journal::{Content, FileChange};
use super::ledger::UnconfirmedRecord;
use super::outcome::store_failed;
use super::registry::CommitId;
use super::room::{Limits, Room};
use crate::rules::Actions;
use crate::store::{Dir, ReadError, Store, etag_of, fingerprint};

/// A change that takes part in the commit.
#[derive(Debug)]
pub struct Member {
    /// The change.
    pub change: Change,
    /// Its place among the batch's files: `files[range]`.
    pub files: std::ops::Range<usize>,
    /// What its caller hears if the tool accepts it.
    pub success: Verdict,
    /// What is remembered of it then.
    pub remember: Remember,
}

/// What is remembered of a change that the tool accepts.
#[derive(Debug, Default)]
pub struct Remember {
    /// What each ACL is then; `None`: it is gone.
    acls: Vec<(AclName, Option<(Wish, Option<Instant>)>)>,
    /// What comes back unless the change is confirmed, and how long that may take.
    opened: Option<(UnconfirmedRecord, Duration)>,
    closed: Option<CommitId>,
}

impl Remember {
    /// Adds it to what the batch has changed; leases begin now.
    pub fn into_ended(self, ended: &mut Ended, now: Instant) {
        for (name, wish) in self.acls {
            let Some((wish, lease)) = wish else {
                ended.acls.push((name, None, None));
                continue;
            };
            let disk = OnDisk::new(&wish.content, &wish.facts, None);
            let written = Written {
                fingerprint: disk.fingerprint,
                lease: lease.or_else(|| wish.ttl.map(|ttl| now + ttl)),
            };
            ended.acls.push((name, Some(written), Some(disk)));
        }
        ended.opened.extend(self.opened);
        ended.closed.extend(self.closed);
    }
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
    /// Who needs nothing but other leases.
    pub leases: Vec<(Change, Verdict, Vec<(AclName, Option<Duration>)>)>,
    /// ACLs whose leases have run out and that stay, since they were changed by hand.
    pub skipped: Vec<AclName>,
}

/// What one change comes to.
enum Decision {
    Done(Verdict),
    Lease(Verdict, Vec<(AclName, Option<Duration>)>),
    Commit {
        files: Vec<FileChange>,
        success: Verdict,
        remember: Remember,
    },
}

/// What a plan is made from.
#[derive(Debug)]
pub struct Basis<'a> {
    /// The policy directory.
    pub store: &'a Store,
    /// What is committed.
    pub book: &'a mut Book,
    /// The switch is known to have what is committed, so a change that changes nothing needs no run.
    pub synced: bool,
    /// What fits.
    pub limits: Limits,
    /// When the batch is sealed.
    pub now: Instant,
    /// Where versions made by hand are kept before they are overwritten.
    pub kept: &'a dyn Dir,
}

impl Plan {
    /// Decides what can be decided without the tool.
    pub fn new(batch: Vec<Change>, basis: Basis<'_>) -> Self {
        let mut plan = Self::default();
        let room = Room::new(&basis.book.committed, basis.limits);
        let mut sealing = Sealing {
            basis,
            room,
            touched: HashSet::new(),
            brought: HashMap::new(),
            skipped: Vec::new(),
        };
        for change in batch {
            match sealing.decide(&change) {
                Ok(Decision::Done(verdict)) | Err(verdict) => plan.decided.push((change, verdict)),
                Ok(Decision::Lease(verdict, leases)) => plan.leases.push((change, verdict, leases)),
                Ok(Decision::Commit {
                    files,
                    success,
                    remember,
                }) => {
                    let start = plan.files.len();
                    plan.files.extend(files);
                    let files = start..plan.files.len();
                    plan.members.push(Member {
                        change,
                        files,
                        success,
                        remember,
                    });
                }
            }
        }
        plan.skipped = sealing.skipped;
        plan
    }
}

/// What is known while a batch is being sealed: the committed state, and what the members so far would make of it.
struct Sealing<'a> {
    basis: Basis<'a>,
    room: Room,
    /// The ACLs that an earlier member changes: whether their rules stay is for the tool to say.
    touched: HashSet<AclName>,
    /// The rules that earlier members bring.
    brought: HashMap<RuleId, AclName>,
    skipped: Vec<AclName>,
}

/// One ACL as it is when the batch is sealed.
struct Present {
    known: Known,
    content: Option<Content>,
}

impl Present {
    fn etag(&self) -> Option<String> {
        self.known.disk.as_ref().map(|disk| etag_of(disk.fingerprint))
    }

    fn actions(&self) -> Actions {
        self.known
            .disk
            .as_ref()
            .map_or_else(Actions::default, |disk| disk.actions)
    }

    /// The file that makes it this; `None` when it is this already, on disk and on the switch.
    fn become_(&self, name: &AclName, new: Option<&[u8]>) -> Option<FileChange> {
        let same = self.content.as_deref() == new && !self.known.drifted();
        (!same).then(|| FileChange {
            name: name.clone(),
            old: self.content.clone(),
            new: new.map(Content::from),
        })
    }
}

impl Sealing<'_> {
    fn decide(&mut self, change: &Change) -> Result<Decision, Verdict> {
        match &change.action {
            Action::Edit { edits, confirm } => self.edit(change, edits, *confirm),
            Action::Clear { prefix } => self.clear(prefix, &change.caller),
            Action::Expire { name } => self.expire(name),
            Action::Revert { id, .. } => self.revert(*id),
        }
    }

    /// What is there of an ACL, looked at now.
    fn present(&mut self, name: &AclName) -> Result<Present, Verdict> {
        let Basis { store, book, .. } = &mut self.basis;
        drift::look(store, &mut book.committed, name).map_err(|error| store_failed(&error))?;
        let content = store
            .read(name)
            .map_err(|error| unreadable(&error))?
            .map(Content::from);
        let known = book.committed.get(name).cloned().unwrap_or_default();
        // Changed between two looks, by a hand that is at work right now.
        if known.disk.as_ref().map(|disk| disk.fingerprint) != content.as_deref().map(fingerprint) {
            let why = format!("the file of `{name}` is being changed by somebody else");
            return Err(Verdict::StoreFailed { why, full: false });
        }
        Ok(Present { known, content })
    }

    fn edit(
        &mut self,
        change: &Change,
        edits: &[Edit],
        confirm: Option<Duration>,
    ) -> Result<Decision, Verdict> {
        let now = self.basis.now;
        let (mut files, mut effects, mut remember) = (Vec::new(), Vec::new(), Remember::default());
        let (mut leases, mut before, mut by_hand) = (Vec::new(), Vec::new(), Vec::new());
        for Edit { name, wish } in edits {
            let present = self.present(name)?;
            self.check_lock(name)?;
            check_precondition(name, &change.precondition, &present)?;
            let new = wish.as_ref().map(|wish| wish.content.as_slice());
            check_drift(name, &change.precondition, &present, new)?;
            let acts = wish.as_ref().map(|wish| wish.facts.actions);
            check_rights(
                name,
                &change.caller,
                present.actions().union(acts.unwrap_or_default()),
            )?;
            if present.known.drifted() && present.content.as_deref() != new {
                by_hand.extend(present.content.clone().map(|content| (name, content)));
            }
            let file = present.become_(name, new);
            effects.push(effect(&present, new, file.is_some()));
            if let (None, Some(wish)) = (&file, wish)
                && (wish.ttl.is_some() || present.known.lease.is_some())
            {
                leases.push((name.clone(), wish.ttl));
            }
            if file.is_some() && confirm.is_some() {
                before.push(super::ledger::BeforeRecord {
                    name: name.clone(),
                    content: present.content.clone(),
                    lease: present.known.lease.map(|until| {
                        u64::try_from(until.saturating_duration_since(now).as_millis()).unwrap_or(u64::MAX)
                    }),
                });
            }
            files.extend(file);
            remember
                .acls
                .push((name.clone(), wish.clone().map(|wish| (wish, None))));
        }
        let unconfirmed = confirm.is_some() && !before.is_empty();
        let success = Verdict::Done { effects, unconfirmed };
        if files.is_empty() && self.basis.synced {
            return Ok(match leases.is_empty() {
                true => Decision::Done(success),
                false => Decision::Lease(success, leases),
            });
        }
        let mut room = self.room.clone();
        room.add(&self.basis.book.committed, edits)?;
        if !files.is_empty() {
            self.check_duplicates(edits)?;
        }
        for (name, content) in by_hand {
            keep(self.basis.kept, name, &content).map_err(|error| store_failed(&error))?;
        }
        self.room = room;
        self.touched.extend(files.iter().map(|file| file.name.clone()));
        if let Some(window) = confirm.filter(|_| unconfirmed) {
            let record = UnconfirmedRecord {
                id: change.id,
                what: change.action.to_string(),
                who: change.caller.who.to_string(),
                before,
            };
            remember.opened = Some((record, window));
        }
        Ok(Decision::Commit {
            files,
            success,
            remember,
        })
    }

    fn clear(&mut self, prefix: &str, caller: &Caller) -> Result<Decision, Verdict> {
        let Basis { store, book, .. } = &mut self.basis;
        // What was made by hand since is ours too, and what was removed by hand is still on the switch.
        drift::scan(store, &mut book.committed).map_err(|error| store_failed(&error))?;
        let names: Vec<AclName> = book
            .committed
            .under(prefix)
            .map(|(name, _)| name.clone())
            .collect();
        let (mut files, mut drifted, mut remember) = (Vec::new(), Vec::new(), Remember::default());
        for name in names {
            let present = self.present(&name)?;
            self.check_lock(&name)?;
            check_rights(&name, caller, present.actions())?;
            if present.known.drifted() && present.content.is_some() {
                drifted.push((name.clone(), present.etag()));
            }
            files.extend(present.become_(&name, None));
            remember.acls.push((name, None));
        }
        if !drifted.is_empty() {
            return Err(Verdict::Drift { acls: drifted });
        }
        let success = Verdict::Done {
            effects: vec![Effect::Removed; files.len()],
            unconfirmed: false,
        };
        if files.is_empty() && self.basis.synced {
            return Ok(Decision::Done(success));
        }
        self.touched.extend(files.iter().map(|file| file.name.clone()));
        Ok(Decision::Commit {
            files,
            success,
            remember,
        })
    }

    /// Removes an ACL whose lease has run out, if it still has, and if it is what was leased.
    fn expire(&mut self, name: &AclName) -> Result<Decision, Verdict> {
        let present = self.present(name)?;
        let over = present.known.lease.is_some_and(|until| until <= self.basis.now);
        if !over || self.basis.book.locked(name).is_some() {
            return Ok(Decision::Done(Verdict::Moot));
        }
        if present.known.drifted() && present.content.is_some() {
            self.skipped.push(name.clone());
            return Ok(Decision::Done(Verdict::Moot));
        }
        self.basis.book.expiring.insert(name.clone());
        self.touched.insert(name.clone());
        let remember = Remember {
            acls: vec![(name.clone(), None)],
            ..Remember::default()
        };
        Ok(Decision::Commit {
            files: present.become_(name, None).into_iter().collect(),
            success: Verdict::Done {
                effects: vec![Effect::Removed],
                unconfirmed: false,
            },
            remember,
        })
    }

    /// Brings back what an unconfirmed change has replaced. A version made by hand since is kept aside.
    fn revert(&mut self, id: CommitId) -> Result<Decision, Verdict> {
        let now = self.basis.now;
        let Some(unconfirmed) = self.basis.book.unconfirmed.get_mut(&id) else {
            return Ok(Decision::Done(Verdict::Moot));
        };
        unconfirmed.reverting = true;
        let before = unconfirmed.before.clone();
        let (mut files, mut effects) = (Vec::new(), Vec::new());
        let mut remember = Remember {
            closed: Some(id),
            ..Remember::default()
        };
        for ours in before {
            let present = self.present(&ours.name)?;
            // What nobody has renewed meanwhile does not come back.
            let alive = ours.lease.is_none_or(|until| until > now);
            let content = ours.content.filter(|_| alive);
            if present.known.drifted() && present.content != content {
                let kept = present
                    .content
                    .as_deref()
                    .map(|content| keep(self.basis.kept, &ours.name, content));
                kept.transpose().map_err(|error| store_failed(&error))?;
            }
            let file = present.become_(&ours.name, content.as_deref());
            effects.push(effect(&present, content.as_deref(), file.is_some()));
            files.extend(file);
            let wish = content.map(|content| Wish {
                facts: Facts::of_file(&content),
                content: content.to_vec(),
                ttl: None,
            });
            remember
                .acls
                .push((ours.name.clone(), wish.map(|wish| (wish, ours.lease))));
            self.touched.insert(ours.name);
        }
        let success = Verdict::Done {
            effects,
            unconfirmed: false,
        };
        Ok(Decision::Commit {
            files,
            success,
            remember,
        })
    }

    fn check_lock(&self, name: &AclName) -> Result<(), Verdict> {
        match self.basis.book.locked(name) {
            Some(by) => Err(Verdict::Locked {
                name: name.clone(),
                by,
            }),
            None => Ok(()),
        }
    }

    /// The tool refuses a rule that another ACL has already.
    fn check_duplicates(&mut self, edits: &[Edit]) -> Result<(), Verdict> {
        let names: HashSet<&AclName> = edits.iter().map(|edit| &edit.name).collect();
        let mut brought: HashMap<RuleId, &AclName> = HashMap::new();
        for Edit { name, wish } in edits {
            for (line, rule) in wish.iter().flat_map(|wish| &wish.facts.rules) {
                let committed = self.basis.book.committed.owner(rule);
                let committed =
                    committed.filter(|owner| !self.touched.contains(*owner) && !names.contains(*owner));
                let other = brought
                    .get(rule)
                    .copied()
                    .or_else(|| self.brought.get(rule))
                    .or_else(|| self.basis.book.reserved(rule))
                    .or(committed)
                    .filter(|of| *of != name);
                if let Some(of) = other {
                    return Err(Verdict::Duplicate {
                        name: name.clone(),
                        line: *line,
                        of: of.clone(),
                    });
                }
                brought.insert(*rule, name);
            }
        }
        let brought = brought.into_iter().map(|(rule, name)| (rule, name.clone()));
        self.brought.extend(brought);
        Ok(())
    }
}

const fn effect(present: &Present, new: Option<&[u8]>, changes: bool) -> Effect {
    match (new.is_some(), present.content.is_some()) {
        (true, false) => Effect::Created,
        (true, true) if changes => Effect::Replaced,
        (true, true) => Effect::Unchanged,
        (false, _) if changes => Effect::Removed,
        (false, _) => Effect::Absent,
    }
}

fn check_precondition(name: &AclName, precondition: &Precondition, present: &Present) -> Result<(), Verdict> {
    let current = present.etag();
    let absent = !precondition.absent || current.is_none();
    let matches = precondition.if_match.as_ref().is_none_or(|wanted| {
        current
            .as_ref()
            .is_some_and(|current| wanted.iter().any(|wanted| wanted == "*" || wanted == current))
    });
    match absent && matches {
        true => Ok(()),
        false => Err(Verdict::PreconditionFailed {
            name: name.clone(),
            current,
        }),
    }
}

/// What was changed by hand is only overwritten by who has seen it. What the change would make of it anyway is no loss.
fn check_drift(
    name: &AclName,
    precondition: &Precondition,
    present: &Present,
    new: Option<&[u8]>,
) -> Result<(), Verdict> {
    if !present.known.drifted() || present.content.as_deref() == new {
        return Ok(());
    }
    let etag = present.etag();
    let seen = match &etag {
        Some(etag) => precondition
            .if_match
            .as_ref()
            .is_some_and(|tags| tags.contains(etag)),
        None => precondition.absent,
    };
    match seen {
        true => Ok(()),
        false => Err(Verdict::Drift {
            acls: vec![(name.clone(), etag)],
        }),
    }
}

fn check_rights(name: &AclName, caller: &Caller, does: Actions) -> Result<(), Verdict> {
    let missing = caller.may.map_or_else(Actions::default, |may| does.without(may));
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Verdict::Forbidden {
            name: name.clone(),
            missing,
        }),
    }
}

fn unreadable(error: &ReadError) -> Verdict {
    Verdict::StoreFailed {
        why: error.to_string(),
        full: false,
    }
}

#[cfg(test)]
mod tests;

//! One change after the other: what it comes to.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use shared::AclName;

use super::checks::{Present, check_drift, check_precondition, check_rights, effect, unreadable};
use super::{Basis, Leases, Remember};
use crate::commit::change::{Action, Caller, Change, Edit, Effect, Verdict, Wish};
use crate::commit::drift::{self, keep};
use crate::commit::facts::{Content, Facts, RuleId};
use crate::commit::id::CommitId;
use crate::commit::journal::FileChange;
use crate::commit::ledger::{BeforeRecord, UnconfirmedRecord};
use crate::commit::outcome::store_failed;
use crate::commit::room::Room;
use crate::store::fingerprint;

/// What one change comes to.
pub(super) enum Decision {
    Done(Verdict),
    Lease(Verdict, Leases),
    Commit {
        files: Vec<FileChange>,
        success: Verdict,
        remember: Remember,
    },
}

/// What is known while a batch is being sealed: the committed state, and what the members so far would make of it.
pub(super) struct Sealing<'a> {
    pub(super) basis: Basis<'a>,
    pub(super) room: Room,
    /// The rules that earlier members bring.
    pub(super) brought: HashMap<RuleId, AclName>,
    pub(super) skipped: Vec<AclName>,
    /// All files were looked at for this batch.
    pub(super) scanned: bool,
}

impl Sealing<'_> {
    pub(super) fn decide(&mut self, change: &Change) -> Result<Decision, Verdict> {
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
            // Whatever its stamp says, the next look reads it.
            book.committed.set_stamp(name, None, false);
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
            if present.content.as_deref() != new && confirm.is_some() {
                before.push(BeforeRecord {
                    name: name.clone(),
                    content: present.content.clone(),
                    // Counted when the batch ends.
                    lease: None,
                });
            }
            files.extend(file);
            remember.acls.push((name.clone(), wish.clone()));
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
        if let Some(window) = confirm.filter(|_| unconfirmed) {
            // They may come back, so nobody else in this batch gets them either.
            for old in &before {
                let facts = old.content.as_deref().map(Facts::of_file).unwrap_or_default();
                let rules = facts.rules.into_iter().map(|(_, rule)| (rule, old.name.clone()));
                self.brought.extend(rules);
            }
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
        if !std::mem::replace(&mut self.scanned, true) {
            drift::scan(store, &mut book.committed).map_err(|error| store_failed(&error))?;
        }
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
        if !over || self.basis.book.reserved.locked(name).is_some() {
            return Ok(Decision::Done(Verdict::Moot));
        }
        if present.known.drifted() && present.content.is_some() {
            self.skipped.push(name.clone());
            return Ok(Decision::Done(Verdict::Moot));
        }
        self.basis.book.expiring.insert(name.clone());
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
            // Its old lease is counted when the batch ends.
            let wish = content.map(|content| Wish {
                facts: Facts::of_file(&content),
                content: content.to_vec(),
                ttl: None,
            });
            remember.acls.push((ours.name, wish));
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
        match self.basis.book.reserved.locked(name) {
            Some(by) => Err(Verdict::Locked {
                name: name.clone(),
                by,
            }),
            None => Ok(()),
        }
    }

    /// The ACL that has this rule, also at a second look: a hand may have taken it out.
    fn owner(&mut self, rule: &RuleId) -> Result<Option<AclName>, Verdict> {
        let Basis { store, book, .. } = &mut self.basis;
        if let Some(owner) = book.committed.owner(rule).cloned() {
            drift::look(store, &mut book.committed, &owner).map_err(|error| store_failed(&error))?;
        }
        Ok(book.committed.owner(rule).cloned())
    }

    /// The tool refuses a rule that another ACL has already.
    fn check_duplicates(&mut self, edits: &[Edit]) -> Result<(), Verdict> {
        let names: HashSet<&AclName> = edits.iter().map(|edit| &edit.name).collect();
        let mut brought: HashMap<RuleId, &AclName> = HashMap::new();
        for Edit { name, wish } in edits {
            for (line, rule) in wish.iter().flat_map(|wish| &wish.facts.rules) {
                let committed = self.owner(rule)?;
                let committed = committed.as_ref().filter(|owner| !names.contains(*owner));
                let other = brought
                    .get(rule)
                    .copied()
                    .or_else(|| self.brought.get(rule))
                    .or_else(|| self.basis.book.reserved.owner(rule))
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

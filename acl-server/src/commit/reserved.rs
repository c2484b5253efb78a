//! What unconfirmed changes hold: names that nobody else may change, and the rules and the room that come back if they are
//! taken back. Pure.

use std::collections::{HashMap, HashSet};

use shared::AclName;

use super::facts::{Facts, RuleId};
use super::id::CommitId;
use super::ledger::BeforeRecord;
use super::room::ComesBack;

/// Everything that is held.
#[derive(Debug, Default)]
pub struct Reservations {
    locked: HashMap<AclName, CommitId>,
    rules: HashMap<RuleId, AclName>,
    room: HashMap<AclName, ComesBack>,
}

impl Reservations {
    /// This change holds what it has replaced.
    pub fn hold(&mut self, id: CommitId, before: &[BeforeRecord]) {
        for before in before {
            let name = &before.name;
            self.locked.insert(name.clone(), id);
            let Some(content) = &before.content else {
                continue;
            };
            let facts = Facts::of_file(content);
            let comes_back = ComesBack {
                name: name.clone(),
                bytes: content.len(),
                entries: facts.entries,
            };
            self.room.insert(name.clone(), comes_back);
            let rules = facts.rules.into_iter().map(|(_, rule)| (rule, name.clone()));
            self.rules.extend(rules);
        }
    }

    /// These names are free again, and what was held for them.
    pub fn release(&mut self, names: &HashSet<AclName>) {
        if !names.is_empty() {
            self.locked.retain(|name, _| !names.contains(name));
            self.room.retain(|name, _| !names.contains(name));
            self.rules.retain(|_, owner| !names.contains(owner));
        }
    }

    /// The unconfirmed change that an ACL is part of.
    pub fn locked(&self, name: &AclName) -> Option<CommitId> {
        self.locked.get(name).copied()
    }

    /// The ACL that will have this rule again if an unconfirmed change is taken back.
    pub fn owner(&self, rule: &RuleId) -> Option<&AclName> {
        self.rules.get(rule)
    }

    /// What comes back if changes are not confirmed.
    pub fn comes_back(&self) -> impl Iterator<Item = ComesBack> + '_ {
        self.room.values().cloned()
    }
}

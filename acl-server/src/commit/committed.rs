//! What is there of ours: enough to decide about changes without reading everything.
//!
//! An ACL has what was *written* through the API and what is on *disk*. Where the two differ, somebody's hand was in
//! between: that is drift. Pure: files are read by `drift`, times are given.

use std::collections::{BTreeMap, HashMap};

use shared::AclName;
use tokio::time::Instant;

use super::facts::{Facts, RuleId};
use crate::rules::Actions;
use crate::store::{Fingerprint, Stamp, fingerprint};

/// What is on disk of an ACL.
#[derive(Debug, Clone)]
pub struct OnDisk {
    /// Of the file.
    pub fingerprint: Fingerprint,
    /// Proves that the file is still the same; `None`: it was written too lately to know.
    pub stamp: Option<Stamp>,
    /// Its size.
    pub bytes: usize,
    /// Entries in hardware.
    pub entries: u64,
    /// What its rules do.
    pub actions: Actions,
    /// Its rules.
    rules: Vec<RuleId>,
}

impl OnDisk {
    /// A file of this content, with what is known of its rules.
    pub fn new(content: &[u8], facts: &Facts, stamp: Option<Stamp>) -> Self {
        Self {
            fingerprint: fingerprint(content),
            stamp,
            bytes: content.len(),
            entries: facts.entries,
            actions: facts.actions,
            rules: facts.rules.iter().map(|(_, rule)| *rule).collect(),
        }
    }
}

/// What is known of one ACL.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// What was written through the API; `None`: the file was made by hand.
    pub written: Option<Fingerprint>,
    /// What is on disk; `None`: the file was removed by hand.
    pub disk: Option<OnDisk>,
    /// When its lease runs out; `None`: it has none.
    pub lease: Option<Instant>,
}

impl Known {
    /// Whether somebody's hand was in between.
    pub fn drifted(&self) -> bool {
        self.written != self.disk.as_ref().map(|disk| disk.fingerprint)
    }
}

/// Our ACLs.
#[derive(Debug, Clone, Default)]
pub struct Committed {
    acls: BTreeMap<AclName, Known>,
    rules: HashMap<RuleId, AclName>,
    bytes: usize,
    entries: u64,
    present: usize,
}

impl Committed {
    /// What is on disk of an ACL now; `None`: nothing.
    pub fn set_disk(&mut self, name: &AclName, disk: Option<OnDisk>) {
        let known = self.acls.entry(name.clone()).or_default();
        if let Some(old) = known.disk.take() {
            self.bytes -= old.bytes;
            self.entries = self.entries.saturating_sub(old.entries);
            self.present -= 1;
            for rule in old.rules {
                if self.rules.get(&rule) == Some(name) {
                    self.rules.remove(&rule);
                }
            }
        }
        if let Some(new) = &disk {
            self.bytes += new.bytes;
            self.entries = self.entries.saturating_add(new.entries);
            self.present += 1;
            for rule in &new.rules {
                self.rules.insert(*rule, name.clone());
            }
        }
        known.disk = disk;
        self.tidy(name);
    }

    /// What was written through the API, and its lease; `None`: it was removed.
    pub fn set_written(&mut self, name: &AclName, written: Option<Fingerprint>, lease: Option<Instant>) {
        let known = self.acls.entry(name.clone()).or_default();
        known.written = written;
        known.lease = lease.filter(|_| written.is_some());
        self.tidy(name);
    }

    /// Replaces the lease of an ACL that was written through the API.
    pub fn set_lease(&mut self, name: &AclName, lease: Option<Instant>) {
        if let Some(known) = self.acls.get_mut(name).filter(|known| known.written.is_some()) {
            known.lease = lease;
        }
    }

    fn tidy(&mut self, name: &AclName) {
        let gone = |known: &Known| known.disk.is_none() && known.written.is_none();
        if self.acls.get(name).is_some_and(gone) {
            self.acls.remove(name);
        }
    }

    /// What is known of an ACL.
    pub fn get(&self, name: &AclName) -> Option<&Known> {
        self.acls.get(name)
    }

    /// All that is known, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&AclName, &Known)> {
        self.acls.iter()
    }

    /// What is known of the ACLs whose names begin so, by name.
    pub fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a AclName, &'a Known)> {
        self.acls
            .iter()
            .filter(move |(name, _)| name.as_str().starts_with(prefix))
    }

    /// How many have a file.
    pub const fn len(&self) -> usize {
        self.present
    }

    /// Whether none has a file.
    pub const fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// Bytes of all their files.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Entries in hardware of all their rules.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// How many have a lease.
    pub fn leases(&self) -> usize {
        self.acls.values().filter(|known| known.lease.is_some()).count()
    }

    /// How many were changed by hand.
    pub fn drifted(&self) -> usize {
        self.acls.values().filter(|known| known.drifted()).count()
    }

    /// The ACL that has this rule.
    pub fn owner(&self, rule: &RuleId) -> Option<&AclName> {
        self.rules.get(rule)
    }

    /// A fingerprint of the names and contents on disk, begun with `seed`, as it will be when `changed` has come true.
    pub fn overall(
        &self,
        seed: Fingerprint,
        changed: BTreeMap<&AclName, Option<Fingerprint>>,
    ) -> Fingerprint {
        let present = self
            .acls
            .iter()
            .map(|(name, known)| (name, known.disk.as_ref().map(|disk| disk.fingerprint)));
        let mut all: BTreeMap<&AclName, Option<Fingerprint>> = present.collect();
        all.extend(changed);
        let mut bytes = seed.to_vec();
        for (name, print) in all {
            if let Some(print) = print {
                bytes.extend_from_slice(name.as_str().as_bytes());
                bytes.push(0);
                bytes.extend_from_slice(&print);
            }
        }
        fingerprint(&bytes)
    }
}

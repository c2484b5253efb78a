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
    /// Proves that the file is still the same, if it is settled; `None`: not known.
    pub stamp: Option<Stamp>,
    /// The tool has installed this content, and nobody has touched the file since: not even to put it back.
    pub sure: bool,
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
    /// A file of this content, with what is known of its rules; not known to be installed.
    pub fn new(content: &[u8], facts: &Facts, stamp: Option<Stamp>) -> Self {
        Self {
            fingerprint: fingerprint(content),
            stamp,
            sure: false,
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
    /// The file was removed by hand, and the switch may still have what was in it.
    pub lingers: bool,
}

impl Known {
    /// Whether somebody's hand was in between.
    pub fn drifted(&self) -> bool {
        self.written != self.disk.as_ref().map(|disk| disk.fingerprint)
    }

    /// Whether the switch is known to have what is on disk.
    pub fn sure(&self) -> bool {
        self.disk.as_ref().map_or(!self.lingers, |disk| disk.sure)
    }
}

/// Our ACLs.
#[derive(Debug, Clone, Default)]
pub struct Committed {
    acls: BTreeMap<AclName, Known>,
    rules: HashMap<RuleId, AclName>,
    /// Further ACLs with a rule that is in `rules`: only a hand can have made that.
    also: HashMap<RuleId, Vec<AclName>>,
    bytes: usize,
    entries: u64,
    present: usize,
}

impl Committed {
    /// What is on disk of an ACL now; `None`: nothing.
    pub fn set_disk(&mut self, name: &AclName, disk: Option<OnDisk>) {
        let before = self.acls.entry(name.clone()).or_default().disk.take();
        if let Some(old) = before {
            self.bytes -= old.bytes;
            self.entries = self.entries.saturating_sub(old.entries);
            self.present -= 1;
            for rule in old.rules {
                self.disown(&rule, name);
            }
        }
        if let Some(new) = &disk {
            self.bytes += new.bytes;
            self.entries = self.entries.saturating_add(new.entries);
            self.present += 1;
            for rule in &new.rules {
                match self.rules.get(rule) {
                    Some(owner) if owner != name => self.also.entry(*rule).or_default().push(name.clone()),
                    _ => drop(self.rules.insert(*rule, name.clone())),
                }
            }
        }
        self.acls.entry(name.clone()).or_default().disk = disk;
        self.tidy(name);
    }

    fn disown(&mut self, rule: &RuleId, name: &AclName) {
        let others = self.also.get_mut(rule);
        if self.rules.get(rule) == Some(name) {
            match others.and_then(Vec::pop) {
                Some(other) => drop(self.rules.insert(*rule, other)),
                None => drop(self.rules.remove(rule)),
            }
        } else if let Some(others) = others {
            others.retain(|other| other != name);
        }
        if self.also.get(rule).is_some_and(Vec::is_empty) {
            self.also.remove(rule);
        }
    }

    /// The file was looked at: it has this stamp now, and `sure` says whether the switch is known to have it.
    pub fn set_stamp(&mut self, name: &AclName, stamp: Option<Stamp>, sure: bool) {
        if let Some(disk) = self.acls.get_mut(name).and_then(|known| known.disk.as_mut()) {
            (disk.stamp, disk.sure) = (stamp, sure);
        }
    }

    /// What was known of an ACL is known again.
    pub fn put_back(&mut self, name: &AclName, known: Known) {
        self.acls.entry(name.clone()).or_default().lingers = known.lingers;
        self.set_disk(name, known.disk);
        self.set_written(name, known.written, known.lease);
    }

    /// The file was removed by hand.
    pub fn vanished(&mut self, name: &AclName) {
        self.acls.entry(name.clone()).or_default().lingers = true;
        self.set_disk(name, None);
    }

    /// The tool has installed what is on disk, and so removed what is not.
    pub fn forget_lingering(&mut self) {
        let lingering = self.acls.iter_mut().filter(|(_, known)| known.lingers);
        let names: Vec<AclName> = lingering
            .map(|(name, known)| {
                known.lingers = false;
                name.clone()
            })
            .collect();
        names.iter().for_each(|name| self.tidy(name));
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
        let gone = |known: &Known| known.disk.is_none() && known.written.is_none() && !known.lingers;
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

    /// A fingerprint of the names, contents and stamps on disk, begun with `seed`: it changes also when a file was changed
    /// and changed back.
    pub fn overall(&self, seed: Fingerprint) -> Fingerprint {
        let mut bytes = seed.to_vec();
        for (name, known) in &self.acls {
            if let Some(disk) = &known.disk {
                bytes.extend_from_slice(name.as_str().as_bytes());
                bytes.push(0);
                bytes.extend_from_slice(&disk.fingerprint);
                let words = disk.stamp.map_or([0; 6], |stamp| stamp.words);
                bytes.extend(words.into_iter().flat_map(i64::to_le_bytes));
            }
        }
        fingerprint(&bytes)
    }
}

//! Counts what a switch has room for. Pure.

use shared::AclName;

use super::change::{Edit, Verdict};
use super::committed::Committed;

/// Most ACLs on one switch (`acl-server` contract §4).
pub const MAX_ACLS: usize = 10_000;
/// Most bytes in all of them: what a batch that removes everything must hold in memory, on a switch CPU.
pub const MAX_BYTES: usize = 64 << 20;

/// What fits into the switch's tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Entries in hardware; `None`: not known, and then nothing is refused for it.
    pub entries: Option<u64>,
    /// Entries of other people's rule files.
    pub foreign: u64,
}

/// What an ACL takes if an unconfirmed change of it is taken back.
#[derive(Debug, Clone)]
pub struct ComesBack {
    /// The ACL.
    pub name: AclName,
    /// Its size then.
    pub bytes: usize,
    /// Its entries then.
    pub entries: u64,
}

/// How much there would be if the members so far are accepted.
#[derive(Debug, Clone)]
pub struct Room {
    limits: Limits,
    acls: usize,
    bytes: usize,
    entries: u64,
}

impl Room {
    /// What is there now, and what may come back: space that an unconfirmed change has freed is not free yet.
    pub fn new(committed: &Committed, comes_back: impl Iterator<Item = ComesBack>, limits: Limits) -> Self {
        let mut room = Self {
            limits,
            acls: committed.len(),
            bytes: committed.bytes(),
            entries: committed.entries(),
        };
        for before in comes_back {
            let now = committed.get(&before.name).and_then(|known| known.disk.as_ref());
            room.acls += usize::from(now.is_none());
            room.bytes += before.bytes.saturating_sub(now.map_or(0, |now| now.bytes));
            let more = before.entries.saturating_sub(now.map_or(0, |now| now.entries));
            room.entries = room.entries.saturating_add(more);
        }
        room
    }

    /// Counts what these edits would make of it.
    ///
    /// # Errors
    /// [`Verdict::NoRoom`]. What becomes no larger always fits.
    pub fn add(&mut self, committed: &Committed, edits: &[Edit]) -> Result<(), Verdict> {
        let before = self.clone();
        for Edit { name, wish } in edits {
            let old = committed.get(name).and_then(|known| known.disk.as_ref());
            if let Some(old) = old {
                self.acls = self.acls.saturating_sub(1);
                self.bytes = self.bytes.saturating_sub(old.bytes);
                self.entries = self.entries.saturating_sub(old.entries);
            }
            if let Some(new) = wish {
                self.acls += 1;
                self.bytes += new.content.len();
                self.entries = self.entries.saturating_add(new.facts.entries);
            }
        }
        let no = |why: String| Err(Verdict::NoRoom { why });
        if self.acls > MAX_ACLS && self.acls > before.acls {
            return no(format!("a switch has at most {MAX_ACLS} ACLs"));
        }
        if self.bytes > MAX_BYTES && self.bytes > before.bytes {
            return no(format!(
                "the ACLs of a switch have at most {MAX_BYTES} bytes in all"
            ));
        }
        let used = self.entries.saturating_add(self.limits.foreign);
        if let Some(limit) = self.limits.entries
            && used > limit
            && self.entries > before.entries
        {
            return no(format!(
                "it would take {used} entries of the {limit} that this switch has, {} of them in other files",
                self.limits.foreign
            ));
        }
        Ok(())
    }
}

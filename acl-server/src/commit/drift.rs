//! Looks whether somebody's hand was in our files.

use std::collections::{BTreeSet, HashSet};
use std::io;

use shared::AclName;

use super::committed::{Committed, OnDisk};
use super::facts::Facts;
use crate::store::{Dir, ReadError, Stamp, Store, etag, fingerprint};

/// Brings what is known of the disk up to date, and returns the ACLs whose files have changed. Only files whose stamps
/// prove nothing are read.
///
/// # Errors
/// The directory cannot be read. A single file that cannot be read is left as it was known, and logged.
pub fn scan(store: &Store, committed: &mut Committed) -> io::Result<Vec<AclName>> {
    let on_disk = store.names()?;
    let mut changed = Vec::new();
    let present: BTreeSet<&AclName> = on_disk.iter().collect();
    let gone = committed
        .iter()
        .filter(|(name, known)| known.disk.is_some() && !present.contains(name));
    let gone: Vec<AclName> = gone.map(|(name, _)| name.clone()).collect();
    for name in gone {
        committed.vanished(&name);
        changed.push(name);
    }
    for name in on_disk {
        if look(store, committed, &name)? {
            changed.push(name);
        }
    }
    Ok(changed)
}

/// Before a run of the tool: notices files of our names that nobody has known of, but for those of the batch. What
/// changes in a file that is known shows in its stamp, at any later time.
///
/// # Errors
/// As for [`scan`].
pub fn strangers(store: &Store, committed: &mut Committed, batch: &HashSet<&AclName>) -> io::Result<()> {
    for name in store.names()? {
        let known = committed.get(&name).is_some_and(|known| known.disk.is_some());
        if !known && !batch.contains(&name) {
            look(store, committed, &name)?;
        }
    }
    Ok(())
}

/// Brings what is known of one file up to date; returns whether it has changed.
///
/// # Errors
/// As for [`scan`].
pub fn look(store: &Store, committed: &mut Committed, name: &AclName) -> io::Result<bool> {
    let known = committed.get(name).and_then(|known| known.disk.as_ref());
    let stamp = store.stamp(name)?;
    let before = known.and_then(|known| known.stamp);
    if let (Some(before), Some(stamp)) = (before, stamp)
        && before.settled
        && before.words == stamp.words
    {
        return Ok(false);
    }
    let content = match store.read(name) {
        Ok(content) => content,
        Err(ReadError::Io(error)) => return Err(error),
        Err(error) => {
            tracing::warn!(acl = %name, %error, "left alone");
            return Ok(false);
        }
    };
    let Some(content) = content else {
        let changed = known.is_some();
        if changed {
            committed.vanished(name);
        }
        return Ok(changed);
    };
    if let Some(known) = known.filter(|known| known.fingerprint == fingerprint(&content)) {
        // Changed and changed back: a run in between has installed what was there then.
        let untouched = before.map(|before| before.words) == stamp.map(|stamp| stamp.words);
        let sure = known.sure && untouched;
        committed.set_stamp(name, stamp, sure);
        return Ok(false);
    }
    let facts = Facts::of_file(&content);
    committed.set_disk(name, Some(OnDisk::new(&content, &facts, stamp)));
    Ok(true)
}

/// The tool has installed what is on disk: what was looked at before the run, and not touched since, is on the switch.
pub fn installed(store: &Store, committed: &mut Committed) {
    committed.forget_lingering();
    let unsure = committed.iter().filter(|(_, known)| !known.sure());
    let unsure: Vec<(AclName, Option<Stamp>)> = unsure
        .map(|(name, known)| (name.clone(), known.disk.as_ref().and_then(|disk| disk.stamp)))
        .collect();
    for (name, before) in unsure {
        let now = store.stamp(&name).ok().flatten();
        let words = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.words);
        if now.is_some() && words(now) == words(before) {
            committed.set_stamp(&name, before, true);
        }
    }
}

/// Keeps a version made by hand that is about to be overwritten; of many, the youngest.
///
/// # Errors
/// The system refuses; then it must not be overwritten.
pub fn keep(kept: &dyn Dir, name: &AclName, content: &[u8]) -> io::Result<()> {
    /// Of a hand that is at work every day, the last months.
    const KEPT: usize = 256;
    let tag = etag(content);
    let file = format!("{name}-{}.rules", tag.trim_matches('"'));
    let names = kept.names()?;
    if names.len() >= KEPT && !names.iter().any(|(name, _)| *name == file) {
        let mut oldest: Option<([i64; 2], &str)> = None;
        for (name, _) in &names {
            let [_, _, seconds, nanoseconds, ..] = kept.stamp(name)?.map_or([0; 6], |stamp| stamp.words);
            let age = ([seconds, nanoseconds], name.as_str());
            oldest = Some(oldest.map_or(age, |oldest| oldest.min(age)));
        }
        if let Some((_, name)) = oldest {
            kept.unlink(name)?;
        }
    }
    kept.write(&file, content, false)?;
    kept.sync()?;
    tracing::warn!(acl = %name, file, "a version made by hand is kept in the state directory, under drift/");
    Ok(())
}

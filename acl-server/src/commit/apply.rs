//! Puts the files of a batch in place and takes them back.

use std::io;

use super::drift::keep;
use super::facts::Content;
use super::journal::FileChange;
use crate::store::{AT_ONCE, Dir, ReadError, Store, Version};

/// The files of one batch, staged beside their targets, and which version of each is in place.
#[derive(Debug)]
pub struct Staged<'a> {
    store: &'a Store,
    changes: &'a [FileChange],
    in_place: Vec<Version>,
    staged: usize,
}

impl<'a> Staged<'a> {
    /// Nothing staged yet.
    pub fn new(store: &'a Store, changes: &'a [FileChange]) -> Self {
        Self {
            store,
            changes,
            in_place: vec![Version::Old; changes.len()],
            staged: 0,
        }
    }

    /// Stages both versions of some more files; returns whether there are more. Nothing that the tool reads changes; when
    /// it fails, nothing is left.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn stage(&mut self) -> io::Result<bool> {
        let rest = self.changes.get(self.staged..).unwrap_or_default();
        let (next, later) = rest.split_at(rest.len().min(AT_ONCE));
        let result = stage(self.store, next);
        if result.is_err() {
            self.clean();
            result?;
        }
        self.staged += next.len();
        Ok(!later.is_empty())
    }

    /// The files of the batch.
    pub const fn changes(&self) -> &'a [FileChange] {
        self.changes
    }

    /// Puts the new version of exactly the files that `wanted` names in place, and the old one of all others. What a hand
    /// has made of one meanwhile goes to `kept`. Returns whether that has changed anything, which is durable after
    /// [`Store::sync`].
    ///
    /// # Errors
    /// A rename failed. What had been changed by this call is changed back; if that fails too, the error says so and
    /// the journal still knows the truth.
    pub fn switch(&mut self, kept: &dyn Dir, wanted: impl Fn(usize) -> bool) -> io::Result<bool> {
        let mut done: Vec<(usize, Version)> = Vec::new();
        for (index, change) in self.changes.iter().enumerate() {
            let version = if wanted(index) { Version::New } else { Version::Old };
            let Some(current) = self.in_place.get_mut(index) else {
                continue;
            };
            if *current == version {
                continue;
            }
            rescue(self.store, kept, change, *current)?;
            match place(self.store, change, version) {
                Ok(()) => done.push((index, std::mem::replace(current, version))),
                Err(error) => {
                    // It may have failed after the rename, so this file is put back too.
                    done.push((index, *current));
                    return Err(self.unwind(&done, error));
                }
            }
        }
        Ok(!done.is_empty())
    }

    fn unwind(&mut self, done: &[(usize, Version)], error: io::Error) -> io::Error {
        for &(index, before) in done.iter().rev() {
            let Some((change, current)) = self.changes.get(index).zip(self.in_place.get_mut(index)) else {
                continue;
            };
            match place(self.store, change, before) {
                Ok(()) => *current = before,
                Err(undo) => {
                    let text = format!("{error}; and {} could not be put back: {undo}", change.name);
                    return io::Error::new(error.kind(), text);
                }
            }
        }
        error
    }

    /// Removes what is staged; what is in place stays.
    pub fn clean(&self) {
        for change in self.changes {
            if let Err(error) = self.store.unstage(&change.name) {
                tracing::warn!(acl = %change.name, %error, "a temporary file stays behind until the next start");
            }
        }
    }
}

fn stage(store: &Store, changes: &[FileChange]) -> io::Result<()> {
    for change in changes {
        if let Some(old) = &change.old {
            store.stage_current(&change.name, old)?;
        }
    }
    let new = changes
        .iter()
        .filter_map(|change| Some((&change.name, change.new.as_deref()?)));
    store.stage_new(new)
}

/// Keeps what a hand has made of a file that was in this version.
fn rescue(store: &Store, kept: &dyn Dir, change: &FileChange, version: Version) -> io::Result<()> {
    let ours = match version {
        Version::Old => &change.old,
        Version::New => &change.new,
    };
    match store.read(&change.name) {
        Ok(Some(found)) if Some(found.as_slice()) != ours.as_deref() => keep(kept, &change.name, &found),
        // Who has removed it has lost nothing, and what cannot be read is no rule file.
        _ => Ok(()),
    }
}

fn place(store: &Store, change: &FileChange, version: Version) -> io::Result<()> {
    let content = match version {
        Version::Old => &change.old,
        Version::New => &change.new,
    };
    match content {
        Some(_) => store.place(&change.name, version),
        None => store.remove(&change.name),
    }
}

/// Takes a batch back that a crash has left open. Files that are no longer what the batch made of them were changed by
/// somebody since, and stay.
///
/// # Errors
/// A file cannot be read or written; doing it again is safe.
pub fn roll_back(store: &Store, changes: &[FileChange]) -> io::Result<()> {
    for change in changes {
        let name = &change.name;
        let current = match store.read(name) {
            Ok(current) => current,
            Err(ReadError::Io(error)) => return Err(error),
            Err(error) => {
                tracing::warn!(acl = %name, %error, "not rolled back");
                continue;
            }
        };
        let is = |version: &Option<Content>| current.as_deref() == version.as_deref();
        if is(&change.old) {
            continue;
        }
        if !is(&change.new) {
            tracing::warn!(acl = %name, "not rolled back: it was changed by hand since the crash");
            continue;
        }
        tracing::info!(acl = %name, "rolled back: its batch had no verdict when the daemon ended");
        match &change.old {
            Some(old) => {
                // What the batch has set aside needs no space, on a disk that may be full.
                if !store.is_staged(name, Version::Old, old) {
                    store.stage(name, Version::Old, old)?;
                }
                store.place(name, Version::Old)?;
                store.unstage(name)?;
            }
            None => store.remove(name)?,
        }
    }
    store.sync()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::tests::disk::Disk;
    use super::*;

    fn change(name: &str, old: Option<&str>, new: Option<&str>) -> FileChange {
        let bytes = |text: &str| Content::from(text.as_bytes());
        FileChange {
            name: name.parse().unwrap(),
            old: old.map(bytes),
            new: new.map(bytes),
        }
    }

    fn files(directory: &tempfile::TempDir) -> BTreeMap<String, String> {
        let entries = std::fs::read_dir(directory.path()).unwrap().map(Result::unwrap);
        entries
            .map(|e| {
                (
                    e.file_name().into_string().unwrap(),
                    std::fs::read_to_string(e.path()).unwrap(),
                )
            })
            .collect()
    }

    fn fixture(changes: &[FileChange]) -> (tempfile::TempDir, Store, BTreeMap<String, String>) {
        let directory = tempfile::tempdir().unwrap();
        for change in changes {
            if let Some(old) = &change.old {
                std::fs::write(
                    directory.path().join(format!("50rest-{}.rules", change.name)),
                    old,
                )
                .unwrap();
            }
        }
        let store = Store::open(directory.path()).unwrap();
        let before = files(&directory);
        (directory, store, before)
    }

    fn some_changes() -> Vec<FileChange> {
        vec![
            change("made", None, Some("1")),
            change("replaced", Some("2"), Some("3")),
            change("gone", Some("4"), None),
        ]
    }

    #[test]
    fn switching_is_exact_and_reversible() {
        let changes = some_changes();
        let (directory, store, before) = fixture(&changes);
        let mut staged = Staged::new(&store, &changes);
        assert!(!staged.stage().unwrap());
        let kept = Disk::default().dir("drift");
        staged.switch(&*kept, |_| true).unwrap();
        staged.switch(&*kept, |index| index == 1).unwrap();
        assert_eq!(store.read(&"made".parse().unwrap()).unwrap(), None);
        assert_eq!(store.read(&"replaced".parse().unwrap()).unwrap().unwrap(), b"3");
        assert_eq!(store.read(&"gone".parse().unwrap()).unwrap().unwrap(), b"4");
        staged.switch(&*kept, |_| false).unwrap();
        staged.clean();
        assert_eq!(files(&directory), before);
    }

    #[test]
    fn roll_back_works_from_every_step_of_a_switch() {
        let changes = some_changes();
        for placed in 0..8_usize {
            let (directory, store, before) = fixture(&changes);
            let mut staged = Staged::new(&store, &changes);
            assert!(!staged.stage().unwrap());
            let kept = Disk::default().dir("drift");
            staged.switch(&*kept, |index| placed & (1 << index) != 0).unwrap();
            // The process dies here; the next one sweeps and rolls back, perhaps twice.
            drop(staged);
            store.sweep().unwrap();
            roll_back(&store, &changes).unwrap();
            roll_back(&store, &changes).unwrap();
            assert_eq!(files(&directory), before, "placed {placed:03b}");
        }
    }

    #[test]
    fn roll_back_spares_what_was_edited_since() {
        let changes = some_changes();
        let (directory, store, _) = fixture(&changes);
        let mut staged = Staged::new(&store, &changes);
        assert!(!staged.stage().unwrap());
        let kept = Disk::default().dir("drift");
        staged.switch(&*kept, |_| true).unwrap();
        staged.clean();
        std::fs::write(directory.path().join("50rest-made.rules"), "by hand").unwrap();
        roll_back(&store, &changes).unwrap();
        let after = files(&directory);
        assert_eq!(after["50rest-made.rules"], "by hand");
        assert_eq!(after["50rest-replaced.rules"], "2");
        assert_eq!(after["50rest-gone.rules"], "4");
    }

    #[test]
    fn a_failed_rename_is_unwound() {
        let changes = some_changes();
        let (directory, store, before) = fixture(&changes);
        let mut staged = Staged::new(&store, &changes);
        assert!(!staged.stage().unwrap());
        let kept = Disk::default().dir("drift");
        // Take the second file's new version away, as a hostile hand or a broken disk might.
        std::fs::remove_file(directory.path().join(".50rest-replaced.rules.new")).unwrap();
        assert!(staged.switch(&*kept, |_| true).is_err());
        staged.clean();
        assert_eq!(files(&directory), before);
    }
}

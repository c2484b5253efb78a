//! Ids that no run before has given.
//!
//! A small file has a number above all that were given. It is read before anything else, and needs no database to be whole,
//! or not locked. Each run begins at that number, or at the seconds since 1970 if they are more.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Ids that are reserved at once: what a killed process skips, and ten times what memory holds.
const CHUNK: u64 = 100_000;

/// Above this programs that read JSON as JavaScript does would confuse ids (RFC 8259 §6).
const MOST: u64 = 1 << 53;

/// The numbers of one controller.
#[derive(Debug)]
pub(super) struct Ids {
    path: PathBuf,
    reserved: u64,
}

impl Ids {
    /// Those of the controller `id`, and the first of this run, at `seconds` since 1970.
    pub(super) fn begin(directory: &Path, id: &str, seconds: u64) -> (Self, u64) {
        let path = directory.join(format!("{id}.history-ids"));
        let given = match fs::read(&path) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text);
                let number = text.trim().parse().ok().filter(|number| *number < MOST - CHUNK);
                number.unwrap_or_else(|| {
                    tracing::warn!(file = %path.display(), "makes no sense: ids begin with the time");
                    0
                })
            }
            // Where it cannot be read it cannot be written either, which the writer says.
            Err(_) => 0,
        };
        let first = given.max(seconds);
        (
            Self {
                path,
                reserved: given,
            },
            first,
        )
    }

    /// Sees to it that the next run begins well above `next`, the id that is given next.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn reserve(&mut self, next: u64) -> io::Result<()> {
        match self.reserved.saturating_sub(next) < CHUNK / 2 {
            true => self.set(next.saturating_add(CHUNK)),
            false => Ok(()),
        }
    }

    /// The next run may begin at `next`.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn set(&mut self, next: u64) -> io::Result<()> {
        let new = self.path.with_extension("history-ids.tmp");
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        writeln!(file, "{next}")?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        self.reserved = next;
        Ok(())
    }
}

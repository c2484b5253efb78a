//! Files that are there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::MAX_BYTES;

/// The files of one controller in a directory; their names begin with its id.
#[derive(Debug, Clone)]
pub(super) struct Files {
    directory: PathBuf,
    id: String,
}

impl Files {
    /// Those in a directory that must be there, and in which files can be made.
    pub(super) fn open(directory: &Path, id: &str) -> Result<Self, String> {
        let files = Self {
            directory: directory.to_owned(),
            id: id.to_owned(),
        };
        let probe = files.path("probe.tmp");
        let tried = make(&probe).and_then(|_| fs::remove_file(&probe));
        tried.map_err(|error| format!("{}: {error}", directory.display()))?;
        Ok(files)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{}.{name}", self.id))
    }

    /// The content of a file; `None` when there is none, or none that can be read, which is said in the log.
    pub(super) fn read(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.path(name);
        match read(&path) {
            Ok(bytes) if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_BYTES) => Some(bytes),
            Ok(_) => {
                self.move_aside(name, "it is longer than any of ours");
                None
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "cannot be read, so it is as if it was not there");
                None
            }
        }
    }

    /// Puts a file that cannot be understood where it does no harm and can be looked at.
    pub(super) fn move_aside(&self, name: &str, why: &str) {
        let (path, aside) = (self.path(name), self.path(&format!("{name}.bad")));
        let moved = fs::rename(&path, &aside);
        let moved = moved.map_or_else(|error| error.to_string(), |()| aside.display().to_string());
        tracing::warn!(file = %path.display(), error = why, moved, "cannot be used, and is moved aside");
    }

    /// Writes a file. Whenever the process or the machine dies, the old one is there or the new one.
    ///
    /// # Errors
    /// The old one is still there.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let (path, new) = (self.path(name), self.path(&format!("{name}.tmp")));
        let mut file = make(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        // The name, too.
        File::open(&self.directory)?.sync_all()
    }
}

/// A new file for its owner alone, in the place of one that was left behind.
fn make(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

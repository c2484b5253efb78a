//! Files that must not be everybody's: keys, and lists of who may.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Longest file: a chain of certificates has some 10 KiB, a thousand tokens 200 KiB.
const MAX_LENGTH: u64 = 1 << 20;

/// What a file must be safe from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safe {
    /// Nobody but owner and group may write it: who can add a line, may come in.
    FromWriters,
    /// As [`Safe::FromWriters`], and others had better not read it; they are warned about in the log.
    FromReaders,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refuses it.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Everybody may change it.
    #[error("{} can be changed by everybody; say: chmod o-w {}", .0.display(), .0.display())]
    Writable(PathBuf),
    /// It is far longer than any such file.
    #[error("{} is longer than {MAX_LENGTH} bytes", .0.display())]
    TooLong(PathBuf),
}

/// Reads a file whose mode matters.
///
/// # Errors
/// It cannot be read, everybody can change it, or it is too long.
pub fn read(path: &Path, safe: Safe) -> Result<Vec<u8>, FileError> {
    let unreadable = |source| FileError::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode();
    if mode & 0o002 != 0 {
        return Err(FileError::Writable(path.to_owned()));
    }
    if safe == Safe::FromReaders && mode & 0o004 != 0 {
        let mode = format!("{:o}", mode & 0o7777);
        tracing::warn!(file = %path.display(), mode, "everybody on this machine can read this file; say: chmod o-r");
    }
    let mut content = Vec::new();
    file.take(MAX_LENGTH + 1)
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    if content.len() as u64 > MAX_LENGTH {
        return Err(FileError::TooLong(path.to_owned()));
    }
    Ok(content)
}

/// Adds a block of text to the end of a file, durably; the file is made with mode 0600 if need be. An empty line comes
/// before it, unless it is the first.
///
/// # Errors
/// The system refuses it.
pub fn append(path: &Path, block: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let separator = match file.seek(SeekFrom::End(0))? {
        0 => "",
        _ => {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last == *b"\n" { "\n" } else { "\n\n" }
        }
    };
    // In one write: somebody who reads the file meanwhile sees all of it or nothing.
    file.write_all(format!("{separator}{block}").as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_everybody_can_change_is_not_believed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "x").unwrap();
        let with_mode = |mode| {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            read(file.path(), Safe::FromReaders)
        };
        for mode in [0o600, 0o640, 0o644, 0o660] {
            assert_eq!(with_mode(mode).unwrap(), b"x", "{mode:o}");
        }
        for mode in [0o666, 0o602] {
            assert!(matches!(with_mode(mode), Err(FileError::Writable(_))), "{mode:o}");
        }
        with_mode(0o600).unwrap();
        std::fs::write(file.path(), vec![b'x'; (1 << 20) + 1]).unwrap();
        assert!(matches!(
            read(file.path(), Safe::FromWriters),
            Err(FileError::TooLong(_))
        ));
        assert!(matches!(
            read("/nonexistent".as_ref(), Safe::FromWriters),
            Err(FileError::Read { .. })
        ));
    }

    #[test]
    fn a_file_gets_the_block_at_its_end_and_keeps_what_it_has() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new.toml");
        append(&path, "[[token]]\nname = \"a\"\n").unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        append(&path, "[[token]]\nname = \"b\"\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "[[token]]\nname = \"a\"\n\n[[token]]\nname = \"b\"\n");
        std::fs::write(&path, "no_auth = true").unwrap();
        append(&path, "[[token]]\nname = \"c\"\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "no_auth = true\n\n[[token]]\nname = \"c\"\n");
    }
}

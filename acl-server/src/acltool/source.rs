//! Which rule files there are, and their lines.
//!
//! Files are found by `policy.conf`, in a directory or by name. They are other people's too, so symbolic links are
//! followed; but only regular files are read, and no more than the bounds below.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::origin::shown;

/// What to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    /// What [`Defaults`] says.
    Default,
    /// One file.
    File(PathBuf),
    /// The `*.rules` of a directory.
    Directory(PathBuf),
}

/// Where rule files are when nobody says.
#[derive(Debug, Clone)]
pub(super) struct Defaults {
    /// Lines `include GLOB`; used when it exists.
    pub(super) policy_conf: PathBuf,
    /// Used otherwise.
    pub(super) policy_dir: PathBuf,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            policy_conf: "/etc/cumulus/acl/policy.conf".into(),
            policy_dir: "/etc/acl-server/policy.d".into(),
        }
    }
}

/// Files in the order in which they count.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) paths: Vec<PathBuf>,
    /// What lies in the same directory and does not match.
    pub(super) ignored: Vec<PathBuf>,
}

/// What may still be read.
#[derive(Debug)]
pub(super) struct Budget {
    files: usize,
    bytes: u64,
}

impl Default for Budget {
    /// 10,000 ACLs of the daemon, as many of others; 64 MiB is 6 KiB for each of ours.
    fn default() -> Self {
        Self {
            files: 20_000,
            bytes: 64 << 20,
        }
    }
}

/// Largest rule file: four times the body of a PUT.
const MAX_FILE: u64 = 4 << 20;

fn failure(path: &Path, reason: &(impl ToString + ?Sized)) -> Failure {
    Failure::File {
        path: shown(path),
        reason: reason.to_string(),
    }
}

/// Finds the files of a selection.
pub(super) fn find(selection: &Selection, defaults: &Defaults) -> Result<Found, Vec<Failure>> {
    let found = match selection {
        Selection::File(path) => Ok(Found {
            paths: vec![path.clone()],
            ignored: Vec::new(),
        }),
        Selection::Directory(directory) => matching(directory, OsStr::new("*.rules")),
        Selection::Default => match fs::symlink_metadata(&defaults.policy_conf) {
            Ok(_) => included(&defaults.policy_conf),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                matching(&defaults.policy_dir, OsStr::new("*.rules"))
            }
            Err(error) => Err(failure(&defaults.policy_conf, &error)),
        },
    };
    found.map_err(|failure| vec![failure])
}

/// The files of a directory whose names match, in order of name.
fn matching(directory: &Path, pattern: &OsStr) -> Result<Found, Failure> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Failure::NotFound(shown(directory)),
        _ => failure(directory, &error),
    };
    let mut found = Found::default();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(|error| failure(directory, &error))?.path();
        let name = path.file_name().unwrap_or_default().as_bytes();
        let hidden = name.starts_with(b".") && !pattern.as_bytes().starts_with(b".");
        let list = if !hidden && glob(pattern.as_bytes(), name) {
            &mut found.paths
        } else {
            &mut found.ignored
        };
        list.push(path);
    }
    found.paths.sort();
    found.ignored.sort();
    Ok(found)
}

/// The files that `policy.conf` includes. `*` and `?` work in the last part of a path; a relative one starts where
/// `policy.conf` is.
fn included(conf: &Path) -> Result<Found, Failure> {
    let mut found = Found::default();
    let lines = read(conf, &mut Budget::default())
        .map_err(|mut all| all.pop().unwrap_or_else(|| failure(conf, "?")))?;
    for (n, line) in lines.iter().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| Err(failure(conf, &format!("line {}: {what}", n + 1)));
        let Some(pattern) = line
            .strip_prefix("include")
            .filter(|rest| rest.starts_with([' ', '\t']))
        else {
            return wrong("expected include and the path of rule files");
        };
        let path = conf.parent().unwrap_or(Path::new("/")).join(pattern.trim());
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return wrong("expected the path of rule files after include");
        };
        let is_pattern = |text: &OsStr| text.as_bytes().iter().any(|b| matches!(b, b'*' | b'?' | b'['));
        if is_pattern(directory.as_os_str()) || name.as_bytes().contains(&b'[') {
            return wrong("only * and ? in the last part of the path are understood");
        }
        let more = if is_pattern(name) {
            matching(directory, name)?
        } else {
            Found {
                paths: vec![path.clone()],
                ignored: Vec::new(),
            }
        };
        if let Some(twice) = more.paths.iter().find(|path| found.paths.contains(path)) {
            return wrong(&format!("{} is included twice", shown(twice)));
        }
        found.paths.extend(more.paths);
        found.ignored.extend(more.ignored);
    }
    let Found { paths, ignored } = &mut found;
    ignored.retain(|path| !paths.contains(path));
    Ok(found)
}

/// Whether the name matches a pattern of `*` and `?`, in time of at most their product.
fn glob(mut pattern: &[u8], mut name: &[u8]) -> bool {
    // Where to go on when a guess about the latest star was wrong.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern, name) {
            ([b'*', rest @ ..], _) => {
                retry = Some((rest, name));
                pattern = rest;
            }
            ([], []) => return true,
            ([p, more @ ..], [n, others @ ..]) if *p == b'?' || p == n => (pattern, name) = (more, others),
            _ => match retry {
                Some((rest, [_, others @ ..])) => {
                    retry = Some((rest, others));
                    (pattern, name) = (rest, others);
                }
                _ => return false,
            },
        }
    }
}

/// The lines of a file, without line ends; tabs become spaces.
pub(super) fn read(path: &Path, budget: &mut Budget) -> Result<Vec<String>, Vec<Failure>> {
    let bytes = bytes(path, budget).map_err(|failure| vec![failure])?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..good).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        vec![failure(
            path,
            &format!("line {line}: found bytes that are no text (UTF-8)"),
        )]
    })?;
    let text = text.strip_suffix('\n').unwrap_or(&text).replace('\t', " ");
    Ok(if text.is_empty() {
        Vec::new()
    } else {
        text.split('\n').map(str::to_owned).collect()
    })
}

fn bytes(path: &Path, budget: &mut Budget) -> Result<Vec<u8>, Failure> {
    budget.files = match budget.files.checked_sub(1) {
        Some(files) => files,
        None => {
            return Err(failure(
                path,
                "there are more rule files than this tool reads (20000)",
            ));
        }
    };
    // Not to be held up by a pipe that nobody writes to.
    let nonblocking = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let opened = OpenOptions::new().read(true).custom_flags(nonblocking).open(path);
    let file: File = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::NotFound(shown(path)),
        _ => failure(path, &error),
    })?;
    if !file.metadata().map_err(|error| failure(path, &error))?.is_file() {
        return Err(failure(path, "is not a regular file"));
    }
    let most = MAX_FILE.min(budget.bytes);
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failure(path, &error))?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > most {
        return Err(failure(
            path,
            &format!("is larger than the {most} bytes that are left to it"),
        ));
    }
    budget.bytes -= length;
    Ok(bytes)
}

#[cfg(test)]
mod tests;

//! TOML files. A key that nobody reads is a mistake that nobody sees, so it is an error with file, line and key.

/// What is wrong and what was probably meant.
mod explain;
/// Files by their path, or as credentials of systemd.
mod credential;

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

pub use credential::{FileName, file, optional_file};
use explain::{Place, explain};

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file's content is wrong; the message starts with `file:line:column:`.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Line of the mistake, counted from 1.
        line: usize,
        /// Column of the mistake in characters, counted from 1.
        column: usize,
        /// What is wrong there and what would be right.
        message: String,
    },
    /// The settings are wrong together, and the file does not say what they are about: a flag may.
    #[error("{0}")]
    Elsewhere(String),
}

impl ConfigError {
    /// A mistake at byte `start` of `text`, which is the content of `path`.
    pub fn at(path: &Path, text: &str, start: usize, message: String) -> Self {
        let before = text.get(..start).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self::Content {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            message,
        }
    }

    /// A mistake that shows only when settings are seen together: it is at the value of `key` in `section`, which is empty
    /// for keys above all sections. Without a key it is at the section's heading.
    pub fn about(path: Option<&Path>, section: &str, key: &str, message: String) -> Self {
        let text = path.map(|path| (path, std::fs::read_to_string(path).unwrap_or_default()));
        let found = text.and_then(|(path, text)| Some((path, find(&text, section, key)?, text)));
        match found {
            Some((path, start, text)) => Self::at(path, &text, start, message),
            None => Self::Elsewhere(message),
        }
    }
}

/// Where in `text` the value of `key` in `section` is, or the section's heading; in bytes.
fn find(text: &str, section: &str, key: &str) -> Option<usize> {
    let (mut start, mut present) = (0, "");
    for line in text.split_inclusive('\n') {
        if let Some(heading) = line.strip_prefix('[') {
            present = heading.split(']').next()?.trim_start_matches('[').trim();
            if key.is_empty() && present == section {
                return Some(start);
            }
        } else if let Some((name, value)) = line.split_once('=')
            && (present, name.trim()) == (section, key)
        {
            return Some(start + line.len() - value.trim_start().len());
        }
        start += line.len();
    }
    None
}

/// Reads `path` into a `T`, whose structs should say `#[serde(deny_unknown_fields)]`.
///
/// # Errors
/// The file cannot be read, is no TOML, or does not fit `T`; the error names file, line, column and key.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(path, &text)
}

/// Like [`load`] for a file that may be absent: then `T::default()`.
///
/// # Errors
/// As [`load`], but for a missing file.
pub fn load_or_default<T: DeserializeOwned + Default>(path: &Path) -> Result<T, ConfigError> {
    match load(path) {
        Err(ConfigError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(T::default())
        }
        other => other,
    }
}

/// Reads the text of a configuration; `path` is only named in errors.
///
/// # Errors
/// The text is no TOML or does not fit `T`.
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let message = explain(error.message(), place(text, &span));
        ConfigError::at(path, text, span.start, message)
    })
}

/// Whose value the mistake at `span` is about, or which section's.
fn place<'a>(text: &'a str, span: &Range<usize>) -> Place<'a> {
    let before = text.get(..span.start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(line_start..).and_then(|rest| rest.lines().next());
    let line = line.unwrap_or_default().trim();
    let is_key = !line.starts_with(['#', '[', '"', '{', ']']);
    let mut above = before.lines().rev();
    Place {
        key: match is_key.then(|| line.split_once('=')).flatten() {
            Some((key, _)) => Some(key.trim()),
            // Inside a list that began above.
            None if !line.starts_with('[') => above.find_map(|line| {
                let (key, value) = line.split_once('=')?;
                value.trim_start().starts_with('[').then(|| key.trim())
            }),
            None => None,
        },
        section: line.starts_with('[').then(|| {
            let name = line.split(']').next().unwrap_or_default();
            name.trim_start_matches('[').trim()
        }),
        written: text.get(span.clone()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;

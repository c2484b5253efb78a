//! TOML files. A key that nobody reads is a mistake that nobody sees, so it is an error with file, line and key.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

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
        let start = error.span().unwrap_or_default().start;
        let line_start = text
            .get(..start)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |newline| newline + 1);
        let message = error.message();
        // The message of an unknown key names it; others ("invalid type") do not say whose value it is.
        let message = match key_at(text, line_start) {
            Some(key) if !message.contains(&format!("`{key}`")) => format!("`{key}`: {message}"),
            _ => message.to_owned(),
        };
        ConfigError::at(path, text, start, message)
    })
}

/// The key that the line beginning at byte `start` assigns, if it does.
fn key_at(text: &str, start: usize) -> Option<&str> {
    let line = text.get(start..)?.lines().next()?;
    let key = line.split_once('=')?.0.trim();
    (!key.is_empty() && !key.starts_with(['#', '['])).then_some(key)
}

/// The reason why a key of the contract is refused; see [`Unbuilt`].
pub trait Reason {
    /// What does not exist yet, as the end of the sentence "is not built into this version: …".
    const WHY: &'static str;
}

/// A key that the contract knows and this version cannot honour: reading one is always an error that says why.
///
/// Ignoring it would let a setting that protects something look as if it were in force.
pub struct Unbuilt<R>(PhantomData<R>);

impl<R> fmt::Debug for Unbuilt<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unbuilt")
    }
}

impl<R> Clone for Unbuilt<R> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<'de, R: Reason> Deserialize<'de> for Unbuilt<R> {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom(format_args!(
            "known, but not built into this version: {}",
            R::WHY
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::BitRate;

    struct Leases;
    impl Reason for Leases {
        const WHY: &'static str = "leases of ACLs";
    }

    #[derive(Debug, Deserialize, Default)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(default)]
        threshold: Option<BitRate>,
        #[expect(dead_code, reason = "only its refusal is tested")]
        #[serde(default)]
        ttl: Option<Unbuilt<Leases>>,
    }

    #[derive(Debug, Deserialize, Default)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(default)]
        mark: Inner,
    }

    fn error(text: &str) -> String {
        parse::<Outer>(Path::new("/etc/x.toml"), text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn unknown_keys_name_file_line_and_key() {
        let error = error("# first\n[mark]\nthreshhold = \"1G\"\n");
        assert!(error.starts_with("/etc/x.toml:3:1: "), "{error}");
        assert!(
            error.contains("`threshhold`") && error.contains("`threshold`"),
            "{error}"
        );
    }

    #[test]
    fn wrong_values_name_their_key() {
        let error = error("[mark]\nthreshold = \"fast\"\n");
        assert!(
            error.starts_with("/etc/x.toml:2:13: `threshold`: \"fast\" is not a rate"),
            "{error}"
        );
        assert!(
            error_of_type().contains("`threshold`: invalid type"),
            "{}",
            error_of_type()
        );
    }

    fn error_of_type() -> String {
        error("[mark]\nthreshold = 7\n")
    }

    #[test]
    fn unbuilt_keys_say_why() {
        let error = error("[mark]\nttl = \"60s\"\n");
        assert!(
            error.contains(":2:") && error.contains("`ttl`") && error.contains("leases of ACLs"),
            "{error}"
        );
    }

    #[test]
    fn broken_toml_has_a_position() {
        assert!(
            error("[mark]\nthreshold = = 1\n").starts_with("/etc/x.toml:2:13: "),
            "{}",
            error("[mark]\nthreshold = = 1\n")
        );
    }

    #[test]
    fn an_absent_file_is_the_default_and_an_unreadable_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let loaded: Outer = load_or_default(&directory.path().join("none.toml")).unwrap();
        assert_eq!(loaded.mark.threshold, None);
        assert!(matches!(
            load_or_default::<Outer>(directory.path()),
            Err(ConfigError::Read { .. })
        ));
    }
}

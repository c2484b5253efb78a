//! A file with nothing but tokens in it, apart from the other settings: whoever may read those need not see who may what.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::credentials::TableError;
use super::secret_file::{self, FileError, Safe};
use crate::config::ConfigError;

/// Why there is no table of who is known.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The file of tokens cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// It holds something else.
    #[error(transparent)]
    Content(#[from] ConfigError),
    /// It is no text.
    #[error("{} is no text", .0.display())]
    NoText(PathBuf),
    /// Two entries mean the same caller.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Reads the file into a `T`, whose structs should say `#[serde(deny_unknown_fields)]`.
///
/// # Errors
/// It cannot be read, everybody may change it, or it holds something else.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, AccessError> {
    let content = secret_file::read(path, Safe::FromReaders)?;
    let text = String::from_utf8(content).map_err(|_| AccessError::NoText(path.to_owned()))?;
    Ok(crate::config::parse(path, &text)?)
}

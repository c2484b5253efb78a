//! Files that settings name: by their path, or as `credential:NAME` what systemd passes to a service (systemd.exec(5),
//! `LoadCredential=`), which is where secrets are best: readable for nobody but the service.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// What a setting begins with that names a credential.
const SCHEME: &str = "credential:";

/// A file that a setting names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName(pub PathBuf);

impl FileName {
    /// The path as text.
    pub fn into_text(self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    /// The file that `text` means, with the credentials in `directory`.
    fn read(text: &str, directory: Option<&Path>) -> Result<Self, String> {
        let Some(name) = text.strip_prefix(SCHEME) else {
            return Ok(Self(text.into()));
        };
        // A name that leads elsewhere would not be a credential.
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return Err(format!("{text:?} names no credential; write \"{SCHEME}NAME\""));
        }
        let directory = directory.ok_or_else(|| {
            format!(
                "{text:?}: systemd has passed no credentials; the service needs LoadCredential={name}:FILE, and elsewhere \
                 there are none"
            )
        })?;
        Ok(Self(directory.join(name)))
    }
}

impl<'de> Deserialize<'de> for FileName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = FileName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("path string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<FileName, E> {
                let directory = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
                FileName::read(text, directory.as_deref()).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Reads the path of a setting that may name a credential, for `#[serde(deserialize_with = "…")]`.
///
/// # Errors
/// It is no text, or no credential.
pub fn file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    FileName::deserialize(deserializer).map(|file| file.0)
}

/// As [`file()`], for a setting that may be left out.
///
/// # Errors
/// As [`file()`].
pub fn optional_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    file(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_a_file_where_systemd_puts_it() {
        let directory = Path::new("/run/credentials/flow-marker.service");
        let read = |text: &str| FileName::read(text, Some(directory)).map(FileName::into_text);
        assert_eq!(read("/etc/token").unwrap(), "/etc/token");
        assert_eq!(
            read("credential:token").unwrap(),
            "/run/credentials/flow-marker.service/token"
        );
        for bad in [
            "credential:",
            "credential:../key",
            "credential:a/b",
            "credential:..",
        ] {
            assert!(read(bad).unwrap_err().contains("names no credential"), "{bad}");
        }
        let nowhere = FileName::read("credential:token", None).unwrap_err();
        assert!(nowhere.contains("LoadCredential=token:FILE"), "{nowhere}");
    }
}

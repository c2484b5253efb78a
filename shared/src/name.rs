//! ACL names become file names, so they are a strict allow-list and a type of their own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of an ACL: `^[a-z0-9_]{1,64}$` (`acl-server` contract §1).
///
/// A value of this type can be put into a file name or a URL path as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AclName(Box<str>);

/// Why a text is not an [`AclName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("an ACL name must not be empty; it is 1 to {max} characters of a-z, 0-9 and _", max = AclName::MAX_LEN)]
    Empty,
    /// The text is longer than [`AclName::MAX_LEN`].
    #[error("an ACL name has at most {max} characters, this one has {len}", max = AclName::MAX_LEN)]
    TooLong {
        /// Characters in the refused text.
        len: usize,
    },
    /// A character outside the allow-list.
    #[error("an ACL name is made of a-z, 0-9 and _ only; character {position} is {found:?}")]
    BadCharacter {
        /// Position of the character, counted from 1.
        position: usize,
        /// The character itself.
        found: char,
    },
}

impl AclName {
    /// Longest name: `50rest-` + 64 + `.rules` and a temporary suffix stay far below the 255 bytes of a file name.
    pub const MAX_LEN: usize = 64;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AclName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let bad = |c: &char| !matches!(c, 'a'..='z' | '0'..='9' | '_');
        if let Some((index, found)) = text.chars().enumerate().find(|(_, c)| bad(c)) {
            return Err(NameError::BadCharacter {
                position: index + 1,
                found,
            });
        }
        if text.len() > Self::MAX_LEN {
            return Err(NameError::TooLong { len: text.len() });
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for AclName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<AclName> for String {
    fn from(name: AclName) -> Self {
        name.0.into()
    }
}

impl AsRef<str> for AclName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl std::borrow::Borrow<str> for AclName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for AclName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_contract_allows() {
        for text in ["a", "ddos1", "fm_mark_0af3", "0", "_", &"x".repeat(64)] {
            assert_eq!(text.parse::<AclName>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_everything_that_could_leave_the_directory() {
        for text in [
            "..", "a/b", "a\\b", ".", "a b", "A", "ä", "a\0", "a\n", "a.rules", "%2e",
        ] {
            assert!(
                matches!(text.parse::<AclName>(), Err(NameError::BadCharacter { .. })),
                "{text:?}"
            );
        }
        assert_eq!("".parse::<AclName>(), Err(NameError::Empty));
        assert_eq!(
            "x".repeat(65).parse::<AclName>(),
            Err(NameError::TooLong { len: 65 })
        );
    }

    #[test]
    fn is_checked_when_it_comes_out_of_json() {
        assert!(serde_json::from_str::<AclName>("\"ok_1\"").is_ok());
        let error = serde_json::from_str::<AclName>("\"../etc\"")
            .unwrap_err()
            .to_string();
        assert!(error.contains("character 1 is '.'"), "{error}");
    }
}

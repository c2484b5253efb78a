//! How a token is called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// The name of a token: 1 to 64 letters, digits, `_`, `.` or `-`, so that it fits into HTTP Basic and into a log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenName(String);

/// Why a text is not the name of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token's name has 1 to 64 letters, digits, `_`, `.` or `-`")]
pub struct BadName;

impl TokenName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let fits = |c: u8| c.is_ascii_alphanumeric() || b"_.-".contains(&c);
        let fine = (1..=64).contains(&text.len()) && text.bytes().all(fits);
        fine.then(|| Self(text.to_owned())).ok_or(BadName)
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TokenName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

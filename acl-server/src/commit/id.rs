//! Names of changes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Names a change: the start of the daemon that took it, and its number since then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommitId {
    /// Another one for each start.
    pub start: u32,
    /// Counted from 1.
    pub number: u64,
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.start, self.number)
    }
}

/// A text that is no [`CommitId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the id of a change: it is eight hexadecimal digits, a hyphen and a number, as in the header Commit-Id"
)]
pub struct NoCommitId;

impl FromStr for CommitId {
    type Err = NoCommitId;

    fn from_str(text: &str) -> Result<Self, NoCommitId> {
        let (start, number) = text.split_once('-').ok_or(NoCommitId)?;
        let id = Self {
            start: u32::from_str_radix(start, 16).map_err(|_| NoCommitId)?,
            number: number.parse().map_err(|_| NoCommitId)?,
        };
        // One way to write it.
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(NoCommitId)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_nothing_else_does() {
        let id = CommitId {
            start: 0xab,
            number: 7,
        };
        assert_eq!(id.to_string(), "000000ab-7");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "1",
            "-1",
            "00000001-",
            "1-1",
            "00000001-01",
            "0000000g-1",
            "00000001-1 ",
            "00000001-+1",
        ] {
            assert_eq!(text.parse::<CommitId>(), Err(NoCommitId), "{text}");
        }
    }
}

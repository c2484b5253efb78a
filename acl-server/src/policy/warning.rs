//! What is said about a rule beside others.

use std::fmt;

use serde::{Serialize, Serializer};

/// How a rule stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WarningKind {
    /// An earlier rule of the same table and chain, which ends the search, matches everything that this rule matches:
    /// it never has an effect.
    ShadowedBy,
    /// This rule ends the search for packets that the other, which comes later, would discard.
    Before,
    /// Both rules say the same.
    Duplicate,
}

/// What is remarkable about one rule of an ACL. Serialised as one string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The rule's line, counted from 1.
    pub line: u32,
    /// What it is.
    pub kind: WarningKind,
    /// The name of the file that has the other rule; it may be the rule's own file.
    pub file: String,
    /// The other rule's line, counted from 1.
    pub other_line: u32,
}

impl Warning {
    /// Without the rule's own line: `shadowed by 50_nvue.rules:12`. Printable, whatever the file's name is.
    pub fn text(&self) -> String {
        let what = match self.kind {
            WarningKind::ShadowedBy => "shadowed by",
            WarningKind::Before => "comes before the deny at",
            WarningKind::Duplicate => "duplicate of",
        };
        let file = self.file.replace(char::is_control, "?");
        format!("{what} {file}:{}", self.other_line)
    }
}

/// `line 3: shadowed by 50_nvue.rules:12`.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text())
    }
}

impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

//! Where a rule came from: its file and line, as they may be printed.

use std::path::Path;
use std::rc::Rc;

/// A path as it may be printed: one line, whatever the name holds.
pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy()
        .chars()
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            }
        })
        .collect()
}

/// A rule file, by the names that are printed.
#[derive(Debug)]
pub(super) struct PolicyFile {
    /// The whole path.
    pub(super) path: String,
    /// The last part of the path, of letters, digits and `._-` only, at most [`Self::MAX_NAME`] of them.
    pub(super) name: String,
    /// The lines.
    pub(super) lines: Vec<String>,
}

impl PolicyFile {
    /// A comment of iptables has at most 255 bytes; a line number and the ID take up to 30.
    pub(super) const MAX_NAME: usize = 200;

    pub(super) fn new(path: &Path, lines: Vec<String>) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
                c
            } else {
                '_'
            }
        };
        Self {
            path: shown(path),
            name: name.chars().map(plain).take(Self::MAX_NAME).collect(),
            lines,
        }
    }

    /// Where a line is, for messages.
    pub(super) fn origin(&self, line: u32) -> Origin {
        let index = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
        let rule = self.lines.get(index).map_or("", String::as_str);
        let rule = rule.chars().take(1024).flat_map(char::escape_debug).collect();
        Origin {
            path: self.path.clone().into(),
            line,
            rule,
        }
    }
}

/// The line that something came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) path: Rc<str>,
    /// Counted from 1.
    pub(super) line: u32,
    /// The line, escaped.
    pub(super) rule: String,
}

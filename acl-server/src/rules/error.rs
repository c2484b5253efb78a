//! What is wrong with a line, and where.

use std::ops::RangeInclusive;

/// Why a text is not an ACL, with the place of the mistake. Says what was found and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct RuleError {
    /// The line, counted from 1.
    pub line: u32,
    /// The character in the line, counted from 1. Inside a variable: where the variable is used.
    pub column: u32,
    /// What was found and what was expected: one line of printable text, whatever the input was.
    pub message: String,
}

/// A mistake inside one line; the caller knows which line.
#[derive(Debug)]
pub(super) struct Fault {
    /// Counted from 1.
    pub(super) column: u32,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(column: u32, message: impl Into<String>) -> Self {
        Self {
            column,
            message: message.into(),
        }
    }

    pub(super) fn at_line(self, line: u32) -> RuleError {
        RuleError {
            line,
            column: self.column,
            message: self.message,
        }
    }
}

/// The text as it may be shown: escaped, in quotes, and cut, since it comes from the network.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// "found X; expected Y".
pub(super) fn expected(found: &str, what: &str) -> String {
    format!("found {}; expected {what}", quoted(found))
}

/// A decimal number in a range.
///
/// No sign and no leading zero: the tool reads `010` as octal 8.
pub(super) fn number(text: &str, range: RangeInclusive<u32>, what: &str) -> Result<u32, String> {
    let plain = text.len() <= 10
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    text.parse::<u32>()
        .ok()
        .filter(|value| plain && range.contains(value))
        .ok_or_else(|| {
            expected(
                text,
                &format!(
                    "{what}, a decimal number from {} to {}",
                    range.start(),
                    range.end()
                ),
            )
        })
}

/// A count as a position in a text; texts are far shorter than 4 Gi.
pub(super) fn position(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

//! Every mistake of one file.

use std::collections::BTreeSet;
use std::fmt;

use crate::rules::{Author, Mode, RuleError, read};

/// Longest line of an ACL, in bytes, as the API has it.
pub const MAX_LINE: usize = 1024;

/// Most lines of an ACL, as the API has it.
pub const MAX_LINES: usize = 1000;

/// One mistake. In the order of places.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The line, counted from 1.
    pub line: u32,
    /// The byte in the line, counted from 1.
    pub column: u32,
    /// What was found and what was expected: one line of printable text, whatever the input was.
    pub message: String,
}

/// `12:5: found …`, to follow a file's name and a colon.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl From<RuleError> for Finding {
    fn from(error: RuleError) -> Self {
        Self {
            line: error.line,
            column: error.column,
            message: error.message,
        }
    }
}

/// All that is wrong with a rule file, in the order of places: lines that are not understood or that the tool would
/// misread, bytes that are no printable ASCII, lines and files beyond the API's bounds, duplicates, LOG without its DROP.
/// A file without findings is an ACL that a PUT accepts, as far as it depends on the file alone.
///
/// `file_name`, with or without directories, says whose file it is. In one that ends in `.rules` and does not start with
/// `50rest-` the comments may hold anything printable, there need not be a section, and the number of lines does not matter.
///
/// Rules under a header that is no section's are not judged before the header is right. Work is linear in the input, and so
/// is the number of findings.
pub fn lint(file_name: &str, content: &[u8], mode: Mode) -> Vec<Finding> {
    let author = author(file_name);
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    let lines: Vec<&[u8]> = match content {
        [] => Vec::new(),
        _ => content.split(|byte| *byte == b'\n').collect(),
    };
    let texts: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
    let mut findings: Vec<Finding> = (1..)
        .zip(&lines)
        .flat_map(|(number, line)| [odd_byte(number, line), too_long(number, line)])
        .flatten()
        .collect();
    if author == Author::Client && lines.len() > MAX_LINES {
        findings.push(Finding {
            line: position(MAX_LINES + 1),
            column: 1,
            message: format!("the file has {} lines; expected at most {MAX_LINES}", lines.len()),
        });
    }
    // Of such a line nothing more is known than what has been said.
    let unread: BTreeSet<u32> = (1..)
        .zip(&lines)
        .filter(|(_, line)| line.len() > MAX_LINE || line.iter().any(is_odd))
        .map(|(number, _)| number)
        .collect();
    let reading = read(&texts, mode, author);
    let unknown = reading
        .unknown
        .into_iter()
        .filter(|error| !unread.contains(&error.line));
    findings.extend(unknown.chain(reading.between).map(Finding::from));
    findings.sort();
    findings
}

fn author(file_name: &str) -> Author {
    let name = file_name.rsplit('/').next().unwrap_or(file_name);
    if name.ends_with(".rules") && !name.starts_with("50rest-") {
        Author::Other
    } else {
        Author::Client
    }
}

fn is_odd(byte: &u8) -> bool {
    !(b' '..=b'~').contains(byte)
}

fn odd_byte(line: u32, bytes: &[u8]) -> Option<Finding> {
    let at = bytes.iter().position(is_odd)?;
    let found = match bytes.get(at)? {
        b'\t' => "a tab".to_owned(),
        b'\r' if at + 1 == bytes.len() => "a carriage return: lines end in a line feed alone".to_owned(),
        byte => format!("the byte 0x{byte:02x}"),
    };
    let more = match bytes.iter().filter(|byte| is_odd(byte)).count() {
        1 => String::new(),
        count => format!(", and {} more in this line", count - 1),
    };
    Some(Finding {
        line,
        column: position(at + 1),
        message: format!("found {found}; expected printable ASCII{more}"),
    })
}

fn too_long(line: u32, bytes: &[u8]) -> Option<Finding> {
    (bytes.len() > MAX_LINE).then(|| Finding {
        line,
        column: position(MAX_LINE + 1),
        message: format!("the line has {} bytes; expected at most {MAX_LINE}", bytes.len()),
    })
}

fn position(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

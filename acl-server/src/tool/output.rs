//! What the tool printed. All of it is read, since the real tool crashes when its output is closed; a part is kept.

use std::collections::VecDeque;

use super::process::Sink;

mod mentions;
mod scanner;

pub use mentions::{Mention, Mentions, Quoted, mentions};
use scanner::Scanner;

/// Bytes kept from the beginning, and as many from the end: errors stand in either place.
const KEEP: usize = 32 << 10;

/// Everything said, or its beginning and end.
#[derive(Debug, Default)]
pub struct Output {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
    /// Sees everything, also what is not kept.
    scanner: Scanner,
}

impl Sink for Output {
    fn push(&mut self, bytes: &[u8]) {
        self.scanner.push(bytes);
        let room = KEEP.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.head.extend_from_slice(head);
        // Of a piece that is larger than what is kept, only the end would stay.
        let skipped = rest.len().saturating_sub(KEEP);
        let rest = rest.get(skipped..).unwrap_or_default();
        let over = (self.tail.len() + rest.len()).saturating_sub(KEEP);
        self.tail.drain(..over);
        self.tail.extend(rest);
        self.dropped += u64::try_from(over + skipped).unwrap_or(u64::MAX);
    }
}

impl Output {
    /// Takes in what was printed, in pieces of any size.
    pub fn add(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }

    /// Whether the text says that something went wrong, whatever the exit status says: with a word `error:` or `failed`
    /// that is not a client's own (see `scanner`).
    pub fn says_error(&self) -> bool {
        self.scanner.says_error()
    }

    /// The kept lines, without those that are empty. Bytes that are no text (UTF-8) are replaced.
    pub fn into_lines(self) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let tail: Vec<u8> = self.tail.into();
        let whole = match self.dropped {
            0 => text(&[self.head, tail].concat()),
            dropped => format!(
                "{}\n[{dropped} bytes left out]\n{}",
                text(&self.head),
                text(&tail)
            ),
        };
        whole
            .lines()
            .map(|line| line.trim_end().to_owned())
            .filter(|line| !line.is_empty())
            .collect()
    }
}

#[cfg(test)]
mod tests;

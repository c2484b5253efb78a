//! What the tool printed. All of it is read, since the real tool crashes when its output is closed; a part is kept.

use std::collections::VecDeque;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes kept from the beginning, and as many from the end: errors stand in either place.
const KEEP: usize = 32 << 10;

/// Everything said, or its beginning and end.
#[derive(Debug, Default)]
pub struct Output {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
    /// The last bytes seen, for words that stand across two reads.
    scanner: Scanner,
}

impl Output {
    /// Reads until the other side closes.
    ///
    /// # Errors
    /// The pipe cannot be read.
    pub async fn read_all(&mut self, reader: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        let mut buffer = [0; 8192];
        loop {
            match reader.read(&mut buffer).await? {
                0 => return Ok(()),
                n => self.push(buffer.get(..n).unwrap_or_default()),
            }
        }
    }

    /// Takes in what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.scanner.push(bytes);
        let room = KEEP.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(KEEP);
        self.tail.drain(..over);
        self.dropped += u64::try_from(over).unwrap_or(u64::MAX);
    }

    /// Whether the text says that something went wrong, whatever the exit status says.
    ///
    /// The words are `error:` and `failed` standing alone: `50rest-failed.rules` is only somebody's file name.
    pub fn says_error(&self) -> bool {
        self.scanner.found || Scanner::is_error(&self.scanner.word)
    }

    /// The kept lines.
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

/// Looks at words as they stream by, so that none is missed where the middle is not kept.
#[derive(Debug, Default)]
struct Scanner {
    word: Vec<u8>,
    found: bool,
}

impl Scanner {
    /// Longer words are no words of interest; only their beginning is kept.
    const LONGEST: usize = 32;

    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if !byte.is_ascii_whitespace() {
                if self.word.len() < Self::LONGEST {
                    self.word.push(byte);
                }
                continue;
            }
            self.found |= Self::is_error(&self.word);
            self.word.clear();
        }
    }

    fn is_error(word: &[u8]) -> bool {
        let word = word.strip_prefix(b"(").unwrap_or(word);
        let end = word
            .iter()
            .rposition(|byte| !b".,;!)".contains(byte))
            .map_or(0, |last| last + 1);
        let word = word.get(..end).unwrap_or_default();
        word.eq_ignore_ascii_case(b"error:")
            || word.eq_ignore_ascii_case(b"failed")
            || word.eq_ignore_ascii_case(b"failed:")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says_error(chunks: &[&str]) -> bool {
        let mut output = Output::default();
        chunks.iter().for_each(|chunk| output.push(chunk.as_bytes()));
        output.says_error()
    }

    #[test]
    fn the_tools_wordings_are_recognised() {
        for text in [
            "error: Cannot find policy files: ['x.rules']",
            "Reading rule file x ...\nError: unknown rule type [foo]\n",
            "hw sync failed (x) Rolling back .. failed.",
            "it has failed",
            "Installing failed: no space",
        ] {
            assert!(says_error(&[text]), "{text}");
        }
        assert!(says_error(&["err", "or", ": x"]));
    }

    #[test]
    fn names_that_only_look_like_errors_are_none() {
        for text in [
            "Reading rule file /p/50rest-failed.rules ...",
            "50rest-error.rules",
            "errors: 0 or so",
            "done.",
            "",
        ] {
            assert!(!says_error(&[text]), "{text}");
        }
    }

    #[test]
    fn a_flood_is_read_and_its_ends_are_kept() {
        let mut output = Output::default();
        output.push(b"first line\n");
        for _ in 0..1000 {
            output.push(&[b'x'; 1000]);
        }
        output.push(b"\nerror: hidden in the middle\n");
        for _ in 0..1000 {
            output.push(&[b'y'; 1000]);
        }
        output.push(b"\nlast line");
        assert!(output.says_error());
        let lines = output.into_lines();
        assert_eq!(lines.first().unwrap(), "first line");
        assert_eq!(lines.last().unwrap(), "last line");
        assert!(lines.iter().any(|line| line.ends_with("bytes left out]")));
        assert!(lines.iter().map(String::len).sum::<usize>() < 3 * KEEP);
    }
}

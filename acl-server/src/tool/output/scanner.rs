//! Looks for words of failure as they stream by, so that none is missed where the middle is not kept.

/// Finds `error:` and `failed` in a text that never ends.
///
/// The tool may echo rules and their comments, which are clients' words: who names a rule "failed" must not make every
/// commit look like a failure. Passed over are therefore a line that begins with `#`, and the word after `--comment`,
/// `--log-prefix` or `/*` (how iptables lists a comment); those are the only places of a rule that hold free words. So is
/// `failed` after `0` or `no`, outside of a rule. Everything else counts: to call a failure a success would be worse.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    word: Vec<u8>,
    line: Line,
    found: bool,
}

/// What is known of the line so far.
#[derive(Debug, Default)]
struct Line {
    /// It has a word.
    begun: bool,
    /// It is a comment of a rule file, or of what iptables-save prints.
    is_comment: bool,
    /// A rule has begun in it.
    in_rule: bool,
    before: Before,
}

/// The word before.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Before {
    #[default]
    Anything,
    /// The next word is free text of a client.
    FreeText,
    /// The next word is counted, and there is none of it.
    None,
}

impl Scanner {
    /// Longer words are no words of interest; only their beginning is kept.
    const LONGEST: usize = 32;

    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(u8::is_ascii_whitespace) {
            let (word, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
            self.extend(word);
            self.end_word();
            if let Some((b'\n', _)) = rest.split_first() {
                self.line = Line::default();
            }
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.extend(bytes);
    }

    /// Whether such a word has come, the last one included even when nothing follows it.
    pub(super) fn says_error(&self) -> bool {
        self.found || self.is_error()
    }

    fn extend(&mut self, part: &[u8]) {
        let room = Self::LONGEST.saturating_sub(self.word.len());
        self.word.extend_from_slice(part.get(..room).unwrap_or(part));
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        self.found |= self.is_error();
        let line = &mut self.line;
        line.is_comment |= !line.begun && self.word.starts_with(b"#");
        line.begun = true;
        line.before = match self.word.as_slice() {
            b"--comment" | b"--log-prefix" | b"/*" => Before::FreeText,
            b"0" | b"no" if !line.in_rule => Before::None,
            _ => Before::Anything,
        };
        line.in_rule |= matches!(self.word.as_slice(), b"-A" | b"-j");
        self.word.clear();
    }

    fn is_error(&self) -> bool {
        let opening = |byte: &u8| b"([".contains(byte);
        let closing = |byte: &u8| b".,;:!)]".contains(byte);
        let start = self.word.iter().take_while(|byte| opening(byte)).count();
        let word = self.word.get(start..).unwrap_or_default();
        let end = word
            .iter()
            .rposition(|byte| !closing(byte))
            .map_or(0, |last| last + 1);
        let failed = word
            .get(..end)
            .is_some_and(|bare| bare.eq_ignore_ascii_case(b"failed"));
        let error = word
            .get(..b"error:".len())
            .is_some_and(|start| start.eq_ignore_ascii_case(b"error:"));
        let excused = self.line.is_comment
            || self.line.before == Before::FreeText
            || (failed && self.line.before == Before::None);
        (failed || error) && !excused
    }
}

//! A text that is read from left to right.

use super::fault::Fault;

/// What is left of a text, and where that begins in the whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { rest: text, at: 0 }
    }

    /// Where the rest begins, in bytes.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        self.rest.starts_with(text)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn advance(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        self.at += taken.len();
        taken
    }

    pub(super) fn blank(&mut self) {
        let blank = self.rest.len() - self.rest.trim_start().len();
        self.advance(blank);
    }

    /// What has been taken since the text was at `before`.
    pub(super) fn since(&self, before: &Self) -> &'a str {
        let taken = self.at.saturating_sub(before.at);
        before.rest.get(..taken).unwrap_or_default()
    }

    /// Takes `text` away if the rest begins with it.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.starts_with(text);
        if found {
            self.advance(text.len());
        }
        found
    }

    /// Takes the next character.
    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.advance(next.len_utf8());
        Some(next)
    }

    /// Everything before the first character that ends a word, without the blanks around it; and where that begins.
    pub(super) fn until(&mut self, ends: impl FnMut(char) -> bool) -> (usize, &'a str) {
        self.blank();
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let at = self.at;
        (at, self.advance(end).trim_end())
    }

    /// What stands between `[` and the `]` that belongs to it; the cursor stands behind the `[`.
    pub(super) fn bracketed(&mut self) -> Result<(usize, &'a str), Fault> {
        let mut depth = 1_usize;
        for (at, c) in self.rest.char_indices() {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let start = self.at;
                let inside = self.advance(at);
                self.advance(1);
                return Ok((start, inside));
            }
        }
        Err(Fault::new(
            self.at.saturating_sub(1),
            "[",
            "this bracket is never closed",
        ))
    }

    /// The character that comes next cannot stand here.
    pub(super) fn fault(&self, reason: &str) -> Fault {
        let word: String = match self.peek() {
            Some(c) if c.is_alphanumeric() => self.rest.chars().take_while(|c| c.is_alphanumeric()).collect(),
            Some(c) => c.to_string(),
            None => String::new(),
        };
        Fault::new(self.at, word, reason)
    }
}

/// Where an expression stands, which says what ends its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Keys,
    Filter,
    Brackets,
}

impl Place {
    pub(super) fn ends(self, c: char) -> bool {
        match c {
            ':' | ',' | '[' | ']' => true,
            '=' | '!' | '~' | '&' | '|' | '(' | ')' => self == Self::Filter,
            _ => false,
        }
    }
}

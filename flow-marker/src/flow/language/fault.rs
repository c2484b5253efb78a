//! What is wrong with a text, and where.

use std::fmt;

/// A word that cannot stand where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where the word begins, in bytes from the start of the text.
    pub at: usize,
    /// The word as it stands; empty at the end of the text.
    pub word: String,
    /// What is wrong with it.
    pub reason: String,
    /// What it may have been meant to be.
    pub meant: Option<String>,
}

impl Fault {
    pub(crate) fn new(at: usize, word: impl Into<String>, reason: impl Into<String>) -> Self {
        let mut word: String = word.into();
        // A word is shown to people; a hostile one may be as long as the text.
        if word.len() > Self::WORD {
            let end = (0..=Self::WORD).rev().find(|end| word.is_char_boundary(*end));
            word.truncate(end.unwrap_or(0));
        }
        Self {
            at,
            word,
            reason: reason.into(),
            meant: None,
        }
    }

    /// Longest word that is repeated, in bytes.
    const WORD: usize = 100;

    pub(crate) fn meant<'a>(mut self, among: impl IntoIterator<Item = &'a str>) -> Self {
        self.meant = closest(&self.word, among).map(str::to_owned);
        self
    }

    /// The same in a text in which this one begins at `offset`.
    #[must_use]
    pub(crate) fn shifted(mut self, offset: usize) -> Self {
        self.at += offset;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.word.as_str() {
            "" => write!(f, "at byte {}: {}", self.at, self.reason)?,
            word => write!(f, "at byte {}: {word:?}: {}", self.at, self.reason)?,
        }
        match &self.meant {
            Some(meant) => write!(f, "; did you mean {meant:?}?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

/// The name that `word` may have been meant to be: at most a third of its letters differ.
pub fn closest<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<u8> = word
        .bytes()
        .take(Fault::WORD)
        .map(|b| b.to_ascii_lowercase())
        .collect();
    let most = word.len().div_ceil(3).min(4);
    let named = among
        .into_iter()
        .map(|name| (distance(&word, name.as_bytes()), name));
    let (distance, name) = named.min_by_key(|(distance, _)| *distance)?;
    (distance <= most && !word.is_empty()).then_some(name)
}

/// Bytes to insert, to delete or to change (Levenshtein), a swap of neighbours counting two.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (n, x) in a.iter().enumerate() {
        let mut diagonal = n;
        let mut left = n + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b) {
            let above = *cell;
            left = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = n + 1;
        }
    }
    row.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let names = ["ipsource", "ip6source", "ipdestination", "vlan"];
        assert_eq!(closest("ipsorce", names), Some("ipsource"));
        assert_eq!(closest("IPSOURCE", names), Some("ipsource"));
        assert_eq!(closest("ip6surce", names), Some("ip6source"));
        assert_eq!(closest("vla", names), Some("vlan"));
        assert_eq!(closest("elephant", names), None);
        assert_eq!(closest("", names), None);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert_eq!(distance(b"", b"abc"), 3);
    }
}

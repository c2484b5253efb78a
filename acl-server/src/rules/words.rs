//! The words of a rule, one after the other, and what every rule starts with.

use std::slice;

use super::error::{Fault, expected};
use super::line::Word;

/// The words of a rule that have not been read yet.
pub(super) struct Words<'w, 'a> {
    rest: slice::Iter<'w, Word<'a>>,
    /// Just behind the last word read, for what is missing.
    end: u32,
}

impl<'w, 'a> Words<'w, 'a> {
    pub(super) fn new(words: &'w [Word<'a>]) -> Self {
        Self {
            rest: words.iter(),
            end: 1,
        }
    }

    pub(super) fn next(&mut self) -> Option<&'w Word<'a>> {
        let word = self.rest.next()?;
        let length = u32::try_from(word.text.len()).unwrap_or(u32::MAX);
        self.end = word.column.saturating_add(length);
        Some(word)
    }

    /// The words that are left.
    pub(super) fn rest(&self) -> &'w [Word<'a>] {
        self.rest.as_slice()
    }

    /// The next word, which stays.
    pub(super) fn peek(&self) -> Option<&'w Word<'a>> {
        self.rest().first()
    }

    /// The next word if it is this one.
    pub(super) fn next_if(&mut self, text: &str) -> Option<&'w Word<'a>> {
        if self.peek()?.text == text {
            self.next()
        } else {
            None
        }
    }

    /// The word that an option needs.
    pub(super) fn value(&mut self, option: &Word<'_>, what: &str) -> Result<&'w Word<'a>, Fault> {
        let end = self.end;
        self.next().ok_or_else(|| {
            Fault::new(
                end,
                format!("found the end of the line after {}; expected {what}", option.text),
            )
        })
    }

    /// The value of an option, read by `parse`, whose message is placed at the value.
    pub(super) fn parsed<T>(
        &mut self,
        option: &Word<'_>,
        what: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Fault> {
        let value = self.value(option, what)?;
        parse(&value.text).map_err(|message| value.fault(message))
    }

    /// A mistake just behind the last word.
    pub(super) fn end(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.end, message)
    }
}

/// Reads `[-t TABLE] -A CHAINS`.
pub(super) fn place<'w, 'a>(
    words: &mut Words<'w, 'a>,
) -> Result<(Option<&'w Word<'a>>, &'w Word<'a>), Fault> {
    let table = match words.next_if("-t") {
        Some(option) => Some(words.value(option, "a table")?),
        None => None,
    };
    let Some(append) = words.next() else {
        return Err(words.end("found the end of the line; expected -A and a chain"));
    };
    if append.text != "-A" {
        return Err(append.fault(refusal(&append.text).map_or_else(
            || {
                expected(
                    &append.text,
                    "-A CHAIN, or -t TABLE -A CHAIN, at the start of a rule",
                )
            },
            str::to_owned,
        )));
    }
    Ok((table, words.value(append, "a chain")?))
}

/// Why a word that iptables knows is refused.
pub(super) fn refusal(word: &str) -> Option<&'static str> {
    let reason = match word {
        "-I" | "--insert" => "found -I, which needs a number and escapes the tool's checks; only -A is safe",
        "--append" => "found --append; the tool understands the short form only: -A",
        "-t" | "--table" => "the table comes before -A, in the short form: -t TABLE -A CHAIN",
        "-A" => "found a second -A; a rule has one",
        "-D" | "--delete" | "-R" | "--replace" | "-F" | "--flush" | "-X" | "--delete-chain" | "-P"
        | "--policy" | "-N" | "--new-chain" | "-Z" | "--zero" | "-L" | "--list" | "-S" | "--list-rules"
        | "-E" | "--rename-chain" | "-C" | "--check" => {
            "found a command other than -A; such commands escape the tool's checks, only -A is safe"
        }
        "!" => "found !; hardware knows no negation (except of -m ecn)",
        "-M" | "--modprobe" => "found --modprobe; options that take a file or a command are never allowed",
        "-c" | "--set-counters" => "found --set-counters; counters belong to the switch",
        "-g" | "--goto" => "found --goto; jumps to other chains are not in hardware",
        _ => return None,
    };
    Some(reason)
}

//! A line before its grammar: characters, kind, words, variables. Most traps of the rule files are caught here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::error::{Fault, expected, position, quoted};
use super::section::Section;

/// Longest line. The API's own bound is lower; other people's files get some slack.
pub(super) const MAX_LINE: usize = 4096;

/// What kind of line it is.
pub(super) enum Kind<'a> {
    Blank,
    Comment,
    Section(Section),
    Variable { name: &'a str, value: &'a str },
    Rule(Vec<Word<'a>>),
}

/// One word of a rule, its variables replaced.
#[derive(Debug, Clone)]
pub(super) struct Word<'a> {
    pub(super) text: Cow<'a, str>,
    /// Where the word starts in the line, counted from 1.
    pub(super) column: u32,
}

impl Word<'_> {
    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.column, message)
    }

    pub(super) fn expected(&self, what: &str) -> Fault {
        self.fault(expected(&self.text, what))
    }
}

/// The variables that have been assigned so far.
#[derive(Debug, Default)]
pub(super) struct Variables(BTreeMap<String, String>);

/// Sorts a line out. `comments_too`: a comment must not hold what the tool may take for something else.
pub(super) fn classify<'a>(
    line: &'a str,
    variables: &Variables,
    comments_too: bool,
) -> Result<Kind<'a>, Fault> {
    characters(line)?;
    if line.trim_matches(' ').is_empty() {
        return Ok(Kind::Blank);
    }
    let comment = line.starts_with('#');
    if comment && !comments_too {
        return Ok(Kind::Comment);
    }
    if let Some(section) = Section::ALL.into_iter().find(|section| section.header() == line) {
        return Ok(Kind::Section(section));
    }
    brackets(line)?;
    if comment {
        return match line.find('=') {
            Some(at) => Err(Fault::new(position(at + 1), equals_sign("a comment"))),
            None => Ok(Kind::Comment),
        };
    }
    if line.contains('=') {
        return variable(line);
    }
    if line.starts_with(' ') {
        let message = "the line starts with a space; expected a rule, a section or # in the first column";
        return Err(Fault::new(1, message));
    }
    words(line, variables).map(Kind::Rule)
}

fn characters(line: &str) -> Result<(), Fault> {
    if line.len() > MAX_LINE {
        let message = format!("the line has {} bytes; expected at most {MAX_LINE}", line.len());
        // A column counts characters, of which such a line may have fewer than bytes.
        let within = line.char_indices().take_while(|(at, _)| *at < MAX_LINE).count();
        return Err(Fault::new(position(within + 1), message));
    }
    let odd = line.chars().enumerate().find(|(_, c)| !matches!(c, ' '..='~'));
    odd.map_or(Ok(()), |(at, c)| {
        let found = if c == '\n' {
            "a line break".to_owned()
        } else {
            quoted(&c.to_string())
        };
        let message = format!("found {found}; expected printable ASCII: an element is one line");
        Err(Fault::new(position(at + 1), message))
    })
}

fn brackets(line: &str) -> Result<(), Fault> {
    let Some(at) = line.find(['[', ']']) else {
        return Ok(());
    };
    let sections = "the three headers [iptables], [ip6tables] and [ebtables], each alone on its line";
    let message = match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(name) if !name.contains(['[', ']']) => {
            format!(
                "unknown rule type [{}]; expected one of {sections}",
                name.get(..40).unwrap_or(name)
            )
        }
        _ => format!("found a bracket, which fails the whole install; it stands only in {sections}"),
    };
    Err(Fault::new(position(at + 1), message))
}

fn equals_sign(place: &str) -> String {
    format!(
        "found = in {place}: the tool takes every line with = for an assignment, and a rule vanishes without an error; \
         write --option value"
    )
}

/// `^[A-Za-z_][A-Za-z0-9_]* *= *value$`.
fn variable(line: &str) -> Result<Kind<'_>, Fault> {
    let (left, right) = line.split_once('=').unwrap_or((line, ""));
    let name = left.trim_end_matches(' ');
    let value = right.trim_matches(' ');
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    let at = position(left.len() + 1);
    if !is_name {
        return Err(Fault::new(at, equals_sign("a line that is no NAME = value")));
    }
    if value.is_empty() || value.contains([' ', '=', '$', '"', '\'', '\\', '#']) {
        let what = "one word as the variable's value, without quotes, $, # or a second =";
        return Err(Fault::new(at.saturating_add(1), expected(value, what)));
    }
    Ok(Kind::Variable { name, value })
}

fn words<'a>(line: &'a str, variables: &Variables) -> Result<Vec<Word<'a>>, Fault> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut length = 0;
    for piece in line.split(' ') {
        let column = position(start + 1);
        start += piece.len() + 1;
        if piece.is_empty() {
            continue;
        }
        if let Some(at) = piece.find(['"', '\'', '\\', '`']) {
            let message =
                "found a quote; the tool splits at white space and quotes mean nothing: one word, unquoted";
            return Err(Fault::new(column.saturating_add(position(at)), message));
        }
        if piece.contains('#') {
            let message = "found # inside a rule; a comment is a line of its own with # in the first column";
            return Err(Fault::new(column, message));
        }
        let text = variables
            .replace(piece)
            .map_err(|message| Fault::new(column, message))?;
        length += text.len() + 1;
        if length > MAX_LINE + 1 {
            let message = format!("with its variables the rule is longer than {MAX_LINE} bytes");
            return Err(Fault::new(column, message));
        }
        words.push(Word { text, column });
    }
    Ok(words)
}

impl Variables {
    /// Longest name of a variable.
    const MAX_NAME: usize = 64;

    /// Adds one. The tool replaces `$A` in `$AB` too, so no name may start another.
    pub(super) fn assign(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        let fault = |message: String| Err(Fault::new(1, message));
        if name.len() > Self::MAX_NAME {
            return fault(format!(
                "a variable's name has at most {} characters",
                Self::MAX_NAME
            ));
        }
        if self.0.contains_key(name) {
            return fault(format!(
                "variable {} is assigned twice; expected once",
                quoted(name)
            ));
        }
        let shorter = (1..name.len())
            .filter_map(|end| name.get(..end))
            .find(|part| self.0.contains_key(*part));
        let longer = self
            .0
            .range(name.to_owned()..)
            .next()
            .map(|(other, _)| other.as_str());
        if let Some(other) = shorter.or(longer.filter(|other| other.starts_with(name))) {
            let (a, b) = if other.len() < name.len() {
                (other, name)
            } else {
                (name, other)
            };
            return fault(format!(
                "variable ${} also replaces the start of ${}; expected names that do not start each other",
                quoted(a).trim_matches('"'),
                quoted(b).trim_matches('"'),
            ));
        }
        self.0.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// The word with every `$NAME` replaced; an unassigned one is refused, since the tool leaves it as text.
    fn replace<'a>(&self, piece: &'a str) -> Result<Cow<'a, str>, String> {
        let mut parts = piece.split('$');
        let first = parts.next().unwrap_or_default();
        if first.len() == piece.len() {
            return Ok(Cow::Borrowed(piece));
        }
        let mut text = first.to_owned();
        for part in parts {
            let end = part
                .bytes()
                .position(|b| !b.is_ascii_alphanumeric() && b != b'_')
                .unwrap_or(part.len());
            let (name, rest) = part.split_at_checked(end).unwrap_or((part, ""));
            let value = self.0.get(name).ok_or_else(|| {
                format!(
                    "variable {} is not assigned above; undefined variables stay as text",
                    quoted(name)
                )
            })?;
            text.push_str(value);
            text.push_str(rest);
            if text.len() > MAX_LINE {
                return Err(format!(
                    "with its variables the word is longer than {MAX_LINE} bytes"
                ));
            }
        }
        Ok(Cow::Owned(text))
    }
}

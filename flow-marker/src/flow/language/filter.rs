//! Filters: `ipprotocol=6,17&(tcpdestinationport=80|udpdestinationport!=53)&tcpflags~....1..1.`.
//!
//! `&` binds more tightly than `|`. The right side of `=` and `!=` is a list of values, that of `~` and `!~` of patterns.
//! A value ends at a comma, at `&`, `|` or `)`; a pattern does so where it is not inside parentheses, brackets or braces
//! of its own. What holds other characters stands in double quotes.

use std::fmt;

use super::cursor::{Cursor, Place};
use super::expression::Expression;
use super::fault::Fault;
use super::read::expression;
use super::{MAX_DEPTH, MAX_TEXT};

/// Most comparisons of a filter.
const MAX_TESTS: usize = 256;

/// Which samples a definition counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Those for which all are true; of one or more.
    All(Vec<Self>),
    /// Those for which one is true; of one or more.
    Any(Vec<Self>),
    /// Those that a comparison holds for.
    Test(Test),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// What is compared.
    pub key: Expression,
    /// How.
    pub operator: Operator,
    /// With what; one is enough. Never empty.
    pub values: Vec<Word>,
}

/// A value or a pattern, and where it stands.
#[derive(Debug, Clone)]
pub struct Word {
    /// Where it begins, in bytes from the start of the filter.
    pub at: usize,
    /// The text itself.
    pub text: String,
    /// The text as it stands in the filter: with its quotes, if it has any.
    written: String,
}

impl Word {
    #[cfg(test)]
    pub(super) fn somewhere(text: String) -> Self {
        Self {
            at: 0,
            written: text.clone(),
            text,
        }
    }

    /// Says what is wrong with it.
    pub(crate) fn fault(&self, reason: impl Into<String>) -> Fault {
        Fault::new(self.at, self.written.as_str(), reason)
    }
}

/// Where a word stands does not change what a filter means.
impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Word {}

/// How a key is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`: it is one of the values.
    Is,
    /// `!=`: it is none of them.
    IsNot,
    /// `~`: one of the patterns matches the whole of it.
    Matches,
    /// `!~`: none of them does.
    MatchesNot,
}

impl Operator {
    const ALL: [(Self, &'static str); 4] = [
        (Self::IsNot, "!="),
        (Self::MatchesNot, "!~"),
        (Self::Is, "="),
        (Self::Matches, "~"),
    ];

    /// Whether the right side has patterns.
    pub const fn is_pattern(self) -> bool {
        matches!(self, Self::Matches | Self::MatchesNot)
    }

    /// Whether it holds where its opposite does not.
    pub const fn is_negated(self) -> bool {
        matches!(self, Self::IsNot | Self::MatchesNot)
    }

    fn text(self) -> &'static str {
        let of = |(operator, text): &(Self, &'static str)| (*operator == self).then_some(*text);
        Self::ALL.iter().find_map(of).unwrap_or("=")
    }
}

impl Filter {
    /// Reads a filter; an empty one is none.
    ///
    /// # Errors
    /// A word that cannot stand where it stands.
    pub fn parse(text: &str) -> Result<Option<Self>, Fault> {
        if text.len() > MAX_TEXT {
            return Err(Fault::new(
                MAX_TEXT,
                "",
                format!("the filter is longer than {MAX_TEXT} bytes"),
            ));
        }
        let mut reader = Reader {
            cursor: Cursor::new(text),
            tests: 0,
        };
        reader.cursor.blank();
        if reader.cursor.is_empty() {
            return Ok(None);
        }
        let filter = reader.any(0)?;
        match reader.cursor.is_empty() {
            true => Ok(Some(filter)),
            false => Err(reader.cursor.fault("& or | must stand here, or the end")),
        }
    }
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    tests: usize,
}

impl Reader<'_> {
    fn any(&mut self, depth: usize) -> Result<Filter, Fault> {
        let mut parts = vec![self.all(depth)?];
        while self.cursor.take("|") {
            parts.push(self.all(depth)?);
        }
        Ok(single(parts, Filter::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Filter, Fault> {
        let mut parts = vec![self.one(depth)?];
        while self.cursor.take("&") {
            parts.push(self.one(depth)?);
        }
        Ok(single(parts, Filter::All))
    }

    fn one(&mut self, depth: usize) -> Result<Filter, Fault> {
        self.cursor.blank();
        if !self.cursor.starts_with("(") {
            let test = self.test()?;
            self.cursor.blank();
            return Ok(Filter::Test(test));
        }
        if depth == MAX_DEPTH {
            let reason = format!("more than {MAX_DEPTH} parentheses inside each other");
            return Err(self.cursor.fault(&reason));
        }
        let open = self.cursor.at();
        self.cursor.take("(");
        let inner = self.any(depth + 1)?;
        self.cursor.blank();
        if !self.cursor.take(")") {
            return match self.cursor.is_empty() {
                true => Err(Fault::new(open, "(", "this parenthesis is never closed")),
                false => Err(self
                    .cursor
                    .fault("& or | must stand here, or a closing parenthesis")),
            };
        }
        self.cursor.blank();
        Ok(inner)
    }

    fn test(&mut self) -> Result<Test, Fault> {
        self.tests += 1;
        if self.tests > MAX_TESTS {
            let reason = format!("there are more than {MAX_TESTS} comparisons");
            return Err(self.cursor.fault(&reason));
        }
        let key = expression(&mut self.cursor, Place::Filter, 0)?;
        self.cursor.blank();
        let operator = Operator::ALL.iter().find(|(_, text)| self.cursor.take(text));
        let Some((operator, _)) = operator else {
            return Err(self.cursor.fault("=, !=, ~ or !~ must stand here"));
        };
        let mut values = vec![self.value(*operator)?];
        while self.cursor.take(",") {
            values.push(self.value(*operator)?);
        }
        Ok(Test {
            key,
            operator: *operator,
            values,
        })
    }

    fn value(&mut self, operator: Operator) -> Result<Word, Fault> {
        self.cursor.blank();
        if self.cursor.starts_with("\"") {
            return self.quoted();
        }
        let mut depth = Depth::default();
        let (at, text) = self.cursor.until(|c| match operator.is_pattern() {
            true => depth.ends(c),
            false => "(),&|=~".contains(c),
        });
        if text.is_empty() {
            let what = if operator.is_pattern() {
                "a pattern"
            } else {
                "a value"
            };
            return Err(self.cursor.fault(&format!("{what} must stand here")));
        }
        self.cursor.blank();
        Ok(Word {
            at,
            text: text.to_owned(),
            written: text.to_owned(),
        })
    }

    /// A text in quotes; `\"` and `\\` stand for a quote and a backslash, any other backslash for itself.
    fn quoted(&mut self) -> Result<Word, Fault> {
        let start = self.cursor;
        self.cursor.take("\"");
        let mut text = String::new();
        loop {
            if self.cursor.take("\\\"") {
                text.push('"');
            } else if self.cursor.take("\\\\") {
                text.push('\\');
            } else if self.cursor.take("\"") {
                let written = self.cursor.since(&start).to_owned();
                self.cursor.blank();
                return Ok(Word {
                    at: start.at(),
                    text,
                    written,
                });
            } else if let Some(c) = self.cursor.next() {
                text.push(c);
            } else {
                return Err(Fault::new(start.at(), "\"", "this quote is never closed"));
            }
        }
    }
}

fn single(mut parts: Vec<Filter>, many: impl Fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(one) if parts.is_empty() => one,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

/// Where a pattern ends: what groups its parts is balanced, and a backslash takes the meaning from what follows.
#[derive(Debug, Default)]
struct Depth {
    open: usize,
    class: bool,
    escaped: bool,
}

impl Depth {
    fn ends(&mut self, c: char) -> bool {
        if std::mem::take(&mut self.escaped) {
            return false;
        }
        match c {
            '\\' => self.escaped = true,
            ']' if self.class => self.class = false,
            _ if self.class => {}
            '[' => self.class = true,
            '(' | '{' => self.open += 1,
            ')' | '}' if self.open > 0 => self.open -= 1,
            ')' | ',' | '&' | '|' if self.open == 0 => return true,
            _ => {}
        }
        false
    }
}

/// A value or pattern as it is written.
struct Written<'a>(&'a str, Operator);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut depth = Depth::default();
        let ends = match self.1.is_pattern() {
            true => self.0.chars().any(|c| depth.ends(c)) || depth.open > 0 || depth.class || depth.escaped,
            false => self.0.contains(|c| "(),&|=~".contains(c)),
        };
        if !ends && !self.0.is_empty() && !self.0.starts_with('"') && self.0.trim() == self.0 {
            return f.write_str(self.0);
        }
        let escaped = self.0.replace('\\', "\\\\").replace('"', "\\\"");
        write!(f, "\"{escaped}\"")
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.key, self.operator.text())?;
        for (n, value) in self.values.iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            write!(f, "{comma}{}", Written(&value.text, self.operator))?;
        }
        Ok(())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, sign) = match self {
            Self::Test(test) => return test.fmt(f),
            Self::All(parts) => (parts, "&"),
            Self::Any(parts) => (parts, "|"),
        };
        for (n, part) in parts.iter().enumerate() {
            let sign = if n > 0 { sign } else { "" };
            match part {
                Self::Test(test) => write!(f, "{sign}{test}")?,
                nested => write!(f, "{sign}({nested})")?,
            }
        }
        Ok(())
    }
}

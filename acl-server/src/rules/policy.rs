//! A whole rule file, understood.

use std::fmt;

use super::eb_rule::EbRule;
use super::error::position;
use super::rule::Rule;
use super::section::Section;

/// One line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// Nothing but spaces.
    Blank,
    /// A comment, with its `#`.
    Comment(String),
    /// The start of a section.
    Section(Section),
    /// `NAME = value`.
    Variable {
        /// Name.
        name: String,
        /// Value, one word.
        value: String,
    },
    /// A rule of `[iptables]` or `[ip6tables]`, its variables replaced.
    Rule(Box<Rule>),
    /// A rule of `[ebtables]`, its variables replaced.
    EbRule(Box<EbRule>),
}

impl Statement {
    /// A rule as [`Rule::canonical`] and [`EbRule::canonical`] write it; none for what is no rule.
    pub fn canonical(&self) -> Option<String> {
        match self {
            Self::Rule(rule) => Some(rule.canonical()),
            Self::EbRule(rule) => Some(rule.canonical()),
            _ => None,
        }
    }

    /// Entries in hardware, after lists are multiplied out: 0 for what is no rule.
    pub fn entries(&self) -> u64 {
        match self {
            Self::Rule(rule) => rule.entries(),
            Self::EbRule(rule) => rule.entries(),
            _ => 0,
        }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => Ok(()),
            Self::Comment(text) => f.write_str(text),
            Self::Section(section) => f.write_str(section.header()),
            Self::Variable { name, value } => write!(f, "{name} = {value}"),
            Self::Rule(rule) => rule.fmt(f),
            Self::EbRule(rule) => rule.fmt(f),
        }
    }
}

/// The statements of a rule file; statement `n` is line `n + 1`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy(Vec<Statement>);

impl Policy {
    pub(super) fn new(statements: Vec<Statement>) -> Self {
        Self(statements)
    }

    /// Every statement with its line, counted from 1.
    pub fn statements(&self) -> impl Iterator<Item = (u32, &Statement)> {
        (0..).map(|n| position(n + 1)).zip(&self.0)
    }

    /// The rules of `[iptables]` and `[ip6tables]`, each with its line, counted from 1.
    pub fn rules(&self) -> impl Iterator<Item = (u32, &Rule)> {
        self.statements().filter_map(|(line, statement)| match statement {
            Statement::Rule(rule) => Some((line, &**rule)),
            _ => None,
        })
    }

    /// The rules of `[ebtables]`, each with its line, counted from 1.
    pub fn eb_rules(&self) -> impl Iterator<Item = (u32, &EbRule)> {
        self.statements().filter_map(|(line, statement)| match statement {
            Statement::EbRule(rule) => Some((line, &**rule)),
            _ => None,
        })
    }

    /// Each rule of every section with its line, counted from 1, as [`Statement::canonical`] says it.
    pub fn canonical_rules(&self) -> impl Iterator<Item = (u32, String)> + '_ {
        self.statements()
            .filter_map(|(line, statement)| Some((line, statement.canonical()?)))
    }

    /// Entries in hardware, after lists are multiplied out.
    pub fn entries(&self) -> u64 {
        let entries = self.statements().map(|(_, statement)| statement.entries());
        entries.fold(0, u64::saturating_add)
    }

    /// The statements as lines, variables replaced; they parse to an equal policy. Nothing writes rules yet: that reading
    /// and writing are each other's inverse is how the tests know that no part of a rule is lost in reading.
    pub fn render(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

/// Lines that look like rules: neither blank nor comment, section or assignment. For texts that need not be valid.
pub fn count_rules<S: AsRef<str>>(lines: &[S]) -> usize {
    let is_rule = |line: &&S| {
        let line = line.as_ref().trim();
        !line.is_empty() && !line.starts_with(['#', '[']) && !line.contains('=')
    };
    lines.iter().filter(is_rule).count()
}

//! A whole rule file: the order of statements, and what must hold between them.

use std::collections::HashMap;
use std::fmt;

use super::eb::EbRule;
use super::error::{Fault, RuleError, position};
use super::line::{Kind, Variables, classify};
use super::rule::{Family, Rule};
use super::section::Section;
use super::target::Target;
use super::{canonical, eb, header};

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
    EbRule(EbRule),
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
    /// The rules of `[iptables]` and `[ip6tables]`, each with its line, counted from 1.
    pub fn rules(&self) -> impl Iterator<Item = (u32, &Rule)> {
        self.0
            .iter()
            .enumerate()
            .filter_map(|(n, statement)| match statement {
                Statement::Rule(rule) => Some((position(n + 1), &**rule)),
                _ => None,
            })
    }

    /// The rules of `[ebtables]`, each with its line, counted from 1.
    pub fn eb_rules(&self) -> impl Iterator<Item = (u32, &EbRule)> {
        self.0
            .iter()
            .enumerate()
            .filter_map(|(n, statement)| match statement {
                Statement::EbRule(rule) => Some((position(n + 1), rule)),
                _ => None,
            })
    }

    /// Each rule of every section with its line, counted from 1, as one text that begins with its section's program
    /// (`iptables -t mangle -A FORWARD …`).
    ///
    /// The texts of two rules are equal when the rules mean the same, whatever the order of their lists and conditions and
    /// whatever their comments. A rule of `[ebtables]` is its words.
    pub fn canonical_rules(&self) -> impl Iterator<Item = (u32, String)> + '_ {
        self.0.iter().enumerate().filter_map(|(n, statement)| {
            let text = match statement {
                Statement::Rule(rule) => canonical::text(rule),
                Statement::EbRule(rule) => format!("ebtables {rule}"),
                _ => return None,
            };
            Some((position(n + 1), text))
        })
    }

    /// Entries in hardware, after lists are multiplied out: what an answer about capacity is made of, once there is one.
    pub fn entries(&self) -> u64 {
        let ip = self.rules().map(|(_, rule)| rule.entries());
        ip.chain(self.eb_rules().map(|(_, rule)| rule.entries()))
            .fold(0, u64::saturating_add)
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

/// Reads the lines of an ACL.
///
/// # Errors
///
/// The first line that is not understood, or that the tool would misread; a rule before the first section; no section at
/// all (`[]` included); two identical rules in one section; LOG that is not followed by the same rule with DROP.
pub fn parse<S: AsRef<str>>(lines: &[S]) -> Result<Policy, RuleError> {
    let policy = Reader::new(true).read(lines)?;
    if policy
        .0
        .iter()
        .any(|statement| matches!(statement, Statement::Section(_)))
    {
        return Ok(policy);
    }
    let message = "found no section; expected [iptables], [ip6tables] or [ebtables] on a line of its own before the rules";
    Err(Fault::new(1, message).at_line(1))
}

/// Reads a rule file that need not be ours: it may be empty, and its comments may hold anything printable.
///
/// # Errors
///
/// As [`parse`], except that a file without sections is fine as long as it has no rules.
pub fn parse_file<S: AsRef<str>>(lines: &[S]) -> Result<Policy, RuleError> {
    Reader::new(false).read(lines)
}

/// A rule that awaits its twin with DROP.
struct PendingLog {
    line: u32,
    rule: Box<Rule>,
}

struct Reader {
    comments_too: bool,
    section: Option<Section>,
    variables: Variables,
    log: Option<PendingLog>,
}

impl Reader {
    fn new(comments_too: bool) -> Self {
        Self {
            comments_too,
            section: None,
            variables: Variables::default(),
            log: None,
        }
    }

    fn read<S: AsRef<str>>(mut self, lines: &[S]) -> Result<Policy, RuleError> {
        let mut statements = Vec::with_capacity(lines.len());
        for (n, line) in lines.iter().enumerate() {
            let number = position(n + 1);
            let statement = self
                .statement(line.as_ref())
                .map_err(|fault| fault.at_line(number))?;
            self.check_log(number, &statement)?;
            statements.push(statement);
        }
        if let Some(pending) = self.log {
            return Err(log_alone(pending.line));
        }
        let policy = Policy(statements);
        refuse_duplicates(&policy)?;
        Ok(policy)
    }

    fn statement(&mut self, line: &str) -> Result<Statement, Fault> {
        match classify(line, &self.variables, self.comments_too)? {
            Kind::Blank => Ok(Statement::Blank),
            Kind::Comment => Ok(Statement::Comment(line.to_owned())),
            Kind::Section(section) => {
                self.section = Some(section);
                Ok(Statement::Section(section))
            }
            Kind::Variable { name, value } => {
                self.variables.assign(name, value)?;
                Ok(Statement::Variable {
                    name: name.to_owned(),
                    value: value.to_owned(),
                })
            }
            Kind::Rule(words) => match self.section {
                Some(Section::IpTables) => {
                    header::rule(&words, Family::V4).map(|rule| Statement::Rule(Box::new(rule)))
                }
                Some(Section::Ip6Tables) => {
                    header::rule(&words, Family::V6).map(|rule| Statement::Rule(Box::new(rule)))
                }
                Some(Section::EbTables) => eb::rule(&words).map(Statement::EbRule),
                None => Err(Fault::new(
                    1,
                    "found a rule before the first section, which the tool ignores; expected [iptables], [ip6tables] \
                     or [ebtables] above it",
                )),
            },
        }
    }

    /// The rule after LOG must be its twin with DROP, in the same section; blank lines and comments may stand between.
    fn check_log(&mut self, line: u32, statement: &Statement) -> Result<(), RuleError> {
        let rule = match statement {
            Statement::Blank | Statement::Comment(_) | Statement::Variable { .. } => return Ok(()),
            Statement::Rule(rule) => Some(rule),
            Statement::Section(_) | Statement::EbRule(_) => None,
        };
        if let Some(pending) = self.log.take() {
            let twin = rule.is_some_and(|rule| rule.target == Target::Drop && rule.same_match(&pending.rule));
            if !twin {
                return Err(log_alone(pending.line));
            }
        }
        self.log = rule
            .filter(|rule| matches!(rule.target, Target::Log { .. }))
            .map(|rule| PendingLog {
                line,
                rule: rule.clone(),
            });
        Ok(())
    }
}

fn log_alone(line: u32) -> RuleError {
    Fault::new(
        1,
        "found -j LOG; expected the next rule to be the same match with -j DROP",
    )
    .at_line(line)
}

fn refuse_duplicates(policy: &Policy) -> Result<(), RuleError> {
    // The default hasher is seeded, so that nobody can choose rules that collide.
    let mut seen = HashMap::new();
    for (line, text) in policy.canonical_rules() {
        if let Some(first) = seen.insert(text, line) {
            let message = format!("duplicate rule at lineno {line}: it says what line {first} says already");
            return Err(Fault::new(1, message).at_line(line));
        }
    }
    Ok(())
}

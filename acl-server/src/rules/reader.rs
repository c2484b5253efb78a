//! Lines → statements, and what must hold between them.

use std::collections::HashMap;

use super::error::{Fault, RuleError, position};
use super::line::{Kind, Variables, classify};
use super::mode::Mode;
use super::policy::{Policy, Statement};
use super::rule::{Family, Rule};
use super::section::Section;
use super::target::Target;
use super::{eb, header};

/// Whose lines they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// An ACL that somebody asks the API for: there is a section, and comments hold nothing that the tool may take for
    /// something else.
    Client,
    /// Another file of the policy directory: it may be empty, and its comments may hold anything printable. In
    /// [`Mode::Lenient`] the value of a variable may be in quotes, as in the files that come with the switch.
    Other,
}

/// Reads the lines of an ACL, with nothing that is not known here: [`parse_with`] in [`Mode::Strict`].
///
/// # Errors
///
/// As [`parse_with`].
pub fn parse<S: AsRef<str>>(lines: &[S]) -> Result<Policy, RuleError> {
    parse_with(lines, Mode::Strict)
}

/// Reads the lines of an ACL.
///
/// # Errors
///
/// The first line that is not understood, or that the tool would misread; a rule before the first section; no section at
/// all (`[]` included); two identical rules in one section; LOG that is not followed by the same rule with DROP.
pub fn parse_with<S: AsRef<str>>(lines: &[S], mode: Mode) -> Result<Policy, RuleError> {
    Reader::new(mode, Author::Client).policy(lines)
}

/// Reads a rule file that need not be ours, with nothing that is not known here.
///
/// # Errors
///
/// As [`parse`], except that a file without sections is fine as long as it has no rules, and that its comments may hold
/// anything printable.
pub fn parse_file<S: AsRef<str>>(lines: &[S]) -> Result<Policy, RuleError> {
    Reader::new(Mode::Strict, Author::Other).policy(lines)
}

/// All that can be said of lines of which some are wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// What is understood, each statement with its line, counted from 1.
    pub statements: Vec<(u32, Statement)>,
    /// Lines that are not understood, each once, in their order.
    pub unknown: Vec<RuleError>,
    /// What is wrong between lines that are understood: duplicates, LOG alone, no section; in the order of lines.
    pub between: Vec<RuleError>,
    /// Rules that nobody can judge, since the header above them is no section's.
    pub skipped: Vec<u32>,
}

/// Reads lines to the end, whatever is wrong with them.
pub fn read<S: AsRef<str>>(lines: &[S], mode: Mode, author: Author) -> Reading {
    let mut reader = Reader::new(mode, author);
    let mut reading = Reading::default();
    for (n, line) in lines.iter().enumerate() {
        let (number, line) = (position(n + 1), line.as_ref());
        match reader.statement(line) {
            Ok(statement) => {
                reading.between.extend(reader.check_log(number, &statement).err());
                reading
                    .between
                    .extend(reader.check_twin(number, &statement).err());
                reading.statements.push((number, statement));
            }
            Err(_) if reader.lost && !line.starts_with(['[', '#']) && !line.contains('=') => {
                reading.skipped.push(number);
            }
            Err(fault) => {
                // It may be the twin that a LOG awaits.
                reader.log = None;
                reader.lost |= line.trim_start().starts_with('[');
                reading.unknown.push(fault.at_line(number));
            }
        }
    }
    reading.between.extend(reader.check_end().err());
    reading
}

/// A rule that awaits its twin with DROP.
struct PendingLog {
    line: u32,
    rule: Box<Rule>,
}

struct Reader {
    mode: Mode,
    author: Author,
    section: Option<Section>,
    /// Whether the last header was no section's.
    lost: bool,
    variables: Variables,
    log: Option<PendingLog>,
    /// The line of every rule. The default hasher is seeded, so that nobody can choose rules that collide.
    seen: HashMap<String, u32>,
}

impl Reader {
    fn new(mode: Mode, author: Author) -> Self {
        Self {
            mode,
            author,
            section: None,
            lost: false,
            variables: Variables::default(),
            log: None,
            seen: HashMap::new(),
        }
    }

    fn policy<S: AsRef<str>>(mut self, lines: &[S]) -> Result<Policy, RuleError> {
        let mut statements = Vec::with_capacity(lines.len());
        for (n, line) in lines.iter().enumerate() {
            let number = position(n + 1);
            let statement = self
                .statement(line.as_ref())
                .map_err(|fault| fault.at_line(number))?;
            self.check_log(number, &statement)?;
            self.check_twin(number, &statement)?;
            statements.push(statement);
        }
        self.check_end()?;
        Ok(Policy::new(statements))
    }

    fn statement(&mut self, line: &str) -> Result<Statement, Fault> {
        let comments_too = self.author == Author::Client;
        let unquoted = match (self.author, self.mode) {
            (Author::Other, Mode::Lenient) => unquoted(line),
            _ => None,
        };
        let line = unquoted.as_deref().unwrap_or(line);
        match classify(line, &self.variables, comments_too)? {
            Kind::Blank => Ok(Statement::Blank),
            Kind::Comment => Ok(Statement::Comment(line.to_owned())),
            Kind::Section(section) => {
                self.section = Some(section);
                self.lost = false;
                Ok(Statement::Section(section))
            }
            Kind::Variable { name, value } => {
                self.variables.assign(name, value)?;
                Ok(Statement::Variable {
                    name: name.to_owned(),
                    value: value.to_owned(),
                })
            }
            Kind::Rule(_) if self.lost => Err(Fault::new(1, "the header above this rule is no section's")),
            Kind::Rule(words) => {
                let ip = |family| {
                    header::rule(&words, family, self.mode).map(|rule| Statement::Rule(Box::new(rule)))
                };
                match self.section {
                    Some(Section::IpTables) => ip(Family::V4),
                    Some(Section::Ip6Tables) => ip(Family::V6),
                    Some(Section::EbTables) => {
                        eb::rule(&words, self.mode).map(|rule| Statement::EbRule(Box::new(rule)))
                    }
                    None => Err(Fault::new(
                        1,
                        "found a rule before the first section, which the tool ignores; expected [iptables], \
                         [ip6tables] or [ebtables] above it",
                    )),
                }
            }
        }
    }

    /// The rule after LOG must be its twin with DROP, in the same section; blank lines and comments may stand between.
    fn check_log(&mut self, line: u32, statement: &Statement) -> Result<(), RuleError> {
        let rule = match statement {
            Statement::Blank | Statement::Comment(_) | Statement::Variable { .. } => return Ok(()),
            Statement::Rule(rule) => Some(rule),
            Statement::Section(_) | Statement::EbRule(_) => None,
        };
        let pending = self.log.take();
        self.log = rule.filter(|rule| rule.target.is_log()).map(|rule| PendingLog {
            line,
            rule: rule.clone(),
        });
        match pending {
            Some(log)
                if !rule.is_some_and(|rule| rule.target == Target::Drop && rule.same_match(&log.rule)) =>
            {
                Err(log_alone(log.line))
            }
            _ => Ok(()),
        }
    }

    fn check_twin(&mut self, line: u32, statement: &Statement) -> Result<(), RuleError> {
        let Some(text) = statement.canonical() else {
            return Ok(());
        };
        let first = *self.seen.entry(text).or_insert(line);
        if first == line {
            return Ok(());
        }
        let message = format!("duplicate rule at lineno {line}: it says what line {first} says already");
        Err(Fault::new(1, message).at_line(line))
    }

    fn check_end(&mut self) -> Result<(), RuleError> {
        if let Some(log) = self.log.take() {
            return Err(log_alone(log.line));
        }
        if self.author == Author::Other || self.lost || self.section.is_some() {
            return Ok(());
        }
        let message = "found no section; expected [iptables], [ip6tables] or [ebtables] on a line of its own before the rules";
        Err(Fault::new(1, message).at_line(1))
    }
}

fn log_alone(line: u32) -> RuleError {
    Fault::new(
        1,
        "found -j LOG; expected the next rule to be the same match with -j DROP",
    )
    .at_line(line)
}

/// An assignment without the quotes around its value; none if there are none.
fn unquoted(line: &str) -> Option<String> {
    let (name, value) = line.split_once('=')?;
    let value = value.trim_matches(' ');
    let bare = value.strip_prefix('"')?.strip_suffix('"')?;
    (!line.starts_with(['#', '-']) && !bare.is_empty()).then(|| format!("{name}={bare}"))
}

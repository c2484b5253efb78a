//! All files of the policy directory, and how the rules of one stand to the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::index::{AnyRule, Index};
use super::space::{Budget, Place};
use super::warning::{Warning, WarningKind};
use crate::rules::{Author, Mode, Policy, Statement, count_rules, read};

/// The rule files of the policy directory, each read as far as it can be understood.
///
/// The tool takes files in the order of their names, byte by byte, ours among the others, and the rules of a file in the
/// order of its lines.
#[derive(Debug, Default)]
pub struct Directory {
    files: BTreeMap<Arc<str>, File>,
    index: Index,
}

#[derive(Debug)]
struct File {
    rules: Vec<(u32, AnyRule)>,
    entries: u64,
    unknown: u64,
}

impl Directory {
    /// Reads files by name and content; their order does not matter. Give it what the tool reads: `*.rules`.
    ///
    /// Nothing is fatal: other people's files are read leniently, and a line that is not understood is skipped and counted.
    pub fn new<C: AsRef<[u8]>>(files: impl IntoIterator<Item = (String, C)>) -> Self {
        let mut directory = Self::default();
        for (name, content) in files.into_iter().collect::<BTreeMap<_, _>>() {
            directory.insert(&name, content.as_ref());
        }
        directory
    }

    /// Adds a file, or replaces it. Costs no more than its own length, when its name is the last, and little more otherwise.
    pub fn insert(&mut self, name: &str, content: &[u8]) {
        self.remove(name);
        let lines: Vec<_> = content
            .split(|byte| *byte == b'\n')
            .map(String::from_utf8_lossy)
            .collect();
        let reading = read(&lines, Mode::Lenient, Author::Other);
        let is_rule = |error: &crate::rules::RuleError| {
            let at = usize::try_from(error.line).unwrap_or_default().saturating_sub(1);
            lines.get(at).is_some_and(|line| count_rules(&[line]) > 0)
        };
        let unknown = reading.unknown.iter().filter(|error| is_rule(error)).count() + reading.skipped.len();
        let unknown = u64::try_from(unknown).unwrap_or(u64::MAX);
        let mut file = File {
            rules: Vec::new(),
            entries: unknown,
            unknown,
        };
        let name: Arc<str> = name.into();
        for (line, statement) in reading.statements {
            let Some(text) = statement.canonical() else {
                continue;
            };
            file.entries = file.entries.saturating_add(statement.entries());
            if let Some(rule) = AnyRule::of(statement) {
                self.index.insert(&name, line, &rule, text);
                file.rules.push((line, rule));
            }
        }
        self.files.insert(name, file);
    }

    /// Takes a file away; nothing happens if there is none.
    pub fn remove(&mut self, name: &str) {
        let Some(file) = self.files.remove(name) else {
            return;
        };
        for (line, rule) in file.rules {
            self.index.remove((name, line), &rule, &rule.canonical());
        }
    }

    /// Entries in hardware of all files, after lists are multiplied out. A line that is not understood counts as one.
    pub fn entries(&self) -> u64 {
        self.files
            .values()
            .fold(0, |sum, file| sum.saturating_add(file.entries))
    }

    /// As [`Self::entries`], of the files that are not `50rest-*.rules`.
    pub fn foreign_entries(&self) -> u64 {
        let ours = |name: &str| name.starts_with("50rest-") && name.ends_with(".rules");
        let foreign = self.files.iter().filter(|(name, _)| !ours(name));
        foreign.fold(0, |sum, (_, file)| sum.saturating_add(file.entries))
    }

    /// Lines of all files that look like rules and are not understood: what the warnings know nothing about.
    pub fn unknown(&self) -> u64 {
        self.files
            .values()
            .fold(0, |sum, file| sum.saturating_add(file.unknown))
    }

    /// What is remarkable about the rules of a file with this name, if it says what `policy` says, beside all *other*
    /// files: whether it is in the directory or not, and whatever it says there. In the order of lines.
    ///
    /// What is said is certain, apart from the bounds of one search (2,048 rules compared, fewer if their
    /// lists are long), beyond which nothing is said:
    ///
    /// * *shadowed by*: an earlier rule of the same family and table matches all that this one matches, in each of its
    ///   chains, and ends the search. ACCEPT, DROP, SETQOS and DSCP end it, and in ebtables `mark` unless it says CONTINUE;
    ///   SETCLASS, policers, mirrors and what is not known here are taken not to. (So it is in hardware; under acltool marks
    ///   go on, and the last one counts.) The first such rule is named.
    /// * *comes before the deny*: this rule ends the search without discarding, and a later DROP in one of its chains
    ///   matches some of the same packets (not only all: a deny is bypassed by whatever gets around it). The first such
    ///   rule is named.
    /// * *duplicate*: a rule that says the same, before or after. A twin that also shadows is reported once, as a duplicate.
    pub fn warnings(&self, file_name: &str, policy: &Policy) -> Vec<Warning> {
        let mut own = Index::default();
        let name: Arc<str> = file_name.into();
        let mut rules = Vec::new();
        for (line, statement) in policy.statements() {
            let text = statement.canonical();
            if let (Some(text), Some(rule)) = (text, AnyRule::of(statement.clone())) {
                own.insert(&name, line, &rule, text.clone());
                rules.push((line, statement, text));
            }
        }
        let view = View {
            all: &self.index,
            own: &own,
            file: file_name,
        };
        let found = rules
            .iter()
            .flat_map(|(line, rule, text)| view.warnings(*line, rule, text));
        found.collect()
    }
}

/// The directory as it would be with one file of other content.
struct View<'a> {
    all: &'a Index,
    own: &'a Index,
    file: &'a str,
}

impl<'a> View<'a> {
    fn warnings(&self, line: u32, rule: &Statement, text: &str) -> Vec<Warning> {
        let here = (self.file, line);
        let twin = self.first(|index, but| index.twin(text, here, but));
        let cover = self.cover(rule, here).filter(|cover| Some(*cover) != twin);
        let found = [
            (WarningKind::Duplicate, twin),
            (WarningKind::ShadowedBy, cover),
            (WarningKind::Before, self.deny(rule, here)),
        ];
        let found = found.into_iter().filter_map(|(kind, place)| Some((kind, place?)));
        found
            .map(|(kind, (file, other_line))| Warning {
                line,
                kind,
                file: file.to_owned(),
                other_line,
            })
            .collect()
    }

    /// What is found first in the tool's order: among the others without this file, or in the file itself.
    fn first(&self, mut find: impl FnMut(&'a Index, Option<&str>) -> Option<Place<'a>>) -> Option<Place<'a>> {
        let other = find(self.all, Some(self.file));
        let own = find(self.own, None);
        other.into_iter().chain(own).min()
    }

    /// A rule that covers this one; when it is in several chains, each of them has one, and that of its first is named.
    fn cover(&self, rule: &Statement, here: Place<'_>) -> Option<Place<'a>> {
        let mut budget = Budget::new();
        let places: Option<Vec<_>> = match rule {
            Statement::Rule(rule) => {
                let chains = rule.chains.iter();
                chains
                    .map(|chain| self.first(|index, but| index.cover(rule, *chain, here, but, &mut budget)))
                    .collect()
            }
            Statement::EbRule(rule) => {
                let chains = rule.chains.iter();
                chains
                    .map(|chain| {
                        self.first(|index, but| index.cover_frames(rule, *chain, here, but, &mut budget))
                    })
                    .collect()
            }
            _ => None,
        };
        places?.first().copied()
    }

    fn deny(&self, rule: &Statement, here: Place<'_>) -> Option<Place<'a>> {
        let mut budget = Budget::new();
        match rule {
            Statement::Rule(rule) => {
                let chains = rule.chains.iter();
                chains
                    .filter_map(|chain| {
                        self.first(|index, but| index.deny(rule, *chain, here, but, &mut budget))
                    })
                    .min()
            }
            Statement::EbRule(rule) => {
                let chains = rule.chains.iter();
                chains
                    .filter_map(|chain| {
                        self.first(|index, but| index.deny_frames(rule, *chain, here, but, &mut budget))
                    })
                    .min()
            }
            _ => None,
        }
    }
}

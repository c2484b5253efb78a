//! What the tool lists (`-L all`), and which rules of an ACL it is about.
//!
//! Two forms are read. `cl-acltool` prints the chains of iptables and ip6tables as `iptables -L -v` does, and ebtables with
//! `pcnt = N -- bcnt = N` behind each rule; interfaces, ports and protocols may have names there, and counters suffixes
//! (`12K` is 12,000). `acltool` prints its own chains as `iptables -L -n -v -x` does, each rule with the comment
//! `/* FILE:LINE */`.
//!
//! In chains of acltool a rule is known by that comment. Nobody can forge it: acltool writes it behind all conditions, and
//! no rule can hold such a comment behind its own. Everywhere else comments are the clients' own, and a rule is known by
//! what it says: then it must be there exactly once for each chain and interface it names. A listing that was cut may hide
//! a second one, so it says nothing about such rules.
//!
//! Reading is total: any text gives a listing, bounded by `Listing::MAX_BYTES` and `Listing::MAX_ROWS`.

use std::collections::HashMap;
use std::sync::Arc;

use shared::AclName;

use super::FILE_PREFIX;
use crate::rules::{Policy, Section};

mod ethernet;
mod expected;
mod names;
mod row;
mod shape;

pub use crate::metrics::RuleCounters;
pub use names::Names;
pub use row::Row;

use expected::Expected;

/// Rows that are about the same packets in the same place and do the same: one, unless several rules are alike.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    rows: u32,
    packets: u64,
    bytes: u64,
}

/// A listing, read.
#[derive(Debug, Default)]
pub struct Listing {
    /// Its rows, in order.
    pub rows: Vec<Row>,
    /// Whether there was more than is kept, or a line too long to be a row.
    pub truncated: bool,
    /// Rows of acltool by `FILE:LINE`.
    named: HashMap<Box<str>, Vec<usize>>,
    /// All other rows by what they say.
    alike: HashMap<Box<str>, Tally>,
    names: Names,
}

impl Listing {
    /// Text that is read.
    pub const MAX_BYTES: usize = super::Listed::KEEP;
    /// Rows that are kept.
    pub const MAX_ROWS: usize = 50_000;
    /// Longest row: a line of a rule file has at most 1,024 bytes, and numbers may become names.
    const MAX_LINE: usize = 4096;

    /// Reads a listing. `names` are those of the machine that made it.
    pub fn parse(text: &str, names: Names) -> Self {
        let mut listing = Self {
            names,
            ..Self::default()
        };
        let end = text.floor_char_boundary(Self::MAX_BYTES);
        listing.truncated = end < text.len();
        let mut place = Place::default();
        for line in text.get(..end).unwrap_or_default().lines() {
            if line.len() > Self::MAX_LINE {
                listing.truncated = true;
            } else if let Some(row) = place.line(line) {
                if listing.rows.len() == Self::MAX_ROWS {
                    listing.truncated = true;
                    break;
                }
                listing.add(row);
            }
        }
        listing
    }

    fn add(&mut self, row: Row) {
        if let Some(origin) = row.origin() {
            self.named.entry(origin.into()).or_default().push(self.rows.len());
        } else if let Some(key) = key(&row, &self.names) {
            let tally = self.alike.entry(key.into()).or_default();
            tally.rows = tally.rows.saturating_add(1);
            tally.packets = tally.packets.saturating_add(row.packets);
            tally.bytes = tally.bytes.saturating_add(row.bytes);
        }
        self.rows.push(row);
    }

    /// What each rule of an ACL has counted, in order of line. `None` where the listing cannot say: the rule is not in
    /// it, or not wholly, or another rule says the same.
    ///
    /// A rule of several chains or interfaces is the sum of its rows. Where acltool makes several rows of one target, the
    /// one that counts most is meant: the first sees every packet that matches. Its POLICE counts what it drops.
    pub fn counters(&self, acl: &AclName, policy: &Policy) -> Vec<RuleCounters> {
        let ip = policy.rules().map(|(line, rule)| {
            let tally = self.of(&Expected::of_rule(rule), acl, line);
            (line, tally)
        });
        let ethernet = policy.eb_rules().map(|(line, rule)| {
            let expected = ethernet::expected(&rule.to_string());
            (line, expected.and_then(|expected| self.of(&expected, acl, line)))
        });
        let mut counters: Vec<_> = ip
            .chain(ethernet)
            .map(|(line, tally)| RuleCounters {
                line,
                packets: tally.map(|tally| tally.packets),
                bytes: tally.map(|tally| tally.bytes),
            })
            .collect();
        counters.sort_by_key(|one| one.line);
        counters
    }

    fn of(&self, rule: &Expected, acl: &AclName, line: u32) -> Option<Tally> {
        let origin = format!("{FILE_PREFIX}{acl}.rules:{line}");
        match self.named.get(origin.as_str()) {
            Some(rows) => self.identified(rule, rows),
            None => self.found_alike(rule),
        }
    }

    /// The sum over the rule's places; in each the row that has counted most.
    fn identified(&self, rule: &Expected, rows: &[usize]) -> Option<Tally> {
        let mut places: HashMap<String, Tally> = HashMap::new();
        for row in rows.iter().filter_map(|at| self.rows.get(*at)) {
            let place = shape::place(row)?;
            // Or else the listing is of another version of the file.
            if !rule.is_compiled_to(row, &self.names) {
                return None;
            }
            let tally = places.entry(place).or_default();
            tally.packets = tally.packets.max(row.packets);
            tally.bytes = tally.bytes.max(row.bytes);
        }
        let expected = rule.places()?;
        if expected.len() != places.len() {
            return None;
        }
        expected
            .iter()
            .map(|place| places.get(place).copied())
            .try_fold(Tally::default(), add)
    }

    /// The sum over the rule's places, if there is exactly one row of each.
    fn found_alike(&self, rule: &Expected) -> Option<Tally> {
        if self.truncated {
            return None;
        }
        let places = rule.places()?;
        let rows = places.iter().map(|place| {
            let tally = self.alike.get(rule.key(place).as_str())?;
            (tally.rows == 1).then_some(*tally)
        });
        rows.into_iter().try_fold(Tally::default(), add)
    }
}

/// Everything that a row says, but for what it has counted. `None` if it has names that nobody can know.
fn key(row: &Row, names: &Names) -> Option<String> {
    match row.section {
        Section::IpTables | Section::Ip6Tables => shape::key(row, names),
        Section::EbTables => ethernet::key(row),
    }
}

fn add(sum: Tally, tally: Option<Tally>) -> Option<Tally> {
    let tally = tally?;
    Some(Tally {
        rows: sum.rows.saturating_add(tally.rows),
        packets: sum.packets.saturating_add(tally.packets),
        bytes: sum.bytes.saturating_add(tally.bytes),
    })
}

/// Where in the listing a line is.
#[derive(Debug, Default)]
struct Place {
    section: Option<Section>,
    table: Arc<str>,
    chain: Arc<str>,
}

impl Place {
    /// Takes a line: a heading, which is remembered, a row, or anything else.
    fn line(&mut self, line: &str) -> Option<Row> {
        let line = line.trim();
        if let Some(name) = line.strip_prefix("Listing rules of type ") {
            let name = name.trim_end_matches([':', ' ']);
            let is = |section: &Section| section.header().trim_matches(['[', ']']) == name;
            *self = Self {
                section: Section::ALL.into_iter().find(is),
                ..Self::default()
            };
            return None;
        }
        let section = self.section?;
        let is_ethernet = section == Section::EbTables;
        if let Some(name) = after(line, "TABLE ").or_else(|| after(line, "Bridge table: ")) {
            (self.table, self.chain) = (name.into(), Arc::default());
        } else if let Some(name) = after(line, if is_ethernet { "Bridge chain: " } else { "Chain " }) {
            self.chain = name.trim_end_matches(',').into();
        } else {
            let read = if is_ethernet { Row::ethernet } else { Row::ip };
            return read(section, &self.table, &self.chain, line);
        }
        None
    }
}

/// The word after a heading.
fn after<'a>(line: &'a str, heading: &str) -> Option<&'a str> {
    line.strip_prefix(heading)?.split_whitespace().next()
}

#[cfg(test)]
mod tests;

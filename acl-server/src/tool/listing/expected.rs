//! What the rows of a rule must say.

use super::names::Names;
use super::row::Row;
use super::shape::{ANY, Words, join, matched, network, values, words};
use crate::rules::{
    Compare, Cos, Dscp, Ecn, Family, Interface, Match, PoliceMode, PortRange, Rule, Section, Target,
};

/// Places that one rule may have: as many as acltool expands it to.
const MAX_PLACES: usize = 4096;

/// A rule as its rows show it.
#[derive(Debug)]
pub(super) struct Expected {
    /// `[iptables] filter`.
    pub(super) program: String,
    pub(super) chains: Vec<String>,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) matched: String,
    pub(super) target: String,
    pub(super) words: Words,
    /// The kernel's targets that acltool makes of it.
    pub(super) compiled: &'static [&'static str],
}

impl Expected {
    pub(super) fn of_rule(rule: &Rule) -> Self {
        let section = match rule.family {
            Family::V4 => Section::IpTables,
            Family::V6 => Section::Ip6Tables,
        };
        let interfaces = |list: &[Interface]| match list {
            [] => vec![ANY.to_owned()],
            _ => list.iter().map(ToString::to_string).collect(),
        };
        let protocol = rule.protocol.map_or(0, |protocol| protocol.0);
        let fragment = if rule.fragment { 'f' } else { '-' };
        let (source, destination) = (network(rule.source), network(rule.destination));
        let mut words = Words {
            conditions: rule.matches.iter().filter_map(condition).collect(),
            target: options(&rule.target),
        };
        words.conditions.sort_unstable();
        words.target.sort_unstable();
        Self {
            program: format!("{} {}", section.header(), rule.table.name()),
            chains: rule.chains.iter().map(|chain| chain.name().to_owned()).collect(),
            inputs: interfaces(&rule.in_interfaces),
            outputs: interfaces(&rule.out_interfaces),
            matched: format!("{protocol} {fragment} {source} {destination}"),
            target: rule.target.name().to_owned(),
            words,
            compiled: compiled(&rule.target),
        }
    }

    /// Each chain and pair of interfaces it works in; `None` if they are too many to look at.
    pub(super) fn places(&self) -> Option<Vec<String>> {
        let count = self
            .chains
            .len()
            .saturating_mul(self.inputs.len())
            .saturating_mul(self.outputs.len());
        if count > MAX_PLACES {
            return None;
        }
        let mut places = Vec::with_capacity(count);
        for chain in &self.chains {
            for input in &self.inputs {
                for output in &self.outputs {
                    places.push(format!("{} {chain} {input} {output}", self.program));
                }
            }
        }
        Some(places)
    }

    /// The key of its row in a place.
    pub(super) fn key(&self, place: &str) -> String {
        join(place, &self.matched, &self.target, &self.words)
    }

    /// Whether acltool can have made this row of it: the same conditions, and one of the target's forms.
    pub(super) fn is_compiled_to(&self, row: &Row, names: &Names) -> bool {
        let same = matched(row).is_some_and(|matched| matched == self.matched);
        same && self.compiled.contains(&&*row.target) && words(row, names).conditions == self.words.conditions
    }
}

fn condition(one: &Match) -> Option<String> {
    let port = |side: &str, range: &PortRange| {
        // iptables prints nothing for every port.
        let all = range.first() == 0 && range.last() == u16::MAX;
        (!all).then(|| format!("{side}:{range}"))
    };
    let ports = |side: &str, list: &[PortRange]| {
        let list: Vec<_> = list.iter().map(ToString::to_string).collect();
        Some(format!("{side}:{}", list.join(",")))
    };
    match one {
        Match::SourcePort(range) => port("spt", range),
        Match::DestinationPort(range) => port("dpt", range),
        Match::SourcePorts(list) => ports("sports", list),
        Match::DestinationPorts(list) => ports("dports", list),
        Match::TcpFlags { mask, set } => Some(format!("flags:{}/{}", mask.0, set.0)),
        Match::Icmp { kind, .. } => Some(format!("icmp:{kind}")),
        Match::HopLimit { compare, value, .. } => {
            let how = match compare {
                Compare::Equal => "==",
                Compare::Less => "<",
                Compare::Greater => ">",
            };
            Some(format!("hop:{how}:{value}"))
        }
        Match::Dscp(dscp) => Some(format!("dscp:{}", dscp.get())),
        // As `--src-type KIND` is written.
        Match::SourceType(_) | Match::DestinationType(_) => {
            let text = one.to_string();
            let (side, kind) = text.rsplit_once("--")?.1.split_once(' ')?;
            Some(format!("{side}:{kind}"))
        }
        Match::MacSource(mac) => Some(format!("mac:{mac}")),
        Match::Ecn { negated, bits } => {
            let not = if *negated { "!" } else { "" };
            Some(match bits {
                Ecn::Ip(value) => format!("ecn:{not}ECT={value}"),
                Ecn::TcpCwr => format!("ecn:{not}CWR"),
                Ecn::TcpEce => format!("ecn:{not}ECE"),
            })
        }
        Match::Comment(text) => Some(format!("/* {text} */")),
        Match::SourceNets(_) | Match::DestinationNets(_) | Match::Not(_) | Match::Opaque(_) => cannot_say(),
    }
}

/// The options of a target, as cl-acltool lists them.
fn options(target: &Target) -> Vec<String> {
    let numbers = |numbers: &[Option<u64>]| vec![values(numbers.iter().flatten().copied().collect())];
    let dscp = |dscp: &Option<Dscp>| dscp.map(|dscp| u64::from(dscp.get()));
    let cos = |cos: &Option<Cos>| cos.map(|cos| u64::from(cos.get()));
    match target {
        Target::Accept | Target::Drop => Vec::new(),
        Target::SetQos {
            dscp: code,
            cos: class,
        } => numbers(&[dscp(code), cos(class)]),
        Target::Dscp(code) => vec![format!("set-dscp:{}", code.get())],
        Target::SetClass(class) => vec![format!("class:{}", class.get())],
        Target::Police(police) => {
            let mode = match police.mode {
                PoliceMode::Packets => "pkt",
                PoliceMode::KiloBytes => "kb",
            };
            let mut words = vec![
                format!("mode:{mode}"),
                format!("rate:{}", police.rate),
                format!("burst:{}", police.burst),
            ];
            words.extend(police.class.map(|class| format!("class:{}", class.get())));
            words
        }
        Target::TriColorPolice(police) => {
            let rates = [police.cir, police.cbs, police.pir, police.ebs].map(|rate| Some(u64::from(rate)));
            let marks = [&police.conform_dscp, &police.exceed_dscp, &police.violate_dscp].map(dscp);
            numbers(&[rates.as_slice(), marks.as_slice()].concat())
        }
        Target::Span(port) => vec![format!("dport:{}", port.as_str().to_ascii_lowercase())],
        Target::ErSpan { source, destination } => {
            vec![format!("src-ip:{source}"), format!("dst-ip:{destination}")]
        }
        Target::Log { prefix } => prefix.iter().map(|prefix| format!("prefix:{prefix}")).collect(),
        Target::Opaque(_) => cannot_say().into_iter().collect(),
    }
}

/// How what only lenient reading accepts is listed is not known: a word that no row has.
fn cannot_say() -> Option<String> {
    Some("?".to_owned())
}

/// The kernel's targets that acltool makes of a target.
fn compiled(target: &Target) -> &'static [&'static str] {
    match target {
        Target::Accept => &["ACCEPT"],
        Target::Drop => &["DROP"],
        Target::SetQos { .. } => &["CLASSIFY", "DSCP"],
        Target::Dscp(_) => &["DSCP"],
        Target::SetClass(_) => &["CLASSIFY"],
        Target::Police(_) => &["CLASSIFY", "DROP"],
        Target::ErSpan { .. } => &["TEE"],
        Target::Log { .. } => &["LOG"],
        Target::TriColorPolice(_) | Target::Span(_) | Target::Opaque(_) => &[],
    }
}

//! One rule of `[ebtables]`.

use std::fmt;

use super::interface::Interface;
use super::target::Target;

/// A table of ebtables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EbTable {
    /// `filter`, the table when none is named.
    Filter,
    /// `nat`.
    Nat,
    /// `broute`: whether a frame is bridged or routed.
    Broute,
}

impl EbTable {
    /// Every table, with its name.
    pub(super) const NAMES: [(&'static str, Self); 3] = [
        ("filter", Self::Filter),
        ("nat", Self::Nat),
        ("broute", Self::Broute),
    ];
}

/// A built-in chain of ebtables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EbChain {
    /// Frames for the switch itself.
    Input,
    /// Frames that are bridged.
    Forward,
    /// Frames that the switch itself sends.
    Output,
    /// Everything that arrives.
    Prerouting,
    /// Everything that leaves.
    Postrouting,
    /// Everything that arrives, in `broute`, where DROP means: route it.
    Brouting,
}

impl EbChain {
    /// Every chain, with its name.
    pub(super) const NAMES: [(&'static str, Self); 6] = [
        ("INPUT", Self::Input),
        ("FORWARD", Self::Forward),
        ("OUTPUT", Self::Output),
        ("PREROUTING", Self::Prerouting),
        ("POSTROUTING", Self::Postrouting),
        ("BROUTING", Self::Brouting),
    ];

    /// The name of ebtables.
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, chain)| *chain == self)
            .map_or("", |(name, _)| name)
    }
}

/// A rule of `[ebtables]`: its words, variables replaced, and what they say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EbRule {
    pub(super) words: Vec<String>,
    /// `-t`.
    pub table: EbTable,
    /// `-A`: one chain or several, each once.
    pub chains: Vec<EbChain>,
    /// `-i`: any of these; empty means every interface. One that is negated is a condition.
    pub in_interfaces: Vec<Interface>,
    /// `-o`: any of these; empty means every interface. One that is negated is a condition.
    pub out_interfaces: Vec<Interface>,
    /// Everything else, in the order of the line.
    pub conditions: Vec<EbCondition>,
    /// `-j`.
    pub target: EbTarget,
    pub(super) entries: u64,
}

/// A condition of ebtables.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EbCondition {
    /// Whether a `!` stands before it; in [`Mode::Lenient`](super::Mode) only.
    pub negated: bool,
    /// The option, in the spelling of `ebtables(8)` that comes first there (`-p`, `--ip-src`).
    pub option: String,
    /// Its values as they were written: one, or none; of an option that is not known up to two.
    pub values: Vec<String>,
    /// Whether the option is known here. If not, it may depend on anything.
    pub known: bool,
}

/// What happens to a frame.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EbTarget {
    /// One that rules of `[iptables]` have too; here its name is lower case.
    Switch(Target),
    /// `mark`, and what then happens.
    Mark(Verdict),
    /// A target, or options of one, that are not known here; in [`Mode::Lenient`](super::Mode) only.
    Opaque,
}

/// What happens after a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The frame passes, and no later rule sees it: also when nothing is said.
    Accept,
    /// The frame is discarded.
    Drop,
    /// The next rule.
    Continue,
}

impl EbRule {
    /// Entries in hardware: each chain and each pair of interfaces is one of its own.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The value of a condition that is known and not negated.
    pub fn value(&self, option: &str) -> Option<&str> {
        let found = self
            .conditions
            .iter()
            .find(|one| one.known && !one.negated && one.option == option)?;
        found.values.first().map(String::as_str)
    }
}

impl fmt::Display for EbRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words.join(" "))
    }
}

//! A rule that is being read: what has been given so far, and whether it fits together.

use super::error::Fault;
use super::line::Word;
use super::matches::Match;
use super::mode::Mode;
use super::rule::{Chain, Family, Rule, Table};
use super::target::Target;
use super::values::{PortRange, Protocol};

/// A rule that is being read.
pub(super) struct Draft {
    pub(super) mode: Mode,
    pub(super) rule: Rule,
    /// Options that were given, each with its column.
    pub(super) seen: Vec<(&'static str, u32)>,
    /// Matches that were loaded with `-m`, of those that are known.
    pub(super) modules: Vec<Module>,
    /// Where unknown options go.
    pub(super) group: Group,
}

/// A known match that was loaded.
pub(super) struct Module {
    pub(super) name: &'static str,
    column: u32,
    pub(super) options: u32,
}

/// The match that an unknown option is taken for one of: the last that was loaded, known or not.
#[derive(Default)]
pub(super) struct Group {
    /// Its name; none before the first `-m`.
    pub(super) module: Option<String>,
    /// Which of the rule's conditions has its unknown options, if it has any yet.
    pub(super) at: Option<usize>,
    /// Whether a `!` stands before the option that is being read.
    pub(super) negated: bool,
}

impl Group {
    pub(super) fn of(module: &str) -> Self {
        Self {
            module: Some(module.to_owned()),
            ..Self::default()
        }
    }
}

impl Draft {
    pub(super) fn new(family: Family, table: Table, chains: Vec<Chain>, mode: Mode) -> Self {
        let rule = Rule {
            family,
            table,
            chains,
            in_interfaces: Vec::new(),
            out_interfaces: Vec::new(),
            source: None,
            destination: None,
            protocol: None,
            fragment: false,
            matches: Vec::new(),
            target: Target::Accept,
        };
        Self {
            mode,
            rule,
            seen: Vec::new(),
            modules: Vec::new(),
            group: Group::default(),
        }
    }

    pub(super) fn v6(&self) -> bool {
        self.rule.family == Family::V6
    }

    /// Notes an option that may stand once.
    pub(super) fn once(&mut self, name: &'static str, word: &Word<'_>) -> Result<(), Fault> {
        if self.column(name).is_some() {
            return Err(word.fault(format!("{} is given twice; expected once", word.text)));
        }
        self.seen.push((name, word.column));
        Ok(())
    }

    fn column(&self, name: &str) -> Option<u32> {
        self.seen
            .iter()
            .find(|(seen, _)| *seen == name)
            .map(|(_, column)| *column)
    }

    /// Notes that a known match is loaded.
    pub(super) fn loaded(&mut self, name: &'static str, column: u32) {
        self.modules.push(Module {
            name,
            column,
            options: 0,
        });
        self.group = Group::of(name);
    }

    /// Adds a condition. One that is written with its `-m` makes that match the one that unknown options belong to.
    pub(super) fn push(&mut self, one: Match) {
        let text = one.to_string();
        let module = text.strip_prefix("-m ").and_then(|rest| rest.split(' ').next());
        if let Some(module) = module.filter(|module| self.group.module.as_deref() != Some(module)) {
            self.group = Group::of(module);
        }
        self.rule.matches.push(one);
    }

    /// Notes that an option of a match is used; the match must be loaded.
    pub(super) fn module(&mut self, name: &'static str, word: &Word<'_>) -> Result<(), Fault> {
        match self.modules.iter_mut().rev().find(|module| module.name == name) {
            Some(module) => {
                module.options += 1;
                Ok(())
            }
            None => Err(word.fault(format!("found {}; expected -m {name} before it", word.text))),
        }
    }

    /// iptables reads from left to right: the protocol stands before what depends on it.
    pub(super) fn needs(&self, protocol: Protocol, word: &Word<'_>) -> Result<(), Fault> {
        if self.rule.protocol == Some(protocol) {
            return Ok(());
        }
        Err(word.fault(format!("found {}; expected -p {protocol} before it", word.text)))
    }

    pub(super) fn needs_ports(&self, word: &Word<'_>) -> Result<(), Fault> {
        if self.rule.protocol.is_some_and(Protocol::has_ports) {
            return Ok(());
        }
        Err(word.fault(format!(
            "found {}; expected -p tcp, -p udp or -p sctp before it",
            word.text
        )))
    }

    /// The rule, if its parts agree.
    pub(super) fn finish(mut self, target: Target) -> Result<Rule, Fault> {
        if let Some(idle) = self
            .modules
            .iter()
            .find(|module| module.options == 0 && !matches!(module.name, "tcp" | "udp" | "sctp"))
        {
            return Err(Fault::new(
                idle.column,
                format!("found -m {}; expected one of its options", idle.name),
            ));
        }
        self.rule.chains.iter().try_for_each(|chain| self.fits(*chain))?;
        self.rule.target = target;
        Ok(self.rule)
    }

    /// Whether the conditions are ones that the chain has.
    fn fits(&self, chain: Chain) -> Result<(), Fault> {
        let at = |name: &str| self.column(name).unwrap_or(1);
        let given = |name: &str| self.column(name).is_some();
        interfaces_fit(chain, given("-i"), given("-o"))
            .map_err(|(option, message)| Fault::new(at(option), message))?;
        let sent = matches!(chain, Chain::Output | Chain::Postrouting);
        if sent && given("--mac-source") {
            let message = format!("the source address of Ethernet is not known in {}", chain.name());
            return Err(Fault::new(at("--mac-source"), message));
        }
        if self.mode == Mode::Strict
            && (sent || given("-o"))
            && let Some(option) = range_of_ports(&self.rule.matches)
        {
            let message =
                "found a range of ports on egress; hardware has ranges on ingress only, expected one port";
            return Err(Fault::new(at(option), message));
        }
        Ok(())
    }
}

/// `INPUT` takes no `-o`, `OUTPUT` no `-i`; `PREROUTING` is there with `-i` only and `POSTROUTING` with `-o` only.
fn interfaces_fit(chain: Chain, i: bool, o: bool) -> Result<(), (&'static str, String)> {
    let name = chain.name();
    match chain {
        Chain::Input | Chain::Prerouting if o => Err((
            "-o",
            format!("output interface specified with {name} chain; expected -i or none"),
        )),
        Chain::Output | Chain::Postrouting if i => Err((
            "-i",
            format!("input interface specified with {name} chain; expected -o or none"),
        )),
        Chain::Prerouting if !i => Err(("-A", format!("no interface with {name} chain; expected -i"))),
        Chain::Postrouting if !o => Err(("-A", format!("no interface with {name} chain; expected -o"))),
        _ => Ok(()),
    }
}

fn range_of_ports(matches: &[Match]) -> Option<&'static str> {
    let range = |ports: &[PortRange]| ports.iter().any(|port| !port.is_single());
    matches.iter().find_map(|one| match one {
        Match::SourcePort(port) if !port.is_single() => Some("--sport"),
        Match::DestinationPort(port) if !port.is_single() => Some("--dport"),
        Match::SourcePorts(ports) if range(ports) => Some("--sports"),
        Match::DestinationPorts(ports) if range(ports) => Some("--dports"),
        _ => None,
    })
}

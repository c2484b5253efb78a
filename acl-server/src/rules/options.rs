//! The conditions of a rule: everything between the chains and `-j`.

use super::error::{Fault, number};
use super::interface::{Interface, parse_list};
use super::line::Word;
use super::matches::{Compare, Ecn, Match};
use super::operands::{addr_type, comment, port_list, prefix, protocol};
use super::rule::{Chain, Family, Rule, Table};
use super::target::Target;
use super::values::{Dscp, IcmpType, Mac, PortRange, Protocol, TcpFlags};
use super::words::{Words, refusal};

/// A rule that is being read.
pub(super) struct Draft {
    rule: Rule,
    /// Options that were given, each with its column.
    seen: Vec<(&'static str, u32)>,
    /// Matches that were loaded with `-m`.
    modules: Vec<Module>,
}

struct Module {
    name: &'static str,
    column: u32,
    options: u32,
}

/// Matches by name. The protocols may stand without an option, as iptables-save writes them.
const MODULES: [&str; 13] = [
    "multiport",
    "tcp",
    "udp",
    "sctp",
    "icmp",
    "icmp6",
    "ttl",
    "hl",
    "dscp",
    "addrtype",
    "mac",
    "ecn",
    "comment",
];

impl Draft {
    pub(super) fn new(family: Family, table: Table, chains: Vec<Chain>) -> Self {
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
            rule,
            seen: Vec::new(),
            modules: Vec::new(),
        }
    }

    fn v6(&self) -> bool {
        self.rule.family == Family::V6
    }

    /// Notes an option that may stand once.
    fn once(&mut self, name: &'static str, word: &Word<'_>) -> Result<(), Fault> {
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

    /// Notes that an option of a match is used; the match must be loaded.
    fn module(&mut self, name: &'static str, word: &Word<'_>) -> Result<(), Fault> {
        match self.modules.iter_mut().rev().find(|module| module.name == name) {
            Some(module) => {
                module.options += 1;
                Ok(())
            }
            None => Err(word.fault(format!("found {}; expected -m {name} before it", word.text))),
        }
    }

    /// Reads the option that `word` starts.
    pub(super) fn option(&mut self, word: &Word<'_>, words: &mut Words<'_, '_>) -> Result<(), Fault> {
        match &*word.text {
            "-i" | "--in-interface" => {
                self.once("-i", word)?;
                self.rule.in_interfaces = words.parsed(word, "an interface", parse_list)?;
            }
            "-o" | "--out-interface" => {
                self.once("-o", word)?;
                self.rule.out_interfaces = words.parsed(word, "an interface", parse_list)?;
            }
            "-s" | "--source" | "--src" => {
                self.once("-s", word)?;
                let v6 = self.v6();
                self.rule.source = Some(words.parsed(word, "an address", |text| prefix(text, v6))?);
            }
            "-d" | "--destination" | "--dst" => {
                self.once("-d", word)?;
                let v6 = self.v6();
                self.rule.destination = Some(words.parsed(word, "an address", |text| prefix(text, v6))?);
            }
            "-p" | "--protocol" | "--proto" => {
                self.once("-p", word)?;
                let v6 = self.v6();
                self.rule.protocol = Some(words.parsed(word, "a protocol", |text| protocol(text, v6))?);
            }
            "-f" | "--fragment" if !self.v6() => {
                self.once("-f", word)?;
                self.rule.fragment = true;
            }
            "-m" | "--match" => self.load(words.value(word, "the name of a match")?)?,
            _ => {
                let one = self.port(word, words).or_else(|| self.layer4(word, words));
                let one = one
                    .or_else(|| self.header(word, words))
                    .or_else(|| self.ecn(word, words));
                self.rule.matches.push(one.unwrap_or_else(|| Err(unknown(word)))?);
            }
        }
        Ok(())
    }

    fn load(&mut self, name: &Word<'_>) -> Result<(), Fault> {
        let wrong_family = match &*name.text {
            "icmp6" | "icmpv6" | "hl" => !self.v6(),
            "icmp" | "ttl" => self.v6(),
            _ => false,
        };
        let text = if name.text == "icmpv6" {
            "icmp6"
        } else {
            &*name.text
        };
        let known = MODULES.into_iter().find(|known| *known == text && !wrong_family);
        let Some(known) = known else {
            let what = format!("a match that the switch's hardware knows: {}", MODULES.join(", "));
            return Err(name.expected(&what));
        };
        let protocol = [
            ("tcp", Protocol::TCP),
            ("udp", Protocol::UDP),
            ("sctp", Protocol::SCTP),
        ];
        if let Some((_, needed)) = protocol.iter().find(|(module, _)| *module == known) {
            self.needs(*needed, name)?;
        }
        self.modules.push(Module {
            name: known,
            column: name.column,
            options: 0,
        });
        Ok(())
    }

    /// iptables reads from left to right: the protocol stands before what depends on it.
    fn needs(&self, protocol: Protocol, word: &Word<'_>) -> Result<(), Fault> {
        if self.rule.protocol == Some(protocol) {
            return Ok(());
        }
        Err(word.fault(format!("found {}; expected -p {protocol} before it", word.text)))
    }

    fn needs_ports(&self, word: &Word<'_>) -> Result<(), Fault> {
        if self.rule.protocol.is_some_and(Protocol::has_ports) {
            return Ok(());
        }
        Err(word.fault(format!(
            "found {}; expected -p tcp, -p udp or -p sctp before it",
            word.text
        )))
    }

    fn port(&mut self, word: &Word<'_>, words: &mut Words<'_, '_>) -> Option<Result<Match, Fault>> {
        let (name, list): (_, fn(Vec<PortRange>) -> Match) = match &*word.text {
            "--sport" | "--source-port" => ("--sport", |mut one| single(one.pop(), Match::SourcePort)),
            "--dport" | "--destination-port" => {
                ("--dport", |mut one| single(one.pop(), Match::DestinationPort))
            }
            "--sports" | "--source-ports" => ("--sports", Match::SourcePorts),
            "--dports" | "--destination-ports" => ("--dports", Match::DestinationPorts),
            _ => return None,
        };
        Some(self.ports(name, word, words).map(list))
    }

    fn ports(
        &mut self,
        name: &'static str,
        word: &Word<'_>,
        words: &mut Words<'_, '_>,
    ) -> Result<Vec<PortRange>, Fault> {
        self.once(name, word)?;
        self.needs_ports(word)?;
        if matches!(name, "--sport" | "--dport") {
            return words
                .parsed(word, "a port", PortRange::parse)
                .map(|port| vec![port]);
        }
        self.module("multiport", word)?;
        if self
            .modules
            .iter()
            .any(|module| module.name == "multiport" && module.options > 1)
        {
            return Err(
                word.fault("one -m multiport takes one list; expected another -m multiport before it")
            );
        }
        words.parsed(word, "ports", port_list)
    }

    fn layer4(&mut self, word: &Word<'_>, words: &mut Words<'_, '_>) -> Option<Result<Match, Fault>> {
        let v6 = self.v6();
        match (&*word.text, v6) {
            ("--tcp-flags", _) => Some(self.tcp_flags(word, words)),
            ("--icmp-type", false) | ("--icmpv6-type", true) => Some((|| {
                self.once("--icmp-type", word)?;
                let (protocol, module) = if v6 {
                    (Protocol::ICMPV6, "icmp6")
                } else {
                    (Protocol::ICMP, "icmp")
                };
                self.needs(protocol, word)?;
                if self.modules.iter().any(|loaded| loaded.name == module) {
                    self.module(module, word)?;
                }
                let kind = words.parsed(word, "an ICMP type", |text| IcmpType::parse(text, v6))?;
                Ok(Match::Icmp { v6, kind })
            })()),
            _ => None,
        }
    }

    fn tcp_flags(&mut self, word: &Word<'_>, words: &mut Words<'_, '_>) -> Result<Match, Fault> {
        self.once("--tcp-flags", word)?;
        self.needs(Protocol::TCP, word)?;
        let mask = words.parsed(word, "the flags to look at", TcpFlags::parse)?;
        let set = words.parsed(word, "the flags that are set", TcpFlags::parse)?;
        Ok(Match::TcpFlags { mask, set })
    }

    fn header(&mut self, word: &Word<'_>, words: &mut Words<'_, '_>) -> Option<Result<Match, Fault>> {
        let v6 = self.v6();
        let compare = |text: &str| match text {
            "eq" => Some(Compare::Equal),
            "lt" => Some(Compare::Less),
            "gt" => Some(Compare::Greater),
            _ => None,
        };
        let (module, prefix) = if v6 { ("hl", "--hl-") } else { ("ttl", "--ttl-") };
        if let Some(compare) = word.text.strip_prefix(prefix).and_then(compare) {
            return Some((|| {
                self.once("--ttl", word)?;
                self.module(module, word)?;
                let value = words.parsed(word, "a hop count", |text| number(text, 0..=255, "a hop count"))?;
                Ok(Match::HopLimit {
                    v6,
                    compare,
                    value: u8::try_from(value).unwrap_or(u8::MAX),
                })
            })());
        }
        type Read = fn(&str) -> Result<Match, String>;
        let (name, module, what, read): (_, _, _, Read) = match &*word.text {
            "--dscp" => ("--dscp", "dscp", "a DSCP", |text| {
                Dscp::parse(text).map(Match::Dscp)
            }),
            "--dscp-class" => ("--dscp", "dscp", "a class", |text| {
                Dscp::parse_class(text).map(Match::Dscp)
            }),
            "--src-type" => ("--src-type", "addrtype", "a type", |text| {
                addr_type(text).map(Match::SourceType)
            }),
            "--dst-type" => ("--dst-type", "addrtype", "a type", |text| {
                addr_type(text).map(Match::DestinationType)
            }),
            "--mac-source" => ("--mac-source", "mac", "an address", |text| {
                Mac::parse(text).map(Match::MacSource)
            }),
            "--comment" => ("--comment", "comment", "one word", |text| {
                comment(text).map(Match::Comment)
            }),
            _ => return None,
        };
        let noted = self.once(name, word).and_then(|()| self.module(module, word));
        Some(noted.and_then(|()| words.parsed(word, what, read)))
    }

    fn ecn(&mut self, word: &Word<'_>, words: &mut Words<'_, '_>) -> Option<Result<Match, Fault>> {
        let negated = word.text == "!";
        let word = if negated {
            // Only `! --ecn-…` is an option here; any other `!` is refused where it stands.
            let names = ["--ecn-ip-ect", "--ecn-tcp-cwr", "--ecn-tcp-ece"];
            names.iter().find_map(|name| words.next_if(name))?
        } else {
            word
        };
        let name = match &*word.text {
            "--ecn-ip-ect" => "--ecn-ip-ect",
            "--ecn-tcp-cwr" => "--ecn-tcp-cwr",
            "--ecn-tcp-ece" => "--ecn-tcp-ece",
            _ => return None,
        };
        Some((|| {
            self.once(name, word)?;
            self.module("ecn", word)?;
            let bits = match name {
                "--ecn-ip-ect" => {
                    let value = words.parsed(word, "0 to 3", |text| number(text, 0..=3, "the ECN bits"))?;
                    Ecn::Ip(u8::try_from(value).unwrap_or_default())
                }
                "--ecn-tcp-cwr" => self.needs(Protocol::TCP, word).map(|()| Ecn::TcpCwr)?,
                _ => self.needs(Protocol::TCP, word).map(|()| Ecn::TcpEce)?,
            };
            Ok(Match::Ecn { negated, bits })
        })())
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
        let at = |name: &str| self.column(name).unwrap_or(1);
        for chain in &self.rule.chains {
            interfaces_fit(*chain, &self.rule)
                .map_err(|(option, message)| Fault::new(at(option), message))?;
            let sent = matches!(chain, Chain::Output | Chain::Postrouting);
            if sent && self.column("--mac-source").is_some() {
                let message = format!("the source address of Ethernet is not known in {}", chain.name());
                return Err(Fault::new(at("--mac-source"), message));
            }
            if (sent || !self.rule.out_interfaces.is_empty())
                && let Some(option) = range_of_ports(&self.rule.matches)
            {
                let message = "found a range of ports on egress; hardware has ranges on ingress only, expected one port";
                return Err(Fault::new(at(option), message));
            }
        }
        self.rule.target = target;
        Ok(self.rule)
    }
}

/// `INPUT` takes no `-o`, `OUTPUT` no `-i`; `PREROUTING` is there with `-i` only and `POSTROUTING` with `-o` only.
fn interfaces_fit(chain: Chain, rule: &Rule) -> Result<(), (&'static str, String)> {
    let has = |list: &[Interface]| !list.is_empty();
    let (i, o) = (has(&rule.in_interfaces), has(&rule.out_interfaces));
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

fn single(port: Option<PortRange>, make: fn(PortRange) -> Match) -> Match {
    port.map_or(Match::SourcePorts(Vec::new()), make)
}

fn unknown(word: &Word<'_>) -> Fault {
    match refusal(&word.text) {
        Some(reason) => word.fault(reason),
        None => word.expected(
            "-i, -o, -s, -d, -p, -m, --sport, --dport or another option that hardware knows, then -j",
        ),
    }
}

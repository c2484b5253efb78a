//! The conditions of a rule: everything between the chains and `-j`.

use ipnet::IpNet;

use super::draft::Draft;
use super::error::{Fault, number};
use super::interface::parse_list;
use super::line::Word;
use super::matches::{Compare, Ecn, Match};
use super::mode::Mode;
use super::operands::{addr_type, comment, port_list, prefix, prefixes, protocol};
use super::values::{Dscp, IcmpType, Mac, PortRange, Protocol, TcpFlags};
use super::words::{Words, refusal};

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
                self.rule.source = self.address(word, words, Match::SourceNets)?;
            }
            "-d" | "--destination" | "--dst" => {
                self.once("-d", word)?;
                self.rule.destination = self.address(word, words, Match::DestinationNets)?;
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
                match one {
                    Some(one) => self.push(one?),
                    None if self.mode == Mode::Lenient => return self.unknown(word, words),
                    None => return Err(unknown(word)),
                }
            }
        }
        Ok(())
    }

    /// One prefix; of several, which only lenient rules have, a condition is made.
    fn address(
        &mut self,
        word: &Word<'_>,
        words: &mut Words<'_, '_>,
        several: fn(Vec<IpNet>) -> Match,
    ) -> Result<Option<IpNet>, Fault> {
        let v6 = self.v6();
        let list = match self.mode {
            Mode::Strict => words.parsed(word, "an address", |text| prefix(text, v6).map(|net| vec![net]))?,
            Mode::Lenient => words.parsed(word, "an address", |text| prefixes(text, v6))?,
        };
        if let [one] = list.as_slice() {
            return Ok(Some(*one));
        }
        self.push(several(list));
        Ok(None)
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
            if self.mode == Mode::Lenient {
                return self.load_unknown(name);
            }
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
        self.loaded(known, name.column);
        Ok(())
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
}

fn single(port: Option<PortRange>, make: fn(PortRange) -> Match) -> Match {
    port.map_or(Match::SourcePorts(Vec::new()), make)
}

/// Why a word is no condition.
pub(super) fn unknown(word: &Word<'_>) -> Fault {
    match refusal(&word.text) {
        Some(reason) => word.fault(reason),
        None => word.expected(
            "-i, -o, -s, -d, -p, -m, --sport, --dport or another option that hardware knows, then -j",
        ),
    }
}

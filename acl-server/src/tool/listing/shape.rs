//! What a row of iptables says, in one form for all ways of printing it.

use std::net::IpAddr;

use ipnet::IpNet;

use super::names::{Names, icmp, protocol};
use super::row::Row;

/// What is asked of a packet and what happens to it, as sorted words.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// Conditions.
    pub(super) conditions: Vec<String>,
    /// Options of the target, and what is not understood.
    pub(super) target: Vec<String>,
}

/// Interfaces and addresses that match everything.
pub(super) const ANY: &str = "*";

/// Everything that a row of iptables says, but for what it has counted. `None` if it has names that nobody can know.
pub(super) fn key(row: &Row, names: &Names) -> Option<String> {
    let (place, matched) = (place(row)?, matched(row)?);
    let words = words(row, names);
    Some(join(&place, &matched, &row.target, &words))
}

/// The parts of a key, put together.
pub(super) fn join(place: &str, matched: &str, target: &str, words: &Words) -> String {
    let (conditions, options) = (words.conditions.join(" "), words.target.join(" "));
    format!("{place} {matched} {conditions} -j {target} {options}")
}

/// Where a row works: program, table, chain, interfaces.
pub(super) fn place(row: &Row) -> Option<String> {
    let header = row.section.header();
    let chain = row.built_in_chain();
    if row.table.is_empty() || chain.is_empty() {
        return None;
    }
    let (input, output) = (interface(&row.input), interface(&row.output));
    Some(format!("{header} {} {chain} {input} {output}", row.table))
}

fn interface(text: &str) -> &str {
    if text == "any" { ANY } else { text }
}

/// What the columns of a row ask of a packet: protocol, fragments, addresses.
pub(super) fn matched(row: &Row) -> Option<String> {
    let fragment = match &*row.options {
        "" | "--" => "-",
        "-f" => "f",
        _ => return None,
    };
    let (source, destination) = (address(&row.source)?, address(&row.destination)?);
    let protocol = protocol(&row.protocol)?;
    Some(format!("{protocol} {fragment} {source} {destination}"))
}

/// An address or a network. Names of hosts are nobody's to know.
fn address(text: &str) -> Option<String> {
    if text == "anywhere" {
        return Some(ANY.to_owned());
    }
    let net = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .ok()?;
    Some(network(Some(net)))
}

/// A network as one text.
pub(super) fn network(net: Option<IpNet>) -> String {
    match net.filter(|net| net.prefix_len() > 0) {
        Some(net) => net.trunc().to_string(),
        None => ANY.to_owned(),
    }
}

/// The words behind the columns of a row.
pub(super) fn words(row: &Row, names: &Names) -> Words {
    let mut reader = Reader {
        rest: row.extra.split_whitespace(),
        protocol: protocol(&row.protocol).unwrap_or_default(),
        target: &row.target,
        names,
        words: Words::default(),
    };
    while let Some(word) = reader.rest.next() {
        reader.word(word);
    }
    let mut words = reader.words;
    if row.origin().is_some() {
        words.conditions.pop_if(|last| last.starts_with("/*"));
    }
    words.conditions.sort_unstable();
    words.target.sort_unstable();
    words
}

/// Reads words as iptables prints matches (`iptables-extensions(8)`), one after the other.
struct Reader<'a> {
    rest: std::str::SplitWhitespace<'a>,
    protocol: u8,
    target: &'a str,
    names: &'a Names,
    words: Words,
}

impl Reader<'_> {
    fn next(&mut self) -> &str {
        self.rest.next().unwrap_or_default()
    }

    fn next_if(&mut self, accept: impl Fn(&str) -> bool) -> Option<&str> {
        let next = self.rest.clone().next().filter(|word| accept(word))?;
        self.rest.next();
        Some(next)
    }

    fn condition(&mut self, text: String) {
        self.words.conditions.push(text);
    }

    fn word(&mut self, word: &str) {
        match word {
            // The protocol's own match; the column says so too.
            "tcp" | "udp" | "sctp" | "udplite" => {}
            "/*" => self.comment(),
            "multiport" => {
                let (direction, ports) = (self.next().to_owned(), self.next().to_owned());
                let ports = self.names.ports(&ports, self.protocol).unwrap_or(ports);
                self.condition(format!("{direction}:{ports}"));
            }
            "icmp" | "ipv6-icmp" => {
                let v6 = word == "ipv6-icmp";
                let name = self.next();
                let kind = icmp(name, v6).unwrap_or(name).to_owned();
                self.condition(format!("icmp:{kind}"));
            }
            "icmptype" | "ipv6-icmptype" => {
                let kind = self.next().to_owned();
                let code = self.next_if(|word| word == "code").is_some();
                let code = if code {
                    format!("/{}", self.next())
                } else {
                    String::new()
                };
                self.condition(format!("icmp:{kind}{code}"));
            }
            _ => self.upper_case(word),
        }
    }

    /// Matches whose names are upper case, or lower case in some versions.
    fn upper_case(&mut self, word: &str) {
        let upper = word.to_ascii_uppercase();
        let matches = matches!(upper.as_str(), "TTL" | "HL" | "DSCP" | "ADDRTYPE" | "ECN")
            && self.next_if(|word| word == "match").is_some();
        match upper.as_str() {
            "TTL" | "HL" if matches => {
                self.next();
                let (how, value) = (self.next().to_owned(), self.next().to_owned());
                self.condition(format!("hop:{how}:{value}"));
            }
            "DSCP" if matches => {
                let value = number(self.next());
                self.condition(format!("dscp:{value}"));
            }
            "ADDRTYPE" if matches => {
                while let Some(side) = self.next_if(|word| matches!(word, "src-type" | "dst-type")) {
                    let side = side.to_owned();
                    let kind = self.next().to_ascii_uppercase();
                    self.condition(format!("{side}:{kind}"));
                }
            }
            "ECN" if matches => {
                let bits = |word: &str| {
                    let bits = word.trim_start_matches('!');
                    matches!(bits, "CWR" | "ECE") || bits.starts_with("ECT=")
                };
                while let Some(bits) = self.next_if(bits).map(|bits| format!("ecn:{bits}")) {
                    self.condition(bits);
                }
            }
            "MAC" => {
                let mac = self.next().to_ascii_lowercase();
                self.condition(format!("mac:{mac}"));
            }
            _ if upper == self.target => self.target_begins(&upper),
            _ => self.ports_or_other(word),
        }
    }

    fn ports_or_other(&mut self, word: &str) {
        match word.split_once(':') {
            Some((side @ ("spt" | "dpt" | "spts" | "dpts"), ports)) => {
                let ports = self.names.ports(ports, self.protocol);
                let ports = ports.unwrap_or_else(|| word.to_owned());
                self.condition(format!("{}:{ports}", side.trim_end_matches('s')));
            }
            Some(("flags", flags)) => {
                let flags = flags
                    .split_once('/')
                    .and_then(|(mask, set)| Some(format!("flags:{}/{}", tcp_flags(mask)?, tcp_flags(set)?)));
                self.condition(flags.unwrap_or_else(|| word.to_owned()));
            }
            _ => self.words.target.push(word.to_ascii_lowercase()),
        }
    }

    /// The name of the target, behind which its options are.
    fn target_begins(&mut self, name: &str) {
        match name {
            "DSCP" if self.next_if(|word| word == "set").is_some() => {
                let value = number(self.next());
                self.words.target.push(format!("set-dscp:{value}"));
            }
            // Nobody has told how these are printed: their numbers must do.
            "SETQOS" | "TRICOLORPOLICE" => {
                let numbers = self.rest.by_ref().filter_map(|word| {
                    let value = word.rsplit([':', '=']).next()?;
                    parse_number(value)
                });
                let numbers = numbers.collect();
                self.words.target.push(values(numbers));
            }
            "LOG" => {
                while let Some(option) = self.rest.next() {
                    let value = self.next().trim_matches(['"', '`', '\'']).to_owned();
                    if option == "prefix" {
                        self.words.target.push(format!("prefix:{value}"));
                    }
                }
            }
            _ => {}
        }
    }

    /// Up to the end of the comment, which has at least one word.
    fn comment(&mut self) {
        let mut text = self.next().to_owned();
        for word in self.rest.by_ref().take_while(|word| *word != "*/") {
            text.push(' ');
            text.push_str(word);
        }
        self.condition(format!("/* {text} */"));
    }
}

/// Numbers in one form, whatever their order.
pub(super) fn values(mut numbers: Vec<u64>) -> String {
    numbers.sort_unstable();
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    format!("values:{}", numbers.join(","))
}

/// A number in one form, or the text.
fn number(text: &str) -> String {
    parse_number(text).map_or_else(|| text.to_owned(), |value| value.to_string())
}

fn parse_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The bits of `SYN,ACK` or `0x12`.
fn tcp_flags(text: &str) -> Option<u64> {
    const NAMES: [&str; 6] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];
    if text == "NONE" {
        return Some(0);
    }
    let bit = |word: &str| NAMES.iter().position(|name| *name == word);
    let bits: Option<Vec<_>> = text.split(',').map(bit).collect();
    match bits {
        Some(bits) => Some(bits.into_iter().fold(0, |sum, bit| sum | 1 << bit)),
        None => parse_number(text),
    }
}

//! Rules of ebtables, in a rule file and in a listing.
//!
//! Both are words; options have several spellings, and addresses lose their zeros in a listing.

use super::expected::Expected;
use super::row::Row;
use super::shape::{ANY, Words, join};

/// Spellings of options, each with the one that ebtables prints.
const SPELLINGS: [(&str, &str); 26] = [
    ("--protocol", "-p"),
    ("--proto", "-p"),
    ("--in-interface", "-i"),
    ("--in-if", "-i"),
    ("--out-interface", "-o"),
    ("--out-if", "-o"),
    ("--source", "-s"),
    ("--src", "-s"),
    ("--destination", "-d"),
    ("--dst", "-d"),
    ("--jump", "-j"),
    ("--ip-source", "--ip-src"),
    ("--ip-destination", "--ip-dst"),
    ("--ip-protocol", "--ip-proto"),
    ("--ip-source-port", "--ip-sport"),
    ("--ip-destination-port", "--ip-dport"),
    ("--ip6-source", "--ip6-src"),
    ("--ip6-destination", "--ip6-dst"),
    ("--ip6-protocol", "--ip6-proto"),
    ("--ip6-source-port", "--ip6-sport"),
    ("--ip6-destination-port", "--ip6-dport"),
    ("--set-mark", "--mark-set"),
    ("--or-mark", "--mark-or"),
    ("--and-mark", "--mark-and"),
    ("--xor-mark", "--mark-xor"),
    ("--table", "-t"),
];

/// Addresses that ebtables prints by name, and types of frames.
const VALUES: [(&str, &str); 10] = [
    ("bga", "1:80:c2:0:0:0"),
    ("broadcast", "ff:ff:ff:ff:ff:ff"),
    ("unicast", "0:0:0:0:0:0/1:0:0:0:0:0"),
    ("multicast", "1:0:0:0:0:0/1:0:0:0:0:0"),
    ("0x0800", "ipv4"),
    ("0x800", "ipv4"),
    ("0x0806", "arp"),
    ("0x806", "arp"),
    ("0x86dd", "ipv6"),
    ("0x8100", "802_1q"),
];

/// The options of a rule, each with its value, in any order.
struct Options(Vec<(String, String)>);

impl Options {
    fn read(rule: &str) -> Self {
        let mut options: Vec<(String, String)> = Vec::new();
        for word in rule.split_whitespace() {
            match options.last_mut() {
                Some((_, value)) if !word.starts_with('-') => {
                    if !value.is_empty() {
                        value.push(' ');
                    }
                    value.push_str(&spelled(word));
                }
                _ => {
                    let known = SPELLINGS.iter().find(|(spelling, _)| *spelling == word);
                    options.push((known.map_or(word, |(_, name)| name).to_owned(), String::new()));
                }
            }
        }
        Self(options)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(option, _)| option == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// A list, or any.
    fn take_list(&mut self, name: &str) -> Vec<String> {
        let list = self.take(name).unwrap_or_else(|| ANY.to_owned());
        list.split(',').map(str::to_owned).collect()
    }

    fn into_words(self) -> Words {
        let words = self.0.into_iter();
        let mut words: Vec<_> = words.map(|(option, value)| format!("{option}={value}")).collect();
        words.sort_unstable();
        Words {
            conditions: words,
            target: Vec::new(),
        }
    }
}

/// A value as ebtables prints it: lower case, addresses without leading zeros.
fn spelled(value: &str) -> String {
    let lower = value.to_ascii_lowercase();
    if let Some((_, name)) = VALUES.iter().find(|(spelling, _)| *spelling == lower) {
        return (*name).to_owned();
    }
    let groups: Vec<_> = lower.split(':').collect();
    let short = |group: &&str| {
        let short = group.trim_start_matches('0');
        if short.is_empty() { "0" } else { short }.to_owned()
    };
    match groups.len() {
        6 if groups.iter().all(|group| group.len() == 2) => {
            groups.iter().map(short).collect::<Vec<_>>().join(":")
        }
        _ => lower,
    }
}

/// What the rows of a rule must say. The rule is as it stands in a file.
pub(super) fn expected(rule: &str) -> Option<Expected> {
    let mut options = Options::read(rule);
    let table = options.take("-t").unwrap_or_else(|| "filter".to_owned());
    // Chains are upper case in both places.
    let chains = options.take("-A")?.to_ascii_uppercase();
    let (inputs, outputs) = (options.take_list("-i"), options.take_list("-o"));
    Some(Expected {
        program: format!("[ebtables] {table}"),
        chains: chains.split(',').map(str::to_owned).collect(),
        inputs,
        outputs,
        matched: String::new(),
        target: String::new(),
        words: options.into_words(),
        compiled: &[],
    })
}

/// Everything that a row of ebtables says, but for what it has counted.
pub(super) fn key(row: &Row) -> Option<String> {
    if row.table.is_empty() || row.chain.is_empty() {
        return None;
    }
    let mut options = Options::read(&row.extra);
    let mut interface = |name| options.take(name).unwrap_or_else(|| ANY.to_owned());
    let (input, output) = (interface("-i"), interface("-o"));
    let place = format!("[ebtables] {} {} {input} {output}", row.table, row.chain);
    Some(join(&place, "", "", &options.into_words()))
}

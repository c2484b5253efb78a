//! The grammar of a rule of `[ebtables]`. Its words are kept as they are, once every one of them is known.
//!
//! ebtables takes `-M/x`, `--modpr /x` and `--atomic-fi /x` for options that load a program or write a file, wherever they
//! stand. So there is no list of what is forbidden: an option is one of [`eb_options`], in full, and its operand is read.

use std::fmt;

use super::error::{Fault, expected};
use super::line::Word;
use super::words::{Words, place, refusal};
use super::{eb_options, target_options};

/// A rule of `[ebtables]`: its words, variables replaced.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EbRule {
    words: Vec<String>,
    entries: u64,
}

impl EbRule {
    /// Entries in hardware: each chain and each pair of interfaces is one of its own.
    pub fn entries(&self) -> u64 {
        self.entries
    }
}

impl fmt::Display for EbRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words.join(" "))
    }
}

pub(super) fn rule(words: &[Word<'_>]) -> Result<EbRule, Fault> {
    let mut rest = Words::new(words);
    let (table, list) = place(&mut rest)?;
    if let Some(table) = table.filter(|table| !matches!(&*table.text, "filter" | "nat" | "broute")) {
        return Err(table.expected("the table filter, nat or broute"));
    }
    let mut entries = chains(list)?;
    let mut seen: Vec<&'static str> = Vec::new();
    loop {
        let Some(word) = rest.next() else {
            return Err(rest.end("found the end of the line; expected -j and a target"));
        };
        if matches!(&*word.text, "-j" | "--jump") {
            target_options::read_eb(word, &mut rest)?;
            break;
        }
        let Some((name, operand)) = eb_options::find(&word.text) else {
            return Err(unknown(word));
        };
        if seen.contains(&name) {
            return Err(word.fault(format!("{} is given twice; expected once", word.text)));
        }
        seen.push(name);
        if let Some(read) = operand {
            entries = entries.saturating_mul(rest.parsed(word, "a value", read)?);
        }
    }
    Ok(EbRule {
        words: words.iter().map(|word| word.text.clone().into_owned()).collect(),
        entries,
    })
}

/// How many chains there are in the list.
fn chains(list: &Word<'_>) -> Result<u64, Fault> {
    const CHAINS: [&str; 6] = [
        "INPUT",
        "FORWARD",
        "OUTPUT",
        "PREROUTING",
        "POSTROUTING",
        "BROUTING",
    ];
    let mut seen = Vec::new();
    for name in list.text.split(',') {
        let Some(known) = CHAINS.into_iter().find(|known| *known == name) else {
            return Err(list.fault(expected(name, "chains such as INPUT, FORWARD or OUTPUT")));
        };
        if seen.contains(&known) {
            return Err(list.fault(format!("chain {known} is in the list twice")));
        }
        seen.push(known);
    }
    Ok(u64::try_from(seen.len()).unwrap_or(u64::MAX))
}

fn unknown(word: &Word<'_>) -> Fault {
    match refusal(&word.text) {
        Some(reason) => word.fault(reason),
        None => word.expected(
            "-p, -i, -o, -s, -d, --ip-src, --vlan-id or another option of ebtables that is known here, in full and apart \
             from its value, then -j; options that take a file or a command are never allowed",
        ),
    }
}

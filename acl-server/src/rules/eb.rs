//! Rules of `[ebtables]`: known by their structure only.

use std::fmt;

use super::error::Fault;
use super::line::Word;
use super::words::{Words, place, refusal};

/// A rule of `[ebtables]`: its words, variables replaced, without any of the known traps.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EbRule {
    words: Vec<String>,
    chains: usize,
}

impl EbRule {
    /// Entries in hardware, as far as the structure tells: one for each chain.
    pub fn entries(&self) -> u64 {
        u64::try_from(self.chains).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for EbRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words.join(" "))
    }
}

/// Targets; those of the switch are lower case here.
const TARGETS: [&str; 8] = [
    "ACCEPT",
    "DROP",
    "span",
    "erspan",
    "police",
    "tricolorpolice",
    "setclass",
    "mark",
];

/// Options of ebtables that name a file, or change more than one rule.
const NEVER: [&str; 8] = [
    "--atomic-file",
    "--atomic-init",
    "--atomic-save",
    "--atomic-commit",
    "--among-dst-file",
    "--among-src-file",
    "--concurrent",
    "--init-table",
];

pub(super) fn rule(words: &[Word<'_>]) -> Result<EbRule, Fault> {
    let mut rest = Words::new(words);
    let (table, chains) = place(&mut rest)?;
    if let Some(table) = table.filter(|table| !matches!(&*table.text, "filter" | "nat" | "broute")) {
        return Err(table.expected("the table filter, nat or broute"));
    }
    let names: Vec<_> = chains.text.split(',').collect();
    let known = |name: &&str| {
        matches!(
            *name,
            "INPUT" | "FORWARD" | "OUTPUT" | "PREROUTING" | "POSTROUTING" | "BROUTING"
        )
    };
    if names.len() > 6 || !names.iter().all(known) {
        return Err(chains.expected("chains such as INPUT, FORWARD or OUTPUT"));
    }
    let mut jumped = false;
    while let Some(word) = rest.next() {
        if let Some(reason) = refusal(&word.text) {
            return Err(word.fault(reason));
        }
        if NEVER.contains(&&*word.text) {
            return Err(word.fault("options that take a file or a command are never allowed"));
        }
        if matches!(&*word.text, "-j" | "--jump") {
            let target = rest.value(word, "a target")?;
            if jumped || !TARGETS.contains(&&*target.text) {
                return Err(target.expected(&format!("one target: {}", TARGETS.join(", "))));
            }
            jumped = true;
        }
    }
    if !jumped {
        return Err(rest.end("found the end of the line; expected -j and a target"));
    }
    let chains = names.len();
    Ok(EbRule {
        words: words.iter().map(|word| word.text.clone().into_owned()).collect(),
        chains,
    })
}

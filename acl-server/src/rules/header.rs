//! The grammar of a rule: `[-t TABLE] -A CHAINS condition… -j TARGET option…`.

use super::draft::Draft;
use super::error::{Fault, expected};
use super::line::Word;
use super::mode::Mode;
use super::rule::{Chain, Family, Rule, Table};
use super::target_options;
use super::words::{Words, place};

/// Reads a rule of `[iptables]` or `[ip6tables]`.
pub(super) fn rule(words: &[Word<'_>], family: Family, mode: Mode) -> Result<Rule, Fault> {
    let mut words = Words::new(words);
    let (table, list) = place(&mut words)?;
    let table = match table.map(|word| (word, &*word.text)) {
        None | Some((_, "filter")) => Table::Filter,
        Some((_, "mangle")) => Table::Mangle,
        Some((word, _)) => return Err(word.expected("the table filter or mangle")),
    };
    let chains = chains(list, table)?;
    let mut draft = Draft::new(family, table, chains, mode);
    loop {
        let Some(word) = words.next() else {
            return Err(words.end("found the end of the line; expected -j and a target"));
        };
        if matches!(&*word.text, "-j" | "--jump") {
            let target = target_options::read(word, &mut words, (family, table, mode))?;
            return draft.finish(target);
        }
        draft.option(word, &mut words)?;
    }
}

fn chains(list: &Word<'_>, table: Table) -> Result<Vec<Chain>, Fault> {
    let mut chains = Vec::new();
    for name in list.text.split(',') {
        let known = Chain::named(name).filter(|chain| table.chains().contains(chain));
        let Some(chain) = known else {
            let names: Vec<_> = table.chains().iter().map(|chain| chain.name()).collect();
            let what = format!("a chain of table {}: {}", table.name(), names.join(", "));
            return Err(list.fault(expected(name, &what)));
        };
        if chains.contains(&chain) {
            return Err(list.fault(format!("chain {} is in the list twice", chain.name())));
        }
        chains.push(chain);
    }
    Ok(chains)
}

//! The grammar of a rule of `[ebtables]`. Its words are kept as they are, once every one of them is known.
//!
//! ebtables takes `-M/x`, `--modpr /x` and `--atomic-fi /x` for options that load a program or write a file, wherever they
//! stand. So there is no list of what is forbidden: an option is one of [`eb_options`], in full, and its operand is read.
//! Lenient rules may have others, as far as [`opaque`] lets them.

use super::eb_options;
use super::eb_rule::{EbChain, EbCondition, EbRule, EbTable, EbTarget};
use super::error::{Fault, expected};
use super::interface::parse_list;
use super::line::Word;
use super::mode::Mode;
use super::opaque;
use super::target::Target;
use super::target_options;
use super::words::{Words, place, refusal};

pub(super) fn rule(words: &[Word<'_>], mode: Mode) -> Result<EbRule, Fault> {
    let mut rest = Words::new(words);
    let (table, list) = place(&mut rest)?;
    let table = match table {
        Some(name) => named(&EbTable::NAMES, &name.text)
            .ok_or_else(|| name.expected("the table filter, nat or broute"))?,
        None => EbTable::Filter,
    };
    let chains = chains(list)?;
    let mut reader = Reader::new(table, chains, mode);
    loop {
        let Some(word) = rest.next() else {
            return Err(rest.end("found the end of the line; expected -j and a target"));
        };
        if matches!(&*word.text, "-j" | "--jump") {
            reader.rule.target = target_options::read_eb(word, &mut rest, mode)?;
            break;
        }
        reader.condition(word, &mut rest)?;
    }
    reader.interfaces_fit()?;
    reader.rule.words = words.iter().map(|word| word.text.clone().into_owned()).collect();
    Ok(reader.rule)
}

/// A rule that is being read.
struct Reader {
    rule: EbRule,
    mode: Mode,
    /// Options that were given, each with its column.
    seen: Vec<(&'static str, u32)>,
}

impl Reader {
    fn new(table: EbTable, chains: Vec<EbChain>, mode: Mode) -> Self {
        let rule = EbRule {
            words: Vec::new(),
            table,
            entries: u64::try_from(chains.len()).unwrap_or(u64::MAX),
            chains,
            in_interfaces: Vec::new(),
            out_interfaces: Vec::new(),
            conditions: Vec::new(),
            target: EbTarget::Switch(Target::Accept),
        };
        Self {
            rule,
            mode,
            seen: Vec::new(),
        }
    }

    fn condition(&mut self, word: &Word<'_>, rest: &mut Words<'_, '_>) -> Result<(), Fault> {
        let lenient = self.mode == Mode::Lenient;
        let negated = lenient && word.text == "!";
        let word = if negated {
            rest.value(word, "a condition")?
        } else {
            word
        };
        match eb_options::find(&word.text) {
            Some((name, operand)) => {
                if self.seen.iter().any(|(seen, _)| *seen == name) {
                    return Err(word.fault(format!("{} is given twice; expected once", word.text)));
                }
                self.seen.push((name, word.column));
                self.known((negated, name), operand, word, rest)
            }
            None if lenient => {
                let mut words = opaque::option(word, rest)?.into_iter();
                self.rule.conditions.push(EbCondition {
                    negated,
                    option: words.next().unwrap_or_default(),
                    values: words.collect(),
                    known: false,
                });
                Ok(())
            }
            None => Err(unknown(word)),
        }
    }

    /// What arrives has no `-o` yet, what the switch sends has no `-i`.
    fn interfaces_fit(&self) -> Result<(), Fault> {
        for chain in &self.rule.chains {
            let (options, kind) = match chain {
                EbChain::Input | EbChain::Prerouting | EbChain::Brouting => {
                    (["-o", "--logical-out"], "output")
                }
                EbChain::Output | EbChain::Postrouting => (["-i", "--logical-in"], "input"),
                EbChain::Forward => continue,
            };
            if let Some((_, column)) = self.seen.iter().find(|(option, _)| options.contains(option)) {
                let message = format!(
                    "{kind} interface specified with {} chain; expected the other or none",
                    chain.name()
                );
                return Err(Fault::new(*column, message));
            }
        }
        Ok(())
    }

    fn known(
        &mut self,
        (negated, name): (bool, &'static str),
        operand: Option<eb_options::Operand>,
        word: &Word<'_>,
        rest: &mut Words<'_, '_>,
    ) -> Result<(), Fault> {
        let mut values = Vec::new();
        if let Some(read) = operand {
            let text = rest.peek().map(|value| value.text.clone().into_owned());
            let entries = rest.parsed(word, "a value", read)?;
            if !negated {
                self.rule.entries = self.rule.entries.saturating_mul(entries);
            }
            values.extend(text);
        }
        let list = || {
            values
                .first()
                .and_then(|text| parse_list(text).ok())
                .unwrap_or_default()
        };
        match name {
            "-i" if !negated => self.rule.in_interfaces = list(),
            "-o" if !negated => self.rule.out_interfaces = list(),
            _ => self.rule.conditions.push(EbCondition {
                negated,
                option: name.to_owned(),
                values,
                known: true,
            }),
        }
        Ok(())
    }
}

fn named<T: Copy>(names: &[(&str, T)], name: &str) -> Option<T> {
    names
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| *value)
}

fn chains(list: &Word<'_>) -> Result<Vec<EbChain>, Fault> {
    let mut chains = Vec::new();
    for name in list.text.split(',') {
        let Some(known) = named(&EbChain::NAMES, name) else {
            return Err(list.fault(expected(name, "chains such as INPUT, FORWARD or OUTPUT")));
        };
        if chains.contains(&known) {
            return Err(list.fault(format!("chain {name} is in the list twice")));
        }
        chains.push(known);
    }
    Ok(chains)
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

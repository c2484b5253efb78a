//! What is in the kernel now (`iptables-save -c`), what shall be, and the input that leads from one to the other. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::rc::Rc;

use super::compile::Chains;
use super::origin::Origin;
use crate::rules::{Chain, Table};

/// How the names of our chains start; the name of the built-in chain follows.
const PREFIX: &str = "acltool-";

/// The tables that rule files know.
const TABLES: [Table; 2] = [Table::Filter, Table::Mangle];

/// The name of our chain beside a built-in one.
pub(super) fn own_name(chain: Chain) -> String {
    format!("{PREFIX}{}", chain.name())
}

fn own(name: &str) -> Option<Chain> {
    name.strip_prefix(PREFIX).and_then(Chain::named)
}

/// A rule of ours, as it was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SavedRule {
    /// `packets:bytes`.
    counters: String,
    /// Everything after `-A CHAIN `.
    text: String,
}

/// A jump from a built-in chain to ours.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Jump {
    /// Which rule of the built-in chain it is, counted from 1.
    position: usize,
    /// `packets:bytes`.
    counters: String,
}

/// Our part of the rules of one family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    chains: BTreeMap<(Table, Chain), Vec<SavedRule>>,
    /// Our jumps in the built-in chains.
    jumps: BTreeMap<(Table, Chain), Vec<Jump>>,
    /// Our chains that somebody else's rules lead to: those cannot be deleted, only emptied.
    shared: BTreeSet<(Table, Chain)>,
}

impl State {
    /// Reads what `iptables-save -c` printed; what is not ours is passed over.
    pub(super) fn parse(save: &str) -> Self {
        let mut state = Self::default();
        let mut table = None;
        // Rules so far in each chain of the table, for positions.
        let mut rules: HashMap<&str, usize> = HashMap::new();
        for line in save.lines() {
            if let Some(name) = line.strip_prefix('*') {
                table = TABLES.into_iter().find(|table| table.name() == name);
                rules.clear();
                continue;
            }
            let Some(table) = table else { continue };
            if let Some(name) = line.strip_prefix(':').and_then(|rest| rest.split(' ').next()) {
                if let Some(chain) = own(name) {
                    state.chains.entry((table, chain)).or_default();
                }
            } else if let Some((counters, chain, text)) = saved_rule(line) {
                let position = rules.entry(chain).or_default();
                *position += 1;
                state.rule(table, chain, counters, text, *position);
            }
        }
        state
    }

    fn rule(&mut self, table: Table, chain: &str, counters: &str, text: &str, position: usize) {
        if let Some(own) = own(chain) {
            let rule = SavedRule {
                counters: counters.to_owned(),
                text: text.to_owned(),
            };
            self.chains.entry((table, own)).or_default().push(rule);
        }
        // A quoted comment may say `-j acltool-…` too; then our chain is only emptied instead of deleted.
        for target in text.split(' ').filter_map(own) {
            let ours = chain == target.name() && text == format!("-j {}", own_name(target));
            if ours {
                self.jumps.entry((table, target)).or_default().push(Jump {
                    position,
                    counters: counters.to_owned(),
                });
            } else {
                self.shared.insert((table, target));
            }
        }
    }

    /// Our chains, in order.
    pub(super) fn chains(&self) -> impl Iterator<Item = (Table, Chain)> {
        self.chains.keys().copied()
    }

    /// Whether the rules are the same, whatever they have counted.
    pub(super) fn same_rules(&self, other: &Self) -> bool {
        let texts = |state: &Self| -> Vec<_> {
            let chains = state.chains.iter();
            chains
                .map(|(place, rules)| {
                    (
                        *place,
                        rules.iter().map(|rule| rule.text.clone()).collect::<Vec<_>>(),
                    )
                })
                .collect()
        };
        let jumps = |state: &Self| -> Vec<_> {
            state
                .jumps
                .iter()
                .map(|(place, all)| (*place, all.len()))
                .collect()
        };
        texts(self) == texts(other) && jumps(self) == jumps(other)
    }

    /// This state as something to go back to.
    pub(super) fn wanted(&self) -> Wanted {
        let chains = self.chains.iter().map(|(place, rules)| {
            let rules = rules
                .iter()
                .map(|rule| WantedRule {
                    saved: rule.clone(),
                    origin: None,
                })
                .collect();
            let jump = self.jumps.get(place).and_then(|jumps| jumps.first()).cloned();
            (*place, WantedChain { rules, jump })
        });
        Wanted(chains.collect())
    }

    /// The compiled rules as a state, each with the counters that a rule of the same ID has here.
    pub(super) fn wanted_from(&self, compiled: &Chains) -> Wanted {
        let saved = self.chains.values().flatten();
        let counters: HashMap<&str, &str> = saved
            .filter_map(|rule| Some((id_of(&rule.text)?, rule.counters.as_str())))
            .collect();
        let chains = compiled.iter().map(|(place, rules)| {
            let rules = rules.iter().map(|rule| WantedRule {
                saved: SavedRule {
                    counters: counters
                        .get(rule.id.as_str())
                        .copied()
                        .unwrap_or("0:0")
                        .to_owned(),
                    text: rule.text.clone(),
                },
                origin: Some(Rc::clone(&rule.origin)),
            });
            (
                *place,
                WantedChain {
                    rules: rules.collect(),
                    jump: Some(Jump {
                        position: 1,
                        counters: "0:0".to_owned(),
                    }),
                },
            )
        });
        Wanted(chains.collect())
    }
}

/// `[packets:bytes] -A CHAIN TEXT`.
fn saved_rule(line: &str) -> Option<(&str, &str, &str)> {
    let (counters, rest) = line.strip_prefix('[')?.split_once("] -A ")?;
    let (chain, text) = rest.split_once(' ').unwrap_or((rest, ""));
    Some((counters, chain, text))
}

/// The ID in the comment of a rule of ours.
fn id_of(text: &str) -> Option<&str> {
    let comments = text.match_indices(" #").filter_map(|(at, _)| text.get(at + 2..));
    comments
        .filter_map(|rest| rest.split_once('"'))
        .map(|(id, _)| id)
        .find(|id| is_id(id))
}

fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The text without IDs, for people.
pub(super) fn without_ids(text: &str) -> String {
    let mut parts = text.split(" #");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..16).filter(|id| is_id(id)) {
            Some(_) => plain.push_str(part.get(16..).unwrap_or_default()),
            None => {
                plain.push_str(" #");
                plain.push_str(part);
            }
        }
    }
    plain
}

/// What our part shall be.
#[derive(Debug, Default)]
pub(super) struct Wanted(BTreeMap<(Table, Chain), WantedChain>);

#[derive(Debug)]
struct WantedChain {
    rules: Vec<WantedRule>,
    /// The jump that is inserted if there is none.
    jump: Option<Jump>,
}

#[derive(Debug)]
struct WantedRule {
    saved: SavedRule,
    origin: Option<Rc<Origin>>,
}

/// Input of `iptables-restore --noflush --counters`.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) text: String,
    /// What each line came from.
    origins: Vec<Option<Rc<Origin>>>,
}

impl Input {
    fn line(&mut self, line: &str, origin: Option<Rc<Origin>>) {
        self.text.push_str(line);
        self.text.push('\n');
        self.origins.push(origin);
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What line `number`, counted from 1, came from.
    pub(super) fn origin(&self, number: usize) -> Option<&Origin> {
        self.origins.get(number.checked_sub(1)?)?.as_deref()
    }
}

/// The input that leads from what is to what shall be, in one transaction for each table. Only our chains are named,
/// and built-in ones only to insert or delete our jump.
pub(super) fn transition(now: &State, wanted: &Wanted) -> Input {
    let mut input = Input::default();
    for table in TABLES {
        let places: BTreeSet<Chain> = now
            .chains
            .keys()
            .chain(now.jumps.keys())
            .chain(wanted.0.keys())
            .filter(|(of, _)| *of == table)
            .map(|(_, chain)| *chain)
            .collect();
        if places.is_empty() {
            continue;
        }
        input.line(&format!("*{}", table.name()), None);
        for chain in &places {
            fill(&mut input, *chain, wanted.0.get(&(table, *chain)));
        }
        for chain in &places {
            hook(&mut input, now, (table, *chain), wanted.0.get(&(table, *chain)));
        }
        input.line("COMMIT", None);
    }
    input
}

fn fill(input: &mut Input, chain: Chain, wanted: Option<&WantedChain>) {
    let Some(wanted) = wanted else { return };
    let name = own_name(chain);
    input.line(&format!(":{name} - [0:0]"), None);
    for rule in &wanted.rules {
        let mut line = String::new();
        let _ = write!(line, "[{}] -A {name} {}", rule.saved.counters, rule.saved.text);
        input.line(line.trim_end(), rule.origin.clone());
    }
}

fn hook(input: &mut Input, now: &State, place: (Table, Chain), wanted: Option<&WantedChain>) {
    let (chain, name) = (place.1.name(), own_name(place.1));
    let there = now.jumps.get(&place).map_or(0, Vec::len);
    let jump = wanted.and_then(|wanted| wanted.jump.as_ref());
    for _ in usize::from(jump.is_some())..there {
        input.line(&format!("-D {chain} -j {name}"), None);
    }
    if let Some(Jump { position, counters }) = jump.filter(|_| there == 0) {
        input.line(&format!("[{counters}] -I {chain} {position} -j {name}"), None);
    }
    if wanted.is_none() && now.chains.contains_key(&place) {
        input.line(&format!("-F {name}"), None);
        if !now.shared.contains(&place) {
            input.line(&format!("-X {name}"), None);
        }
    }
}

#[cfg(test)]
mod tests;

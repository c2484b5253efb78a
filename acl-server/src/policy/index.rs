//! All rules of some files, to be searched: by chain, and by what they say.

use std::collections::HashMap;
use std::sync::Arc;

use super::cover::covers_frames;
use super::overlap::overlap_frames;
use super::space::{Budget, Place, Placed, Space, insert_sorted, remove_sorted};
use crate::rules::{
    Chain, EbChain, EbRule, EbTable, EbTarget, Family, Rule, Statement, Table, Target, Verdict,
};

/// A rule of any section.
#[derive(Debug, Clone)]
pub(super) enum AnyRule {
    Ip(Arc<Rule>),
    Ethernet(Arc<EbRule>),
}

impl AnyRule {
    /// The statement's rule, if it is one.
    pub(super) fn of(statement: Statement) -> Option<Self> {
        match statement {
            Statement::Rule(rule) => Some(Self::Ip(Arc::from(rule))),
            Statement::EbRule(rule) => Some(Self::Ethernet(Arc::from(rule))),
            _ => None,
        }
    }

    pub(super) fn canonical(&self) -> String {
        match self {
            Self::Ip(rule) => rule.canonical(),
            Self::Ethernet(rule) => rule.canonical(),
        }
    }
}

/// Rules in their places.
#[derive(Debug, Default)]
pub(super) struct Index {
    chains: HashMap<(Family, Table, Chain), Space>,
    bridges: HashMap<(EbTable, EbChain), Vec<Placed<EbRule>>>,
    /// Where each rule stands, by its canonical text.
    texts: HashMap<String, Vec<Placed<()>>>,
}

/// Whether no later rule of the table sees what this one matches. SETCLASS is said not to end the search; of policers and
/// mirrors nobody says that they do, so they are taken not to.
fn ends(target: &Target) -> bool {
    matches!(
        target,
        Target::Accept | Target::Drop | Target::SetQos { .. } | Target::Dscp(_)
    )
}

fn eb_ends(rule: &EbRule) -> bool {
    match &rule.target {
        EbTarget::Switch(target) => ends(target),
        EbTarget::Mark(verdict) => *verdict != Verdict::Continue,
        EbTarget::Opaque => false,
    }
}

fn eb_discards(rule: &EbRule) -> bool {
    matches!(
        rule.target,
        EbTarget::Switch(Target::Drop) | EbTarget::Mark(Verdict::Drop)
    )
}

impl Index {
    pub(super) fn insert(&mut self, file: &Arc<str>, line: u32, rule: &AnyRule, text: String) {
        let nothing = Placed {
            file: Arc::clone(file),
            line,
            rule: Arc::new(()),
        };
        insert_sorted(self.texts.entry(text).or_default(), nothing);
        match rule {
            AnyRule::Ip(rule) if ends(&rule.target) => {
                for chain in &rule.chains {
                    let space = self.chains.entry((rule.family, rule.table, *chain)).or_default();
                    space.insert(placed(file, line, rule));
                }
            }
            AnyRule::Ethernet(rule) if eb_ends(rule) => {
                for chain in &rule.chains {
                    let list = self.bridges.entry((rule.table, *chain)).or_default();
                    insert_sorted(list, placed(file, line, rule));
                }
            }
            _ => {}
        }
    }

    pub(super) fn remove(&mut self, place: Place<'_>, rule: &AnyRule, text: &str) {
        if let Some(list) = self.texts.get_mut(text) {
            remove_sorted(list, place);
            if list.is_empty() {
                self.texts.remove(text);
            }
        }
        match rule {
            AnyRule::Ip(rule) => {
                for chain in &rule.chains {
                    if let Some(space) = self.chains.get_mut(&(rule.family, rule.table, *chain)) {
                        space.remove(rule, place);
                    }
                }
            }
            AnyRule::Ethernet(rule) => {
                for chain in &rule.chains {
                    if let Some(list) = self.bridges.get_mut(&(rule.table, *chain)) {
                        remove_sorted(list, place);
                    }
                }
            }
        }
    }

    /// The first other rule with this text, not counting those of the file `but`.
    pub(super) fn twin(&self, text: &str, here: Place<'_>, but: Option<&str>) -> Option<Place<'_>> {
        let mut list = self.texts.get(text)?.iter().map(Placed::place);
        list.find(|place| Some(place.0) != but && *place != here)
    }

    /// The first rule before `here` that covers the rule in this chain of its own, not counting those of the file `but`.
    pub(super) fn cover(
        &self,
        rule: &Rule,
        chain: Chain,
        here: Place<'_>,
        but: Option<&str>,
        budget: &mut Budget,
    ) -> Option<Place<'_>> {
        self.chains
            .get(&(rule.family, rule.table, chain))?
            .cover(rule, here, but, budget)
    }

    /// The first rule after `here` that discards, in this chain, some of what the rule lets pass.
    pub(super) fn deny(
        &self,
        rule: &Rule,
        chain: Chain,
        here: Place<'_>,
        but: Option<&str>,
        budget: &mut Budget,
    ) -> Option<Place<'_>> {
        if !ends(&rule.target) || rule.target == Target::Drop {
            return None;
        }
        self.chains
            .get(&(rule.family, rule.table, chain))?
            .deny(rule, here, but, budget)
    }

    /// As [`Self::cover`].
    pub(super) fn cover_frames(
        &self,
        rule: &EbRule,
        chain: EbChain,
        here: Place<'_>,
        but: Option<&str>,
        budget: &mut Budget,
    ) -> Option<Place<'_>> {
        let list = self.bridges.get(&(rule.table, chain))?.iter();
        let mut earlier = list.take_while(|one| one.place() < here && budget.step());
        let found = earlier.find(|one| Some(&*one.file) != but && covers_frames(&one.rule, rule));
        found.map(Placed::place)
    }

    /// As [`Self::deny`].
    pub(super) fn deny_frames(
        &self,
        rule: &EbRule,
        chain: EbChain,
        here: Place<'_>,
        but: Option<&str>,
        budget: &mut Budget,
    ) -> Option<Place<'_>> {
        if !eb_ends(rule) || eb_discards(rule) {
            return None;
        }
        let list = self.bridges.get(&(rule.table, chain))?;
        let later = list.iter().skip(list.partition_point(|one| one.place() <= here));
        let found = later
            .take_while(|_| budget.step())
            .find(|one| Some(&*one.file) != but && eb_discards(&one.rule) && overlap_frames(rule, &one.rule));
        found.map(Placed::place)
    }
}

fn placed<R>(file: &Arc<str>, line: u32, rule: &Arc<R>) -> Placed<R> {
    Placed {
        file: Arc::clone(file),
        line,
        rule: Arc::clone(rule),
    }
}

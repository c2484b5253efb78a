//! The rules of one chain that end the search, so that the few that may cover another are found without asking all.
//!
//! A rule can only cover another that is as narrow in every field. So rules are kept by their *shape* (how many bits of
//! each address they fix, whether they fix protocol and ports) and, within a shape, by what they fix. A search asks each
//! shape once, for the rules that fix what the searched one fixes: a chain of 20,000 rules has a handful of shapes. This
//! is tuple space search (Srinivasan, Suri, Varghese: "Packet Classification using Tuple Space Search", 1999).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ipnet::IpNet;

use super::cover::{covers, destinations, ports, sources};
use super::overlap::overlap;
use crate::rules::{Protocol, Rule, Target};

/// What one search may cost: one step for each shape that is looked at and each rule that is compared, more where both have
/// long lists of interfaces or prefixes. A chain of any usual kind takes some dozens; this bounds chains that were made to
/// be slow to about a millisecond a search. What is not found within it is not reported.
pub(super) const STEPS: usize = 2048;

/// Pairs of two lists that cost as much as one comparison of rules.
const PAIRS: usize = 16;

/// What is left of a search's steps.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn new() -> Self {
        Self(STEPS)
    }

    /// Takes one step, if there is one left.
    pub(super) fn step(&mut self) -> bool {
        self.take(1)
    }

    fn take(&mut self, steps: usize) -> bool {
        self.0 = self.0.saturating_sub(steps);
        self.0 > 0
    }

    /// Takes what it costs to compare two rules.
    fn compare(&mut self, a: &Rule, b: &Rule) -> bool {
        let length = |nets: Option<&[IpNet]>| nets.map_or(0, <[_]>::len);
        let pairs = [
            (a.in_interfaces.len(), b.in_interfaces.len()),
            (a.out_interfaces.len(), b.out_interfaces.len()),
            (length(sources(a)), length(sources(b))),
            (length(destinations(a)), length(destinations(b))),
        ];
        let pairs = pairs.into_iter().map(|(a, b)| a.saturating_mul(b));
        self.take(1 + pairs.fold(0, usize::saturating_add) / PAIRS)
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        STEPS - self.0
    }
}

/// A rule in its place in the tool's order: by the name of its file, then by its line.
#[derive(Debug, Clone)]
pub(super) struct Placed<R> {
    pub(super) file: Arc<str>,
    pub(super) line: u32,
    pub(super) rule: Arc<R>,
}

/// A place in the tool's order.
pub(super) type Place<'a> = (&'a str, u32);

impl<R> Placed<R> {
    pub(super) fn place(&self) -> Place<'_> {
        (&self.file, self.line)
    }
}

/// Puts a rule where it belongs in a list that is sorted by place. Cheap at the end of the list.
pub(super) fn insert_sorted<R>(list: &mut Vec<Placed<R>>, placed: Placed<R>) {
    let at = match list.last() {
        Some(last) if last.place() > placed.place() => {
            list.partition_point(|one| one.place() <= placed.place())
        }
        _ => list.len(),
    };
    list.insert(at, placed);
}

/// Takes the rule at a place out of a list that is sorted by place.
pub(super) fn remove_sorted<R>(list: &mut Vec<Placed<R>>, place: Place<'_>) {
    if let Ok(at) = list.binary_search_by(|one| one.place().cmp(&place)) {
        list.remove(at);
    }
}

/// What a rule fixes. Ordered from wide to narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    source: u8,
    destination: u8,
    protocol: bool,
    source_port: bool,
    destination_port: bool,
}

/// What it is fixed to; all that a shape does not fix is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Fixed {
    source: Option<IpNet>,
    destination: Option<IpNet>,
    protocol: Option<Protocol>,
    source_port: Option<u16>,
    destination_port: Option<u16>,
}

impl Fixed {
    fn of(rule: &Rule) -> Self {
        let one = |nets: Option<&[IpNet]>| match nets {
            Some([net]) if net.prefix_len() > 0 => Some(*net),
            _ => None,
        };
        let port = |source| {
            let lists = rule.matches.iter().filter_map(|one| ports(one, source));
            let mut single = lists.filter_map(|list| match list {
                [port] if port.is_single() => Some(port.first()),
                _ => None,
            });
            single.next()
        };
        Self {
            source: one(sources(rule)),
            destination: one(destinations(rule)),
            protocol: rule.protocol.filter(|protocol| *protocol != Protocol::ALL),
            source_port: port(true),
            destination_port: port(false),
        }
    }

    fn shape(&self) -> Shape {
        let length = |net: Option<IpNet>| net.map_or(0, |net| net.prefix_len());
        Shape {
            source: length(self.source),
            destination: length(self.destination),
            protocol: self.protocol.is_some(),
            source_port: self.source_port.is_some(),
            destination_port: self.destination_port.is_some(),
        }
    }

    /// Only what the shape fixes; none if the rule does not fix all of that.
    fn widened(&self, shape: Shape) -> Option<Self> {
        fn kept<T>(wanted: bool, value: Option<T>) -> Option<Option<T>> {
            if wanted { value.map(Some) } else { Some(None) }
        }
        Some(Self {
            source: cut(self.source, shape.source)?,
            destination: cut(self.destination, shape.destination)?,
            protocol: kept(shape.protocol, self.protocol)?,
            source_port: kept(shape.source_port, self.source_port)?,
            destination_port: kept(shape.destination_port, self.destination_port)?,
        })
    }
}

/// The first bits of a prefix; none if it has fewer.
fn cut(net: Option<IpNet>, length: u8) -> Option<Option<IpNet>> {
    if length == 0 {
        return Some(None);
    }
    let net = net.filter(|net| net.prefix_len() >= length)?;
    IpNet::new(net.network(), length)
        .ok()
        .map(|net| Some(net.trunc()))
}

/// Rules by shape and by what they fix.
#[derive(Debug, Default)]
struct Shapes(BTreeMap<Shape, HashMap<Fixed, Vec<Placed<Rule>>>>);

impl Shapes {
    fn insert(&mut self, placed: Placed<Rule>) {
        let fixed = Fixed::of(&placed.rule);
        let places = self.0.entry(fixed.shape()).or_default();
        insert_sorted(places.entry(fixed).or_default(), placed);
    }

    fn remove(&mut self, rule: &Rule, place: Place<'_>) {
        let fixed = Fixed::of(rule);
        let shape = fixed.shape();
        let Some(places) = self.0.get_mut(&shape) else {
            return;
        };
        if let Some(list) = places.get_mut(&fixed) {
            remove_sorted(list, place);
            if list.is_empty() {
                places.remove(&fixed);
            }
        }
        if places.is_empty() {
            self.0.remove(&shape);
        }
    }

    /// The lists of rules that fix nothing but what `rule` fixes too.
    fn wider(&self, rule: &Rule, budget: &mut Budget) -> Vec<&[Placed<Rule>]> {
        let fixed = Fixed::of(rule);
        let mut lists = Vec::new();
        for (shape, places) in &self.0 {
            if !budget.step() {
                break;
            }
            let found = fixed.widened(*shape).and_then(|wide| places.get(&wide));
            lists.extend(found.map(Vec::as_slice));
        }
        lists
    }
}

/// The rules of one chain of one table and family that end the search for what they match.
#[derive(Debug, Default)]
pub(super) struct Space {
    all: Shapes,
    denies: Shapes,
    /// The denies in their order.
    denies_in_order: Vec<Placed<Rule>>,
}

impl Space {
    pub(super) fn insert(&mut self, placed: Placed<Rule>) {
        if placed.rule.target == Target::Drop {
            self.denies.insert(placed.clone());
            insert_sorted(&mut self.denies_in_order, placed.clone());
        }
        self.all.insert(placed);
    }

    pub(super) fn remove(&mut self, rule: &Rule, place: Place<'_>) {
        if rule.target == Target::Drop {
            self.denies.remove(rule, place);
            remove_sorted(&mut self.denies_in_order, place);
        }
        self.all.remove(rule, place);
    }

    /// The first rule before `here` that covers `rule`, not counting those of the file `but`.
    pub(super) fn cover(
        &self,
        rule: &Rule,
        here: Place<'_>,
        but: Option<&str>,
        budget: &mut Budget,
    ) -> Option<Place<'_>> {
        let mut first = Some(here);
        let mut found = None;
        for list in self.all.wider(rule, budget) {
            if let Some(place) = first_of(list, (first, but), (rule, budget), |one| covers(one, rule)) {
                (first, found) = (Some(place), Some(place));
            }
        }
        found
    }

    /// The first rule after `here` that discards some of what `rule` matches, not counting those of the file `but`.
    pub(super) fn deny(
        &self,
        rule: &Rule,
        here: Place<'_>,
        but: Option<&str>,
        budget: &mut Budget,
    ) -> Option<Place<'_>> {
        let mut found = None;
        // Those that are wider are found at once; of the others there is no index.
        let lists = self.denies.wider(rule, budget).into_iter();
        for list in lists.chain([self.denies_in_order.as_slice()]) {
            let later = list.get(list.partition_point(|one| one.place() <= here)..);
            let later = later.unwrap_or_default();
            let place = first_of(later, (found, but), (rule, budget), |one| overlap(rule, one));
            found = place.or(found);
        }
        found
    }
}

/// The first rule of a sorted list that is `wanted`, before the place `end` and not of the file `but`; each is compared
/// with `rule`.
fn first_of<'a>(
    list: &'a [Placed<Rule>],
    (end, but): (Option<Place<'_>>, Option<&str>),
    (rule, budget): (&Rule, &mut Budget),
    wanted: impl Fn(&Rule) -> bool,
) -> Option<Place<'a>> {
    list.iter()
        .take_while(|one| end.is_none_or(|end| one.place() < end) && budget.compare(&one.rule, rule))
        .find(|one| Some(&*one.file) != but && wanted(&one.rule))
        .map(Placed::place)
}

//! Expressions, compiled: what is looked up by name is bound, what is compared is in binary form.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::Arc;

use super::field;
use super::literal::Literals;
use super::uri;
use super::value::{Made, Scratch, Value};
use crate::flow::language::{Expression, Field, Port, UriPart};
use crate::flow::lookup::{Group, Labels, Lookup};
use crate::flow::view::View;

/// What yields one value of a sample.
#[derive(Debug)]
pub(super) enum Extract {
    Field(Field, u8),
    Text(Box<[u8]>),
    Null,
    Group(Box<Self>, Range<usize>),
    Map(Box<Self>, Range<usize>),
    Prefix(Box<Self>, Box<[u8]>, usize),
    Suffix(Box<Self>, Box<[u8]>, usize),
    Mask(Box<Self>, u8),
    Default(Box<Self>, Box<[u8]>),
    Or(Box<[Self]>),
    If(Box<Self>, Literals, Box<[Self; 2]>),
    First(Box<Self>, Box<[u8]>, Box<[Box<[u8]>]>),
    Range(Box<Self>, u64, u64),
    Equal(Box<[Self; 2]>),
    Concat(Box<[u8]>, Box<[Self]>),
    Bits(Box<Self>, u64),
    Uri(Box<Self>, UriPart),
    Port(Port, Box<Self>),
}

/// The names of groups and maps that expressions use.
#[derive(Debug, Default, Clone)]
pub(super) struct Names {
    groups: Vec<String>,
    maps: Vec<String>,
}

/// What these names stand for at present.
#[derive(Debug, Default)]
pub(super) struct Bound {
    groups: Vec<Option<Arc<Group>>>,
    maps: Vec<Option<Arc<Labels>>>,
    lookup: Arc<Lookup>,
}

impl Names {
    pub(super) fn bind(&self, lookup: &Arc<Lookup>) -> Bound {
        Bound {
            groups: self.groups.iter().map(|name| lookup.group_of(name)).collect(),
            maps: self.maps.iter().map(|name| lookup.map_of(name)).collect(),
            lookup: Arc::clone(lookup),
        }
    }
}

fn add(list: &mut Vec<String>, names: &[String]) -> Range<usize> {
    let start = list.len();
    list.extend_from_slice(names);
    start..list.len()
}

fn bytes(text: &str) -> Box<[u8]> {
    text.as_bytes().into()
}

impl Extract {
    pub(super) fn new(expression: &Expression, names: &mut Names) -> Self {
        let mut inner = |key: &Expression| Box::new(Self::new(key, names));
        match expression {
            Expression::Field(field, nth) => Self::Field(*field, *nth),
            Expression::Text(text) => Self::Text(bytes(text)),
            // There is no database: nothing is known of anything.
            Expression::Null | Expression::Outside(..) => Self::Null,
            Expression::Group(key, groups) => {
                let key = inner(key);
                Self::Group(key, add(&mut names.groups, groups))
            }
            Expression::Map(key, maps) => {
                let key = inner(key);
                Self::Map(key, add(&mut names.maps, maps))
            }
            Expression::Prefix(key, by, parts) => Self::Prefix(inner(key), bytes(by), usize::from(*parts)),
            Expression::Suffix(key, by, parts) => Self::Suffix(inner(key), bytes(by), usize::from(*parts)),
            Expression::Mask(key, bits) => Self::Mask(inner(key), *bits),
            Expression::Default(key, text) => Self::Default(inner(key), bytes(text)),
            Expression::Or(parts) => Self::Or(parts.iter().map(|part| Self::new(part, names)).collect()),
            Expression::If(key, value, then, otherwise) => {
                let key = inner(key);
                let branches = [Self::new(then, names), Self::new(otherwise, names)];
                Self::If(key, Literals::any([value.as_str()]), Box::new(branches))
            }
            Expression::First(key, by, texts) => Self::First(
                inner(key),
                bytes(by),
                texts.iter().map(|text| bytes(text)).collect(),
            ),
            Expression::Range(key, low, high) => {
                Self::Range(inner(key), low.unwrap_or(0), high.unwrap_or(u64::MAX))
            }
            Expression::Equal(a, b) => Self::Equal(Box::new([Self::new(a, names), Self::new(b, names)])),
            Expression::Concat(by, parts) => Self::Concat(
                bytes(by),
                parts.iter().map(|part| Self::new(part, names)).collect(),
            ),
            Expression::Bits(key, mask) => Self::Bits(inner(key), *mask),
            Expression::Uri(key, part) => Self::Uri(inner(key), *part),
            Expression::Port(port, key) => Self::Port(*port, inner(key)),
        }
    }

    /// The value for a sample. Recursion is as deep as expressions nest, which is bounded.
    #[inline]
    pub(super) fn read<'v>(
        &'v self,
        view: &'v View<'_>,
        bound: &'v Bound,
        scratch: &mut Scratch,
    ) -> Value<'v> {
        match self {
            Self::Field(field, nth) => field::read(*field, *nth, view, scratch),
            other => other.call(view, bound, scratch),
        }
    }

    fn call<'v>(&'v self, view: &'v View<'_>, bound: &'v Bound, scratch: &mut Scratch) -> Value<'v> {
        match self {
            Self::Field(field, nth) => field::read(*field, *nth, view, scratch),
            Self::Text(text) => Value::Text(text),
            Self::Null => Value::Null,
            Self::Group(key, groups) => group(key.read(view, bound, scratch), groups, bound),
            Self::Map(key, maps) => {
                let key = key.read(view, bound, scratch);
                let maps = bound.maps.get(maps.clone()).unwrap_or(&[]);
                let value = key.bytes(scratch);
                let labels = value.and_then(|value| maps.iter().flatten().find_map(|map| map.label(value)));
                Value::text(labels.map(str::as_bytes))
            }
            Self::Prefix(key, by, parts) => {
                let key = key.read(view, bound, scratch);
                part(key, scratch, |text| 0..prefix(text, by, *parts))
            }
            Self::Suffix(key, by, parts) => {
                let key = key.read(view, bound, scratch);
                part(key, scratch, |text| suffix(text, by, *parts)..text.len())
            }
            Self::Mask(key, bits) => masked(key.read(view, bound, scratch), *bits),
            Self::Default(key, text) => match key.read(view, bound, scratch) {
                Value::Null => Value::Text(text),
                value => value,
            },
            Self::Or(parts) => {
                let values = parts.iter().map(|part| part.read(view, bound, scratch));
                values
                    .into_iter()
                    .find(|value| *value != Value::Null)
                    .unwrap_or(Value::Null)
            }
            Self::If(key, value, branches) => {
                let key = key.read(view, bound, scratch);
                let [then, otherwise] = &**branches;
                let chosen = if value.contains(key, scratch) {
                    then
                } else {
                    otherwise
                };
                chosen.read(view, bound, scratch)
            }
            Self::First(key, by, texts) => {
                let key = key.read(view, bound, scratch);
                let found = key.bytes(scratch).and_then(|text| first(text, by, texts));
                Value::text(found)
            }
            Self::Range(key, low, high) => {
                let amount = key.read(view, bound, scratch).amount();
                Value::bool(amount.map(|amount| (*low..=*high).contains(&amount)))
            }
            Self::Equal(pair) => {
                let [a, b] = pair.each_ref().map(|key| key.read(view, bound, scratch));
                equal(a, b, scratch)
            }
            Self::Concat(by, parts) => concat(by, parts, view, bound, scratch),
            Self::Bits(key, mask) => {
                let amount = key.read(view, bound, scratch).amount();
                Value::number(amount.map(|amount| amount & mask))
            }
            Self::Uri(key, what) => {
                let key = key.read(view, bound, scratch);
                let found = key.bytes(scratch).and_then(|text| uri::part(text, *what));
                match found {
                    Some(range) => part(key, scratch, |_| range),
                    None => Value::Null,
                }
            }
            Self::Port(what, key) => port(*what, key.read(view, bound, scratch), view.agent, bound),
        }
    }
}

fn group<'v>(key: Value<'_>, groups: &Range<usize>, bound: &'v Bound) -> Value<'v> {
    let address: IpAddr = match key {
        Value::V4(address) => address.into(),
        Value::V6(address) => address.into(),
        _ => return Value::Null,
    };
    let groups = bound.groups.get(groups.clone()).unwrap_or(&[]);
    let name = groups.iter().flatten().find_map(|group| group.name(address));
    Value::text(name.map(str::as_bytes))
}

fn port<'v>(what: Port, key: Value<'_>, agent: IpAddr, bound: &'v Bound) -> Value<'v> {
    if what == Port::Node {
        let known = key != Value::Null;
        return Value::text(bound.lookup.node_of(agent).filter(|_| known).map(str::as_bytes));
    }
    let Value::Number(index) = key else {
        return Value::Null;
    };
    let known = u32::try_from(index)
        .ok()
        .and_then(|index| bound.lookup.port_of(agent, index));
    let text = known.and_then(|port| match what {
        Port::Link => port.link.as_deref(),
        _ => port.name.as_deref(),
    });
    Value::text(text.map(str::as_bytes))
}

/// A part of a text: of one that is somewhere, or of one in the buffer.
fn part<'v>(value: Value<'v>, scratch: &mut Scratch, range: impl FnOnce(&[u8]) -> Range<usize>) -> Value<'v> {
    if let Value::Text(text) = value {
        return Value::text(text.get(range(text)));
    }
    let Some(made) = value.made(scratch) else {
        return Value::Null;
    };
    let range = range(scratch.get(made));
    Value::Made(scratch.part(made, range))
}

/// Where the first `parts` parts of a text end. A text of fewer parts is all of it.
fn prefix(text: &[u8], by: &[u8], parts: usize) -> usize {
    let mut at = 0;
    for n in 0..parts {
        match find(text.get(at..).unwrap_or(&[]), by) {
            Some(end) if n + 1 == parts => return at + end,
            Some(end) => at += end + by.len(),
            None => return text.len(),
        }
    }
    0
}

/// Where the last `parts` parts of a text begin.
fn suffix(text: &[u8], by: &[u8], parts: usize) -> usize {
    let mut end = text.len();
    for n in 0..parts {
        let before = text.get(..end).unwrap_or(&[]);
        match (0..before.len())
            .rev()
            .find(|at| before.get(*at..).is_some_and(|rest| rest.starts_with(by)))
        {
            Some(at) if n + 1 == parts => return at + by.len(),
            Some(at) => end = at,
            None => return 0,
        }
    }
    text.len()
}

fn find(text: &[u8], by: &[u8]) -> Option<usize> {
    text.windows(by.len()).position(|window| window == by)
}

/// The first part of `text` that is one of `texts`.
fn first<'v>(text: &[u8], by: &[u8], texts: &'v [Box<[u8]>]) -> Option<&'v [u8]> {
    let mut rest = text;
    loop {
        let end = find(rest, by);
        let (word, after) = match end {
            Some(end) => (rest.get(..end)?, rest.get(end + by.len()..)),
            None => (rest, None),
        };
        if let Some(found) = texts.iter().find(|one| ***one == *word) {
            return Some(found);
        }
        rest = after?;
    }
}

fn masked(value: Value<'_>, bits: u8) -> Value<'_> {
    let bits = u32::from(bits);
    match value {
        Value::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
            Value::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        Value::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            Value::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
        other => other,
    }
}

/// Null when either is null: nothing is known then. Values of different kinds are compared as texts.
fn equal<'v>(a: Value<'v>, b: Value<'v>, scratch: &mut Scratch) -> Value<'v> {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => Value::Null,
        (Value::Number(a), Value::Number(b)) => Value::Bool(a == b),
        (a, b) => match (a.made(scratch), b.made(scratch)) {
            (Some(a), Some(b)) => Value::Bool(scratch.get(a) == scratch.get(b)),
            _ => Value::Null,
        },
    }
}

fn concat<'v>(
    by: &[u8],
    parts: &'v [Extract],
    view: &'v View<'_>,
    bound: &'v Bound,
    scratch: &mut Scratch,
) -> Value<'v> {
    // Parts may make texts of their own, so that each is made before its place in the row.
    let mut row: Option<Made> = None;
    for part in parts {
        let value = part.read(view, bound, scratch);
        let Some(made) = value.made(scratch) else {
            return Value::Null;
        };
        row = Some(match row {
            None => made,
            Some(row) => scratch.make(|out| {
                out.push_made(row);
                out.push(by);
                out.push_made(made);
                Ok(())
            }),
        });
    }
    row.map_or(Value::Null, Value::Made)
}

/// A value as a text, for tests.
#[cfg(test)]
pub(super) fn shown(value: Value<'_>, scratch: &mut Scratch) -> Option<String> {
    value
        .bytes(scratch)
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

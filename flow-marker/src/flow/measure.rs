//! What is counted: an amount of every sample, and how amounts become one value (sFlow-RT, flow definitions, `value`).

use std::fmt;

use super::language::{self, Expression, Fault, Field, Kinds};

/// What is counted of the samples of a flow.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// How.
    pub kind: MeasureKind,
    /// Of what.
    pub of: Expression,
    /// Whether the kind was written.
    is_written: bool,
}

/// How amounts of samples become one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MeasureKind {
    /// Amount a second, smoothed.
    Rate,
    /// Average amount of a packet; newer samples count more.
    Average,
    /// Number of different values that were seen lately, estimated.
    Count,
    /// Smallest amount since the flow began.
    Minimum,
    /// Largest amount since the flow began.
    Maximum,
}

impl MeasureKind {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Rate, "rate"),
        (Self::Average, "avg"),
        (Self::Count, "count"),
        (Self::Minimum, "min"),
        (Self::Maximum, "max"),
    ];

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("rate", |(_, name)| *name)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_written, &self.of) {
            (false, of) => of.fmt(f),
            (true, of @ Expression::Field(..)) => write!(f, "{}:{of}", self.kind.name()),
            (true, of) => write!(f, "{}:[{of}]", self.kind.name()),
        }
    }
}

impl Measure {
    /// What is counted when nothing is said.
    pub const BYTES: Self = Self {
        kind: MeasureKind::Rate,
        of: Expression::Field(Field::Bytes, 0),
        is_written: false,
    };

    /// Reads a list of measures, separated by commas.
    pub(super) fn list(text: &str) -> Result<Vec<Self>, Fault> {
        let mut measures = Vec::new();
        let mut at = 0;
        for part in split(text) {
            if measures.len() == Self::MAX {
                let reason = format!("there are more than {} values", Self::MAX);
                return Err(Fault::new(at, part, reason));
            }
            measures.push(Self::parse(part).map_err(|fault| fault.shifted(at))?);
            at += part.len() + 1;
        }
        Ok(measures)
    }

    /// Most values of a definition.
    const MAX: usize = 8;

    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let trimmed = text.trim_start();
        let offset = text.len() - trimmed.len();
        let prefix = trimmed.split_once(':').and_then(|(name, rest)| {
            let kind = MeasureKind::ALL.iter().find(|(_, kind)| *kind == name.trim())?;
            Some((kind.0, rest, offset + name.len() + 1))
        });
        let (kind, rest, at) = match prefix {
            Some((kind, rest, at)) => (kind, rest, at),
            None => (MeasureKind::Rate, trimmed, offset),
        };
        // `count:[or:ipsource:ip6source]`: a function as an argument stands in brackets.
        let inner = rest.trim();
        let blank = rest.len() - rest.trim_start().len();
        let bracketed = inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
        let (inner, at) = match bracketed {
            Some(inside) if prefix.is_some() => (inside, at + blank + 1),
            _ => (inner, at + blank),
        };
        let mut keys = language::keys(inner).map_err(|fault| fault.shifted(at))?;
        let of = match (keys.pop(), keys.is_empty()) {
            (Some(of), true) => of,
            _ => return Err(Fault::new(at, inner, "one key must stand here")),
        };
        let numeric = of.kinds().intersects(Kinds::NUMBER | Kinds::BITS | Kinds::BOOL);
        if kind != MeasureKind::Count && !numeric {
            let names = [Field::Bytes, Field::Frames, Field::Requests, Field::Duration].map(Field::name);
            return Err(Fault::new(at, inner, "this key is no number").meant(names));
        }
        Ok(Self {
            kind,
            of,
            is_written: prefix.is_some(),
        })
    }
}

/// The parts of a list; commas in brackets separate nothing.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    text.split(move |c| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
}

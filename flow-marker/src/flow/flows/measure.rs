//! What is kept of the samples of a flow, in words of 64 bits, and how it is shown.

use super::decay::Decay;
use super::sketch;
use crate::clock::Time;
use crate::flow::measure::MeasureKind;

/// What a sample counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Amount {
    /// Nothing: the sample does not have the key.
    None,
    /// A number.
    Number(f64),
    /// A value that is counted as different or not, by its hash.
    Identity(u64),
}

impl Amount {
    /// What a number stands for in so many packets; nothing for anything else.
    pub(super) fn weight(self, scale: f64) -> f64 {
        match self {
            Self::Number(number) => number * scale,
            _ => 0.0,
        }
    }
}

/// Where one measure keeps its words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    kind: MeasureKind,
    start: usize,
}

/// A sample, as measures see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) decay: &'a Decay,
    /// When the flow was touched before; `None` when it is new.
    pub(super) before: Option<Time>,
    /// Packets that the sample stands for.
    pub(super) scale: f64,
    /// Which turn of counting it is.
    pub(super) turn: u64,
}

impl Column {
    /// A column that begins at word `start`; and where the next one begins.
    pub(super) const fn new(kind: MeasureKind, start: usize) -> (Self, usize) {
        let words = match kind {
            MeasureKind::Rate | MeasureKind::Minimum | MeasureKind::Maximum => 1,
            MeasureKind::Average => 2,
            MeasureKind::Count => sketch::WORDS,
        };
        (Self { kind, start }, start + words)
    }

    /// Adds a sample.
    pub(super) fn add(&self, words: &mut [u64], amount: Amount, seen: Seen<'_>) {
        let Some(words) = words.get_mut(self.start..) else {
            return;
        };
        if self.kind == MeasureKind::Count {
            if let (Amount::Identity(hash), Some(words)) = (amount, words.get_mut(..sketch::WORDS)) {
                sketch::add(words, seen.turn, hash);
            }
            return;
        }
        let faded = |word: u64| match seen.before {
            Some(before) => seen.decay.scaled(f64::from_bits(word), before),
            None => 0.0,
        };
        let number = match amount {
            Amount::Number(number) => Some(number),
            _ => None,
        };
        match (self.kind, words) {
            (MeasureKind::Rate, [rate, ..]) => {
                let added = number.map_or(0.0, |number| seen.decay.rate(number * seen.scale));
                *rate = (faded(*rate) + added).to_bits();
            }
            (MeasureKind::Average, [sum, count, ..]) => {
                let (added, one) = number.map_or((0.0, 0.0), |number| (number * seen.scale, seen.scale));
                *sum = (faded(*sum) + seen.decay.sum(added)).to_bits();
                *count = (faded(*count) + seen.decay.sum(one)).to_bits();
            }
            (kind, [bound, ..]) => {
                let old = match seen.before {
                    Some(_) => f64::from_bits(*bound),
                    None => f64::NAN,
                };
                // Of a number and none, both of these are the number.
                let new = number.unwrap_or(f64::NAN);
                *bound = match kind {
                    MeasureKind::Minimum => old.min(new),
                    _ => old.max(new),
                }
                .to_bits();
            }
            _ => {}
        }
    }

    /// What is shown; `None` where no sample had the key. `at` is when the flow was touched last.
    pub(super) fn show(&self, words: &[u64], at: Time, decay: &Decay, turn: u64) -> Option<f64> {
        let words = words.get(self.start..)?;
        let number = match (self.kind, words) {
            (MeasureKind::Count, words) => sketch::count(words.get(..sketch::WORDS)?, turn),
            (MeasureKind::Rate, [rate, ..]) => decay.shown(decay.scaled(f64::from_bits(*rate), at)),
            (MeasureKind::Average, [sum, count, ..]) => f64::from_bits(*sum) / f64::from_bits(*count),
            (_, [bound, ..]) => f64::from_bits(*bound),
            _ => return None,
        };
        number.is_finite().then_some(number)
    }
}

//! What is kept of flows besides their value, when their definition needs it: begin, end and sums for flow records, and
//! what other kinds of values than rates are made of. In step with the lines of the table; empty where nothing is needed.

use std::fmt;

use crate::clock::Time;

/// One flow's sums.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sums {
    /// First sample of the record that is being made; [`Time::START`] with no samples: there is none.
    pub(super) start: Time,
    /// Last sample.
    pub(super) end: Time,
    /// What the samples stand for.
    pub(super) total: f64,
    /// Samples.
    pub(super) samples: u64,
}

/// Sums for every line.
pub(super) struct Ledger {
    words: Vec<u64>,
    /// Words a line: four, and one for each further value.
    stride: usize,
}

impl Ledger {
    const FIXED: usize = 4;

    /// A ledger for so many lines with so many further values each.
    pub(super) fn new(lines: usize, values: usize) -> Self {
        let stride = Self::FIXED + values;
        Self {
            words: vec![0; lines * stride],
            stride,
        }
    }

    fn row(&self, line: usize) -> &[u64] {
        let from = line * self.stride;
        self.words.get(from..from + self.stride).unwrap_or(&[])
    }

    fn row_mut(&mut self, line: usize) -> &mut [u64] {
        let from = line * self.stride;
        self.words.get_mut(from..from + self.stride).unwrap_or(&mut [])
    }

    pub(super) fn sums(&self, line: usize) -> Option<Sums> {
        let &[start, end, total, samples, ..] = self.row(line) else {
            return None;
        };
        Some(Sums {
            start: Time::from_nanos(start),
            end: Time::from_nanos(end),
            total: f64::from_bits(total),
            samples,
        })
    }

    /// The further values of a line.
    pub(super) fn values(&self, line: usize) -> impl Iterator<Item = f64> + '_ {
        let values = self.row(line).iter().skip(Self::FIXED);
        values.map(|bits| f64::from_bits(*bits))
    }

    /// Counts a sample.
    pub(super) fn add(&mut self, line: usize, now: Time, weight: f64, values: &[f64]) {
        let [start, end, total, samples, further @ ..] = self.row_mut(line) else {
            return;
        };
        if *samples == 0 {
            *start = now.as_nanos();
        }
        *end = now.as_nanos();
        *total = (f64::from_bits(*total) + weight).to_bits();
        *samples = samples.saturating_add(1);
        for (sum, value) in further.iter_mut().zip(values) {
            *sum = (f64::from_bits(*sum) + value).to_bits();
        }
    }

    /// Forgets what is known of a line.
    pub(super) fn clear(&mut self, line: usize) {
        self.row_mut(line).fill(0);
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sums of {} words",
            self.words.len() / self.stride,
            self.stride
        )
    }
}

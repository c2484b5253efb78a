//! The flows of one definition that one thread sees.
//!
//! Pure: samples and the time go in, values and completed flows come out. Memory is bounded by `Limits`; what is turned
//! away, displaced or forgotten is counted in `Stats`. Time never runs backwards: an earlier instant counts as the last.
//!
//! A flow that is logged begins with its first sample and ends with the last one before a silence of five time constants
//! (at least a second, at most the active timeout). It is reported when the silence is noticed, when it has gone on for
//! the active timeout (then it begins anew), when it is displaced, or when the definition goes. Its value is the sum of
//! what its samples stand for: bytes, not bytes a second. With `flowStart` it is reported when it begins, with what its
//! first sample stands for.

mod query;
mod state;
mod top;
mod measure;
mod sketch;
mod decay;

use std::fmt;
use std::sync::Arc;

use self::measure::Amount;
use self::state::{Counted, State};
use super::cache::Slot;
use super::definition::{Definition, Wrong};
use super::language::Needs;
use super::lookup::Lookup;
use super::measure::MeasureKind;
use super::program::{KeyText, Left, Program, Workspace};
use super::view::View;
use crate::clock::Time;

pub use query::Active;

/// A data source of an agent, by its position among those that the thread knows. Positions should be dense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// How large the state of one definition may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Flows that are kept.
    pub flows: usize,
    /// Data sources that are told apart: positions below this.
    pub sources: usize,
}

impl Default for Limits {
    /// A million flows (47 MiB; 62 MiB when they are logged) and 65,536 data sources.
    fn default() -> Self {
        Self {
            flows: 1 << 20,
            sources: 1 << 16,
        }
    }
}

/// What has happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Samples that were counted.
    pub counted: u64,
    /// Samples that the filter left out.
    pub filtered: u64,
    /// Samples with a key or a value that is null.
    pub null: u64,
    /// Samples with keys that are too long.
    pub too_long: u64,
    /// Samples of flows that found no room: all others are larger, or there are too many data sources.
    pub refused: u64,
    /// Flows that were added.
    pub added: u64,
    /// Flows that were displaced by larger ones.
    pub evicted: u64,
    /// Flows of which nothing was left.
    pub forgotten: u64,
    /// Completed flows that were reported.
    pub logged: u64,
}

/// A flow that a sample was counted for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Touched {
    /// Its hash, with its data source: the same as long as the definition lives.
    pub hash: u64,
    /// What saw it.
    pub source: SourceId,
    slot: Slot,
    /// Its value after the sample.
    pub value: f64,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// The key of a flow that was just touched, as it is shown. It is made only when somebody looks at it.
#[derive(Debug, Clone, Copy)]
pub struct TouchedKey<'a> {
    state: &'a State,
    slot: Slot,
}

impl fmt::Display for TouchedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.state.key_text(self.slot).unwrap_or_default())
    }
}

/// Why a flow is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// It begins (`flowStart`).
    Started,
    /// It has been silent.
    Idle,
    /// It has gone on for the active timeout, and begins anew.
    Active,
    /// A larger one took its place.
    Evicted,
    /// It is no longer looked at: the definition or the data source is gone.
    Stopped,
}

/// A flow that is reported.
#[derive(Debug, Clone, Copy)]
pub struct Completed<'a> {
    /// What saw it.
    pub source: SourceId,
    /// Its key.
    pub key: KeyText<'a>,
    /// What its samples stand for, in all; of a definition whose value is no rate, that value.
    pub value: f64,
    /// The same of the definition's further values; `None` where no sample had the key.
    pub values: &'a [Option<f64>],
    /// Its first sample.
    pub start: Time,
    /// Its last sample.
    pub end: Time,
    /// Why it is reported.
    pub ending: Ending,
}

/// The flows of one definition.
#[derive(Debug)]
pub struct Flows {
    definition: Arc<Definition>,
    program: Arc<Program>,
    workspace: Workspace,
    state: State,
    amounts: Vec<Amount>,
    staged: Staged,
}

/// Samples that are read and not yet counted.
#[derive(Debug, Default)]
struct Staged {
    samples: Vec<StagedSample>,
    keys: Vec<u8>,
    amounts: Vec<Amount>,
}

#[derive(Debug)]
struct StagedSample {
    hash: u64,
    scale: f64,
    /// Where its key ends.
    key: usize,
    /// What touching its flow has read; only kept so that it is read.
    touched: u64,
}

impl Flows {
    /// Most samples that are staged.
    pub const BATCH: usize = 64;

    /// No flows yet.
    ///
    /// # Errors
    /// The definition cannot be compiled; one that was read can.
    pub fn new(
        definition: Arc<Definition>,
        lookup: &Arc<Lookup>,
        limits: Limits,
        seed: [u64; 2],
    ) -> Result<Self, Wrong> {
        let program = Arc::new(definition.compile()?);
        Ok(Self::with_program(definition, program, lookup, limits, seed))
    }

    /// No flows yet, with a program that was compiled from the definition before, for other threads.
    pub fn with_program(
        definition: Arc<Definition>,
        program: Arc<Program>,
        lookup: &Arc<Lookup>,
        limits: Limits,
        seed: [u64; 2],
    ) -> Self {
        Self {
            state: State::new(&definition, limits, seed),
            workspace: program.workspace(lookup),
            definition,
            program,
            amounts: Vec::new(),
            staged: Staged::default(),
        }
    }

    /// What it counts.
    pub fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    /// What it reads of a sample.
    pub fn needs(&self) -> Needs {
        self.program.needs()
    }

    /// What has happened so far.
    pub const fn stats(&self) -> &Stats {
        &self.state.stats
    }

    /// Flows that are kept at present.
    pub const fn len(&self) -> usize {
        self.state.cache.len()
    }

    /// Whether no flow is kept.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Flows that fit.
    pub const fn capacity(&self) -> usize {
        self.state.cache.capacity()
    }

    /// Bytes that flows take.
    pub fn memory(&self) -> usize {
        self.state.cache.memory()
    }

    /// Takes other groups, maps and topology into use; flows that are there keep their keys.
    pub fn set_lookup(&mut self, lookup: &Arc<Lookup>) {
        self.program.rebind(&mut self.workspace, lookup);
    }

    /// Counts a sample; `view` was prepared for the needs of this definition. What it touched, if it was counted.
    #[inline]
    pub fn sample(
        &mut self,
        now: Time,
        source: SourceId,
        view: &View<'_>,
        mut log: impl FnMut(Completed<'_>),
    ) -> Option<Touched> {
        let hash = self.read(source, view)?;
        self.state.advance(now);
        let sample = Counted {
            hash,
            key: self.workspace.key(),
            amounts: &self.amounts,
            scale: view.scale,
        };
        let touched = self.state.count(sample, &mut log)?;
        self.state.stats.counted += 1;
        Some(touched)
    }

    /// Reads a sample and starts to fetch its flow from memory; [`Self::flush`] counts it. Several samples are fetched at
    /// the same time, which is what makes large tables fast. `true` when it is time to flush.
    #[inline]
    pub fn stage(&mut self, source: SourceId, view: &View<'_>) -> bool {
        let Some(hash) = self.read(source, view) else {
            return false;
        };
        let touched = self.state.cache.touch(hash);
        let staged = &mut self.staged;
        staged.keys.extend_from_slice(self.workspace.key());
        staged.amounts.extend_from_slice(&self.amounts);
        staged.samples.push(StagedSample {
            hash,
            scale: view.scale,
            key: staged.keys.len(),
            touched,
        });
        staged.samples.len() >= Self::BATCH
    }

    /// Counts the samples that are staged; `each` hears of every flow that is touched, and its key.
    pub fn flush(
        &mut self,
        now: Time,
        mut each: impl FnMut(&Touched, TouchedKey<'_>),
        mut log: impl FnMut(Completed<'_>),
    ) {
        if self.staged.samples.is_empty() {
            return;
        }
        self.state.advance(now);
        let mut staged = std::mem::take(&mut self.staged);
        let width = staged.amounts.len() / staged.samples.len();
        let mut amounts = staged.amounts.chunks(width.max(1));
        let mut start = 0;
        for sample in &staged.samples {
            std::hint::black_box(sample.touched);
            let counted = Counted {
                hash: sample.hash,
                key: staged.keys.get(start..sample.key).unwrap_or(&[]),
                amounts: amounts.next().unwrap_or(&[]),
                scale: sample.scale,
            };
            start = sample.key;
            if let Some(touched) = self.state.count(counted, &mut log) {
                self.state.stats.counted += 1;
                let key = TouchedKey {
                    state: &self.state,
                    slot: touched.slot,
                };
                each(&touched, key);
            }
        }
        staged.samples.clear();
        staged.keys.clear();
        staged.amounts.clear();
        self.staged = staged;
    }

    /// Reads key and amounts; the hash of the key, if the sample is to be counted.
    #[inline]
    fn read(&mut self, source: SourceId, view: &View<'_>) -> Option<u64> {
        let stats = &mut self.state.stats;
        match self
            .program
            .key(view, &mut self.workspace, &source.0.to_le_bytes())
        {
            Ok(()) => {}
            Err(Left::Filtered) => {
                stats.filtered += 1;
                return None;
            }
            Err(Left::Null) => {
                stats.null += 1;
                return None;
            }
            Err(Left::TooLong) => {
                stats.too_long += 1;
                return None;
            }
        }
        self.amounts.clear();
        let measures = std::iter::once(&self.definition.value).chain(&self.definition.values);
        for (n, measure) in measures.enumerate() {
            let amount = match measure.kind {
                MeasureKind::Count => {
                    let identity = self.program.identity(n, view, &mut self.workspace);
                    identity.map_or(Amount::None, |identity| {
                        Amount::Identity(self.state.cache.hash(identity))
                    })
                }
                _ => {
                    let amount = self.program.amount(n, view, &mut self.workspace);
                    amount.map_or(Amount::None, |amount| Amount::Number(amount as f64))
                }
            };
            if n == 0 && amount == Amount::None {
                stats.null += 1;
                return None;
            }
            self.amounts.push(amount);
        }
        Some(self.state.cache.hash(self.workspace.key()))
    }

    /// To be called now and then, ten times a second or so: reports flows that have ended and forgets those of which
    /// nothing is left. The work is bounded; a round over all flows takes 16 calls, with very many flows more.
    pub fn tick(&mut self, now: Time, mut log: impl FnMut(Completed<'_>)) {
        self.state.advance(now);
        self.state.sweep(&mut log);
    }

    /// Reports all flows that have not ended and forgets them: the definition goes, or gets another meaning.
    pub fn finish(&mut self, now: Time, mut log: impl FnMut(Completed<'_>)) {
        self.state.advance(now);
        self.state.finish(None, &mut log);
    }

    /// The same for the flows of one data source, whose position will be another's. Looks at all flows.
    pub fn forget(&mut self, now: Time, source: SourceId, mut log: impl FnMut(Completed<'_>)) {
        self.state.advance(now);
        self.state.finish(Some(source), &mut log);
    }
}

#[cfg(test)]
mod tests;

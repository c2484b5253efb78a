//! A definition, compiled: what reads keys and values from a sample, and whether the sample counts.
//!
//! A program allocates nothing for a sample. Addresses, ports, numbers and flags stay binary; texts are made in one
//! buffer that is used again. A value that a sample does not have is null; a flow with a null in its key is not counted
//! (sFlow-RT, flow keys), unless `null:` puts a text in its place. `!=` holds where `=` does not, so also for null.

mod test;
mod extract;
mod field;
mod layer;
mod uri;
mod names;
mod key;
mod literal;
mod value;

use std::sync::Arc;

use self::extract::{Bound, Extract, Names};
use self::test::Decision;
use self::value::{Scratch, Value};
use super::language::{Expression, Fault, Field, Filter, Kinds, Needs};
use super::lookup::Lookup;
use super::view::View;

pub use self::key::KeyText;
pub use self::value::MAX_KEY;

/// What is compiled of a definition.
#[derive(Debug)]
pub struct Program {
    keys: Vec<Extract>,
    kinds: Vec<Kinds>,
    filter: Option<Decision>,
    amounts: Vec<Extract>,
    names: Names,
    needs: Needs,
}

/// What a program needs beside the sample: lookups, and room for keys. One for each program and thread.
#[derive(Debug)]
pub struct Workspace {
    bound: Bound,
    scratch: Scratch,
    key: Vec<u8>,
    identity: Vec<u8>,
}

impl Workspace {
    /// Without lookups.
    pub(super) fn empty() -> Self {
        Self {
            bound: Bound::default(),
            scratch: Scratch::new(),
            key: Vec::new(),
            identity: Vec::new(),
        }
    }

    /// The key that was read last, with its prefix.
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

/// Why a sample is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The filter says so.
    Filtered,
    /// A key is null.
    Null,
    /// The keys are longer than [`MAX_KEY`].
    TooLong,
}

impl Program {
    /// Compiles keys, amounts and a filter.
    ///
    /// # Errors
    /// A word of the filter that its key can never equal, or that is no pattern.
    pub fn new(keys: &[Expression], amounts: &[&Expression], filter: Option<&Filter>) -> Result<Self, Fault> {
        let mut names = Names::default();
        let filter_needs = filter.map_or(Needs::NONE, needs_of);
        let filter = filter
            .map(|filter| Decision::new(filter, &mut names))
            .transpose()?;
        let all = keys.iter().chain(amounts.iter().copied());
        let needs = all.fold(filter_needs, |all, key| all | key.needs());
        Ok(Self {
            kinds: keys.iter().map(Expression::kinds).collect(),
            keys: keys.iter().map(|key| Extract::new(key, &mut names)).collect(),
            amounts: amounts
                .iter()
                .map(|amount| Extract::new(amount, &mut names))
                .collect(),
            filter,
            names,
            needs,
        })
    }

    /// What it reads of a sample.
    pub const fn needs(&self) -> Needs {
        self.needs
    }

    /// Room for one thread to run it, with what functions look things up in.
    pub fn workspace(&self, lookup: &Arc<Lookup>) -> Workspace {
        Workspace {
            bound: self.names.bind(lookup),
            scratch: Scratch::new(),
            key: Vec::with_capacity(64),
            identity: Vec::new(),
        }
    }

    /// Takes other groups, maps and topology into use.
    pub fn rebind(&self, workspace: &mut Workspace, lookup: &Arc<Lookup>) {
        workspace.bound = self.names.bind(lookup);
    }

    /// Whether the filter takes a sample.
    #[inline]
    pub fn takes(&self, view: &View<'_>, workspace: &mut Workspace) -> bool {
        let Workspace { bound, scratch, .. } = workspace;
        scratch.clear();
        let filter = self.filter.as_ref();
        filter.is_none_or(|filter| filter.takes(view, bound, scratch))
    }

    /// Reads the key of a sample, behind the bytes of `prefix`, into the workspace.
    ///
    /// # Errors
    /// Why the sample is not counted.
    #[inline]
    pub fn key(&self, view: &View<'_>, workspace: &mut Workspace, prefix: &[u8]) -> Result<(), Left> {
        if !self.takes(view, workspace) {
            return Err(Left::Filtered);
        }
        let Workspace {
            bound, scratch, key, ..
        } = workspace;
        key.clear();
        key.extend_from_slice(prefix);
        for extract in &self.keys {
            scratch.clear();
            let value = extract.read(view, bound, scratch);
            if value == Value::Null {
                return Err(Left::Null);
            }
            if !key::encode(value, scratch, key) {
                return Err(Left::TooLong);
            }
        }
        Ok(())
    }

    /// The `n`th amount of a sample; `None` when it is null or no number.
    #[inline]
    pub fn amount(&self, n: usize, view: &View<'_>, workspace: &mut Workspace) -> Option<u64> {
        let Workspace { bound, scratch, .. } = workspace;
        scratch.clear();
        self.amounts.get(n)?.read(view, bound, scratch).amount()
    }

    /// The `n`th amount of a sample as bytes that are equal exactly when the values are; `None` when it is null.
    pub fn identity<'w>(&self, n: usize, view: &View<'_>, workspace: &'w mut Workspace) -> Option<&'w [u8]> {
        let Workspace {
            bound,
            scratch,
            identity,
            ..
        } = workspace;
        scratch.clear();
        identity.clear();
        let value = self.amounts.get(n)?.read(view, bound, scratch);
        key::encode(value, scratch, identity).then_some(identity)
    }

    /// Every key in bytes that may be shown as `text`; few, and none when there is no such key.
    pub fn candidates(&self, text: &str, separator: &str) -> Vec<Vec<u8>> {
        if self.kinds.is_empty() {
            return if text.is_empty() {
                vec![Vec::new()]
            } else {
                Vec::new()
            };
        }
        let words: Vec<&str> = match separator.is_empty() || self.kinds.len() == 1 {
            true => vec![text],
            false => text.split(separator).take(self.kinds.len() + 1).collect(),
        };
        if words.len() != self.kinds.len() {
            return Vec::new();
        }
        let words: Vec<(&str, Kinds)> = words.into_iter().zip(self.kinds.iter().copied()).collect();
        key::candidates(&words)
    }
}

fn needs_of(filter: &Filter) -> Needs {
    match filter {
        Filter::Test(test) => test.key.needs(),
        Filter::All(parts) | Filter::Any(parts) => {
            parts.iter().fold(Needs::NONE, |all, part| all | needs_of(part))
        }
    }
}

/// Whether a sample has a key; for whoever asks which keys there are.
pub(super) fn has(field: Field, nth: u8, view: &View<'_>, workspace: &mut Workspace) -> bool {
    workspace.scratch.clear();
    field::read(field, nth, view, &mut workspace.scratch) != Value::Null
}

#[cfg(test)]
mod tests;

//! Filters, compiled: comparisons, each of which says which one comes next.

use regex::bytes::{Regex, RegexBuilder};

use super::extract::{Bound, Extract, Names};
use super::literal::Literals;
use super::value::Scratch;
use crate::flow::language::{Fault, Filter, Test};
use crate::flow::view::View;

/// Largest program of a pattern, in bytes: 64 KiB holds a list of some hundred words.
const PATTERN: usize = 64 << 10;
/// Largest cache of a pattern, in bytes: what does not fit is computed again.
const PATTERN_CACHE: usize = 256 << 10;

/// A filter. A comparison leads only to those before it, so that it always ends.
#[derive(Debug)]
pub(super) struct Decision {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    key: Extract,
    is: Is,
    holds: Next,
    fails: Next,
}

#[derive(Debug)]
enum Is {
    OneOf(Literals),
    Like(Vec<Regex>),
}

#[derive(Debug, Clone, Copy)]
enum Next {
    Take,
    Leave,
    Step(usize),
}

impl Decision {
    pub(super) fn new(filter: &Filter, names: &mut Names) -> Result<Self, Fault> {
        let mut decision = Self { steps: Vec::new() };
        decision.add(filter, Next::Take, Next::Leave, names)?;
        Ok(decision)
    }

    /// Adds the steps of a filter, the last first; returns where to begin.
    fn add(&mut self, filter: &Filter, holds: Next, fails: Next, names: &mut Names) -> Result<Next, Fault> {
        match filter {
            Filter::Test(test) => self.compare(test, holds, fails, names),
            Filter::All(parts) => parts
                .iter()
                .rev()
                .try_fold(holds, |holds, part| self.add(part, holds, fails, names)),
            Filter::Any(parts) => parts
                .iter()
                .rev()
                .try_fold(fails, |fails, part| self.add(part, holds, fails, names)),
        }
    }

    fn compare(&mut self, test: &Test, holds: Next, fails: Next, names: &mut Names) -> Result<Next, Fault> {
        let is = match test.operator.is_pattern() {
            false => Is::OneOf(Literals::of(&test.key, &test.values)?),
            true => {
                let patterns = test
                    .values
                    .iter()
                    .map(|word| pattern(&word.text).map_err(|reason| word.fault(reason)));
                Is::Like(patterns.collect::<Result<_, _>>()?)
            }
        };
        let (holds, fails) = match test.operator.is_negated() {
            true => (fails, holds),
            false => (holds, fails),
        };
        self.steps.push(Step {
            key: Extract::new(&test.key, names),
            is,
            holds,
            fails,
        });
        Ok(Next::Step(self.steps.len() - 1))
    }

    /// Whether a sample is counted.
    #[inline]
    pub(super) fn takes(&self, view: &View<'_>, bound: &Bound, scratch: &mut Scratch) -> bool {
        let mut next = Next::Step(self.steps.len().wrapping_sub(1));
        loop {
            let step = match next {
                Next::Take => return true,
                Next::Leave => return false,
                Next::Step(at) => self.steps.get(at),
            };
            let Some(step) = step else { return false };
            let value = step.key.read(view, bound, scratch);
            let found = match &step.is {
                Is::OneOf(literals) => literals.contains(value, scratch),
                Is::Like(patterns) => {
                    let text = value.bytes(scratch);
                    text.is_some_and(|text| patterns.iter().any(|pattern| pattern.is_match(text)))
                }
            };
            next = if found { step.holds } else { step.fails };
        }
    }
}

/// A pattern that must match the whole of a text, as `matches()` does in Java.
fn pattern(text: &str) -> Result<Regex, String> {
    // By itself first: parentheses that are not balanced could otherwise get out of the group around them.
    let build = |text: &str| {
        RegexBuilder::new(text)
            .size_limit(PATTERN)
            .dfa_size_limit(PATTERN_CACHE)
            .nest_limit(50)
            .build()
    };
    let checked = build(text).and_then(|_| build(&format!(r"\A(?:{text})\z")));
    checked.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "this pattern is too large".to_owned(),
        _ => "this is no regular expression".to_owned(),
    })
}

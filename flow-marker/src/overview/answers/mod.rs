//! The six answers, each one sentence.

mod causing;
mod believe;
mod hot;
mod work;
mod broken;
mod changed;

use serde::Serialize;

use super::facts::{Facts, Level};
use super::problems::Problem;
use super::words::sentence;

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Which question.
    pub question: &'static str,
    /// How much it matters.
    pub level: Level,
    /// One sentence.
    pub text: String,
}

/// All answers, in the order of the questions.
pub(super) fn all(facts: &Facts, problems: &[Problem]) -> [Answer; 6] {
    let answer = |question, (level, parts): (Level, Vec<String>)| Answer {
        question,
        level,
        text: sentence(&parts, facts.names()),
    };
    [
        answer("causing", causing::answer(facts)),
        answer("believe", believe::answer(facts)),
        answer("hot", hot::answer(facts)),
        answer("work", work::answer(facts)),
        answer("broken", broken::answer(facts, problems)),
        answer("changed", changed::answer(facts)),
    ]
}

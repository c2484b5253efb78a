//! Patterns of values in filters: `linux`, `2`, `*web.*`.

use super::value::Value;

/// A value, or a text with `*` for any characters. A number matches when it is equal, however it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    parts: Vec<Box<str>>,
    number: Option<f64>,
}

/// A pattern that is longer or has more `*` than any value needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern {0:?} is too long (at most {max} characters)", max = Pattern::MAX_LENGTH)]
pub struct PatternError(String);

impl Pattern {
    /// The longest pattern, in bytes: longer texts are not stored.
    pub const MAX_LENGTH: usize = Value::MAX_TEXT;

    /// Reads a pattern.
    ///
    /// # Errors
    /// [`PatternError`]
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.len() > Self::MAX_LENGTH {
            return Err(PatternError(text.chars().take(40).collect()));
        }
        Ok(Self {
            parts: text.split('*').map(Box::from).collect(),
            number: text.trim().parse().ok(),
        })
    }

    /// Whether the value is meant.
    pub fn matches(&self, value: &Value) -> bool {
        match value {
            Value::Number(number) => {
                self.number == Some(*number)
                    || (self.parts.len() > 1 && self.matches_text(&number.to_string()))
            }
            Value::Word(text) => self.matches_text(text),
            Value::Text(text) => self.matches_text(text),
        }
    }

    /// The leftmost place for every part but the last, which must be at the end: linear in text times pattern.
    fn matches_text(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.parts.as_slice() else {
            return self.parts.first().is_some_and(|only| **only == *text);
        };
        let Some(mut rest) = text
            .strip_prefix(&**first)
            .and_then(|rest| rest.strip_suffix(&**last))
        else {
            return false;
        };
        for part in middle {
            let Some((_, after)) = rest.split_once(&**part) else {
                return false;
            };
            rest = after;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::parse(pattern)
            .unwrap()
            .matches(&Value::Text(text.into()))
    }

    /// The definition, in exponential time.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=text.len()).any(|n| naive(rest, &text[n..])),
            ([p, ps @ ..], [t, ts @ ..]) => p == t && naive(ps, ts),
            _ => false,
        }
    }

    #[test]
    fn numbers_are_equal_however_they_are_written() {
        let matches = |pattern: &str, n| Pattern::parse(pattern).unwrap().matches(&Value::Number(n));
        assert!(matches("1000000000", 1e9));
        assert!(matches("1e9", 1e9));
        assert!(matches("1*", 1e9));
        assert!(matches("*", 0.0));
        assert!(!matches("1", 10.0));
        assert!(!matches("linux", 1.0));
    }

    #[test]
    fn long_patterns_are_refused() {
        assert!(Pattern::parse(&"*".repeat(Pattern::MAX_LENGTH + 1)).is_err());
    }

    proptest! {
        #[test]
        fn stars_are_any_characters(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            let p: Vec<char> = pattern.chars().collect();
            let t: Vec<char> = text.chars().collect();
            prop_assert_eq!(matches(&pattern, &text), naive(&p, &t), "{} {}", pattern, text);
        }
    }
}

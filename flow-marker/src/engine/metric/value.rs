//! Values of metrics.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A value: a number in the unit of its metric, or a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number; never NaN or infinite in a store.
    Number(f64),
    /// One of the words that a metric may have, such as `up`.
    Word(&'static str),
    /// Anything else.
    Text(Arc<str>),
}

impl Value {
    /// The longest text, in bytes: host names have 64 at most, releases of systems 32; agents may name more.
    pub const MAX_TEXT: usize = 256;

    /// A text from the network: cut to a bound, without control characters and with U+FFFD where it is not UTF-8;
    /// `None` when nothing remains.
    pub fn text(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..Self::MAX_TEXT).unwrap_or(bytes);
        let text: String = String::from_utf8_lossy(bytes)
            .chars()
            .filter(|c| !c.is_control())
            .collect();
        (!text.is_empty()).then(|| Self::Text(text.into()))
    }

    /// The number, when it is one.
    pub const fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Word(_) | Self::Text(_) => None,
        }
    }

    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Number(_) => None,
            Self::Word(word) => Some(word),
            Self::Text(text) => Some(text),
        }
    }

    /// Numbers in their order, below all texts in theirs.
    pub fn total_cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Number(_), _) => Ordering::Less,
            (_, Self::Number(_)) => Ordering::Greater,
            (a, b) => a.as_text().cmp(&b.as_text()),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Word(text) => f.write_str(text),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serialize_number(number, serializer),
            Self::Word(text) => serializer.serialize_str(text),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// A number as JSON: whole ones without a fraction (`1000000000`), as clients of this API know them.
///
/// # Errors
/// Those of the serializer.
pub(crate) fn serialize_number<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    /// Up to here every whole number has an exact `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        return serializer.serialize_i64(*number as i64);
    }
    serializer.serialize_f64(*number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_no_fraction_in_json() {
        for (number, json) in [
            (1e9, "1000000000"),
            (-1.0, "-1"),
            (0.5, "0.5"),
            (1e300, "1e+300"),
            (f64::NAN, "null"),
        ] {
            let text = serde_json::to_string(&Value::Number(number)).unwrap();
            assert_eq!(text, json);
        }
    }

    #[test]
    fn texts_of_the_network_are_cleaned_and_cut() {
        assert_eq!(Value::text(b"web\x1b[1m\n1").unwrap().to_string(), "web[1m1");
        assert_eq!(Value::text(b"\0\0"), None);
        assert_eq!(Value::text(b"a\xffb").unwrap().to_string(), "a\u{FFFD}b");
        let long = vec![b'x'; 4000];
        assert_eq!(
            Value::text(&long).unwrap().as_text().map(str::len),
            Some(Value::MAX_TEXT)
        );
    }
}

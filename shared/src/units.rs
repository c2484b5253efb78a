//! Rates, percentages and time spans as people write them in configuration.
//!
//! Prefixes are decimal (`100M` is 100 000 000 bits per second), because link speeds are.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {expected}{}", did_you_mean(suggestion.as_deref()))]
pub struct UnitError {
    found: String,
    expected: String,
    suggestion: Option<String>,
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |suggestion| {
        format!("; did you mean {suggestion:?}?")
    })
}

impl UnitError {
    fn new(found: &str, expected: &str, suggestion: Option<impl fmt::Display>) -> Self {
        Self {
            found: found.to_owned(),
            expected: expected.to_owned(),
            suggestion: suggestion.map(|suggestion| suggestion.to_string()),
        }
    }

    /// The same mistake where something else would have been right, too.
    #[must_use]
    pub fn or(mut self, expected: &str) -> Self {
        self.expected = format!("{}, or {expected}", self.expected);
        self
    }
}

/// Splits `1.5G` into its number and its unit.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let number: f64 = number.parse().ok()?;
    number.is_finite().then(|| (number, unit.trim()))
}

/// A rate in bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitRate(u64);

impl BitRate {
    const EXPECTED: &'static str = "a rate in bits per second such as \"100M\", \"1.5G\" or \"10G\"";
    /// 10 Pbit/s: far above any port, far below what would overflow a product with a percentage.
    const MAX: f64 = 1e16;

    /// The rate that a text in other units means: `100 Mbit`, `10 Gbps`, `12.5 MB/s`.
    fn meant(text: &str) -> Option<Self> {
        let (number, unit) = split(text)?;
        let lower = unit.to_lowercase();
        let in_bytes = unit.ends_with('B') || unit.ends_with("B/s") || lower.contains("byte");
        let prefix = lower.chars().next().filter(|c| "kmgt".contains(*c));
        let rest = lower.trim_start_matches(['k', 'm', 'g', 't']);
        let known = [
            "", "b", "bit", "bits", "bps", "b/s", "bit/s", "bits/s", "byte", "bytes", "byte/s", "bytes/s",
        ];
        let exponent = match prefix {
            Some('k') => 1e3,
            Some('m') => 1e6,
            Some('g') => 1e9,
            Some('t') => 1e12,
            _ => 1.0,
        };
        let rate = number * exponent * if in_bytes { 8.0 } else { 1.0 };
        known.contains(&rest).then(|| Self::rounded(rate)).flatten()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked against MAX"
    )]
    fn rounded(rate: f64) -> Option<Self> {
        let rate = rate.round();
        (1.0..=Self::MAX).contains(&rate).then_some(Self(rate as u64))
    }

    /// A rate of `bits_per_second`.
    pub const fn from_bits_per_second(bits_per_second: u64) -> Self {
        Self(bits_per_second)
    }

    /// A rate that was estimated, in bytes per second, to the nearest bit; one below zero is none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate; saturates"
    )]
    pub fn from_bytes_per_second(estimate: f64) -> Self {
        Self((estimate * 8.0).round() as u64)
    }

    /// Bits per second.
    pub const fn bits_per_second(self) -> u64 {
        self.0
    }

    /// Bits per second, for arithmetic with estimates.
    #[expect(clippy::cast_precision_loss, reason = "rates are below 2^53 (`MAX`)")]
    pub const fn as_f64(self) -> f64 {
        self.0 as f64
    }
}

impl FromStr for BitRate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError::new(text, Self::EXPECTED, Self::meant(text));
        let (number, unit) = split(text).ok_or_else(error)?;
        let factor = match unit {
            "" | "bit/s" | "bps" => 1.0,
            "k" | "K" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            "T" => 1e12,
            _ => return Err(error()),
        };
        Self::rounded(number * factor).ok_or_else(error)
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (factor, unit) in [
            (1_000_000_000_000, "T"),
            (1_000_000_000, "G"),
            (1_000_000, "M"),
            (1_000, "k"),
        ] {
            if self.0 >= factor && self.0.is_multiple_of(factor / 10) {
                let (whole, tenth) = (self.0 / factor, self.0 % factor / (factor / 10));
                return if tenth == 0 {
                    write!(f, "{whole}{unit}")
                } else {
                    write!(f, "{whole}.{tenth}{unit}")
                };
            }
        }
        write!(f, "{}", self.0)
    }
}

/// A length of time, written `250ms`, `10s`, `5m` or `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan(pub Duration);

impl TimeSpan {
    const EXPECTED: &'static str = "a time span such as \"250ms\", \"10s\", \"5m\" or \"1h\"";
    /// 30 days: longer spans in a configuration are typing errors.
    const MAX_SECONDS: f64 = 30.0 * 86_400.0;

    fn of(number: f64, unit: &str) -> Option<Self> {
        let factor = match unit {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let seconds = number * factor;
        let fits = (0.0..=Self::MAX_SECONDS).contains(&seconds);
        fits.then(|| Self(Duration::from_secs_f64(seconds)))
    }

    /// The span that a text in other units means: `10 seconds`, `5 Min`, or `10` alone.
    fn meant(text: &str) -> Option<Self> {
        let (number, unit) = split(text)?;
        let unit = unit.to_lowercase();
        let unit = match unit.strip_suffix('s').unwrap_or(&unit) {
            "m" if unit == "ms" => "ms",
            "msec" | "millisecond" => "ms",
            "" | "sec" | "second" => "s",
            "minute" => "m",
            "hr" | "hour" => "h",
            "day" => "d",
            other => other,
        };
        Self::of(number, unit)
    }
}

impl FromStr for TimeSpan {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError::new(text, Self::EXPECTED, Self::meant(text));
        let (number, unit) = split(text).ok_or_else(error)?;
        Self::of(number, unit).ok_or_else(error)
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        match ms {
            _ if !ms.is_multiple_of(1000) => write!(f, "{ms}ms"),
            _ if ms > 0 && ms.is_multiple_of(3_600_000) => write!(f, "{}h", ms / 3_600_000),
            _ if ms > 0 && ms.is_multiple_of(60_000) => write!(f, "{}m", ms / 60_000),
            _ => write!(f, "{}s", ms / 1000),
        }
    }
}

/// A share of a whole, written `10%`; stored as a fraction, so `10%` is 0.1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Percent(f64);

impl Percent {
    const EXPECTED: &'static str = "a percentage above 0% and up to 100%, such as \"10%\"";

    /// The share as a fraction of one.
    pub const fn fraction(self) -> f64 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let meant = |(number, unit): (f64, &str)| {
            let words = ["", "percent", "per cent", "pct"];
            let fits = number > 0.0 && number <= 100.0 && words.contains(&unit.to_lowercase().as_str());
            fits.then(|| Self(number / 100.0))
        };
        let error = || UnitError::new(text, Self::EXPECTED, split(text).and_then(meant));
        let (number, unit) = split(text).ok_or_else(error)?;
        if unit != "%" || number <= 0.0 || number > 100.0 {
            return Err(error());
        }
        Ok(Self(number / 100.0))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", (self.0 * 1e6).round() / 1e4)
    }
}

/// Reads a unit from a text.
struct Text<T>(PhantomData<T>);

macro_rules! as_text {
    ($($unit:ty),*) => {$(
        impl Visitor<'_> for Text<$unit> {
            type Value = $unit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(<$unit>::EXPECTED)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$unit, E> {
                text.parse().map_err(E::custom)
            }
        }

        impl Serialize for $unit {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text::<Self>(PhantomData))
            }
        }
    )*};
}
as_text!(BitRate, TimeSpan, Percent);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_decimal() {
        for (text, value) in [
            ("100M", 100_000_000),
            ("1.5G", 1_500_000_000),
            ("10G", 10_000_000_000),
            ("64000", 64_000),
        ] {
            assert_eq!(text.parse::<BitRate>().unwrap().bits_per_second(), value);
        }
        for text in [
            "", "G", "10g", "-1M", "1e9", "10 Gi", "0", "NaN", "99999T", "1..5G",
        ] {
            assert!(text.parse::<BitRate>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn other_units_are_guessed() {
        let meant = |error: Option<UnitError>| error.and_then(|error| error.suggestion);
        let rate = |text: &str| meant(text.parse::<BitRate>().err());
        for (text, suggestion) in [
            ("100 Mbit", Some("100M")),
            ("100 Mbit/s", Some("100M")),
            ("10 Gbps", Some("10G")),
            ("10g", Some("10G")),
            ("1.5gbit", Some("1.5G")),
            ("12.5 MB/s", Some("100M")),
            ("1 MByte/s", Some("8M")),
            ("10 Gi", None),
            ("fast", None),
            ("0 Mbit", None),
        ] {
            assert_eq!(rate(text).as_deref(), suggestion, "{text}");
        }
        let span = |text: &str| meant(text.parse::<TimeSpan>().err());
        for (text, suggestion) in [
            ("10", Some("10s")),
            ("10 seconds", Some("10s")),
            ("5 minutes", Some("5m")),
            ("5 Mins", Some("5m")),
            ("2 hours", Some("2h")),
            ("200 msec", Some("200ms")),
            ("10 years", None),
            ("60 days", None),
        ] {
            assert_eq!(span(text).as_deref(), suggestion, "{text}");
        }
        let share = |text: &str| meant(text.parse::<Percent>().err());
        assert_eq!(share("10 percent").as_deref(), Some("10%"));
        assert_eq!(share("10").as_deref(), Some("10%"));
        assert_eq!(share("110 percent"), None);
    }

    #[test]
    fn what_is_shown_reads_back() {
        for text in ["100M", "1.5G", "2T", "64k", "999"] {
            assert_eq!(text.parse::<BitRate>().unwrap().to_string(), text);
        }
        for text in ["250ms", "10s", "90s", "5m", "2h", "0s"] {
            assert_eq!(text.parse::<TimeSpan>().unwrap().to_string(), text);
        }
        for text in ["10%", "0.5%", "100%"] {
            assert_eq!(text.parse::<Percent>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn spans_and_shares_need_their_unit() {
        for text in ["10", "10 years", "", "s", "31d", "-1s"] {
            assert!(text.parse::<TimeSpan>().is_err(), "{text:?}");
        }
        for text in ["10", "0%", "101%", "%", "10 percent"] {
            assert!(text.parse::<Percent>().is_err(), "{text:?}");
        }
    }
}

//! Rates, percentages and time spans as people write them in configuration.
//!
//! Prefixes are decimal (`100M` is 100 000 000 bits per second), because link speeds are.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {expected}")]
pub struct UnitError {
    found: String,
    expected: &'static str,
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
        let error = || UnitError {
            found: text.to_owned(),
            expected: Self::EXPECTED,
        };
        let (number, unit) = split(text).ok_or_else(error)?;
        let factor = match unit {
            "" | "bit/s" | "bps" => 1.0,
            "k" | "K" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            "T" => 1e12,
            _ => return Err(error()),
        };
        let rate = (number * factor).round();
        if !(1.0..=Self::MAX).contains(&rate) {
            return Err(error());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked against MAX"
        )]
        Ok(Self(rate as u64))
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
}

impl FromStr for TimeSpan {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError {
            found: text.to_owned(),
            expected: Self::EXPECTED,
        };
        let (number, unit) = split(text).ok_or_else(error)?;
        let factor = match unit {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return Err(error()),
        };
        let seconds = number * factor;
        if !(0.0..=Self::MAX_SECONDS).contains(&seconds) {
            return Err(error());
        }
        Ok(Self(Duration::from_secs_f64(seconds)))
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
        let error = || UnitError {
            found: text.to_owned(),
            expected: Self::EXPECTED,
        };
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

macro_rules! as_text {
    ($($unit:ty),*) => {$(
        impl Serialize for $unit {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
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

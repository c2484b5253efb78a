//! Sizes in bytes.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// A size in bytes within bounds: a number, or a text such as `16 MiB`.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByteSize<const LEAST: usize, const MOST: usize>(usize);

/// A round number of bytes, in words.
struct Round(usize);

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= 1 << 30 => write!(f, "{} GiB", bytes >> 30),
            bytes if bytes >= 1 << 20 => write!(f, "{} MiB", bytes >> 20),
            bytes => write!(f, "{} KiB", bytes >> 10),
        }
    }
}

impl<const LEAST: usize, const MOST: usize> ByteSize<LEAST, MOST> {
    /// The number of bytes.
    pub(super) const fn bytes(self) -> usize {
        self.0
    }

    /// A default within the bounds.
    pub(super) const fn fixed(bytes: usize) -> Self {
        assert!(LEAST <= bytes && bytes <= MOST, "within the bounds");
        Self(bytes)
    }

    fn new(bytes: u64) -> Option<Self> {
        let bytes = usize::try_from(bytes).ok()?;
        (LEAST..=MOST).contains(&bytes).then_some(Self(bytes))
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(end)?;
        let factor = match unit.trim() {
            "" | "B" => 1,
            "k" | "kB" => 1_000,
            "M" | "MB" => 1_000_000,
            "G" | "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        Self::new(number.parse::<u64>().ok()?.checked_mul(factor)?)
    }

    fn expected() -> String {
        format!(
            "a size in bytes from {} to {}, such as \"16 MiB\", \"8M\" or 4194304",
            Round(LEAST),
            Round(MOST)
        )
    }
}

impl<'de, const LEAST: usize, const MOST: usize> Deserialize<'de> for ByteSize<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<const LEAST: usize, const MOST: usize>;
        impl<const LEAST: usize, const MOST: usize> Visitor<'_> for Either<LEAST, MOST> {
            type Value = ByteSize<LEAST, MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&Self::Value::expected())
            }

            fn visit_i64<E: Error>(self, bytes: i64) -> Result<Self::Value, E> {
                let size = u64::try_from(bytes).ok().and_then(Self::Value::new);
                size.ok_or_else(|| E::custom(format!("{bytes} is not {}", Self::Value::expected())))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Self::Value::parse(text)
                    .ok_or_else(|| E::custom(format!("{text:?} is not {}", Self::Value::expected())))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

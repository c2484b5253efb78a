//! Section `[history]`: how much of what was decided and has happened is kept on the disk.

use std::time::Duration;

use serde::Deserialize;

use super::size::ByteSize;

/// How much of what was decided and has happened is kept on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// Whether any of it is.
    pub enabled: bool,
    /// For so long, unless there is no room.
    pub keep: Duration,
    /// In so many bytes at most.
    pub max_size: u64,
}

/// The section as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Table {
    enabled: bool,
    days: Days,
    max_size: Size,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            enabled: true,
            days: Days(7),
            max_size: Size::DEFAULT,
        }
    }
}

impl From<Table> for History {
    fn from(table: Table) -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            enabled: table.enabled,
            keep: Duration::from_secs(u64::from(table.days.0) * DAY),
            max_size: table.max_size.bytes() as u64,
        }
    }
}

/// An eighth of the least is a file of 2 MiB, which holds a batch of the longest records; the most is looked through in a minute.
type Size = ByteSize<{ 16 << 20 }, { 64 << 30 }>;

impl Size {
    /// Some 100,000 decisions: ten each minute for a week.
    const DEFAULT: Self = Self::fixed(256 << 20);
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "i64")]
struct Days(u32);

impl Days {
    /// A year. Whoever keeps more has a place for it that is made for that.
    const MOST: u32 = 366;
}

impl TryFrom<i64> for Days {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let days = u32::try_from(number)
            .ok()
            .filter(|n| (1..=Self::MOST).contains(n));
        days.map(Self).ok_or_else(|| {
            format!(
                "`days`: {number} is not a number of days from 1 to {}",
                Self::MOST
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    #[test]
    fn a_week_is_kept_and_what_cannot_be_meant_is_refused() {
        let history = |text: &str| Config::parse(Path::new("t"), text).map(|config| config.history);
        let default = history("").unwrap();
        assert_eq!(
            (default.enabled, default.keep.as_secs(), default.max_size),
            (true, 604_800, 256 << 20)
        );
        let said = history("[history]\nenabled = false\ndays = 30\nmax_size = \"1 GiB\"\n").unwrap();
        assert_eq!(
            (said.enabled, said.keep.as_secs(), said.max_size),
            (false, 2_592_000, 1 << 30)
        );
        for (line, place, expected) in [
            ("days = 0", "t:2:8", "1 to 366"),
            ("days = 367", "t:2:8", "1 to 366"),
            ("max_size = \"1M\"", "t:2:12", "16 MiB to 64 GiB"),
            ("size = 1", "t:2:1", "size"),
        ] {
            let error = history(&format!("[history]\n{line}\n")).unwrap_err().to_string();
            assert!(
                error.starts_with(place) && error.contains(expected),
                "{line}: {error}"
            );
        }
    }
}

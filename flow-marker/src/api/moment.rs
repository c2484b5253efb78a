//! Moments in a query: nanoseconds since 1970 (UTC), RFC 3339, or so long ago.

use shared::units::TimeSpan;
use toml::value::{Date, Datetime, Offset, Time};

use super::error::ApiError;
use super::parameters::Parameters;

impl Parameters {
    /// A moment, in nanoseconds since 1970 (UTC): `1767225600000000000`, `2026-01-01T00:00:00Z`, or `-24h`, which is
    /// counted back from `now`.
    ///
    /// # Errors
    /// 400
    pub fn moment(&self, name: &str, now: u64) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.one(name)? else {
            return Ok(None);
        };
        match read(text, now) {
            moment @ Some(_) => Ok(moment),
            None => Err(ApiError::invalid(format!(
                "the parameter `{name}` is a moment: nanoseconds since 1970, RFC 3339 such as 2026-01-01T00:00:00Z, or \
                 -24h, not {text:?}"
            ))),
        }
    }

    /// A moment as in [`Self::moment`], but that plain digits are seconds since 1970.
    ///
    /// # Errors
    /// 400
    pub fn second(&self, name: &str, now: u64) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.one(name)? else {
            return Ok(None);
        };
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let moment = match plain {
            true => text
                .parse::<u64>()
                .ok()
                .and_then(|seconds| seconds.checked_mul(1_000_000_000)),
            false => read(text, now),
        };
        match moment {
            moment @ Some(_) => Ok(moment),
            None => Err(ApiError::invalid(format!(
                "the parameter `{name}` is a moment: seconds since 1970, RFC 3339 such as 2026-01-01T00:00:00Z, or -24h, \
                 not {text:?}"
            ))),
        }
    }
}

fn read(text: &str, now: u64) -> Option<u64> {
    if let Some(span) = text.strip_prefix('-') {
        let span = span.parse::<TimeSpan>().ok()?.0.as_nanos();
        return Some(now.saturating_sub(u64::try_from(span).unwrap_or(u64::MAX)));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let Datetime { date, time, offset } = text.parse().ok()?;
    unix_ns(date?, time?, offset?)
}

/// `None` before 1970, and after 2554, when 64 bits of nanoseconds are over.
fn unix_ns(date: Date, time: Time, offset: Offset) -> Option<u64> {
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let clock =
        i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second.unwrap_or(0));
    let seconds = days(date) * 86_400 + clock - minutes * 60;
    let nanoseconds = u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?;
    nanoseconds.checked_add(u64::from(time.nanosecond.unwrap_or(0)))
}

/// Days from 1970-01-01 in the Gregorian calendar. Years are counted from March, so that the leap day is a year's last.
fn days(date: Date) -> i64 {
    let (year, month) = match date.month {
        1 | 2 => (i64::from(date.year) - 1, i64::from(date.month) + 9),
        month => (i64::from(date.year), i64::from(month) - 3),
    };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leaps + (153 * month + 2) / 5 + i64::from(date.day) - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_three_ways() {
        const SECOND: u64 = 1_000_000_000;
        let now = 1_800_000_000 * SECOND;
        for (text, seconds) in [
            ("1767225600000000000", 1_767_225_600),
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("2000-03-01T01:00:00+01:00", 951_868_800),
            ("2106-02-07T06:28:15Z", u64::from(u32::MAX)),
            ("-24h", 1_800_000_000 - 86_400),
        ] {
            assert_eq!(read(text, now), Some(seconds * SECOND), "{text}");
        }
        for bad in [
            "",
            "-",
            "-x",
            "yesterday",
            "2000-02-29",
            "2000-02-29T00:00:00",
            "1969-12-31T23:59:59Z",
        ] {
            let fine = read(bad, now);
            assert!(fine.is_none() || bad.is_empty(), "{bad}");
        }
    }
}

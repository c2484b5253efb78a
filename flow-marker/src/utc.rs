//! Moments as people and other machines read them, in UTC.

use std::fmt;
use std::time::Duration;

/// A moment since 1970-01-01 UTC; displayed as `2026-11-20T09:17:14`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Utc(pub(crate) Duration);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 24 * 60 * 60;
        let (days, second) = (self.0.as_secs() / DAY, self.0.as_secs() % DAY);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )
    }
}

/// Year, month and day of the Gregorian calendar, so many days after 1970-01-01.
///
/// Years are counted from March: then the leap day is a year's last, and the months before it have regular lengths.
const fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_PER_ERA: u64 = 400 * 365 + 97;
    let days = days + DAYS_FROM_0000_03_01;
    let (era, day) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months from March on have 153 days, and so have the next five.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year;
    match month {
        0..10 => (year, month + 3, day),
        _ => (year + 1, month - 9, day),
    }
}

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_FROM_0000_03_01: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_calendars_get_wrong() {
        let shown = |seconds| Utc(Duration::from_secs(seconds)).to_string();
        assert_eq!(shown(0), "1970-01-01T00:00:00");
        assert_eq!(shown(951_782_399), "2000-02-28T23:59:59");
        assert_eq!(shown(951_782_400), "2000-02-29T00:00:00");
        assert_eq!(shown(951_868_800), "2000-03-01T00:00:00");
        assert_eq!(shown(4_107_542_399), "2100-02-28T23:59:59");
        assert_eq!(shown(4_107_542_400), "2100-03-01T00:00:00");
        assert_eq!(shown(1_798_761_599), "2026-12-31T23:59:59");
        assert_eq!(shown(u64::from(u32::MAX)), "2106-02-07T06:28:15");
    }
}

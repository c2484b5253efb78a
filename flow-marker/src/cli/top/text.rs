//! Text that a terminal only shows, and figures as people read them.

use std::time::Duration;

use ratatui::style::Style;
use ratatui::text::Span;

use super::super::harmless::is_harmless;
use crate::utc::Utc;

/// Characters of a text that are kept: more than any screen shows of it.
const LONGEST: usize = 1000;

/// `text` without what a terminal would obey or misplace: it comes from the network, names of ports for instance.
pub(super) fn clean(text: &str) -> String {
    let harmless = |c: char| if is_harmless(c) { c } else { '·' };
    text.chars().take(LONGEST).map(harmless).collect()
}

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// `text` in so many columns; what is cut off is told by an ellipsis.
pub(super) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let (mut fitting, mut used) = (String::new(), 0);
    // Once through the text, however much of it has no width.
    for grapheme in Span::raw(text).styled_graphemes(Style::new()) {
        used += width(grapheme.symbol);
        if used >= columns {
            break;
        }
        fitting.push_str(grapheme.symbol);
    }
    if columns > 0 {
        fitting.push('…');
    }
    fitting
}

/// Bits per second, with three digits.
pub(super) fn rate(bps: f64) -> String {
    let (mut value, mut units) = (bps.max(0.0), ["b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s"].into_iter());
    let mut unit = units.next().unwrap_or_default();
    // What would be rounded to a thousand is one of the next.
    while value >= 999.5 {
        let Some(next) = units.next() else { break };
        (value, unit) = (value / 1000.0, next);
    }
    match value {
        _ if unit == "b/s" || value >= 99.95 => format!("{value:.0} {unit}"),
        _ if value >= 9.995 => format!("{value:.1} {unit}"),
        _ => format!("{value:.2} {unit}"),
    }
}

/// A number that may be large, with a decimal prefix.
pub(super) fn count(value: f64) -> String {
    match value {
        _ if value < 9_999.5 => format!("{value:.0}"),
        _ if value < 999_500.0 => format!("{:.0}k", value / 1e3),
        _ if value < 999_500_000.0 => format!("{:.0}M", value / 1e6),
        _ => format!("{:.0}G", value / 1e9),
    }
}

/// A time in its largest unit, in at most five columns: `12 s`, `59 min`, `47 h`, `9 d`.
pub(super) fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// The time between two moments in nanoseconds since 1970; none when it lies in the future.
pub(super) const fn between(earlier: u64, later: u64) -> Duration {
    Duration::from_nanos(later.saturating_sub(earlier))
}

/// The time of day (UTC) of a moment in nanoseconds since 1970.
pub(super) fn clock(ns: u64) -> String {
    let moment = Utc(Duration::from_nanos(ns)).to_string();
    moment
        .split_once('T')
        .map_or_else(String::new, |(_, time)| time.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_gone() {
        let hostile = "swp1\x1b[2J\x07\r\n\u{9b}31m\u{202e}x\u{200b}y";
        let cleaned = clean(hostile);
        assert_eq!(cleaned, "swp1·[2J····31m·x·y");
        assert_eq!(clean(&"x".repeat(5000)).len(), LONGEST);
        assert_eq!(clean("Zürich → 東京"), "Zürich → 東京");
    }

    #[test]
    fn texts_fit_also_when_characters_are_wide() {
        assert_eq!(fit("leaf1", 5), "leaf1");
        assert_eq!(fit("leaf10", 5), "leaf…");
        assert_eq!(fit("東京都", 6), "東京都");
        assert_eq!(fit("東京都", 5), "東京…");
        assert_eq!(fit("東京都", 4), "東…");
        assert_eq!(fit("東京都", 1), "…");
        assert_eq!(fit("x", 0), "");
    }

    #[test]
    fn figures_are_short() {
        for (bps, shown) in [
            (0.0, "0 b/s"),
            (f64::NAN, "0 b/s"),
            (-1.0, "0 b/s"),
            (999.4, "999 b/s"),
            (999.6, "1.00 kb/s"),
            (1_234_000.0, "1.23 Mb/s"),
            (12_345_000.0, "12.3 Mb/s"),
            (999_600_000.0, "1.00 Gb/s"),
            (1e17, "100000 Tb/s"),
        ] {
            assert_eq!(rate(bps), shown, "{bps}");
        }
        assert_eq!(
            [9999.0, 12_000.0, 5e6, 7e12].map(count),
            ["9999", "12k", "5M", "7000G"]
        );
        let spans = [0, 119, 120, 7199, 7200, 172_800].map(|s| span(Duration::from_secs(s)));
        assert_eq!(spans, ["0 s", "119 s", "2 min", "119 min", "2 h", "2 d"]);
        assert_eq!(clock(1_798_761_599_000_000_000), "23:59:59");
    }
}

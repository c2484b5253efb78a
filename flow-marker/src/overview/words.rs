//! Figures as people read them.

use std::time::Duration;

/// A rate in bits per second with three digits: `1.25 Gb/s`.
pub fn rate(bits_per_second: f64) -> String {
    let units = [(1e12, "Tb/s"), (1e9, "Gb/s"), (1e6, "Mb/s"), (1e3, "kb/s")];
    // What rounds to a thousand is one of the next unit.
    let unit = units
        .into_iter()
        .find(|(factor, _)| bits_per_second >= factor * 0.9995);
    match unit {
        Some((factor, unit)) => format!("{} {unit}", digits(bits_per_second / factor)),
        None => format!("{:.0} b/s", bits_per_second.max(0.0)),
    }
}

/// An amount of bytes: `12.1 MB`.
pub(super) fn bytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let unit = units.into_iter().find(|(factor, _)| bytes >= factor * 0.9995);
    match unit {
        Some((factor, unit)) => format!("{} {unit}", digits(bytes / factor)),
        None => format!("{bytes:.0} B"),
    }
}

/// Three digits of a number from 1 to 1000, without zeros at the end.
fn digits(number: f64) -> String {
    let text = match number {
        n if n >= 99.95 => return format!("{n:.0}"),
        n if n >= 9.995 => format!("{n:.1}"),
        n => format!("{n:.2}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A length of time, as exact as it matters: `0.2 s`, `40 s`, `4 min`, `3 h`, `5 d`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    match seconds {
        s if s < 9.95 => format!("{} s", format!("{s:.1}").trim_end_matches(".0")),
        s if s < 119.5 => format!("{s:.0} s"),
        s if s < 7170.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_000.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}

/// A share: `93 %`, `0.4 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        p if p <= 0.0 => "0 %".to_owned(),
        p if p < 0.1 => "under 0.1 %".to_owned(),
        p if p < 9.95 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

/// So many things: `no mark`, `1 mark`, `12 marks`.
pub(super) fn count(n: usize, one: &str) -> String {
    match n {
        0 => format!("no {one}"),
        1 => format!("1 {one}"),
        n => format!("{n} {}", plural(one)),
    }
}

fn plural(one: &str) -> String {
    match one.strip_suffix("ch") {
        Some(_) => format!("{one}es"),
        None => format!("{one}s"),
    }
}

/// A list: `a`, `a and b`, `a, b and 3 more`; at most `most` are named.
pub(super) fn list(items: &[String], most: usize) -> String {
    let named = items.iter().take(most).cloned();
    let mut named: Vec<_> = named.collect();
    if items.len() > most {
        named.push(format!("{} more", items.len() - most));
    }
    match named.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// A sentence of parts: they are apart by semicolons, it ends, and its first letter is large unless it begins with one of
/// `names`, which are written as they are.
pub(super) fn sentence<'a>(parts: &[String], mut names: impl Iterator<Item = &'a str>) -> String {
    let text = parts.join("; ");
    let text = text.trim_end_matches('.');
    let mut letters = text.chars();
    match letters.next() {
        Some(_) if names.any(|name| begins(text, name)) => format!("{text}."),
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}

/// Whether a text begins with a name, and not with a longer word.
fn begins(text: &str, name: &str) -> bool {
    let rest = text.strip_prefix(name);
    rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

/// At most so many characters of what somebody else has written, in one line.
pub fn short(text: &str, most: usize) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default().trim()),
        None => line.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_units() {
        for (bits, text) in [
            (0.0, "0 b/s"),
            (999.0, "999 b/s"),
            (1000.0, "1 kb/s"),
            (1_250_000.0, "1.25 Mb/s"),
            (999_960_000.0, "1 Gb/s"),
            (99_960_000_000.0, "100 Gb/s"),
            (12_340_000_000_000.0, "12.3 Tb/s"),
        ] {
            assert_eq!(rate(bits), text);
        }
        assert_eq!(bytes(12_100_000), "12.1 MB");
    }

    #[test]
    fn times_are_as_exact_as_it_matters() {
        for (ms, text) in [
            (200, "0.2 s"),
            (3000, "3 s"),
            (9960, "10 s"),
            (40_000, "40 s"),
            (240_000, "4 min"),
            (7_200_000, "2 h"),
            (432_000_000, "5 d"),
        ] {
            assert_eq!(span(Duration::from_millis(ms)), text);
        }
    }

    #[test]
    fn lists_and_counts_read_like_text() {
        let items = |n: usize| (0..n).map(|n| format!("leaf{n}")).collect::<Vec<_>>();
        assert_eq!(list(&items(0), 2), "");
        assert_eq!(list(&items(1), 2), "leaf0");
        assert_eq!(list(&items(2), 2), "leaf0 and leaf1");
        assert_eq!(list(&items(5), 2), "leaf0, leaf1 and 3 more");
        assert_eq!(
            [0, 1, 2].map(|n| count(n, "switch")),
            ["no switch", "1 switch", "2 switches"]
        );
        let parts = ["leaf b".to_owned(), "c.".to_owned()];
        assert_eq!(sentence(&parts, ["spine"].into_iter()), "Leaf b; c.");
        assert_eq!(sentence(&parts, ["spine", "leaf"].into_iter()), "leaf b; c.");
        assert_eq!(
            sentence(&parts, ["l", "le"].into_iter()),
            "Leaf b; c.",
            "a longer word"
        );
        assert_eq!(short("two\nlines of text", 9), "two lines…");
    }
}

use std::time::Duration;

use tests::lab::Latencies;

use crate::campaign::{MULTIPLES, Outcome, PARTS, Run, THRESHOLD};
use crate::purpose::{BOTTLENECK, SECONDS};
use crate::table::Table;

/// Everything that is printed.
pub(crate) fn lines(outcomes: &[Outcome], load: &str, markdown: bool) -> Vec<String> {
    let mut lines = vec![format!(
        "A port that counts as 1 Gb/s, 1:100, 1518-byte frames; the threshold is {} Mb/s; two TCP elephants at once among \
         mice. Load of the machine: {load}.",
        THRESHOLD / 1_000_000
    )];
    let mut add = |title: &str, table: &Table| {
        lines.extend([String::new(), title.to_owned(), String::new()]);
        lines.extend(table.lines(markdown));
    };
    add(
        "From the first packet to the first marked packet at host b, in milliseconds; marked share of the bytes; seconds \
         from the last packet to the removal of the rule:",
        &wholes(outcomes),
    );
    add("The parts, medians in milliseconds:", &medians(outcomes));
    if !markdown {
        for outcome in outcomes {
            for (runs, multiple) in outcome.runs.iter().zip(MULTIPLES) {
                let title = format!(
                    "{} at {} the threshold, in milliseconds:",
                    outcome.profile,
                    times(multiple)
                );
                add(&title, &parts(runs));
            }
        }
    }
    add(
        &format!(
            "Mice through a bottleneck of {} Mb/s that an elephant fills, there and back, median / p99 in milliseconds, in \
             the {SECONDS} s from its start:",
            BOTTLENECK / 1_000_000
        ),
        &mice(outcomes),
    );
    lines
}

fn wholes(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new(&[
        "profile",
        "rate",
        "marked",
        "min",
        "median",
        "p99",
        "max",
        "share, median",
        "least",
        "outlived, median",
        "most",
    ]);
    for outcome in outcomes {
        for (runs, multiple) in outcome.runs.iter().zip(MULTIPLES) {
            let found: Vec<_> = runs.iter().flatten().collect();
            let of = |figure: fn(&Run) -> f64| Sorted::new(found.iter().map(|run| figure(run)));
            let whole = of(|run| run.parts.last().copied().unwrap_or(f64::NAN));
            let share = of(|run| 100.0 * run.share);
            let outlived = of(|run| run.outlived);
            table.row(vec![
                outcome.profile.clone(),
                times(multiple),
                format!("{} of {}", found.len(), runs.len()),
                format!("{:.0}", whole.percentile(0)),
                format!("{:.0}", whole.percentile(50)),
                format!("{:.0}", whole.percentile(99)),
                format!("{:.0}", whole.percentile(100)),
                format!("{:.1} %", share.percentile(50)),
                format!("{:.1} %", share.percentile(0)),
                format!("{:.1}", outlived.percentile(50)),
                format!("{:.1}", outlived.percentile(100)),
            ]);
        }
    }
    table
}

/// A column for each profile and rate.
fn medians(outcomes: &[Outcome]) -> Table {
    let columns = || {
        outcomes.iter().flat_map(|outcome| {
            let rates = outcome.runs.iter().zip(MULTIPLES);
            rates.map(move |(runs, multiple)| (format!("{} {}", outcome.profile, times(multiple)), runs))
        })
    };
    let titles: Vec<_> = columns().map(|(title, _)| title).collect();
    let mut header = vec!["part"];
    header.extend(titles.iter().map(String::as_str));
    let mut table = Table::new(&header);
    for (index, part) in PARTS.iter().enumerate() {
        let mut row = vec![(*part).to_owned()];
        row.extend(columns().map(|(_, runs)| format!("{:.1}", of_part(runs, index).percentile(50))));
        table.row(row);
    }
    table
}

/// A row for each part.
fn parts(runs: &[Option<Run>]) -> Table {
    let mut table = Table::new(&["part", "min", "median", "p99", "max"]);
    for (index, part) in PARTS.iter().enumerate() {
        let sorted = of_part(runs, index);
        let mut row = vec![(*part).to_owned()];
        row.extend([0, 50, 99, 100].map(|percent| format!("{:.1}", sorted.percentile(percent))));
        table.row(row);
    }
    table
}

fn of_part(runs: &[Option<Run>], index: usize) -> Sorted {
    Sorted::new(
        runs.iter()
            .flatten()
            .filter_map(|run| run.parts.get(index).copied()),
    )
}

fn mice(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new(&[
        "profile",
        "nothing marked",
        "elephant marked",
        "once it is marked",
        "queue looks for another DSCP",
        "packets of mice",
        "marked ones",
    ]);
    for outcome in outcomes {
        let purpose = &outcome.purpose;
        table.row(vec![
            outcome.profile.clone(),
            latency(&purpose.unmarked),
            latency(&purpose.marked),
            latency(&purpose.once_marked),
            latency(&purpose.misconfigured),
            outcome.mice.to_string(),
            outcome.marked_mice.to_string(),
        ]);
    }
    table
}

fn latency(latencies: &Latencies) -> String {
    let shown = |took: Option<Duration>| match took {
        Some(took) => format!("{:.1}", took.as_secs_f64() * 1e3),
        None => "lost".to_owned(),
    };
    format!(
        "{} / {}, {} of {} lost",
        shown(latencies.percentile(50)),
        shown(latencies.percentile(99)),
        latencies.lost(),
        latencies.sent()
    )
}

/// Hundredths, as people write them.
fn times(hundredths: u64) -> String {
    match hundredths % 100 {
        0 => format!("{} ×", hundredths / 100),
        rest => format!("{}.{rest:02} ×", hundredths / 100),
    }
}

/// Figures in ascending order.
struct Sorted(Vec<f64>);

impl Sorted {
    fn new(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<_> = figures.collect();
        figures.sort_by(f64::total_cmp);
        Self(figures)
    }

    /// By the nearest rank; not a number when there are no figures.
    fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or(f64::NAN)
    }
}

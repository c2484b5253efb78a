//! How long detection takes at a port, looked up instead of simulated: in a table that the simulation has written.
//!
//! What counts is how many samples a second a flow of rate R gives: speed, sampling rate and frame size matter through it
//! alone, up to where sequence numbers become ambiguous. So one port at many sampling rates stands for all. The table is
//!
//! ```text
//! flow-marker simulate --sampling 166667,83333,41667,23810,16667,11905,8333,5952,4167,2976,2083,1488,1000,694,490,347,250,\
//!   125,62,25,10 --carrier tcp,udp --batch 1,7 --methods average,fast,balanced,strict --rates 1.25 --runs 1001 --hours 0 \
//!   --background 0 --csv flow-marker/src/simulate/expected.csv
//! ```

use std::sync::LazyLock;

use shared::units::BitRate;

use crate::config::Profile;
use crate::detect::Path;

/// The rate of the flow whose detection is timed, as a multiple of R.
pub const SHARE: f64 = 1.25;

/// What decides how long detection takes, besides samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// How much evidence is asked for.
    pub profile: Profile,
    /// By what flows are judged.
    pub path: Path,
    /// Whether the agent holds samples back for a second or until there are seven, or sends each at once.
    pub held: bool,
}

/// How long a flow of [`SHARE`] × R is on its way before it is found, in seconds from its first packet to the datagram that
/// decides; infinite where that is more than a minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// In half of all cases it is found by then.
    pub median: f64,
    /// In 99 of 100 cases.
    pub p99: f64,
}

/// One port of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cell {
    /// Samples a second of a flow of rate R.
    samples: f64,
    expected: Expected,
}

/// The ports of each case, the coarsest first.
static TABLE: LazyLock<Vec<(Case, Vec<Cell>)>> = LazyLock::new(|| read(include_str!("expected.csv")));

/// How many samples a second a flow of this rate gives, when each stands for so many bytes.
pub fn samples_per_second(rate: BitRate, bytes_per_sample: f64) -> f64 {
    rate.as_f64() / (8.0 * bytes_per_sample)
}

impl Case {
    /// How long detection takes where a flow of rate R gives so many samples a second.
    pub fn expected(self, samples_per_second: f64) -> Expected {
        let cells = self.cells();
        let above = cells.partition_point(|cell| cell.samples < samples_per_second);
        let below = above.checked_sub(1).and_then(|below| cells.get(below));
        match (below, cells.get(above)) {
            (Some(low), Some(high)) => {
                let part = (samples_per_second / low.samples).ln() / (high.samples / low.samples).ln();
                Expected {
                    median: between(low.expected.median, high.expected.median, part),
                    p99: between(low.expected.p99, high.expected.p99, part),
                }
            }
            // Finer sampling brings nothing any more.
            (Some(finest), None) => finest.expected,
            (None, Some(coarsest)) if coarsest.samples <= samples_per_second => coarsest.expected,
            (None, _) => Expected {
                median: f64::INFINITY,
                p99: f64::INFINITY,
            },
        }
    }

    /// From how many samples a second on the median is no more than `seconds`; `None` when it never is.
    pub fn samples_for(self, seconds: f64) -> Option<f64> {
        let cells = self.cells();
        let slow = cells.iter().rposition(|cell| cell.expected.median > seconds);
        let (low, high) = match slow {
            Some(slow) => (cells.get(slow)?, cells.get(slow + 1)?),
            None => return cells.first().map(|cell| cell.samples),
        };
        let (from, to) = (low.expected.median, high.expected.median);
        if from.is_infinite() {
            return Some(high.samples);
        }
        let part = (seconds / from).ln() / (to / from).ln();
        Some(between(low.samples, high.samples, part))
    }

    fn cells(self) -> &'static [Cell] {
        let found = TABLE.iter().find(|(case, _)| *case == self);
        found.map_or(&[], |(_, cells)| cells)
    }
}

/// On a logarithmic scale; what is infinite at one end is so until the other.
fn between(low: f64, high: f64, part: f64) -> f64 {
    if low.is_infinite() || high.is_infinite() {
        return f64::INFINITY;
    }
    low * (high / low).powf(part)
}

/// Reads what `--csv` has written.
fn read(text: &str) -> Vec<(Case, Vec<Cell>)> {
    let mut lines = text.lines();
    let names: Vec<_> = lines.next().unwrap_or_default().split(',').collect();
    let mut table: Vec<(Case, Vec<Cell>)> = Vec::new();
    for (case, cell) in lines.filter_map(|line| cell(&names, line)) {
        match table.iter_mut().find(|(known, _)| *known == case) {
            Some((_, cells)) => cells.push(cell),
            None => table.push((case, vec![cell])),
        }
    }
    for (_, cells) in &mut table {
        cells.sort_by(|a, b| a.samples.total_cmp(&b.samples));
    }
    table
}

fn cell(names: &[&str], line: &str) -> Option<(Case, Cell)> {
    let values: Vec<_> = line.split(',').collect();
    let value = |name: &str| {
        values
            .get(names.iter().position(|known| *known == name)?)
            .copied()
    };
    let number = |name: &str| value(name)?.parse::<f64>().ok();
    let profile = match value("method")? {
        "average" => Profile::Average,
        "fast" => Profile::Fast,
        "balanced" => Profile::Balanced,
        "strict" => Profile::Strict,
        _ => return None,
    };
    let case = Case {
        profile,
        path: match (profile, value("carrier")?) {
            (Profile::Average, "tcp") => Path::Average,
            (Profile::Average, _) => return None, // The same once more.
            (_, "tcp") => Path::Sequence,
            _ => Path::Count,
        },
        held: number("batch")? > 1.0,
    };
    let per_sample = number("sampling_rate")? * number("frame_bytes")?;
    let cell = Cell {
        samples: number("threshold_bps")? / (8.0 * per_sample),
        expected: Expected {
            median: number("median_s")?,
            p99: number("p99_s")?,
        },
    };
    Some((case, cell))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(profile: Profile, path: Path, held: bool) -> Case {
        Case { profile, path, held }
    }

    #[test]
    fn every_case_has_all_its_ports() {
        assert_eq!(
            TABLE.len(),
            14,
            "two for the average, and four for each of the others"
        );
        for (case, cells) in TABLE.iter() {
            assert_eq!(cells.len(), 21, "{case:?}");
            for cell in cells {
                let Expected { median, p99 } = cell.expected;
                assert!(median > 0.0 && median <= p99, "{case:?} {cell:?}");
            }
        }
    }

    #[test]
    fn what_is_between_two_ports_is_between_their_times() {
        let balanced = case(Profile::Balanced, Path::Sequence, true);
        for pair in balanced.cells().windows(2) {
            let [low, high] = pair else { unreachable!() };
            let found = balanced.expected((low.samples * high.samples).sqrt());
            let (from, to) = (low.expected.median, high.expected.median);
            if from.is_finite() {
                assert!(
                    (to.min(from)..=from.max(to)).contains(&found.median),
                    "{low:?} {high:?}"
                );
            }
        }
        assert_eq!(balanced.expected(1e-9).median, f64::INFINITY);
        assert_eq!(balanced.expected(1e9), balanced.cells().last().unwrap().expected);
    }

    #[test]
    fn the_samples_for_a_second_give_a_second() {
        for path in [Path::Sequence, Path::Count] {
            for profile in [Profile::Fast, Profile::Balanced, Profile::Strict] {
                let case = case(profile, path, true);
                let needed = case.samples_for(1.0).unwrap();
                let median = case.expected(needed).median;
                assert!((median - 1.0).abs() < 1e-6, "{case:?}: {needed} {median}");
                assert!(case.expected(needed * 2.0).median <= 1.0);
            }
        }
        assert_eq!(
            case(Profile::Average, Path::Average, true).samples_for(1.0),
            None,
            "its time constant is a second"
        );
    }
}

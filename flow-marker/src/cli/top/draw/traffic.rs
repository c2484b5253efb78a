//! Traffic now and in the last minutes: what is marked, what is large and is not, and all else.

use ratatui::style::Color;

use super::super::data::{Point, Traffic};
use super::super::model::{HISTORY, Shown};
use super::super::text::rate;
use super::paint::{Canvas, PLAIN, plain};

/// Lines with bars.
pub(super) const ROWS: u16 = 3;

/// Columns before the bars: what it is, and how much of it.
const BEFORE: usize = 18;

/// Columns behind them.
const BEHIND: usize = 15;

/// More bars would be less than two seconds each.
const MOST_BARS: usize = 150;

/// Its name, its colour, and what it is of the traffic.
type Series = (&'static str, Color, fn(&Traffic) -> f64);

/// What is shown of the traffic.
const SERIES: [Series; 3] = [
    ("marked", Color::Green, |of| of.marked),
    ("large", Color::Yellow, |of| of.large),
    ("mice", Color::Blue, |of| of.mice),
];

/// Draws a line for each kind if there is room, or all in one.
pub(super) fn draw(canvas: &mut Canvas<'_>, shown: &Shown) {
    let now = shown.overview.traffic;
    if canvas.height() < ROWS {
        let narrow = canvas.width() < 60;
        let pieces = SERIES.map(|(name, _, of)| match rate(of(&now)) {
            rate if narrow => plain(format!(
                "{name} {} ",
                rate.trim_end_matches("b/s").replace(' ', "")
            )),
            rate => plain(format!("{name} {rate}   ")),
        });
        return canvas.line(0, &pieces);
    }
    let bars = usize::from(canvas.width()).saturating_sub(BEFORE);
    let bars = if bars > 2 * BEHIND { bars - BEHIND } else { bars }.min(MOST_BARS);
    // Whole seconds each, so there may be room for more than there are.
    let seconds = HISTORY.div_ceil(bars.max(1) as u64);
    let bars = usize::try_from(HISTORY.div_ceil(seconds)).unwrap_or(bars);
    let columns = columns(shown.history.iter(), bars, seconds);
    let top = columns.iter().flatten();
    let top = top
        .flat_map(|traffic| SERIES.map(|(_, _, of)| of(traffic)))
        .fold(0.0, f64::max);
    let behind = [format!("top {}", rate(top)), format!("last {} min", HISTORY / 60)];
    for (row, (name, colour, of)) in (0..).zip(SERIES) {
        let chart: String = columns
            .iter()
            .map(|mean| bar(mean.as_ref().map(of), top))
            .collect();
        let behind = behind.get(usize::from(row)).map_or("", String::as_str);
        let style = canvas.coloured(colour);
        canvas.line(
            row,
            &[
                plain(format!("{name:<6} {:>10} ", rate(of(&now)))),
                (chart, style),
            ],
        );
        canvas.text(BEFORE + bars + 1, row, behind, PLAIN);
    }
}

/// The mean of each of so many spans of so many seconds, of which the last is the present; none where nothing is known.
///
/// Spans begin at round times, so that a bar stays what it is while it moves.
fn columns<'a>(
    points: impl DoubleEndedIterator<Item = &'a Point>,
    bars: usize,
    seconds: u64,
) -> Vec<Option<Traffic>> {
    let span = seconds * 1_000_000_000;
    let mut sums = vec![(Traffic::default(), 0.0); bars];
    let mut last = None;
    for point in points.rev() {
        let place = point.time / span;
        let back = last.get_or_insert(place).saturating_sub(place);
        let Some((sum, number)) = usize::try_from(back)
            .ok()
            .and_then(|back| sums.iter_mut().rev().nth(back))
        else {
            break;
        };
        sum.marked += point.traffic.marked;
        sum.large += point.traffic.large;
        sum.mice += point.traffic.mice;
        *number += 1.0;
    }
    let mean = |(sum, number): (Traffic, f64)| {
        (number > 0.0).then(|| Traffic {
            marked: sum.marked / number,
            large: sum.large / number,
            mice: sum.mice / number,
        })
    };
    sums.into_iter().map(mean).collect()
}

/// A bar of a height between nothing and `top`.
fn bar(value: Option<f64>, top: f64) -> char {
    let Some(value) = value else { return ' ' };
    let eighths = [
        (0.0625, '▁'),
        (0.1875, '▂'),
        (0.3125, '▃'),
        (0.4375, '▄'),
        (0.5625, '▅'),
        (0.6875, '▆'),
        (0.8125, '▇'),
    ];
    let share = if top > 0.0 { value / top } else { 0.0 };
    let found = eighths.into_iter().find(|(below, _)| share < *below);
    found.map_or('█', |(_, bar)| bar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_means_of_equal_spans() {
        let point = |second: u64, marked| Point {
            time: second * 1_000_000_000,
            traffic: Traffic {
                marked,
                ..Traffic::default()
            },
        };
        // Six bars of 50 s: the last one has begun at 1000 s.
        let points = [
            point(100, 9.0),
            point(760, 1.0),
            point(799, 3.0),
            point(960, 8.0),
            point(1000, 4.0),
            point(1009, 4.0),
        ];
        let columns = columns(points.iter(), 6, 50);
        let marked: Vec<_> = columns.iter().map(|mean| mean.map(|mean| mean.marked)).collect();
        assert_eq!(marked, [Some(2.0), None, None, None, Some(8.0), Some(4.0)]);
        let bars: String = marked.into_iter().map(|value| bar(value, 8.0)).collect();
        assert_eq!(bars, "▃   █▅");
        assert_eq!(bar(Some(0.0), 0.0), '▁');
    }
}

//! One picture: detection times over the rate of the elephant, both logarithmic.

use std::fmt::Write as _;

/// One method's line.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    /// Multiple of the threshold, median, and 99th percentile in seconds.
    pub(super) points: Vec<(f64, f64, f64)>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 470.0;
/// Room for labels: left, top, right, bottom.
const MARGIN: (f64, f64, f64, f64) = (70.0, 40.0, 130.0, 55.0);

/// Told apart by people who do not see all colours (Okabe and Ito 2008).
const COLOURS: [&str; 8] = [
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7", "#999999",
];

/// A scale from values to places.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn place(&self, value: f64) -> f64 {
        let share = (value / self.low).ln() / (self.high / self.low).ln();
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Values for marks: 1, 2 and 5 times powers of ten.
    fn ticks(&self) -> Vec<f64> {
        let decades = (-6..6).map(|power| 10_f64.powi(power));
        let ticks = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * decade));
        ticks
            .filter(|tick| (self.low * 0.999..=self.high * 1.001).contains(tick))
            .collect()
    }
}

/// Draws the lines; medians are solid, 99th percentiles dashed.
pub(super) fn draw(title: &str, lines: &[Line<'_>]) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let bounds = |values: &mut dyn Iterator<Item = f64>| {
        values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
                (low.min(value), high.max(value))
            })
    };
    let (x_low, x_high) = bounds(&mut points().map(|point| point.0));
    let (y_low, y_high) = bounds(&mut points().flat_map(|point| [point.1, point.2]));
    let (left, top, right, bottom) = MARGIN;
    let x = Scale {
        low: x_low.min(1e6),
        high: x_high.max(x_low.min(1e6) * 1.01),
        from: left,
        to: WIDTH - right,
    };
    let y = Scale {
        low: y_low.min(1e6) / 1.2,
        high: y_high.max(1e-6) * 1.2,
        from: HEIGHT - bottom,
        to: top,
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{left}\" y=\"22\" font-size=\"14\">{title}</text>\n"
    );
    axes(&mut svg, &x, &y);
    for ((line, colour), at) in lines.iter().zip(COLOURS.iter().cycle()).zip(0_u32..) {
        let path = |of: fn(&(f64, f64, f64)) -> f64| {
            let places = line.points.iter().filter(|point| of(point).is_finite());
            let places = places.map(|point| format!("{:.1},{:.1}", x.place(point.0), y.place(of(point))));
            places.collect::<Vec<_>>().join(" ")
        };
        for (points, dashes) in [
            (path(|point| point.1), ""),
            (path(|point| point.2), " stroke-dasharray=\"4 4\""),
        ] {
            let _ = writeln!(
                svg,
                "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\"{dashes}/>"
            );
        }
        let (label, row) = (WIDTH - right + 12.0, top + 12.0 + 20.0 * f64::from(at));
        let _ = writeln!(
            svg,
            "<text x=\"{label}\" y=\"{row}\" fill=\"{colour}\">{}</text>",
            line.name
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn axes(svg: &mut String, x: &Scale, y: &Scale) {
    let (left, top, right, bottom) = MARGIN;
    let (base, end) = (HEIGHT - bottom, WIDTH - right);
    for tick in x.ticks() {
        let at = x.place(tick);
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" y1=\"{top}\" x2=\"{at:.1}\" y2=\"{base}\" stroke=\"#ddd\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{tick}</text>",
            base + 18.0
        );
    }
    for tick in y.ticks() {
        let at = y.place(tick);
        let label = tick.to_string();
        let _ = writeln!(
            svg,
            "<line x1=\"{left}\" y1=\"{at:.1}\" x2=\"{end}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 8.0,
            at + 4.0,
            label.get(..6).unwrap_or(&label)
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{left}\" y=\"{}\">rate of the elephant as a multiple of the threshold</text>\n\
         <text x=\"16\" y=\"{}\" transform=\"rotate(-90 16 {base})\">seconds to the mark: median, and 99th percentile (dashed)</text>",
        HEIGHT - 14.0,
        base,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_drawn_inside_the_picture() {
        let lines = [
            Line {
                name: "fast",
                points: vec![(1.0, 0.5, 1.0), (10.0, 0.05, 0.1)],
            },
            Line {
                name: "average",
                points: vec![(1.0, 2.0, f64::INFINITY), (10.0, 0.1, 0.2)],
            },
        ];
        let svg = draw("1G", &lines);
        assert_eq!(svg.matches("<polyline").count(), 4);
        assert!(svg.contains(">fast</text>") && !svg.contains("NaN") && !svg.contains("inf"));
        assert!(!draw("nothing", &[]).contains("NaN"));
    }
}

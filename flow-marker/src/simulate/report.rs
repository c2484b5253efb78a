//! Tables for people and files for other programs.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use anyhow::Context as _;

use super::chart::{self, Line};
use super::contender::Method;
use super::experiment::FalseMarks;
use super::mix::Mix;
use super::setup::Setup;
use super::statistics::{poisson_upper, quantile};

/// One figure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    setup: Setup,
    method: Method,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Detection {
        share: f64,
        runs: usize,
        found: usize,
        median: f64,
        p99: f64,
    },
    FalseMarks {
        mix: Mix,
        marks: FalseMarks,
    },
}

impl Row {
    /// Detection times in order.
    pub(super) fn detection(setup: &Setup, method: Method, share: f64, times: &[f64]) -> Self {
        let what = What::Detection {
            share,
            runs: times.len(),
            found: times.iter().filter(|time| time.is_finite()).count(),
            median: quantile(times, 0.5),
            p99: quantile(times, 0.99),
        };
        Self {
            setup: *setup,
            method,
            what,
        }
    }

    /// Marks of a mix.
    pub(super) const fn false_marks(setup: &Setup, method: Method, mix: Mix, marks: &FalseMarks) -> Self {
        Self {
            setup: *setup,
            method,
            what: What::FalseMarks { mix, marks: *marks },
        }
    }
}

/// All figures.
pub(super) struct Report {
    methods: Vec<Method>,
    rows: Vec<Row>,
    /// Where the present setup begins.
    from: usize,
}

impl Report {
    pub(super) fn new(methods: &[Method]) -> Self {
        Self {
            methods: methods.to_vec(),
            rows: Vec::new(),
            from: 0,
        }
    }

    /// The figures that follow belong to `setup`.
    pub(super) fn begin(&mut self, setup: &Setup, out: &mut impl Write) -> anyhow::Result<()> {
        self.from = self.rows.len();
        let per_sample = f64::from(setup.sending.rate) * f64::from(setup.frame);
        writeln!(
            out,
            "{} port, 1:{}, {}-byte frames of {}, {} to a datagram: an elephant has {}, a sample stands for {}, {:.3} samples a second at the threshold",
            setup.link,
            setup.sending.rate,
            setup.frame,
            setup.carrier.name(),
            setup.sending.batch,
            setup.threshold,
            bytes(per_sample),
            setup.threshold_bytes() / per_sample,
        )?;
        Ok(())
    }

    pub(super) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    fn present(&self, method: Method) -> impl Iterator<Item = &What> {
        let rows = self.rows.iter().skip(self.from);
        rows.filter(move |row| row.method == method).map(|row| &row.what)
    }

    /// Prints how long detection takes in the present setup.
    pub(super) fn show_detection(&self, rates: &[f64], out: &mut impl Write) -> anyhow::Result<()> {
        writeln!(
            out,
            "\nSeconds from the first packet to the mark, median / p99, by multiples of the threshold"
        )?;
        let mut head = format!("{:14}", "");
        for share in rates {
            let _ = write!(head, "{:>15}", format!("{share} ×"));
        }
        writeln!(out, "{head}")?;
        for method in &self.methods {
            let mut line = format!("{:14}", method.name());
            for what in self.present(*method) {
                if let What::Detection { median, p99, .. } = what {
                    let _ = write!(
                        line,
                        "{:>15}",
                        format!("{} / {}", seconds(*median), seconds(*p99))
                    );
                }
            }
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
        Ok(())
    }

    /// Prints how often mice are marked in the present setup.
    pub(super) fn show_false_marks(&self, mixes: &[Mix], out: &mut impl Write) -> anyhow::Result<()> {
        writeln!(
            out,
            "False marks per hour of a port, and what they are at most with 95 % of confidence"
        )?;
        let mut head = format!("{:14}", "");
        for mix in mixes {
            let _ = write!(head, "{:>20}", mix.name());
        }
        writeln!(out, "{head}")?;
        for method in &self.methods {
            let mut line = format!("{:14}", method.name());
            for what in self.present(*method) {
                if let What::FalseMarks { marks, .. } = what {
                    let (rate, upper) = marks.per_hour();
                    let _ = write!(line, "{:>20}", format!("{} (≤ {})", number(rate), number(upper)));
                }
            }
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
        Ok(())
    }

    /// Draws the detection times of the present setup.
    pub(super) fn write_svg(&self, path: &Path) -> anyhow::Result<()> {
        let line = |method: &Method| Line {
            name: method.name(),
            points: self
                .present(*method)
                .filter_map(|what| match what {
                    What::Detection {
                        share, median, p99, ..
                    } => Some((*share, *median, *p99)),
                    What::FalseMarks { .. } => None,
                })
                .collect(),
        };
        let lines: Vec<_> = self.methods.iter().map(line).collect();
        let title = self.rows.last().map_or_else(String::new, |row| {
            let Setup {
                link, frame, sending, ..
            } = &row.setup;
            format!("{link} port, 1:{}, {frame}-byte frames", sending.rate)
        });
        std::fs::write(path, chart::draw(&title, &lines))
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Writes all figures.
    pub(super) fn write_csv(&self, path: &Path) -> anyhow::Result<()> {
        let mut text = String::from(
            "method,carrier,link_bps,threshold_bps,sampling_rate,frame_bytes,batch,loss,share_of_threshold,runs,found,median_s,p99_s,mix,hours,false_marks,false_marks_per_hour,false_marks_per_hour_95\n",
        );
        for row in &self.rows {
            let Setup {
                link,
                threshold,
                frame,
                sending,
                carrier,
                ..
            } = &row.setup;
            let _ = write!(
                text,
                "{},{},{},{},{},{frame},{},{},",
                row.method.name(),
                carrier.name(),
                link.bits_per_second(),
                threshold.bits_per_second(),
                sending.rate,
                sending.batch,
                sending.loss
            );
            let _ = match &row.what {
                What::Detection {
                    share,
                    runs,
                    found,
                    median,
                    p99,
                } => writeln!(text, "{share},{runs},{found},{median:.6},{p99:.6},,,,,"),
                What::FalseMarks { mix, marks } => {
                    let (rate, upper) = marks.per_hour();
                    let FalseMarks { count, hours } = marks;
                    writeln!(
                        text,
                        ",,,,,{},{hours:.3},{count},{rate:.5},{upper:.5}",
                        mix.name()
                    )
                }
            };
        }
        std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
    }
}

impl FalseMarks {
    /// Marks an hour, and the upper bound of their mean.
    fn per_hour(&self) -> (f64, f64) {
        (
            self.count as f64 / self.hours,
            poisson_upper(self.count) / self.hours,
        )
    }
}

fn seconds(value: f64) -> String {
    match value {
        v if v.is_infinite() => "–".to_owned(),
        v if v < 0.9995 => format!("{v:.3}"),
        v if v < 9.995 => format!("{v:.2}"),
        v => format!("{v:.1}"),
    }
}

fn number(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

fn bytes(value: f64) -> String {
    match value {
        v if v >= 1e9 => format!("{:.3} GB", v / 1e9),
        v if v >= 1e6 => format!("{:.3} MB", v / 1e6),
        v => format!("{:.1} KB", v / 1e3),
    }
}

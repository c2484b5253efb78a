//! `flow-marker shadow`: what would have been done, as a table to be read before `mode = "act"`.

use std::fmt::Write as _;
use std::io::Write;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;
use shared::units::TimeSpan;

use super::ask::Whom;
use super::harmless;

pub(super) const EXAMPLES: &str = "\
Examples:
  What would have been done on the last day?
    flow-marker shadow --span 24h
  By another instance, in its last week:
    flow-marker shadow --server https://collector:8443 --token-file token --span 7d
  For a program:
    flow-marker shadow --json | jq .total";

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct ShadowArgs {
    #[command(flatten)]
    whom: Whom,
    /// How far back, at most a week.
    #[arg(long, value_name = "TIME", default_value = "24h")]
    span: TimeSpan,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

/// Asks, and prints a table.
pub(super) fn run(args: &ShadowArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let from = format!("-{}s", args.span.0.as_secs());
    let body = args.whom.get("shadow/json", &[("from", &from)])?;
    let text = match args.json {
        true => harmless::json(&body)?,
        false => {
            let report: Value = serde_json::from_str(&body).context("the answer is no JSON")?;
            harmless::lines(&table(&report))
        }
    };
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// The number at a path of the report.
fn number(report: &Value, path: &str) -> u64 {
    report.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}

/// The report for people.
fn table(report: &Value) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = write(report, &mut text);
    text
}

fn write(report: &Value, text: &mut String) -> std::fmt::Result {
    let seconds =
        (number(report, "/until") - number(report, "/from").min(number(report, "/until"))) / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    writeln!(text, "The last {hours} h {minutes} min.")?;
    for (kind, plural) in [("mark", "marks"), ("capture", "captures"), ("drop", "drops")] {
        let mode = report.pointer(&format!("/modes/{kind}")).and_then(Value::as_str);
        let done = match mode {
            Some("act") => "act: what was done",
            _ => "observe: what would have been done",
        };
        writeln!(text, "  {plural:<9} {done}")?;
    }
    writeln!(text)?;
    let total = report.pointer("/total").cloned().unwrap_or_default();
    let path = |path: &str| number(&total, &format!("/elephants/{path}"));
    let all = path("sequence") + path("count") + path("average");
    writeln!(
        text,
        "Elephants found: {all} (by TCP sequence numbers {}, by counts {}, by the average {})",
        path("sequence"),
        path("count"),
        path("average")
    )?;
    writeln!(
        text,
        "Bytes that marks cover: {}",
        bytes(number(&total, "/bytes"))
    )?;
    let refused = total.pointer("/refused").and_then(Value::as_object);
    let refused: Vec<_> = refused.into_iter().flatten().collect();
    match refused.is_empty() {
        true => writeln!(text, "Refused: nothing")?,
        false => {
            writeln!(text, "Refused:")?;
            for (reason, times) in refused {
                let times = times.as_u64().unwrap_or_default();
                writeln!(text, "  {reason:<12} {times:>8}")?;
            }
        }
    }
    writeln!(text)?;
    writeln!(
        text,
        "{:<40} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9} {:>9} {:>10}",
        "switch", "elephants", "marks", "at most", "captures", "drops", "refused", "changes", "a minute"
    )?;
    let switches = report.pointer("/switches").and_then(Value::as_array);
    for switch in switches.into_iter().flatten() {
        let agent = switch
            .pointer("/agent")
            .and_then(Value::as_str)
            .unwrap_or_default();
        row(text, agent, switch)?;
    }
    row(text, "all", &total)?;
    writeln!(text)?;
    writeln!(
        text,
        "At most {} ACLs of ours may be on one switch (max_rules).",
        number(report, "/max_rules")
    )
}

fn row(text: &mut String, name: &str, sums: &Value) -> std::fmt::Result {
    let of = |path: &str| number(sums, path);
    let sum = |path: &str| -> u64 {
        let members = sums.pointer(path).and_then(Value::as_object);
        members
            .into_iter()
            .flatten()
            .filter_map(|(_, value)| value.as_u64())
            .sum()
    };
    writeln!(
        text,
        "{name:<40} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9} {:>9} {:>10}",
        sum("/elephants"),
        of("/marks/begun"),
        of("/marks/most"),
        of("/captures/begun"),
        of("/drops/begun"),
        sum("/refused"),
        of("/changes"),
        of("/changes_per_minute")
    )
}

/// Bytes as people read them, with a decimal prefix.
fn bytes(count: u64) -> String {
    let (divisor, unit) = match count {
        0..1_000_000 => return format!("{count} bytes"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        1_000_000_000..1_000_000_000_000 => (1_000_000_000, "GB"),
        _ => (1_000_000_000_000, "TB"),
    };
    format!("{}.{} {unit}", count / divisor, count % divisor * 10 / divisor)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_says_what_an_operator_asks() {
        let sums = json!({
            "elephants": {"sequence": 7, "count": 2, "average": 0},
            "marks": {"begun": 8, "ended": 6, "most": 3},
            "captures": {"begun": 1, "ended": 1, "most": 1},
            "drops": {"begun": 0, "ended": 0, "most": 0},
            "refused": {"roce": 4, "budget": 1},
            "changes": 15, "changes_per_minute": 6, "bytes": 1_500_000_000,
        });
        let mut switch = sums.clone();
        switch["agent"] = json!("10.0.0.233");
        let report = json!({
            "from": 0, "until": 5_400_000_000_000_u64, "max_rules": 64,
            "modes": {"mark": "observe", "capture": "act", "drop": "observe"},
            "total": sums, "switches": [switch],
        });
        let text = table(&report);
        for line in [
            "The last 1 h 30 min.",
            "  marks     observe: what would have been done",
            "  captures  act: what was done",
            "Elephants found: 9 (by TCP sequence numbers 7, by counts 2, by the average 0)",
            "Bytes that marks cover: 1.5 GB",
            "  roce                4",
        ] {
            assert!(text.lines().any(|is| is == line), "{line} is missing in\n{text}");
        }
        let row = text.lines().find(|line| line.starts_with("10.0.0.233 ")).unwrap();
        let numbers: Vec<_> = row.split_whitespace().skip(1).collect();
        assert_eq!(numbers, ["9", "8", "3", "1", "0", "5", "15", "6"]);
    }
}

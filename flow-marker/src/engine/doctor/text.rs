//! The report as a table for people.

use std::fmt::Write as _;

use shared::units::BitRate;

use super::detection::Detection;
use super::finding::{Finding, Severity};
use super::report::{AgentReport, PortReport, Report, SourceReport};

/// The report as plain text: a table for each agent, and its findings below, the worst first.
pub fn render(report: &Report) -> String {
    if report.agents.is_empty() {
        return "No agent has sent anything yet.\n".to_owned();
    }
    let mut text = String::new();
    for agent in &report.agents {
        if !text.is_empty() {
            text.push('\n');
        }
        render_agent(agent, &mut text);
    }
    text
}

fn render_agent(agent: &AgentReport, text: &mut String) {
    let _ = writeln!(
        text,
        "agent {}: {} datagrams, {} lost",
        agent.agent, agent.datagrams, agent.datagrams_lost
    );
    let header = [
        "source",
        "port",
        "speed",
        "rate",
        "by pool",
        "by counters",
        "samples/s",
        "lost",
        "frame",
        "header",
        "found by",
        "p50",
        "p99",
    ];
    let mut rows = vec![header.map(str::to_owned)];
    rows.extend(agent.sources.iter().map(|source| row(agent, source)));
    if rows.len() > 1 {
        table(&rows, text);
    }
    for (severity, place, finding) in findings(agent) {
        let _ = write!(text, "  {severity:8} {place}: {}", finding.sentence);
        if !finding.change.is_empty() {
            let _ = write!(text, " {}", finding.change);
        }
        text.push('\n');
    }
}

fn row(agent: &AgentReport, source: &SourceReport) -> [String; 13] {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let index = source
        .data_source
        .strip_prefix("0:")
        .and_then(|index| index.parse().ok());
    let port = agent.ports.iter().find(|port| Some(port.if_index) == index);
    // What samples for all ports has the slowest of them.
    let detection = match port {
        Some(port) => port.detection.as_ref(),
        None if index.is_some() => None,
        None => slowest(&agent.ports),
    };
    let seconds = |of: fn(&Detection) -> Option<f64>| match detection {
        Some(detection) => of(detection).map_or_else(|| ">60 s".to_owned(), |s| format!("{s:.2} s")),
        None => "-".to_owned(),
    };
    let speed = port
        .filter(|port| port.speed > 0)
        .map(|port| BitRate::from_bits_per_second(port.speed));
    [
        source.data_source.clone(),
        or_dash(source.name.as_deref().map(str::to_owned)),
        or_dash(speed.map(|speed| speed.to_string())),
        format!("1:{}", source.sampling_rate),
        or_dash(source.pool_rate.map(|rate| format!("1:{rate:.0}"))),
        or_dash(source.counter_rate.map(|rate| format!("1:{rate:.0}"))),
        format!("{:.1}", source.samples_per_second),
        source.samples_lost.to_string(),
        or_dash(source.frames.as_ref().map(|frames| format!("{:.0}", frames.mean))),
        source.header_bytes.to_string(),
        or_dash(detection.map(|detection| detection.path.to_owned())),
        seconds(|detection| detection.median),
        seconds(|detection| detection.p99),
    ]
}

fn slowest(ports: &[PortReport]) -> Option<&Detection> {
    let all = ports.iter().filter_map(|port| port.detection.as_ref());
    let median = |detection: &Detection| detection.median.unwrap_or(f64::INFINITY);
    all.max_by(|a, b| median(a).total_cmp(&median(b)))
}

/// Columns as wide as their widest cell; the first two to the left, numbers to the right.
fn table(rows: &[[String; 13]], text: &mut String) {
    let mut widths = [0; 13];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
            let _ = if at < 2 {
                write!(line, "  {cell:<width$}")
            } else {
                write!(line, "  {cell:>width$}")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn findings(agent: &AgentReport) -> Vec<(&'static str, String, &Finding)> {
    let whole = agent.findings.iter().map(|finding| ("agent".to_owned(), finding));
    let sources = agent
        .sources
        .iter()
        .flat_map(|s| s.findings.iter().map(|finding| (s.data_source.clone(), finding)));
    let ports = agent.ports.iter().flat_map(|port| {
        let name = match &port.name {
            Some(name) => format!("port {} ({name})", port.if_index),
            None => format!("port {}", port.if_index),
        };
        port.findings.iter().map(move |finding| (name.clone(), finding))
    });
    let mut all: Vec<_> = whole.chain(sources).chain(ports).collect();
    all.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    let word = |severity| match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    all.into_iter()
        .map(|(place, finding)| (word(finding.severity), place, finding))
        .collect()
}

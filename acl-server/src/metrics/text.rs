//! The text format of Prometheus, version 0.0.4: what every scraper reads.

use std::fmt::Write;

use shared::AclName;

use super::RuleCounters;

/// Turns OpenMetrics text, which prometheus-client writes, into Prometheus text. They differ in that Prometheus says the
/// whole name of a counter, `_total` included, in its headings, and has neither units nor an end.
pub(super) fn from_openmetrics(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let suffix = if kind == "counter" { "_total" } else { "" };
            if let Some((_, help)) = help.take().filter(|(of, _)| *of == name) {
                let _ = writeln!(out, "# HELP {name}{suffix} {help}");
            }
            let _ = writeln!(out, "# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with('#') {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// The series of rules: of at most `most` rules one each, of all others their sum.
pub(super) fn rules(out: &mut String, rules: &[(AclName, Vec<RuleCounters>)], most: usize) {
    let packets = |one: &RuleCounters| one.packets;
    let bytes = |one: &RuleCounters| one.bytes;
    let all = || {
        rules
            .iter()
            .flat_map(|(acl, rules)| rules.iter().map(move |rule| (acl, rule)))
    };
    for (name, what, value) in [
        (
            "packets",
            "Packets that match",
            packets as fn(&RuleCounters) -> Option<u64>,
        ),
        ("bytes", "Bytes of packets that match", bytes),
    ] {
        let _ = writeln!(
            out,
            "# HELP acl_server_rule_{name}_total {what} a rule, by its ACL and line, as the tool lists them. Rules beyond \
             the first {most} are summed as acl=\"(other)\".\n# TYPE acl_server_rule_{name}_total counter"
        );
        let known = || all().filter_map(move |(acl, rule)| Some((acl, rule.line, value(rule)?)));
        for (acl, line, value) in known().take(most) {
            let _ = writeln!(
                out,
                "acl_server_rule_{name}_total{{acl=\"{acl}\",line=\"{line}\"}} {value}"
            );
        }
        let others = known().skip(most).map(|(_, _, value)| value);
        if let Some(sum) = others.reduce(u64::saturating_add) {
            let _ = writeln!(
                out,
                "acl_server_rule_{name}_total{{acl=\"(other)\",line=\"\"}} {sum}"
            );
        }
    }
    let (count, unknown) = all().fold((0_u64, 0_u64), |(count, unknown), (_, rule)| {
        (count + 1, unknown + u64::from(rule.packets.is_none()))
    });
    let _ = writeln!(
        out,
        "# HELP acl_server_rules Rules of our ACLs.\n# TYPE acl_server_rules gauge\nacl_server_rules {count}\n\
         # HELP acl_server_rules_uncounted Rules whose counters the tool's listing does not tell.\n\
         # TYPE acl_server_rules_uncounted gauge\nacl_server_rules_uncounted {unknown}"
    );
}

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn rules(acl: &str, counters: &[(u32, Option<u64>)]) -> (AclName, Vec<RuleCounters>) {
    let counters = counters.iter().map(|(line, packets)| RuleCounters {
        line: *line,
        packets: *packets,
        bytes: packets.map(|packets| packets * 10),
    });
    (acl.parse().unwrap(), counters.collect())
}

/// Every sample by its name and labels.
fn samples(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name, value.parse().unwrap())
        })
        .collect()
}

/// The name of a sample's metric.
fn family<'a>(sample: &'a str, types: &BTreeMap<&str, &str>) -> &'a str {
    let name = sample.split('{').next().unwrap();
    let histogram = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix));
    histogram
        .filter(|name| types.get(name) == Some(&"histogram"))
        .unwrap_or(name)
}

#[test]
fn every_metric_has_help_and_a_conventional_name() {
    let metrics = Metrics::default();
    metrics.set_entries(1, Some(2));
    metrics.http_request("GET", "/acl/", 200);
    let text = metrics.render_with(&[rules("a", &[(2, Some(1))])]);
    let headings = |kind: &str| -> BTreeMap<&str, &str> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(kind));
        lines.map(|line| line.split_once(' ').unwrap()).collect()
    };
    let (help, types) = (headings("# HELP "), headings("# TYPE "));
    assert_eq!(help.keys().collect::<Vec<_>>(), types.keys().collect::<Vec<_>>());
    assert!(
        help.values().all(|help| help.len() > 5 && help.ends_with('.')),
        "{help:?}"
    );
    let mut seen = BTreeSet::new();
    for sample in samples(&text).into_keys() {
        let name = family(sample, &types);
        seen.insert(name);
        assert!(name.starts_with("acl_server_"), "{sample}");
        assert_eq!(
            types.get(name) == Some(&"counter"),
            name.ends_with("_total"),
            "{sample}"
        );
    }
    assert_eq!(seen, types.keys().copied().collect());
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"));
}

#[test]
fn the_operators_page_names_every_metric_and_no_other() {
    let page = include_str!("../../../docs/OPERATING.md");
    let (_, page) = page.split_once("## Every metric of acl-server\n").unwrap();
    let page = page.split("\n## ").next().unwrap();
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let named: BTreeSet<String> = rows
        .flat_map(|names| names.split(", "))
        .map(|name| name.trim_matches('`').split('{').next().unwrap())
        .map(|name| format!("acl_server_{name}"))
        .collect();
    let metrics = Metrics::default();
    metrics.set_entries(1, Some(2));
    metrics.http_request("GET", "/acl/", 200);
    let text = metrics.render_with(&[]);
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let exist: BTreeSet<String> = types
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(named, exist);
}

#[test]
fn series_with_closed_labels_are_there_from_the_start() {
    let text = Metrics::default().render();
    let samples = samples(&text);
    for name in ["accepted", "refused", "timed_out", "killed", "not_started"] {
        assert_eq!(
            samples[format!("acl_server_tool_runs_total{{outcome=\"{name}\"}}").as_str()],
            0.0
        );
    }
    let verdicts = samples
        .keys()
        .filter(|name| name.starts_with("acl_server_changes_total{"));
    assert_eq!(verdicts.count(), Verdict::ALL.len());
    assert_eq!(
        samples[format!(
            "acl_server_build_info{{version=\"{}\"}}",
            env!("CARGO_PKG_VERSION")
        )
        .as_str()],
        1.0
    );
    assert!(!text.contains("acl_server_entries_limit "), "unknown is not 0");
    assert!(
        !text.contains("acl_server_rule_"),
        "without a listing nothing is said of rules"
    );
}

#[test]
fn what_happens_is_counted() {
    let metrics = Metrics::default();
    metrics.tool_run(ToolOutcome::Refused, Duration::from_millis(7));
    metrics.tool_run(ToolOutcome::Accepted, Duration::from_secs(100));
    metrics.batch(3, Duration::from_millis(5));
    metrics.queue_wait(Duration::from_millis(5));
    metrics.change_own(Duration::from_micros(150));
    metrics.change(Verdict::Duplicate);
    metrics.set_queue_length(4);
    metrics.set_acls(5);
    metrics.set_leases(6);
    metrics.set_unconfirmed(7);
    metrics.set_drifted(8);
    metrics.set_synced(true);
    metrics.lease_renewals(9);
    metrics.lease_expiry();
    metrics.revert();
    metrics.connection_rejected();
    metrics.auth_failure(AuthFailure::Invalid);
    metrics.events_lagged(10);
    metrics.listing(ListingOutcome::Busy);
    metrics.fsync(Duration::from_millis(1));
    metrics.set_entries(u64::MAX, Some(12));
    let (connection, subscriber) = (metrics.connection(), metrics.event_subscriber());
    drop(metrics.connection());
    let text = metrics.render();
    let now = samples(&text);
    for (name, value) in [
        ("tool_runs_total{outcome=\"refused\"}", 1.0),
        ("tool_run_seconds_bucket{le=\"0.005\"}", 0.0),
        ("tool_run_seconds_bucket{le=\"0.01\"}", 1.0),
        ("tool_run_seconds_bucket{le=\"+Inf\"}", 2.0),
        ("tool_run_seconds_sum", 100.007),
        ("batch_changes_sum", 3.0),
        ("batch_window_seconds_count", 1.0),
        ("queue_wait_seconds_count", 1.0),
        ("change_own_seconds_count", 1.0),
        ("changes_total{verdict=\"duplicate\"}", 1.0),
        ("queue_length", 4.0),
        ("acls", 5.0),
        ("leases", 6.0),
        ("unconfirmed", 7.0),
        ("drifted", 8.0),
        ("synced", 1.0),
        ("entries_limit", 12.0),
        ("lease_renewals_total", 9.0),
        ("lease_expiries_total", 1.0),
        ("reverts_total", 1.0),
        ("connections", 1.0),
        ("connections_rejected_total", 1.0),
        ("auth_failures_total{kind=\"invalid\"}", 1.0),
        ("event_subscribers", 1.0),
        ("events_lagged_total", 10.0),
        ("listings_total{outcome=\"busy\"}", 1.0),
        ("fsync_seconds_count", 1.0),
    ] {
        assert_eq!(now[format!("acl_server_{name}").as_str()], value, "{name}");
    }
    drop((connection, subscriber));
    metrics.set_synced(false);
    metrics.set_entries(0, None);
    let text = metrics.render();
    let now = samples(&text);
    assert_eq!(
        (now["acl_server_connections"], now["acl_server_event_subscribers"]),
        (0.0, 0.0)
    );
    assert_eq!(
        (now["acl_server_synced"], now["acl_server_entries_used"]),
        (0.0, 0.0)
    );
    assert!(!now.contains_key("acl_server_entries_limit"));
}

#[test]
fn requests_cannot_make_series() {
    let metrics = Metrics::default();
    for n in 0..1000_u16 {
        metrics.http_request(&format!("M{n}"), &format!("/acl/n{n}\"}} 1\n"), n);
    }
    metrics.http_request("PUT", "/acl/{name}", 201);
    let text = metrics.render();
    let requests: Vec<_> = samples(&text)
        .into_keys()
        .filter(|name| name.starts_with("acl_server_http_requests_total"))
        .collect();
    assert_eq!(requests.len(), 7, "{requests:?}");
    let put = "acl_server_http_requests_total{method=\"PUT\",route=\"/acl/{name}\",status=\"2xx\"}";
    assert_eq!(samples(&text)[put], 1.0);
}

#[test]
fn rules_have_series_up_to_a_bound_and_a_sum_beyond() {
    let metrics = Metrics::new("x", 3);
    let all = [
        rules("a", &[(2, Some(1)), (3, None), (4, Some(2))]),
        rules("other", &[(2, Some(3)), (3, Some(u64::MAX / 20))]),
        rules("z", &[(2, Some(5)), (9, None)]),
    ];
    let text = metrics.render_with(&all);
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("acl_server_rule"))
        .collect();
    let other = u64::MAX / 20 + 5;
    let expected = [
        "acl_server_rule_packets_total{acl=\"a\",line=\"2\"} 1".to_owned(),
        "acl_server_rule_packets_total{acl=\"a\",line=\"4\"} 2".to_owned(),
        "acl_server_rule_packets_total{acl=\"other\",line=\"2\"} 3".to_owned(),
        format!("acl_server_rule_packets_total{{acl=\"(other)\",line=\"\"}} {other}"),
        "acl_server_rule_bytes_total{acl=\"a\",line=\"2\"} 10".to_owned(),
        "acl_server_rule_bytes_total{acl=\"a\",line=\"4\"} 20".to_owned(),
        "acl_server_rule_bytes_total{acl=\"other\",line=\"2\"} 30".to_owned(),
        format!(
            "acl_server_rule_bytes_total{{acl=\"(other)\",line=\"\"}} {}",
            other * 10
        ),
        "acl_server_rules 7".to_owned(),
        "acl_server_rules_uncounted 2".to_owned(),
    ];
    assert_eq!(lines, expected);
    assert!(text.contains("beyond the first 3 are summed"));
    assert!(!Metrics::new("x", 5).render_with(&all).contains("(other)\",line"));
}

//! What both daemons count, as a real Prometheus sees it: lint, scrape, alerts, dashboards.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which fail by panics"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tests::agent::Agent;
use tests::local::{Home, LocalFlowMarker};
use tests::process::{self, Process};
use tests::{binaries, http, wait};

/// For anything that takes a moment: a slow machine is no reason to fail.
const PATIENCE: Duration = Duration::from_secs(60);

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(docs(name)).unwrap()
}

fn prometheus(program: &str) -> Option<PathBuf> {
    let found = binaries::system(program, "prometheus");
    binaries::or_left_out(found, "no Prometheus has looked at it")
}

/// Runs `promtool`; false where it is not installed.
fn promtool(arguments: &[&str], file: &Path, input: &str) -> bool {
    let Some(program) = prometheus("promtool") else {
        return false;
    };
    let mut command = process::command(program);
    command.args(arguments);
    if input.is_empty() {
        command.arg(file);
    }
    let said = process::run_with_input(command, input).unwrap();
    assert!(input.is_empty() || said.is_empty(), "{said}");
    true
}

#[test]
fn promtool_finds_nothing_wrong_with_the_rules() {
    let rules = docs("prometheus/alerts.yml");
    if promtool(&["check", "rules"], &rules, "") {
        // What makes each of them fire, and that nothing does when all is well.
        promtool(&["test", "rules"], &docs("prometheus/alerts_test.yml"), "");
        promtool(&["check", "config"], &docs("prometheus/scrape.yml"), "");
    }
}

/// Name, expression and severity of each alert, and where one reads more about it.
fn alerts() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut alerts = BTreeMap::<String, BTreeMap<_, _>>::new();
    let text = read("prometheus/alerts.yml");
    let mut name = "";
    for line in text.lines() {
        if let Some((_, alert)) = line.split_once("- alert: ") {
            name = alert;
        } else if let Some((key, value)) = line.trim().split_once(": ") {
            let alert = alerts.entry(name.to_owned()).or_default();
            alert.insert(key.to_owned(), value.trim_matches('"').to_owned());
        }
    }
    alerts.remove("");
    alerts
}

#[test]
fn the_operators_page_explains_every_alert_as_it_is() {
    let (page, alerts) = (read("OPERATING.md"), alerts());
    let (_, section) = page.split_once("\n## What to alarm on\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), alerts.len());
    // As the page is shown, a heading is an anchor in lower case, without question marks.
    let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
    let anchor = |heading: &str| heading.to_lowercase().replace(' ', "-").replace('?', "");
    let headings: BTreeSet<String> = headings.map(anchor).collect();
    for (name, alert) in &alerts {
        let row = format!("| `{name}` | `{}`", alert["expr"].replace('|', "\\|"));
        let row = rows.iter().find(|line| line.starts_with(&row));
        let row = row.unwrap_or_else(|| panic!("{name} is not explained as it is"));
        assert!(row.contains(&format!(" | {} | ", alert["severity"])), "{row}");
        for text in ["description", "action"] {
            assert!(row.contains(&alert[text]), "{name}: {text}");
        }
        assert!(!alert["summary"].is_empty(), "{name}");
        let anchor = alert["runbook"].strip_prefix("docs/OPERATING.md#").unwrap();
        assert!(headings.contains(anchor), "{name}: {anchor}");
    }
}

/// The metrics that exist, as the operators' page has them; tests of each daemon compare it with the program.
fn metrics() -> BTreeSet<String> {
    let page = read("OPERATING.md");
    let mut metrics = BTreeSet::new();
    for (heading, prefix) in [
        ("## Every metric\n", "flow_marker_"),
        ("## Every metric of acl-server\n", "acl_server_"),
    ] {
        let (_, section) = page.split_once(heading).unwrap();
        let section = section.split("\n## ").next().unwrap();
        for row in section.lines().filter_map(|line| line.strip_prefix("| `")) {
            let names = row.split(" |").next().unwrap().split(", ");
            let names = names.map(|name| name.trim_matches('`').split('{').next().unwrap());
            metrics.extend(names.map(|name| format!("{prefix}{name}")));
        }
    }
    assert!(metrics.len() > 80);
    metrics
}

/// The metrics of ours that an expression names, without what a histogram adds.
fn named(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("flow_marker_") || word.starts_with("acl_server_"));
    ours.map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned())
        .collect()
}

/// Every expression of a dashboard, with variables that mean everything.
fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array());
    let expressions = targets.flatten().map(|target| target["expr"].as_str().unwrap());
    expressions
        .map(|text| {
            text.replace("$__rate_interval", "1m")
                .replace("$instance", ".*")
                .replace("$agent", ".*")
        })
        .collect()
}

fn dashboards() -> [(&'static str, Value); 2] {
    ["grafana/fabric.json", "grafana/switch.json"]
        .map(|name| (name, serde_json::from_str(&read(name)).unwrap()))
}

#[test]
fn alerts_and_dashboards_ask_for_metrics_that_exist() {
    let exist = metrics();
    let mut asked = BTreeSet::new();
    for alert in alerts().values() {
        asked.extend(named(&alert["expr"]));
    }
    for (_, dashboard) in dashboards() {
        for expression in expressions(&dashboard) {
            let named = named(&expression);
            assert!(!named.is_empty(), "{expression}");
            asked.extend(named);
        }
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            let query = variable["query"]["query"].as_str().unwrap_or_default();
            asked.extend(named(query));
        }
    }
    let unknown: Vec<_> = asked.difference(&exist).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() {
    for (name, dashboard) in dashboards() {
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        assert_eq!(variables[0]["type"], "datasource", "{name}");
        let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            let place = &panel["gridPos"];
            let (x, width) = (place["x"].as_u64().unwrap(), place["w"].as_u64().unwrap());
            assert!(x + width <= 24, "{title}");
            assert!(ids.insert(panel["id"].as_u64()), "{title}");
            assert!(places.insert((x, place["y"].as_u64())), "{title}");
            if panel["type"] == "row" {
                assert!(title.ends_with('?'), "{title}: a row answers a question");
                continue;
            }
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
            assert!(panel["description"].as_str().unwrap().ends_with('.'), "{title}");
            let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap();
            for target in panel["targets"].as_array().unwrap() {
                let expression = target["expr"].as_str().unwrap();
                assert!(target["legendFormat"].is_string(), "{title}");
                // Where the name says the unit, the panel has to say the same.
                let rate = expression.contains("rate(");
                let expected: &[&str] = match () {
                    () if expression.contains(" / ") => &["percentunit"],
                    () if expression.contains("_seconds_bucket") => &["s"],
                    () if rate && expression.contains("_bytes_total") => &["Bps"],
                    () if expression.contains("_bytes{") => &["bytes"],
                    () if rate && !expression.contains("count(") => &["cps", "pps", "reqps"],
                    () => &["short", "none"],
                };
                assert!(expected.contains(&unit), "{title}: {unit}, not {expected:?}");
            }
        }
    }
}

/// A Prometheus on loopback.
struct Prometheus {
    address: SocketAddr,
    process: Process,
}

impl Prometheus {
    /// Scrapes the jobs and evaluates the alerts, both each second. `None` where there is no Prometheus.
    fn start(directory: &Path, jobs: &[(&str, SocketAddr)]) -> Option<Self> {
        let program = prometheus("prometheus")?;
        let mut config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: [{:?}]\nscrape_configs:\n",
            docs("prometheus/alerts.yml").canonicalize().unwrap()
        );
        for (job, target) in jobs {
            config += &format!("  - job_name: {job}\n    static_configs: [{{targets: [\"{target}\"]}}]\n");
        }
        let path = directory.join("prometheus.yml");
        fs::write(&path, config).unwrap();
        let mut command = process::command(program);
        command.arg(format!("--config.file={}", path.display()));
        command.arg(format!(
            "--storage.tsdb.path={}",
            directory.join("tsdb").display()
        ));
        command.arg("--web.listen-address=127.0.0.1:0");
        let process = Process::spawn("prometheus", command, directory).unwrap();
        process.wait_for_output("ready to receive", PATIENCE).unwrap();
        let log = process.output();
        let (_, rest) = log.split_once("\"Listening on\" address=").unwrap();
        let address = rest.split_whitespace().next().unwrap().parse().unwrap();
        Some(Self { address, process })
    }

    fn ask(&self, path: &str) -> Value {
        let answer = http::get(self.address, path).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json().unwrap()["data"].clone()
    }

    /// The series of an instant query, each with its labels and its value.
    fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let data = self.ask(&format!("/api/v1/query?query={encoded}"));
        let series = data["result"].as_array().unwrap().iter();
        series
            .map(|one| {
                (
                    one["metric"].clone(),
                    one["value"][1].as_str().unwrap().parse().unwrap(),
                )
            })
            .collect()
    }

    /// Waits until the query answers something.
    fn value(&self, expression: &str) -> f64 {
        wait::until(expression, PATIENCE, || {
            self.query(expression).first().map(|(_, value)| *value)
        })
        .unwrap()
    }
}

#[test]
fn a_real_prometheus_scrapes_both_daemons() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::new(directory.path()).unwrap();
    let server = home.start("acl-server", "").unwrap();
    server.ready().unwrap();
    let config = "[[switch]]\nagent = \"192.0.2.1\"\nacl = \"http://127.0.0.1:1\"\n";
    let marker = LocalFlowMarker::start(directory.path(), "flow-marker", config).unwrap();
    let rules = json!(["[iptables]", "-A FORWARD -i swp1 -p udp --sport 53 -j DROP"]);
    assert_eq!(
        http::put(server.address, "/acl/ddos1", &rules).unwrap().status,
        201
    );
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut agent = Agent::new("192.0.2.1".parse().unwrap());
    for n in 0..10 {
        let datagram = agent.datagram(Duration::from_millis(n), &[]);
        sender.send_to(&datagram, marker.sflow).unwrap();
    }
    for address in [server.address, marker.http] {
        let text = http::get(address, "/metrics").unwrap().text();
        assert!(text.contains("# HELP "));
        promtool(&["check", "metrics"], Path::new(""), &text);
    }

    let jobs = [("acl-server", server.address), ("flow-marker", marker.http)];
    let Some(prometheus) = Prometheus::start(directory.path(), &jobs) else {
        return;
    };
    for (job, _) in jobs {
        wait::until(job, PATIENCE, || {
            let up = prometheus.query(&format!("up{{job=\"{job}\"}} == 1"));
            (!up.is_empty()).then_some(())
        })
        .unwrap();
    }
    // A counter, a gauge, a histogram, and what is told of one rule.
    let decoded = "sum(flow_marker_datagrams_decoded_total{agent=\"192.0.2.1\"}) == 10";
    assert!((prometheus.value(decoded) - 10.0).abs() < 0.5);
    assert!((prometheus.value("acl_server_acls") - 1.0).abs() < 0.5);
    let quantile = "histogram_quantile(0.9, acl_server_tool_run_seconds_bucket) > 0";
    assert!(prometheus.value(quantile) > 0.0);
    let kinds = prometheus.ask("/api/v1/metadata");
    for (name, kind) in [
        ("flow_marker_datagrams_decoded_total", "counter"),
        ("flow_marker_agents", "gauge"),
        ("acl_server_tool_run_seconds", "histogram"),
    ] {
        assert_eq!(kinds[name][0]["type"], kind, "{name}");
    }

    // A rate takes two scrapes.
    prometheus.value("rate(flow_marker_datagrams_received_total[1m])");
    prometheus.value("rate(acl_server_changes_total[1m])");
    let (mut answered, mut asked) = (0, 0);
    for (name, dashboard) in dashboards() {
        for expression in expressions(&dashboard) {
            // Some have nothing to say yet; none may be refused.
            let series = prometheus.query(&expression);
            (answered, asked) = (answered + usize::from(!series.is_empty()), asked + 1);
            assert!(series.len() <= 100, "{name}: {expression}");
        }
    }
    assert!(answered * 4 > asked * 3, "{answered} of {asked}");
    wait::until("the alerts to be evaluated", PATIENCE, || {
        let rules = prometheus.ask("/api/v1/rules");
        let groups = rules["groups"].as_array().unwrap().iter();
        let rules: Vec<_> = groups
            .flat_map(|group| group["rules"].as_array().unwrap())
            .collect();
        assert_eq!(rules.len(), alerts().len());
        assert!(rules.iter().all(|rule| rule["lastError"].is_null()), "{rules:?}");
        rules.iter().all(|rule| rule["health"] == "ok").then_some(())
    })
    .unwrap();
    assert!(prometheus.process.terminate(PATIENCE).unwrap().success());
}

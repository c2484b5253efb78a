//! Whether a mark works, on real packets: a second switch behind the first one sees the mark, or does not any more, or the
//! rule is one that nothing meets.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

use std::time::Duration;

use serde_json::Value;
use tests::lab::{
    AclServer, AclServerOptions, Elephant, Family, FlowMarker, Lab, LabOptions, NEXT_AGENT, mark_config,
};
use tests::wait;

/// Samples that have none in a row take three seconds, three listings twenty-two.
const PATIENCE: Duration = Duration::from_secs(45);

/// A lab with two switches and an elephant that lasts for as long as it takes.
struct Scene {
    marker: FlowMarker,
    elephant: Elephant,
    _acl_server: AclServer,
    lab: Lab,
}

impl Scene {
    /// `edit` changes the configuration.
    fn start(edit: impl Fn(String) -> String) -> Self {
        let options = LabOptions {
            next_switch: true,
            ..LabOptions::default()
        };
        let lab = Lab::start(options).unwrap_or_else(|error| panic!("{error:#}"));
        let acl_server = lab.acl_server(&AclServerOptions::default()).unwrap();
        let port = |name| lab.next().interface_index(name).unwrap();
        // Its ports are inside of the fabric, so nothing is marked there, and its acl-server is not asked for anything that
        // matters here.
        let next = format!(
            "[[switch]]\nagent = \"{NEXT_AGENT}\"\nacl = \"http://{NEXT_AGENT}:8080\"\n\
             [switch.ports.{}]\nrole = \"core\"\n[switch.ports.{}]\nrole = \"core\"\n",
            port("swp11"),
            port("swp12")
        );
        let config = format!("{next}{}", edit(mark_config(&lab, "act").unwrap()));
        let marker = lab.flow_marker(&config).unwrap();
        let elephant = lab.elephant(Family::V4, "200M", 120).unwrap();
        Self {
            marker,
            elephant,
            _acl_server: acl_server,
            lab,
        }
    }

    fn control(&self) -> Option<Value> {
        let controls = self.marker.get("/controls/json").unwrap().json().unwrap();
        let port = self.elephant.flow.source.port();
        let controls = controls.as_array().unwrap().iter();
        controls
            .filter(|control| control["flow"]["sport"] == port)
            .find(|control| control["state"] == "installed")
            .cloned()
    }

    /// Waits for the control to come to that.
    fn until(&self, verdict: &str, ready: impl Fn(&Value) -> bool) -> Value {
        let reached = |control: &Value| control["effect"]["verdict"] == verdict && ready(control);
        let found = wait::until(verdict, PATIENCE, || self.control().filter(&reached));
        found.unwrap_or_else(|error| {
            panic!(
                "{error}: {:?}\n{}",
                self.control(),
                self.marker.process.output_end()
            )
        })
    }

    fn metric(&self, line: &str) -> bool {
        let metrics = self.marker.get("/metrics").unwrap();
        metrics.text().lines().any(|found| found == line)
    }

    /// The ports of the next switch begin, or cease, to trust what they are given.
    fn bleach(&self, change: &str) {
        let rule = ["POSTROUTING", "-o", "swp2", "-j", "DSCP", "--set-dscp", "0"];
        let words = [&["-t", "mangle", change], &rule[..]].concat();
        self.lab.leaf().run("iptables", &words).unwrap();
    }
}

#[test]
fn lab_a_mark_is_seen_at_the_next_switch_until_a_port_does_not_trust_it() {
    let scene = Scene::start(|config| config);
    // Counters and the rate are told after two seconds; so long the mark takes to settle.
    let control = scene.until("seen", |control| {
        let effect = &control["effect"];
        let more_than = |value: &Value, least| value.as_u64().is_some_and(|value| value > least);
        more_than(&effect["hits"]["packets"], 1000)
            && more_than(&effect["entering"], 0)
            && control["current"].is_object()
    });
    let effect = &control["effect"];
    assert_eq!(effect["seen"]["agent"], NEXT_AGENT.to_string(), "{control}");
    assert!(effect["why"].is_null(), "{control}");
    assert!(effect["unmarked"].is_null(), "{control}");
    for part in [
        "agent_hold_seconds",
        "evidence_seconds",
        "decision_to_request_seconds",
        "http_seconds",
        "queue_seconds",
        "commit_seconds",
        "first_marked_seconds",
    ] {
        let seconds = control["timing"][part].as_f64();
        assert!(
            seconds.is_some_and(|seconds| (0.0..20.0).contains(&seconds)),
            "{part}: {control}"
        );
    }
    assert_eq!(control["timing"]["agent_hold"], "estimated");
    let rate = control["current"]["bytes_per_second"].as_f64().unwrap() * 8.0;
    assert!((50e6..400e6).contains(&rate), "{rate}");

    scene.bleach("-A");
    let control = scene.until("none", |_| true);
    let why = control["effect"]["why"].as_str().unwrap();
    assert!(
        why.contains("without the mark") && why.contains(&NEXT_AGENT.to_string()),
        "{why}"
    );
    let log = scene.marker.process.output();
    assert!(log.contains("no effect seen"), "{log}");
    assert!(scene.metric("flow_marker_effects{agent=\"10.0.0.233\",effect=\"none\"} 1"));
    assert!(scene.metric("flow_marker_no_effect_total{agent=\"10.0.0.233\"} 1"));

    scene.bleach("-D");
    scene.until("seen", |control| control["effect"]["why"].is_null());
}

#[test]
fn lab_a_rule_that_nothing_meets_has_no_effect() {
    // The traffic does not enter by such an interface.
    let scene = Scene::start(|config| {
        config.replace(
            "platform = \"linux\"",
            "platform = \"linux\"\ninterface = \"eth9+\"",
        )
    });
    let control = scene.until("none", |_| true);
    let effect = &control["effect"];
    let why = effect["why"].as_str().unwrap();
    // Whoever looks at the next switch first, or at the counters: both say it.
    assert!(
        why.contains("without the mark") || why.contains("counters have not moved"),
        "{why}"
    );
    let control = scene.until("none", |control| control["effect"]["hits"]["packets"] == 0);
    assert!(control["effect"]["seen"].is_null(), "{control}");
}

#[test]
fn lab_without_another_switch_the_counters_tell() {
    let lab = Lab::start(LabOptions::default()).unwrap();
    let acl_server = lab.acl_server(&AclServerOptions::default()).unwrap();
    let config = mark_config(&lab, "act").unwrap();
    let config = config.replace(
        "platform = \"linux\"",
        "platform = \"linux\"\ninterface = \"eth9+\"",
    );
    let scene = Scene {
        marker: lab.flow_marker(&config).unwrap(),
        elephant: lab.elephant(Family::V4, "200M", 120).unwrap(),
        _acl_server: acl_server,
        lab,
    };
    let control = scene.until("none", |_| true);
    let why = control["effect"]["why"].as_str().unwrap();
    assert!(why.contains("counters have not moved in 3 listings"), "{why}");
}

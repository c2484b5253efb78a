//! The loop, end to end, on real packets: what iperf3 sends, Open vSwitch samples, flow-marker finds, acl-server installs
//! and the kernel marks is captured at the far host.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, CounterSample, FlowSample, Packet, PortCounters, Timeline, Traffic, play};
use tests::lab::{
    ACL_SERVER, AGENT, AclServer, AclServerOptions, CONTROLLER, Family, FlowMarker, Lab, LabOptions, Mice,
    mark_config,
};
use tests::wait;
use tests::wire::{Flow, Seen, Transport};

const PATIENCE: Duration = Duration::from_secs(20);
/// How long a rule may outlive its flow.
const RELEASE: Duration = Duration::from_secs(20);

fn start() -> (Lab, AclServer) {
    let lab = Lab::start(LabOptions::default()).unwrap_or_else(|error| panic!("{error:#}"));
    let acl_server = lab
        .acl_server(&AclServerOptions::default())
        .unwrap_or_else(|error| panic!("{error:#}"));
    (lab, acl_server)
}

fn controls(marker: &FlowMarker) -> Vec<Value> {
    marker
        .get("/controls/json")
        .unwrap()
        .json()
        .unwrap()
        .as_array()
        .unwrap()
        .clone()
}

/// The control for `flow`, once there is one.
fn control(marker: &FlowMarker, flow: &Flow) -> Option<Value> {
    controls(marker).into_iter().find(|control| {
        let end = |port: &str| control["flow"][port].as_u64();
        end("sport") == Some(flow.source.port().into())
            && end("dport") == Some(flow.destination.port().into())
    })
}

fn names(acl_server: &AclServer) -> Vec<String> {
    serde_json::from_value(acl_server.request("GET", "/acl/", None).unwrap().json().unwrap()).unwrap()
}

/// The name of the only ACL. Its rule marks packets a moment before the commit that carries it is over, and until then it
/// is not listed.
fn only_acl(acl_server: &AclServer) -> String {
    let listed = wait::until("the ACL to be listed", PATIENCE, || {
        Some(names(acl_server)).filter(|names| !names.is_empty())
    });
    let mut listed = listed.unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    listed.remove(0)
}

/// Waits for a marked packet of `flow` at the far host.
fn marked(received: &tests::wire::Capture, flow: &Flow) -> Seen {
    received
        .wait_for("a packet with DSCP 10", flow, PATIENCE, |seen| {
            seen.with_dscp(10) > 0
        })
        .unwrap()
}

/// From now on, every packet of `flow` that arrives is marked.
fn all_are_marked(received: &tests::wire::Capture, flow: &Flow) {
    let before = received.flow(flow);
    let later = received
        .wait_for("a thousand more packets", flow, PATIENCE, |seen| {
            seen.packets() > before.packets() + 1000
        })
        .unwrap();
    assert_eq!(
        later.packets() - later.with_dscp(10),
        before.packets() - before.with_dscp(10),
        "unmarked packets arrive"
    );
}

fn no_mouse_was_marked(received: &tests::wire::Capture) {
    let flows = received.flows();
    let mice: Vec<_> = flows.iter().filter(|(flow, _)| Mice::is_mouse(flow)).collect();
    assert!(
        mice.iter().map(|(_, seen)| seen.packets()).sum::<u64>() > 100,
        "there are no mice"
    );
    for (flow, seen) in mice {
        assert_eq!(seen.marked(), 0, "the mouse {flow} is marked");
    }
}

#[test]
fn lab_elephants_of_both_families_are_marked_and_released_and_mice_never() {
    let (lab, acl_server) = start();
    let marker = lab.flow_marker(&mark_config(&lab, "act").unwrap()).unwrap();
    let received = lab.capture_received().unwrap();
    let mice = lab.mice().unwrap();
    for (family, section) in [(Family::V4, "[iptables]"), (Family::V6, "[ip6tables]")] {
        let elephant = lab.elephant(family, "200M", 6).unwrap();
        let flow = elephant.flow;
        marked(&received, &flow);
        // As an operator sees it, on the switch.
        let name = only_acl(&acl_server);
        let shown = lab
            .leaf()
            .run("curl", &["-sS", &format!("http://{ACL_SERVER}/acl/{name}")])
            .unwrap();
        let (from, to) = (flow.source, flow.destination);
        let rule = format!(
            "-t mangle -A FORWARD --in-interface swp+ -s {} -d {} -p tcp --sport {} --dport {} -j SETQOS --set-dscp 10 --set-cos 5",
            from.ip(),
            to.ip(),
            from.port(),
            to.port()
        );
        let lines: Vec<String> = serde_json::from_str(&shown).unwrap();
        assert_eq!(lines, [section, "# mark Elephant", &rule]);
        all_are_marked(&received, &flow);
        elephant.wait(PATIENCE).unwrap();
        let control = wait::until("the control to be released", RELEASE, || {
            control(&marker, &flow).filter(|control| !control["times"]["removed"].is_null())
        });
        let control = control.unwrap_or_else(|error| panic!("{error}: {:?}", controls(&marker)));
        assert_eq!(control["state"], "released", "{control}");
        assert_eq!(names(&acl_server), Vec::<String>::new());
        let tool = if family == Family::V4 {
            "iptables-save"
        } else {
            "ip6tables-save"
        };
        let rules = lab.leaf().run(tool, &[]).unwrap();
        assert!(!rules.contains("DSCP"), "{rules}");
    }
    assert!(mice.answered() > 100, "{}", mice.answered());
    no_mouse_was_marked(&received);
    // iperf3 keeps a connection for its words of control to the same port: a mouse too.
    for (flow, seen) in received.flows() {
        assert!(seen.packets() > 1000 || seen.marked() == 0, "{flow}: {seen:?}");
    }
}

#[test]
fn lab_a_mark_is_there_again_after_the_switch_has_lost_everything() {
    let (lab, acl_server) = start();
    let _marker = lab.flow_marker(&mark_config(&lab, "act").unwrap()).unwrap();
    let received = lab.capture_received().unwrap();
    let elephant = lab.elephant(Family::V4, "200M", 30).unwrap();
    marked(&received, &elephant.flow);
    only_acl(&acl_server);

    // First a crash and a restart: files and rules are still there, and stay.
    acl_server.process.crash().unwrap();
    let acl_server = lab.acl_server(&AclServerOptions::default()).unwrap();
    only_acl(&acl_server);
    all_are_marked(&received, &elephant.flow);

    // Then as after a reinstallation: no files, no state, no rules.
    acl_server.process.crash().unwrap();
    for directory in [lab.policy_dir(), lab.directory().join("acl-server")] {
        std::fs::remove_dir_all(directory).unwrap();
    }
    lab.leaf().run("iptables", &["-t", "mangle", "-F"]).unwrap();
    let before = received.flow(&elephant.flow);
    let unmarked = |seen: &Seen| seen.packets() - seen.with_dscp(10);
    received
        .wait_for("unmarked packets", &elephant.flow, PATIENCE, |seen| {
            unmarked(seen) > unmarked(&before)
        })
        .unwrap();
    let acl_server = lab.acl_server(&AclServerOptions::default()).unwrap();
    let lost = received.flow(&elephant.flow);
    received
        .wait_for("the mark to be there again", &elephant.flow, PATIENCE, |seen| {
            seen.with_dscp(10) > lost.with_dscp(10)
        })
        .unwrap();
    only_acl(&acl_server);
    all_are_marked(&received, &elephant.flow);
}

/// The configuration of the lab's switch and of one more, whose acl-server is not there.
fn with_a_dead_switch(lab: &Lab, dead: IpAddr) -> String {
    let config = mark_config(lab, "act").unwrap();
    format!("[[switch]]\nagent = \"{dead}\"\nacl = \"http://{dead}:8080\"\n{config}")
}

#[test]
fn lab_a_dead_switch_does_not_delay_another_ones_mark() {
    let (lab, _acl_server) = start();
    let dead: IpAddr = "10.0.0.234".parse().unwrap();
    let marker = lab.flow_marker(&with_a_dead_switch(&lab, dead)).unwrap();
    let received = lab.capture_received().unwrap();
    // An elephant at the dead switch first: its mark is wanted and cannot be installed.
    let other = Flow {
        transport: Transport::Tcp,
        source: "10.1.0.1:1000".parse().unwrap(),
        destination: "10.2.0.1:2000".parse().unwrap(),
    };
    let sample = FlowSample::new(Packet::tcp(other.source, other.destination), 100, 1, 2);
    let port = CounterSample::new(PortCounters::new(1, 1_000_000_000), "swp1");
    let timeline = Timeline::new()
        .with_ports(vec![port], Duration::from_secs(1))
        .with_flow(Traffic::new(sample, 400_000_000, 7));
    let datagrams = Agent::new(dead).datagrams(timeline, 7, Duration::from_secs(1));
    let collector = (CONTROLLER, 6343).into();
    let _agent = lab
        .controller()
        .inside(|| play(datagrams, CONTROLLER.into(), collector))
        .unwrap()
        .unwrap();
    let failed = wait::until("the dead switch to be found dead", PATIENCE, || {
        control(&marker, &other).filter(|control| control["error"].is_string())
    });
    assert_ne!(failed.unwrap()["state"], "installed");

    let elephant = lab.elephant(Family::V4, "200M", 8).unwrap();
    marked(&received, &elephant.flow);
    let control = control(&marker, &elephant.flow).unwrap();
    let ms = |from: &str, to: &str| {
        (control["times"][to].as_u64().unwrap() - control["times"][from].as_u64().unwrap()) / 1_000_000
    };
    // A connection to the dead switch takes 2 s to fail, and its retries go on all the time.
    assert!(ms("detected", "put_sent") < 2000, "{control}");
    let switches = marker.get("/switches/json").unwrap().json().unwrap();
    let reachable = |agent: &str| {
        let switch = switches
            .as_array()
            .unwrap()
            .iter()
            .find(|switch| switch["agent"] == agent)
            .unwrap();
        switch["reachable"].as_bool()
    };
    assert_eq!(
        (reachable("10.0.0.234"), reachable(&AGENT.to_string())),
        (Some(false), Some(true))
    );
}

#[test]
fn lab_observe_contacts_nobody() {
    let (lab, acl_server) = start();
    let marker = lab.flow_marker(&mark_config(&lab, "observe").unwrap()).unwrap();
    let received = lab.capture_received().unwrap();
    let at_the_controller = tests::wire::Capture::start(lab.controller()).unwrap();
    let elephant = lab.elephant(Family::V4, "200M", 5).unwrap();
    let control = wait::until("what would have been done", PATIENCE, || {
        control(&marker, &elephant.flow)
    })
    .unwrap();
    assert_eq!(control["state"], "observed", "{control}");
    assert!(
        control["rule"][2].as_str().unwrap().contains("SETQOS"),
        "{control}"
    );
    elephant.wait(PATIENCE).unwrap();
    assert_eq!(received.flow(&elephant.flow).marked(), 0);
    assert_eq!(names(&acl_server), Vec::<String>::new());
    let flows = at_the_controller.flows();
    assert!(
        flows.keys().any(|flow| flow.destination.port() == 6343),
        "no sFlow was captured: {flows:?}"
    );
    // What is not on loopback, where this test asks, has left the machine.
    for (flow, seen) in flows
        .iter()
        .filter(|(flow, _)| !flow.destination.ip().is_loopback())
    {
        assert_eq!(
            flow.transport,
            Transport::Udp,
            "the controller has spoken: {flow} {seen:?}"
        );
    }
}

#[test]
fn lab_a_restart_of_the_controller_keeps_the_mark() {
    let (lab, acl_server) = start();
    let marker = lab.flow_marker(&mark_config(&lab, "act").unwrap()).unwrap();
    let received = lab.capture_received().unwrap();
    let elephant = lab.elephant(Family::V4, "200M", 14).unwrap();
    marked(&received, &elephant.flow);
    let before = only_acl(&acl_server);
    marker.process.crash().unwrap();
    let marker = lab.flow_marker(&mark_config(&lab, "act").unwrap()).unwrap();
    let unmarked = |seen: &Seen| seen.packets() - seen.with_dscp(10);
    let then = received.flow(&elephant.flow);
    let again = wait::until("the flow to be found again", PATIENCE, || {
        control(&marker, &elephant.flow).filter(|control| control["state"] == "installed")
    });
    assert_eq!(again.unwrap()["name"], before.as_str());
    elephant.wait(PATIENCE).unwrap();
    assert_eq!(
        unmarked(&received.flow(&elephant.flow)),
        unmarked(&then),
        "there was a gap"
    );
    wait::until("the rule to be gone", RELEASE, || {
        names(&acl_server).is_empty().then_some(())
    })
    .unwrap();
}

#[test]
fn lab_the_end_of_the_controller_withdraws_its_marks() {
    let (lab, acl_server) = start();
    let marker = lab.flow_marker(&mark_config(&lab, "act").unwrap()).unwrap();
    let received = lab.capture_received().unwrap();
    let body = br#"["[iptables]", "-A FORWARD -d 192.0.2.1 -j DROP"]"#;
    assert_eq!(
        acl_server
            .request("PUT", "/acl/by_hand", Some(body))
            .unwrap()
            .status,
        201
    );
    let elephant = lab.elephant(Family::V4, "200M", 8).unwrap();
    marked(&received, &elephant.flow);
    assert!(marker.process.terminate(PATIENCE).unwrap().success());
    assert_eq!(names(&acl_server), ["by_hand"]);
}

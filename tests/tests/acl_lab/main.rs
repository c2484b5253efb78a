//! What an ACL does to packets: PUT with curl, seen on the wire, removed with curl, and gone. Real acl-server, real
//! acltool, real iptables, in network namespaces.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tests::lab::{ACL_SERVER, Family};
use tests::wait;
use tests::wire::Seen;

mod bench;

use bench::{Bench, PATIENCE, PAYLOAD, flow, seconds};

/// Bytes of a packet as iptables counts them: with the headers of IP and UDP.
const V4_BYTES: u64 = PAYLOAD as u64 + 28;
const V6_BYTES: u64 = PAYLOAD as u64 + 48;

#[test]
fn lab_drop_drops_and_log_with_drop_too() {
    let bench = Bench::new();
    let (drop, log, v6, other) = (
        flow(Family::V4, 7001),
        flow(Family::V4, 7002),
        flow(Family::V6, 7001),
        flow(Family::V4, 7003),
    );
    for flow in [&drop, &log, &v6, &other] {
        bench.passes(flow, 0);
    }
    bench.put(
        "d",
        &["[iptables]", "-A FORWARD -i swp1 -p udp --dport 7001 -j DROP"],
    );
    bench.is_dropped(&drop);
    bench.passes(&v6, 0);
    bench.put(
        "l",
        &[
            "[iptables]",
            "-A FORWARD -i swp+ -p udp --dport 7002 -j LOG --log-prefix seen-",
            "-A FORWARD -i swp+ -p udp --dport 7002 -j DROP",
            "[ip6tables]",
            "-A FORWARD -i swp+ -p udp --dport 7001 -j DROP",
        ],
    );
    for flow in [&drop, &log, &v6] {
        bench.is_dropped(flow);
    }
    bench.passes(&other, 0);
    // The kernel keeps the log of a namespace to itself; the rule has seen the packets.
    assert!(bench.rules().contains("-j LOG --log-prefix"), "{}", bench.rules());
    let counted = bench.counters("l", 10);
    assert_eq!(
        counted,
        [
            (2, 10, 10 * V4_BYTES),
            (3, 10, 10 * V4_BYTES),
            (5, 10, 10 * V6_BYTES)
        ]
    );
    bench.delete("d");
    bench.passes(&drop, 0);
    bench.is_dropped(&log);
    bench.delete("l");
    for flow in [&drop, &log, &v6, &other] {
        bench.passes(flow, 0);
    }
    assert!(!bench.rules().contains("acltool"), "{}", bench.rules());
}

#[test]
fn lab_accept_before_the_deny_of_somebody_else_lets_pass() {
    let bench = Bench::new();
    let (ours, theirs) = (flow(Family::V4, 7010), flow(Family::V4, 7011));
    let deny = bench.foreign("99_deny.rules");
    fs::write(
        &deny,
        "[iptables]\n# theirs\n-A FORWARD -i swp1 -p udp --dport 7010:7019 -j DROP\n",
    )
    .unwrap();
    let lines = json!(["[iptables]", "-A FORWARD -i swp1 -p udp --dport 7010 -j ACCEPT"]);
    let dry = bench.curl("PUT", "/acl/a?dry_run=true", Some(&lines));
    let warning = json!(["line 2: comes before the deny at 99_deny.rules:3"]);
    assert_eq!((dry.status, &dry.body["warnings"]), (200, &warning), "{dry:?}");
    bench.passes(&ours, 0);
    bench.put(
        "a",
        &["[iptables]", "-A FORWARD -i swp1 -p udp --dport 7010 -j ACCEPT"],
    );
    bench.passes(&ours, 0);
    bench.is_dropped(&theirs);
    let details = bench.curl("GET", "/acl/?details=true", None).body;
    assert_eq!(details[0]["warnings"], warning, "{details}");
    bench.delete("a");
    bench.is_dropped(&ours);
    assert_eq!(fs::read_to_string(deny).unwrap().lines().count(), 3);
}

#[test]
fn lab_setqos_and_dscp_are_in_the_packets() {
    let bench = Bench::new();
    for (family, section) in [(Family::V4, "[iptables]"), (Family::V6, "[ip6tables]")] {
        let (setqos, dscp, other) = (flow(family, 7020), flow(family, 7021), flow(family, 7022));
        bench.put(
            "m",
            &[
                section,
                "-t mangle -A FORWARD -i swp+ -p udp --dport 7020 -j SETQOS --set-dscp 10 --set-cos 5",
                "-t mangle -A FORWARD -i swp+ -p udp --dport 7021 -j DSCP --set-dscp 46",
            ],
        );
        bench.passes(&setqos, 10);
        bench.passes(&dscp, 46);
        bench.passes(&other, 0);
        let bytes = if family == Family::V4 { V4_BYTES } else { V6_BYTES };
        assert_eq!(
            bench.counters("m", 10),
            [(2, 10, 10 * bytes), (3, 10, 10 * bytes)]
        );
        // Another mark is in force with the answer.
        let again = json!([
            section,
            "-t mangle -A FORWARD -i swp+ -p udp --dport 7020 -j SETQOS --set-dscp 20"
        ]);
        let reply = bench.curl("PUT", "/acl/m", Some(&again));
        assert_eq!(reply.status, 200, "{reply:?}");
        bench.passes(&setqos, 20);
        bench.passes(&dscp, 0);
        bench.delete("m");
        for flow in [&setqos, &dscp, &other] {
            bench.passes(flow, 0);
        }
    }
}

/// Has the switch count what leaves by its class, which a queueing discipline or a VLAN would go by. The kernel gives
/// classes too, to neighbour discovery for one: only UDP is ours.
fn count_classes(bench: &Bench) {
    let counters = (1..8)
        .map(|class| format!("add rule inet lab classes meta l4proto udp meta priority 0:{class} counter\n"));
    let table =
        "add table inet lab\nadd chain inet lab classes { type filter hook postrouting priority 300; }\n";
    let script = table.to_owned() + &counters.collect::<String>();
    bench.lab.leaf().run("nft", &[&script]).unwrap();
}

/// Packets that have left the switch with this class.
fn of_class(bench: &Bench, class: u8) -> u64 {
    let shown = bench
        .lab
        .leaf()
        .run("nft", &["list", "table", "inet", "lab"])
        .unwrap();
    let start = format!("meta l4proto udp meta priority 0:{class} counter packets ");
    let counter = shown.lines().find_map(|line| line.trim().strip_prefix(&start));
    let packets = counter.and_then(|rest| rest.split(' ').next());
    packets.unwrap_or_else(|| panic!("{shown}")).parse().unwrap()
}

#[test]
fn lab_classes_are_those_of_the_packets() {
    let bench = Bench::new();
    count_classes(&bench);
    bench.put(
        "c",
        &[
            "[iptables]",
            "-t mangle -A FORWARD -i swp+ -p udp --dport 7030 -j SETQOS --set-dscp 10 --set-cos 5",
            "-A FORWARD -i swp+ -p udp --dport 7031 -j SETCLASS --class 7",
            "-A FORWARD -i swp+ -p udp --dport 7032 -j POLICE --set-mode pkt --set-rate 1000 --set-burst 1000 --set-class 3",
            "[ip6tables]",
            "-A FORWARD -i swp+ -p udp --dport 7031 -j SETCLASS --class 6",
        ],
    );
    let ports = [
        (Family::V4, 7030, 5, 10),
        (Family::V4, 7031, 7, 0),
        (Family::V4, 7032, 3, 0),
        (Family::V6, 7031, 6, 0),
    ];
    for (family, port, class, dscp) in ports {
        bench.passes(&flow(family, port), dscp);
        assert_eq!(of_class(&bench, class), 10, "{port}\n{}", bench.rules());
    }
    bench.delete("c");
    for (family, port, class, _) in ports {
        bench.passes(&flow(family, port), 0);
        assert_eq!(of_class(&bench, class), 10, "{port}");
    }
}

/// Sends for about two seconds, and says what was sent and what arrived.
fn policed(bench: &Bench, port: u16, payload: usize) -> (Seen, Seen) {
    let flow = flow(Family::V4, port);
    bench.send(&flow, 1000, payload, Duration::from_millis(2));
    bench.fence(Family::V4);
    (bench.sent.flow(&flow), bench.received.flow(&flow))
}

#[test]
fn lab_police_limits_packets_and_bytes() {
    let bench = Bench::new();
    bench.put(
        "p",
        &[
            "[iptables]",
            "-A FORWARD -i swp+ -p udp --dport 7040 -j POLICE --set-mode pkt --set-rate 100 --set-burst 50",
            "-A FORWARD -i swp+ -p udp --dport 7041 -j POLICE --set-mode KB --set-rate 50 --set-burst 50",
        ],
    );
    for (port, payload, rate, burst, size) in [
        (7040, 100, 100.0, 50.0, 1.0),
        (7041, 996, 50.0 * 1024.0, 50.0 * 1024.0, 1024.0),
    ] {
        let (sent, received) = policed(&bench, port, payload);
        let (sent, time) = (sent.packets(), seconds(&sent));
        assert_eq!(sent, 1000);
        let arrived = f64::from(u32::try_from(received.packets()).unwrap()) * size;
        let expected = burst + rate * time;
        println!(
            "port {port}: {arrived} of {} in {time:.2} s, expected {expected:.0}",
            1000.0 * size
        );
        assert!(
            arrived > 0.6 * expected && arrived < 1.4 * expected + 5.0 * size,
            "{arrived} in {time} s instead of {expected}\n{}",
            bench.rules()
        );
    }
    bench.passes(&flow(Family::V4, 7042), 0);
    bench.delete("p");
    for (port, payload) in [(7040, 100), (7041, 996)] {
        let before = bench.received.flow(&flow(Family::V4, port)).packets();
        let (_, received) = policed(&bench, port, payload);
        assert_eq!(received.packets() - before, 1000, "{port}");
    }
}

#[test]
fn lab_erspan_copies_arrive_at_the_analyzer_and_the_originals_at_the_host() {
    let bench = Bench::new();
    let (copied, other) = (flow(Family::V4, 7050), flow(Family::V4, 7051));
    bench.put(
        "e",
        &[
            "[iptables]",
            "-A FORWARD -i swp+ -p udp --dport 7050 -j ERSPAN --src-ip 10.0.0.233 --dst-ip 10.0.0.162",
        ],
    );
    bench.passes(&copied, 0);
    bench.passes(&other, 0);
    let all = |seen: &Seen| seen.packets() >= 10;
    let copies = bench
        .mirrored
        .wait_for("the copies", &copied, PATIENCE, all)
        .unwrap();
    assert_eq!(copies.packets(), 10);
    assert_eq!(bench.mirrored.flow(&other).packets(), 0);
    assert_eq!(bench.counters("e", 10), [(2, 10, 10 * V4_BYTES)]);
    bench.delete("e");
    bench.passes(&copied, 0);
    bench.curl("GET", "/acl/", None);
    assert_eq!(bench.mirrored.flow(&copied).packets(), 10);
}

#[test]
fn lab_what_the_kernel_cannot_is_refused_and_changes_nothing() {
    let bench = Bench::new();
    bench.put(
        "d",
        &["[iptables]", "-A FORWARD -i swp1 -p udp --dport 7001 -j DROP"],
    );
    let before = bench.rules();
    let rules = |text: &str| text.lines().filter(|line| line.contains(" -A ")).count();
    for (target, word) in [
        ("-j SPAN --dport swp2", "SPAN"),
        (
            "-j TRICOLORPOLICE --set-color-mode blind --set-cir 10 --set-cbs 10 --set-pir 20 --set-ebs 20 --set-violate-action drop",
            "TRICOLORPOLICE",
        ),
    ] {
        let lines = json!([
            "[iptables]",
            format!("-A FORWARD -i swp1 -p udp --dport 7009 {target}")
        ]);
        let reply = bench.curl("PUT", "/acl/x", Some(&lines));
        assert_eq!(reply.status, 422, "{reply:?}");
        let said = reply.body.to_string();
        assert!(
            said.contains(&format!("{word} ")) && said.contains("cannot be expressed"),
            "{said}"
        );
        let last = bench.curl("GET", "/acl/lasterror", None);
        assert!(last.status == 200 && last.body["returncode"] == 1, "{last:?}");
    }
    assert_eq!(bench.curl("GET", "/acl/", None).body, json!(["d"]));
    assert_eq!(rules(&bench.rules()), rules(&before));
    bench.is_dropped(&flow(Family::V4, 7001));
    bench.delete("d");
    assert_eq!(bench.curl("GET", "/acl/lasterror", None).status, 204);
}

#[test]
fn lab_counters_and_metrics_tell_what_was_sent() {
    let bench = Bench::new();
    bench.put(
        "n",
        &[
            "[iptables]",
            "# three rules, of which one is two to the kernel",
            "-t mangle -A FORWARD -i swp+ -p udp --dport 7060 -j SETQOS --set-dscp 10 --set-cos 5",
            "-A FORWARD -i swp1,swp2 -p udp --dport 7060 -j ACCEPT",
            "-A FORWARD -i swp+ -p udp --dport 7061 -j DROP",
            "[ip6tables]",
            "-A FORWARD -i swp+ -p udp --dport 7060 -j ACCEPT",
        ],
    );
    let zero = [(3, 0, 0), (4, 0, 0), (5, 0, 0), (7, 0, 0)];
    assert_eq!(bench.counters("n", 0), zero);
    bench.passes(&flow(Family::V4, 7060), 10);
    bench.passes(&flow(Family::V4, 7060), 10);
    bench.is_dropped(&flow(Family::V4, 7061));
    bench.passes(&flow(Family::V6, 7060), 0);
    let expected = [
        (3, 20, 20 * V4_BYTES),
        (4, 20, 20 * V4_BYTES),
        (5, 10, 10 * V4_BYTES),
        (7, 10, 10 * V6_BYTES),
    ];
    assert_eq!(bench.counters("n", 20), expected);
    let metrics = bench.curl("GET", "/metrics?rules=true", None);
    let text = metrics.body.as_str().unwrap();
    for (line, packets, bytes) in expected {
        for (name, value) in [("packets", packets), ("bytes", bytes)] {
            let series = format!("acl_server_rule_{name}_total{{acl=\"n\",line=\"{line}\"}} {value}\n");
            assert!(text.contains(&series), "{series} not in {text}");
        }
    }
    assert!(
        text.contains("acl_server_acls 1\n") && text.contains("acl_server_synced 1\n"),
        "{text}"
    );
    // A commit of others keeps them.
    bench.put(
        "other",
        &["[iptables]", "-A FORWARD -i swp+ -p udp --dport 7069 -j DROP"],
    );
    assert_eq!(bench.counters("n", 20), expected);
    assert_eq!(bench.curl("GET", "/acl/none/counters", None).status, 404);
}

#[test]
fn lab_what_is_reported_as_shadowed_has_no_effect_until_the_other_rule_is_gone() {
    let bench = Bench::new();
    let theirs = bench.foreign("50_nvue.rules");
    let (deny, permit) = (flow(Family::V4, 7070), flow(Family::V4, 7080));
    let lines = [
        "[iptables]",
        "-A FORWARD -i swp1 -p udp --dport 7070 -j DROP",
        "-A FORWARD -i swp1 -p udp --dport 7080 -j ACCEPT",
    ];
    fs::write(
        &theirs,
        "[iptables]\n# of the switch's own configuration\n-A FORWARD -i swp1 -p udp --dport 7070:7079 -j ACCEPT\n\
         -A FORWARD -i swp+ -p udp --dport 7080:7089 -j DROP\n",
    )
    .unwrap();
    let shadowed = json!([
        "line 2: shadowed by 50_nvue.rules:3",
        "line 3: shadowed by 50_nvue.rules:4",
    ]);
    let dry = bench.curl("PUT", "/acl/s?dry_run=true", Some(&json!(lines)));
    assert_eq!((dry.status, &dry.body["warnings"]), (200, &shadowed), "{dry:?}");
    assert_eq!(bench.curl("GET", "/acl/", None).body, json!([]));
    bench.put("s", &lines);
    let details = bench.curl("GET", "/acl/?details=true", None).body;
    assert_eq!(details[0]["warnings"], shadowed, "{details}");
    bench.passes(&deny, 0);
    bench.is_dropped(&permit);
    assert!(bench.counters("s", 0).iter().all(|rule| rule.1 == 0));

    // Its going counts with the next commit, whoever causes it.
    fs::remove_file(&theirs).unwrap();
    bench.passes(&deny, 0);
    bench.put(
        "t",
        &["[iptables]", "-A FORWARD -i swp1 -p udp --dport 7099 -j DROP"],
    );
    bench.is_dropped(&deny);
    bench.passes(&permit, 0);
    let details = bench.curl("GET", "/acl/?details=true&prefix=s", None).body;
    assert_eq!(details[0]["warnings"], json!([]), "{details}");
    assert_eq!(
        bench.counters("s", 10),
        [(2, 10, 10 * V4_BYTES), (3, 10, 10 * V4_BYTES)]
    );
}

/// Whether the operator reaches the API at all.
fn reachable(bench: &Bench) -> bool {
    let ask = bench.lab.controller().run(
        "curl",
        &[
            "-sS",
            "-m",
            "2",
            "--connect-timeout",
            "2",
            &format!("http://{ACL_SERVER}/healthz"),
        ],
    );
    ask.is_ok()
}

#[test]
fn lab_the_guard_keeps_the_way_in_open_for_all_but_root() {
    let bench = Bench::new();
    let port = SocketAddr::port(&ACL_SERVER);
    let lines = json!([
        "[iptables]",
        format!("-A INPUT -i mgmt -p tcp --dport {port} -j DROP")
    ]);
    let before = bench.rules();
    for query in ["?dry_run=true", ""] {
        let reply = bench.curl("PUT", &format!("/acl/cut{query}"), Some(&lines));
        assert_eq!(reply.status, 403, "{reply:?}");
        assert_eq!(
            (&reply.body["line"], &reply.body["acl"]),
            (&json!(2), &json!("cut")),
            "{reply:?}"
        );
    }
    let patch = bench.curl(
        "PATCH",
        "/acl/",
        Some(&json!({ "cut": lines, "fine": ["[iptables]"] })),
    );
    assert_eq!(patch.status, 403, "{patch:?}");
    assert_eq!(bench.rules(), before);
    assert!(reachable(&bench));
    // From the hosts nobody is managed.
    bench.put("fine", &["[iptables]", "-A FORWARD -p tcp --dport 8080 -j DROP"]);

    let reply = bench.root_curl("PUT", "/acl/cut", Some(&lines));
    assert_eq!(reply.status, 201, "{reply:?}");
    assert!(!reachable(&bench), "{}", bench.rules());
    assert_eq!(bench.root_curl("GET", "/acl/", None).body, json!(["cut", "fine"]));
    let reply = bench.root_curl("DELETE", "/acl/cut", None);
    assert_eq!(reply.status, 204, "{reply:?}");
    assert!(reachable(&bench));
}

/// Waits until no packet of this port is dropped any more.
fn until_it_passes(bench: &Bench, port: u16) {
    wait::until("packets to pass", PATIENCE, || {
        (bench.cross(&flow(Family::V4, port), 1).packets() == 1).then_some(())
    })
    .unwrap();
}

#[test]
fn lab_a_lease_ends_in_the_kernel_and_in_the_directory_by_itself() {
    let bench = Bench::new();
    let lines = json!(["[iptables]", "-A FORWARD -i swp1 -p udp --dport 7090 -j DROP"]);
    bench.put(
        "stays",
        &["[iptables]", "-A FORWARD -i swp1 -p udp --dport 7091 -j DROP"],
    );
    let reply = bench.curl("PUT", "/acl/leased?ttl=2", Some(&lines));
    assert_eq!(reply.status, 201, "{reply:?}");
    bench.is_dropped(&flow(Family::V4, 7090));
    // Renewed, it outlives its first term.
    let renewed = bench.curl("POST", "/acl/renew?prefix=lea&ttl=4", None);
    assert_eq!(
        (renewed.status, &renewed.body["renewed"]),
        (200, &json!(1)),
        "{renewed:?}"
    );
    wait::pause(Duration::from_millis(2200));
    bench.is_dropped(&flow(Family::V4, 7090));
    until_it_passes(&bench, 7090);
    wait::until("the file to be gone", PATIENCE, || {
        (!bench.foreign("50rest-leased.rules").exists()).then_some(())
    })
    .unwrap();
    wait::until("the ACL to be gone", PATIENCE, || {
        (bench.curl("GET", "/acl/", None).body == json!(["stays"])).then_some(())
    })
    .unwrap();
    assert!(!bench.rules().contains("50rest-leased"), "{}", bench.rules());
    bench.is_dropped(&flow(Family::V4, 7091));
}

#[test]
fn lab_a_change_that_nobody_confirms_is_taken_back() {
    let bench = Bench::new();
    let marked = flow(Family::V4, 7095);
    let mark = [
        "[iptables]",
        "-t mangle -A FORWARD -i swp1 -p udp --dport 7095 -j DSCP --set-dscp 10",
    ];
    let drop = json!(["[iptables]", "-A FORWARD -i swp1 -p udp --dport 7095 -j DROP"]);
    bench.put("c", &mark);
    bench.passes(&marked, 10);
    let state =
        |id: &str| -> Value { bench.curl("GET", &format!("/commit/{id}"), None).body["state"].clone() };

    let reply = bench.curl("PUT", "/acl/c?confirm=2", Some(&drop));
    assert_eq!(reply.status, 200, "{reply:?}");
    let id = reply.header("commit-id");
    assert_eq!(state(&id), "unconfirmed");
    bench.is_dropped(&marked);
    let locked = bench.curl("PUT", "/acl/c", Some(&json!(mark)));
    assert_eq!(locked.status, 409, "{locked:?}");
    // Its tables come back one after the other; all are back when that is said.
    until_it_passes(&bench, 7095);
    wait::until("the verdict", PATIENCE, || {
        (state(&id) == "reverted").then_some(())
    })
    .unwrap();
    bench.passes(&marked, 10);
    assert_eq!(bench.curl("GET", "/acl/c", None).body, json!(mark));
    let late = bench.curl("POST", &format!("/commit/{id}/confirm"), None);
    assert_eq!(late.status, 410, "{late:?}");

    let reply = bench.curl("PUT", "/acl/c?confirm=2", Some(&drop));
    let id = reply.header("commit-id");
    let confirmed = bench.curl("POST", &format!("/commit/{id}/confirm"), None);
    assert_eq!(confirmed.status, 204, "{confirmed:?}");
    wait::pause(Duration::from_millis(2500));
    bench.is_dropped(&marked);
    assert_eq!(state(&id), "installed");

    // What was new is gone again.
    let fresh = json!(["[iptables]", "-A FORWARD -i swp1 -p udp --dport 7096 -j DROP"]);
    let reply = bench.curl("PUT", "/acl/fresh?confirm=2", Some(&fresh));
    assert_eq!(reply.status, 201, "{reply:?}");
    bench.is_dropped(&flow(Family::V4, 7096));
    until_it_passes(&bench, 7096);
    wait::until("the ACL to be gone", PATIENCE, || {
        (bench.curl("GET", "/acl/fresh", None).status == 404).then_some(())
    })
    .unwrap();
}

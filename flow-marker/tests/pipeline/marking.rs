//! The whole loop without root: real UDP into the real daemon, real HTTP out of it, to a small acl-server made here.

use std::time::Duration;

use crate::support::acl_server::AclServer;
use crate::support::daemon::{Daemon, eventually};
use crate::support::datagram::{Datagram, Flow};
use tokio::net::TcpListener;

const AGENT: &str = "10.0.0.233";

fn switch(agent: &str, acl: &str) -> String {
    format!("[[switch]]\nagent = \"{agent}\"\nacl = \"{acl}\"\n")
}

fn config(switches: &[(&str, &str)], mark: &str) -> String {
    let switches: String = switches.iter().map(|(agent, acl)| switch(agent, acl)).collect();
    format!(
        "{switches}[mark]\nmode = \"act\"\nthreshold = \"100M\"\nhold = \"1s\"\ncommit_interval = \"100ms\"\n{mark}\n"
    )
}

fn elephant() -> Flow {
    Flow::tcp("10.100.10.151", "10.100.20.150", 40_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_elephant_is_marked_with_the_seeds_rule_and_unmarked_at_its_end() {
    let server = AclServer::start().await;
    let daemon = Daemon::start(&config(&[(AGENT, &server.url())], "")).await;
    let mouse = Flow::tcp("10.100.10.151", "10.100.20.150", 41_000);
    daemon.send(&Datagram::new(AGENT).flow_sample(1, 1, 1000, &mouse).bytes());
    daemon.elephant(AGENT, &elephant());
    daemon.elephant(AGENT, &Flow::tcp("2001:db8::1", "2001:db8::2", 40_001));

    eventually("two marks", || async {
        (server.names().len() == 2).then_some(())
    })
    .await;
    let rules: Vec<_> = server.lock().acls.values().cloned().collect();
    let v4 = [
        "[iptables]",
        "# mark Elephant",
        "-t mangle -A FORWARD --in-interface swp+ -s 10.100.10.151 -d 10.100.20.150 -p tcp --sport 40000 --dport 5001 -j SETQOS --set-dscp 10 --set-cos 5",
    ];
    let v6 = [
        "[ip6tables]",
        "# mark Elephant",
        "-t mangle -A FORWARD --in-interface swp+ -s 2001:db8::1 -d 2001:db8::2 -p tcp --sport 40001 --dport 5001 -j SETQOS --set-dscp 10 --set-cos 5",
    ];
    assert!(
        rules.iter().any(|r| r == &v4) && rules.iter().any(|r| r == &v6),
        "{rules:?}"
    );

    let control = daemon.control("installed").await;
    assert_eq!(
        (&control["agent"], &control["port"]["ifindex"]),
        (&AGENT.into(), &1.into())
    );
    assert_eq!(control["mode"], "act");
    assert_eq!(control["server"]["commit_ms"], 38.0);
    assert!(
        control["evidence"]["rate_bps"].as_u64() >= Some(100_000_000),
        "{control}"
    );
    let times = &control["times"];
    let order = ["first_sample", "detected", "put_sent", "installed"].map(|key| times[key].as_u64().unwrap());
    assert!(order.is_sorted(), "{times}");
    let switches = daemon.json("/switches/json").await;
    assert_eq!(
        (&switches[0]["reachable"], &switches[0]["installed"]),
        (&true.into(), &2.into())
    );

    // 8.3 s of silence end the flow, and the hold is over by then.
    let gone = daemon.control("released").await;
    assert!(
        gone["times"]["removed"].as_u64() > gone["times"]["ended"].as_u64(),
        "{gone}"
    );
    eventually("no mark", || async { server.names().is_empty().then_some(()) }).await;
    assert_eq!(
        daemon
            .metric(&format!("flow_marker_elephants_ended_total{{agent=\"{AGENT}\"}}"))
            .await,
        2
    );
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_installed_is_withdrawn_when_it_stops_and_strangers_stay() {
    let server = AclServer::start().await;
    server
        .lock()
        .acls
        .insert("ddos1".to_owned(), vec!["[iptables]".to_owned()]);
    let daemon = Daemon::start(&config(&[(AGENT, &server.url())], "")).await;
    daemon.elephant(AGENT, &elephant());
    daemon.control("installed").await;
    daemon.stop().await;
    assert_eq!(server.names(), ["ddos1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_mark_is_taken_over_without_a_gap() {
    let server = AclServer::start().await;
    let settings = config(&[(AGENT, &server.url())], "").replace("\"100M\"", "\"10%\"");
    let counters = Datagram::new(AGENT).counters(1, 1_000_000_000, "swp1").bytes();
    let daemon = Daemon::start(&settings).await;
    daemon.send(&counters);
    daemon.elephant(AGENT, &elephant());
    daemon.control("installed").await;
    let mark = server.lock().acls.clone();
    daemon.stop().await;
    // As after a kill: the rule is still there, and one of a flow that has ended meanwhile.
    server.lock().acls = mark.clone();
    server
        .lock()
        .acls
        .insert("fm_mark_old".to_owned(), vec!["[iptables]".to_owned()]);
    server.lock().changes.clear();

    let daemon = Daemon::start(&settings).await;
    let orphans = format!("flow_marker_orphans{{agent=\"{AGENT}\"}}");
    eventually("both seen", || async {
        (daemon.metric(&orphans).await == 2).then_some(())
    })
    .await;
    // Until the port's counters come, which agents send twice a minute, nothing can be an elephant.
    for _ in 0..12 {
        daemon.elephant(AGENT, &elephant());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(daemon.metric(&orphans).await, 2);
    daemon.send(&counters);
    daemon.elephant(AGENT, &elephant());
    daemon.control("installed").await;
    let name = mark.keys().next().unwrap();
    assert_eq!(
        server.lock().changes,
        [format!("PUT {name}")],
        "and nothing removed"
    );
    daemon.stop().await;
    assert!(server.names().is_empty(), "the old one goes with the rest");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_elephants_of_one_agent_delay_neither_another_nor_the_end() {
    let (flooded, server) = (AclServer::start().await, AclServer::start().await);
    let daemon = Daemon::start(&config(
        &[("10.0.0.1", &flooded.url()), (AGENT, &server.url())],
        "profile = \"average\"",
    ))
    .await;
    let known = "flow_marker_elephants".to_owned();
    for some in 0..20_u16 {
        for n in 0..100 {
            // 15 Mbyte in one sample are enough for the average.
            let flow = Flow::tcp("10.1.0.1", "10.2.0.1", some * 100 + n);
            let sample = Datagram::new("10.0.0.1").flow_sample(1, 1, 10_000, &flow);
            daemon.send(&sample.bytes());
        }
        let expected = (u64::from(some) + 1) * 100;
        eventually("all found", || async {
            (daemon.metric(&known).await >= expected).then_some(())
        })
        .await;
    }
    daemon.elephant(AGENT, &elephant());
    let marked = tokio::time::timeout(
        Duration::from_secs(3),
        eventually("marked", || async { (server.names().len() == 1).then_some(()) }),
    );
    assert!(marked.await.is_ok(), "an elephant of another switch waited");
    let stopped = tokio::time::timeout(Duration::from_secs(5), daemon.stop()).await;
    assert!(stopped.is_ok(), "the end took longer than promised");
    assert!(flooded.names().is_empty() && server.names().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_loses_its_files_gets_the_mark_again() {
    let server = AclServer::start().await;
    let daemon = Daemon::start(&config(&[(AGENT, &server.url())], "")).await;
    daemon.elephant(AGENT, &elephant());
    daemon.control("installed").await;
    server.lock().acls.clear();
    eventually("marked again", || async {
        daemon.elephant(AGENT, &elephant());
        (server.names().len() == 1).then_some(())
    })
    .await;
    // Somebody else's change is undone too.
    server
        .lock()
        .acls
        .values_mut()
        .for_each(|lines| lines.push("# by hand".to_owned()));
    eventually("as it should be", || async {
        daemon.elephant(AGENT, &elephant());
        server
            .lock()
            .acls
            .values()
            .all(|lines| lines.len() == 3)
            .then_some(())
    })
    .await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_travel_together_and_their_leases_are_renewed() {
    let server = AclServer::start().await;
    let daemon = Daemon::start(&config(&[(AGENT, &server.url())], "ttl = \"15s\"")).await;
    for n in 0..20 {
        daemon.elephant(AGENT, &Flow::tcp("10.1.0.1", "10.2.0.1", 40_000 + n));
    }
    eventually("all marked", || async {
        (server.names().len() == 20).then_some(())
    })
    .await;
    let patches = server.lock().patches.clone();
    assert!(patches.len() < 15, "{patches:?}");
    assert!(patches.iter().all(|(_, ttl)| ttl == "15"), "{patches:?}");
    eventually("renewed", || async {
        let renewals = server.lock().renewals.clone();
        (renewals.len() >= 3).then(|| assert!(renewals.iter().all(|ttl| ttl == "15")))
    })
    .await;
    let differs = format!("flow_marker_renewals_total{{agent=\"{AGENT}\",result=\"differs\"}}");
    assert_eq!(daemon.metric(&differs).await, 0);
    daemon.stop().await;
    assert!(server.names().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_switch_delays_nobody() {
    let server = AclServer::start().await;
    // Accepts connections and never answers, which is worse than a switch that is down.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = format!("http://{}", silent.local_addr().unwrap());
    let daemon = Daemon::start(&config(&[("10.0.0.1", &dead), (AGENT, &server.url())], "")).await;
    daemon.elephant("10.0.0.1", &elephant());
    daemon.elephant(AGENT, &elephant());
    let control = daemon.control("installed").await;
    assert_eq!(control["agent"], AGENT);
    // At this moment the loop of the dead one is still waiting for its first answer, or has just given up.
    let switches = daemon.json("/switches/json").await;
    assert_ne!(switches[0]["reachable"], true, "{switches}");
    assert_eq!(switches[0]["desired"], 1);
    let stopped = tokio::time::timeout(Duration::from_secs(20), daemon.stop()).await;
    assert!(stopped.is_ok(), "a dead switch must not keep the process alive");
    assert!(server.names().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_mark_is_shown_in_the_switchs_own_words() {
    let server = AclServer::start().await;
    server.lock().refuse = Some("error: hw sync failed".to_owned());
    let daemon = Daemon::start(&config(&[(AGENT, &server.url())], "")).await;
    daemon.elephant(AGENT, &elephant());
    let control = daemon.control("refused").await;
    assert!(
        control["error"]
            .as_str()
            .unwrap()
            .contains("error: hw sync failed"),
        "{control}"
    );
    assert_eq!(control["times"]["installed"], serde_json::Value::Null);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(server.lock().changes.len(), 1, "not tried again at once");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn observing_contacts_nobody_and_shows_what_it_would_do() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let observe = config(&[(AGENT, &url)], "").replace("\"act\"", "\"observe\"");
    let daemon = Daemon::start(&observe).await;
    daemon.elephant(AGENT, &elephant());
    let control = daemon.control("observed").await;
    assert!(
        control["rule"][2]
            .as_str()
            .unwrap()
            .ends_with("-j SETQOS --set-dscp 10 --set-cos 5"),
        "{control}"
    );
    assert_eq!(
        (&control["mode"], &control["times"]["put_sent"]),
        (&"observe".into(), &serde_json::Value::Null)
    );
    daemon.control("released").await;
    daemon.stop().await;
    let contacted = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(contacted.is_err(), "{contacted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rule_names_the_port_once_its_name_is_known() {
    let server = AclServer::start().await;
    let settings = config(&[(AGENT, &server.url())], "").replace("[mark]", "interface = \"ingress\"\n[mark]");
    let daemon = Daemon::start(&settings.replace("\"100M\"", "\"10%\"")).await;
    daemon.elephant(AGENT, &elephant());
    let unknown = format!("flow_marker_port_name_unknown_total{{agent=\"{AGENT}\"}}");
    eventually("counted", || async {
        (daemon.metric(&unknown).await == 20).then_some(())
    })
    .await;
    assert_eq!(
        daemon
            .metric(&format!("flow_marker_speed_unknown_total{{agent=\"{AGENT}\"}}"))
            .await,
        20
    );
    // A name that could leave the rule is no name.
    daemon.send(
        &Datagram::new(AGENT)
            .counters(1, 1_000_000_000, "swp1 -j DROP")
            .bytes(),
    );
    daemon.elephant(AGENT, &elephant());
    eventually("counted", || async {
        (daemon.metric(&unknown).await == 40).then_some(())
    })
    .await;
    daemon.send(&Datagram::new(AGENT).counters(1, 1_000_000_000, "swp7").bytes());
    daemon.elephant(AGENT, &elephant());
    let control = daemon.control("installed").await;
    assert!(
        control["rule"][2]
            .as_str()
            .unwrap()
            .contains("--in-interface swp7 -s"),
        "{control}"
    );
    assert_eq!(control["evidence"]["threshold_bps"], 100_000_000);
    // Shown at the next tick of the receiving thread.
    eventually("port shown", || async {
        let port = daemon.json("/switches/json").await[0]["ports"][0].clone();
        (port["name"] == "swp7" && port["speed_bps"] == 1_000_000_000).then_some(())
    })
    .await;
    daemon.stop().await;
}

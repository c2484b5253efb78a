//! What the network and web pages may send, and what must come of it: counters.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::daemon::{Daemon, eventually};
use crate::support::datagram::{Datagram, Flow};
use tokio::net::TcpListener;

const AGENT: &str = "10.0.0.233";

/// A number generator with a fixed seed: the same bytes each run.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn config(acl: &str, mark: &str) -> String {
    format!(
        "[[switch]]\nagent = \"{AGENT}\"\nacl = \"{acl}\"\n[mark]\nmode = \"act\"\nthreshold = \"100M\"\n{mark}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_counted_and_nothing_is_lost_on_the_way() {
    let daemon = Daemon::start(&config("http://127.0.0.1:1", "").replace("\"act\"", "\"observe\"")).await;
    let flow = Flow::tcp("10.1.0.1", "10.2.0.1", 1);
    let whole = Datagram::new(AGENT)
        .counters(1, 1_000_000_000, "swp1")
        .strange()
        .flow_sample(1, 1, 1, &flow)
        .bytes();
    let mut sent = 0_u64;
    let mut send = |bytes: &[u8]| {
        daemon.send(bytes);
        sent += 1;
    };
    for length in 0..whole.len() {
        send(&whole[..length]);
    }
    let mut state = 7;
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= random(&mut state) as u8 | 1;
        send(&damaged);
    }
    for length in 0..300 {
        let noise: Vec<_> = (0..length).map(|_| random(&mut state) as u8).collect();
        send(&noise);
    }
    send(&Datagram::new("10.9.9.9").flow_sample(1, 1, 1, &flow).bytes());

    let received = eventually("all received", || async {
        let received = daemon.metric("flow_marker_datagrams_received_total").await;
        (received == sent).then_some(received)
    })
    .await;
    let decoded = daemon
        .metric(&format!(
            "flow_marker_datagrams_decoded_total{{agent=\"{AGENT}\"}}"
        ))
        .await;
    let unknown = daemon.metric("flow_marker_datagrams_unknown_agent_total").await;
    let mut rejected = 0;
    for reason in ["version", "truncated", "malformed"] {
        rejected += daemon
            .metric(&format!(
                "flow_marker_datagrams_rejected_total{{reason=\"{reason}\"}}"
            ))
            .await;
    }
    assert_eq!(received, decoded + unknown + rejected);
    assert!(
        decoded > 200 && unknown > 4 && rejected > 300,
        "{decoded} {unknown} {rejected}"
    );

    let mut results = 0;
    for result in [
        "counted",
        "egress",
        "core_port",
        "no_header",
        "implausible",
        "fragment",
        "no_tcp_udp",
    ] {
        let name = format!("flow_marker_flow_samples_total{{agent=\"{AGENT}\",result=\"{result}\"}}");
        results += daemon.metric(&name).await;
    }
    let samples = format!("flow_marker_samples_total{{agent=\"{AGENT}\",kind=\"flow\"}}");
    assert_eq!(results, daemon.metric(&samples).await);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_inventory_is_contacted_whatever_a_datagram_says() {
    let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // The configured switch is elsewhere; the datagrams say that the agent is the listener's address.
    let daemon = Daemon::start(&config("http://127.0.0.1:1", "")).await;
    for agent in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        daemon.elephant(agent, &Flow::tcp("10.1.0.1", "10.2.0.1", 1));
    }
    let unknown = "flow_marker_datagrams_unknown_agent_total";
    eventually("counted", || async {
        (daemon.metric(unknown).await == 60).then_some(())
    })
    .await;
    assert_eq!(daemon.json("/controls/json").await, serde_json::json!([]));
    daemon.stop().await;
    let contacted = tokio::time::timeout(std::time::Duration::from_millis(100), stranger.accept()).await;
    assert!(contacted.is_err(), "{contacted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fragments_egress_samples_and_guarded_flows_make_no_mark() {
    let daemon = Daemon::start(&config("http://127.0.0.1:1", "udp = true")).await;
    let flow = Flow::tcp("10.1.0.1", "10.2.0.1", 1);
    daemon.elephant(
        AGENT,
        &Flow {
            fragment: 0x2000,
            ..flow
        },
    );
    daemon.elephant(
        AGENT,
        &Flow {
            dscp: 46,
            source_port: 2,
            ..flow
        },
    );
    daemon.elephant(
        AGENT,
        &Flow {
            protocol: 17,
            destination_port: 4791,
            ..flow
        },
    );
    for _ in 0..20 {
        // Source port 1, input port 2: sampled where it leaves.
        daemon.send(&Datagram::new(AGENT).flow_sample(1, 2, 1000, &flow).bytes());
    }
    let counter = |name: &str, label: &str| format!("flow_marker_{name}{{agent=\"{AGENT}\",{label}}}");
    let egress = counter("flow_samples_total", "result=\"egress\"");
    eventually("all counted", || async {
        (daemon.metric(&egress).await == 20).then_some(())
    })
    .await;
    assert_eq!(
        daemon
            .metric(&counter("flow_samples_total", "result=\"fragment\""))
            .await,
        20
    );
    for reason in ["dscp", "roce"] {
        let guarded = counter("marks_guarded_total", &format!("reason=\"{reason}\""));
        eventually(reason, || async {
            (daemon.metric(&guarded).await == 1).then_some(())
        })
        .await;
    }
    assert_eq!(daemon.json("/controls/json").await, serde_json::json!([]));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_samples_for_its_ports() {
    // Open vSwitch: data source 2:1000 for every port.
    let daemon = Daemon::start(&config("http://127.0.0.1:1", "").replace("\"act\"", "\"observe\"")).await;
    let flow = Flow::tcp("10.1.0.1", "10.2.0.1", 1);
    for _ in 0..20 {
        daemon.send(
            &Datagram::new(AGENT)
                .flow_sample(2 << 24 | 1000, 3, 1000, &flow)
                .bytes(),
        );
    }
    assert_eq!(daemon.control("observed").await["port"]["ifindex"], 3);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_rebound_to_this_machine_gets_nothing() {
    let daemon = Daemon::start(&config("http://127.0.0.1:1", "").replace("\"act\"", "\"observe\"")).await;
    let ask = |host: &str| {
        let mut stream = TcpStream::connect(daemon.http).unwrap();
        write!(
            stream,
            "GET /controls/json HTTP/1.1\r\n{host}Connection: close\r\n\r\n"
        )
        .unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    };
    let (bad, none, good) = tokio::task::block_in_place(|| {
        (
            ask("Host: evil.example:8008\r\n"),
            ask(""),
            ask("Host: localhost:8008\r\n"),
        )
    });
    assert!(
        bad.starts_with("HTTP/1.1 403") && bad.contains("problem+json"),
        "{bad}"
    );
    assert!(!none.starts_with("HTTP/1.1 200"), "{none}");
    assert!(good.starts_with("HTTP/1.1 200") && good.ends_with("[]"), "{good}");
    assert!(daemon.get("/nothing").await.contains("/controls/json"));
    daemon.stop().await;
}

#[test]
fn no_address_but_loopback_is_served() {
    let error = flow_marker::app::Sockets::bind("127.0.0.1:0".parse().unwrap(), "0.0.0.0:0".parse().unwrap());
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("credentials are not built")
    );
}

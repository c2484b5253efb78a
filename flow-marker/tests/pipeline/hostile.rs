//! What the network and web pages may send, and what must come of it: counters.

use std::io::{Read, Write};
use std::net::TcpStream;

use shared::serve::listener::PassedSockets;

use crate::support::acl_server::AclServer;
use crate::support::daemon::{Daemon, eventually};
use crate::support::datagram::{Datagram, Flow};

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

/// Datagrams of agents outside of the inventory, which are listened to and never contacted.
const OTHERS: &str = "flow_marker_datagrams_decoded_total{agent=\"other\"}";

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_counted_and_nothing_is_lost_on_the_way() {
    let daemon = Daemon::start(&config("http://127.0.0.1:1", "").replace("\"act\"", "\"observe\"")).await;
    let flow = Flow::tcp("10.1.0.1", "10.2.0.1", 1);
    let whole = Datagram::new(AGENT)
        .counters(1, 1_000_000_000, "swp1")
        .strange()
        .flow_sample(1, 1, 1, &flow)
        .bytes();
    let mut all: Vec<_> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
    let mut state = 7;
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= random(&mut state) as u8 | 1;
        all.push(damaged);
    }
    for length in 0..300 {
        let noise: Vec<_> = (0..length).map(|_| random(&mut state) as u8).collect();
        all.push(noise);
    }
    all.push(Datagram::new("10.9.9.9").flow_sample(1, 1, 1, &flow).bytes());

    // Each has a number of its own, or it would be one that came twice.
    for (number, bytes) in (1_u32..).zip(&mut all) {
        if let Some(place) = bytes.get_mut(16..20) {
            place.copy_from_slice(&number.to_be_bytes());
        }
    }

    let mut received = 0;
    // No more at once than the smallest receive buffer holds that a kernel grants by default.
    for some in all.chunks(64) {
        some.iter().for_each(|bytes| daemon.send(bytes));
        let sent = received + some.len() as u64;
        received = eventually("all received", || async {
            let received = daemon.metric("flow_marker_datagrams_received_total").await;
            (received == sent).then_some(received)
        })
        .await;
    }
    let decoded = daemon
        .metric(&format!(
            "flow_marker_datagrams_decoded_total{{agent=\"{AGENT}\"}}"
        ))
        .await;
    let unknown = daemon.metric(OTHERS).await;
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
        "other_port",
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
    let damaged = format!("flow_marker_samples_total{{agent=\"{AGENT}\",kind=\"damaged\"}}");
    assert!(daemon.metric(&damaged).await > 100, "samples cut in the middle");
    let text = daemon.get("/metrics").await;
    assert!(
        !text.contains("flow_marker_switch_reachable{"),
        "nobody was asked"
    );
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_inventory_is_contacted_whatever_a_datagram_says() {
    // Two servers of the inventory. What is said in the name of anybody else must reach neither, and what is said in the
    // name of one of them only that one.
    let (named, other) = (AclServer::start().await, AclServer::start().await);
    let inventory = format!(
        "[[switch]]\nagent = \"10.0.0.234\"\nacl = \"{}\"\n{}",
        other.url(),
        config(&named.url(), "")
    );
    let daemon = Daemon::start(&inventory).await;
    // The addresses of the servers, of the sender, and one of the subnet.
    let flow = |port| Flow::tcp("10.1.0.1", "10.2.0.1", port);
    for (port, agent) in (1..).zip(["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.235"]) {
        daemon.elephant(agent, &flow(port));
    }
    eventually("counted", || async {
        (daemon.metric(OTHERS).await == 80).then_some(())
    })
    .await;
    daemon.elephant(AGENT, &flow(9));
    let control = daemon.control("installed").await;
    assert_eq!(control["flow"]["sport"], 9);
    assert_eq!(daemon.json("/controls/json").await.as_array().unwrap().len(), 1);
    let name = control["name"].as_str().unwrap();
    assert_eq!(named.lock().changes, [format!("PUT {name}")]);
    daemon.stop().await;
    assert_eq!(other.lock().changes, [] as [&str; 0]);
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
        // Input port 2, output port 9: sampled where it leaves.
        daemon.send(&Datagram::new(AGENT).flow_sample(9, 2, 1000, &flow).bytes());
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
async fn a_flow_that_crosses_two_ports_of_a_bridge_is_two_flows() {
    let daemon = Daemon::start(&config("http://127.0.0.1:1", "").replace("\"act\"", "\"observe\"")).await;
    let flow = Flow::tcp("10.1.0.1", "10.2.0.1", 1);
    // In by 3, and after a router in by 5: 9 Mbyte each, where 12.5 at once make an elephant.
    for input in [3, 5].repeat(6) {
        let sample = Datagram::new(AGENT).flow_sample(2 << 24 | 1000, input, 1000, &flow);
        daemon.send(&sample.bytes());
    }
    let counted = format!("flow_marker_flow_samples_total{{agent=\"{AGENT}\",result=\"counted\"}}");
    eventually("counted", || async {
        (daemon.metric(&counted).await == 12).then_some(())
    })
    .await;
    let detected = format!("flow_marker_elephants_detected_total{{agent=\"{AGENT}\"}}");
    assert_eq!(daemon.metric(&detected).await, 0);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_that_no_port_can_carry_and_one_of_a_third_port_count_for_nothing() {
    let daemon = Daemon::start(&config("http://127.0.0.1:1", "").replace("\"act\"", "\"observe\"")).await;
    let flow = Flow::tcp("10.1.0.1", "10.2.0.1", 1);
    daemon.send(&Datagram::new(AGENT).counters(1, 1_000_000_000, "swp1").bytes());
    for sample in [
        // 1.5 Gbyte in one sample of a port of 1 Gbit/s, and 6.4 Tbyte on a port of which nothing is known.
        Datagram::new(AGENT).flow_sample(1, 1, 1_000_000, &flow),
        Datagram::new(AGENT).flow_sample(2, 2, u32::MAX, &flow),
        // Sampled at 7, in by 1001, out by 9.
        Datagram::new(AGENT).flow_sample(7, 1001, 100_000, &flow),
    ] {
        daemon.send(&sample.bytes());
    }
    let result =
        |name: &str| format!("flow_marker_flow_samples_total{{agent=\"{AGENT}\",result=\"{name}\"}}");
    eventually("counted", || async {
        (daemon.metric(&result("other_port")).await == 1).then_some(())
    })
    .await;
    assert_eq!(daemon.metric(&result("implausible")).await, 2);
    assert_eq!(daemon.metric(&result("counted")).await, 0);
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
        bad.starts_with("HTTP/1.1 401") && bad.contains("problem+json") && bad.contains("evil.example"),
        "{bad}"
    );
    assert!(!none.starts_with("HTTP/1.1 200"), "{none}");
    assert!(good.starts_with("HTTP/1.1 200") && good.ends_with("[]"), "{good}");
    assert!(daemon.get("/nothing").await.contains("/controls/json"));
    daemon.stop().await;
}

#[tokio::test]
async fn no_address_but_loopback_is_served_without_credentials() {
    let text = "[http]\nlisten = \"0.0.0.0:0\"\n";
    let config = flow_marker::config::Config::parse("t.toml".as_ref(), text).unwrap();
    let error =
        flow_marker::app::Sockets::bind("127.0.0.1:0".parse().unwrap(), &config, PassedSockets::default())
            .await;
    assert!(error.unwrap_err().to_string().contains("flow-marker token"));
}

//! Servers of blacklists that fail in every way, with a real flow-marker: the last good list stays in force, and the
//! metrics and `/captures/json` say that it is old.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panics")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, CounterSample, FlowSample, Packet, PortCounters, Timeline, Traffic, play};
use tests::local::LocalFlowMarker;
use tests::stub::{self, Stub, response};
use tests::wait;

const PATIENCE: Duration = Duration::from_secs(50);
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// The agent that sees the traffic.
const AGENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The ways in which a list fails after it has been good once, and what is said of it; nothing where that is no failure.
/// The last one never ends: whatever is behind it waits.
const WAYS: [(&str, &str); 12] = [
    ("down", "Connection refused"),
    ("html", "no line has an address"),
    ("binary", "no line has an address"),
    ("mostly-html", "lines are no addresses"),
    ("empty", "no line has an address"),
    ("huge", "more than 32 MiB"),
    ("cut", ""),
    ("error", "503"),
    ("elsewhere", "no line has an address"),
    ("circle", "302"),
    ("unasked", "304"),
    ("same", ""),
];

/// The address that the list of this number has.
fn listed(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, u8::try_from(number).unwrap() + 1)
}

fn good(number: usize, headers: &[&str]) -> Vec<u8> {
    response(
        "200 OK",
        headers,
        format!("# a list\n{}\n", listed(number)).as_bytes(),
    )
}

fn page() -> Vec<u8> {
    let lines = "<p>We are sorry.</p>\n".repeat(40);
    response(
        "200 OK",
        &["Content-Type: text/html"],
        format!("<html>\n{lines}192.0.2.200\n").as_bytes(),
    )
}

/// What the server of the list `way` sends once it fails.
fn fail(way: &str, elsewhere: SocketAddr, stream: &mut TcpStream) {
    let html = b"<html><body>Down for maintenance</body></html>";
    let binary: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let bytes = match way {
        "html" => response("200 OK", &[], html),
        "binary" => response("200 OK", &["Content-Type: application/gzip"], &binary),
        "mostly-html" => page(),
        "empty" => response("200 OK", &[], b""),
        "huge" => response("200 OK", &[], "198.51.100.1\n".repeat(3 << 20).as_bytes()),
        // Longer than what comes.
        "cut" => b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n198.51.100.1\n".to_vec(),
        "error" => response("503 Service Unavailable", &[], b"198.51.100.1\n"),
        "elsewhere" => response(
            "302 Found",
            &[&format!("Location: http://{elsewhere}/login")],
            b"",
        ),
        "circle" => response("302 Found", &["Location: /circle"], b""),
        "unasked" | "same" => response("304 Not Modified", &[], b""),
        _ => Vec::new(),
    };
    stub::send(stream, &bytes);
}

fn config(servers: &[SocketAddr]) -> String {
    let lists = WAYS.iter().zip(servers).map(|((way, _), server)| {
        format!("[[capture.blacklist]]\nname = \"{way}\"\nurl = \"http://{server}/{way}?key=secret\"\nrefresh = \"10s\"\n")
    });
    format!(
        "[[switch]]\nagent = \"{AGENT}\"\nacl = \"http://127.0.0.1:9\"\n\
         [capture]\nlocal = [\"10.0.0.0/8\"]\nanalyzer = [\"10.0.0.70\"]\nper_switch = 20\n{}",
        lists.collect::<String>()
    )
}

/// The lists of `/captures/json`, by name.
fn lists(marker: &LocalFlowMarker) -> BTreeMap<String, Value> {
    let body = marker.json("/captures/json").unwrap();
    let lists = body.get("lists").unwrap().as_array().unwrap();
    let name = |list: &Value| list.get("name").unwrap().as_str().unwrap().to_owned();
    lists.iter().map(|list| (name(list), list.clone())).collect()
}

/// The listed hosts of all captures.
fn remotes(marker: &LocalFlowMarker) -> Vec<Ipv4Addr> {
    let body = marker.json("/captures/json").unwrap();
    let sessions = body.get("sessions").unwrap().as_array().unwrap();
    let mut remotes: Vec<Ipv4Addr> = sessions
        .iter()
        .map(|session| session.get("remote").unwrap().as_str().unwrap().parse().unwrap())
        .collect();
    remotes.sort();
    remotes
}

/// Ten packets a second from a host of ours to each listed address and to one that was listed by nothing but failures.
fn traffic() -> Timeline {
    let port = CounterSample::new(PortCounters::new(1, 1_000_000_000), "swp1");
    let mut timeline = Timeline::new().with_ports(vec![port], Duration::from_secs(1));
    let strangers = [[198, 51, 100, 1], [192, 0, 2, 200]].map(Ipv4Addr::from);
    for (number, to) in (0..WAYS.len()).map(listed).chain(strangers).enumerate() {
        let packet = Packet::tcp(([10, 0, 0, 1], 40_000).into(), SocketAddr::new(to.into(), 443));
        let seed = u64::try_from(number).unwrap();
        let mut flow = Traffic::new(FlowSample::new(packet, 1, 1, 2), 120_000, seed);
        flow.sample.packet.frame_length = 1500;
        timeline = timeline.with_flow(flow);
    }
    timeline
}

#[test]
fn whatever_a_server_of_lists_does_the_last_good_list_stays_in_force() {
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = Stub::start(LOOPBACK, |_, stream| {
        stub::send(stream, &response("200 OK", &[], b"<html>Please log in</html>"));
    })
    .unwrap();
    let failing = Arc::new(AtomicBool::new(false));
    let login = elsewhere.address;
    let start = |number: usize, way: &'static str| {
        let failing = Arc::clone(&failing);
        let answer = move |head: &str, stream: &mut TcpStream| {
            if failing.load(Ordering::Relaxed) {
                fail(way, login, stream);
            } else if way == "unasked" {
                // It said nothing of its version, so nobody can have asked whether that is the newest.
                stub::send(stream, &good(number, &[]));
            } else {
                let is_first = !head.contains("if-none-match");
                assert!(is_first, "nothing can be known before the first answer");
                stub::send(stream, &good(number, &["ETag: \"1\""]));
            }
        };
        Stub::start(LOOPBACK, answer).unwrap()
    };
    let mut servers: Vec<_> = WAYS
        .iter()
        .enumerate()
        .map(|(number, (way, _))| start(number, way))
        .collect();
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    let marker = LocalFlowMarker::start(directory.path(), "flow-marker", &config(&addresses)).unwrap();
    wait::until("all lists to be there", PATIENCE, || {
        let loaded = |list: &Value| list.get("entries").unwrap() == 1;
        lists(&marker).values().all(loaded).then_some(())
    })
    .unwrap();
    let before = lists(&marker);
    let lists_now = || ["blacklists_stale", "blacklist_entries"].map(|name| marker.metric(name, "").unwrap());
    let fetches = |result| {
        let label = format!("result=\"{result}\"");
        marker.metric("blacklist_fetches_total", &label).unwrap()
    };
    assert_eq!(lists_now(), [0.0, 12.0]);

    failing.store(true, Ordering::Relaxed);
    drop(servers.remove(0));
    let stale = WAYS.len() - 1;
    wait::until("all but one to fail", PATIENCE, || {
        let error = |list: &&Value| !list.get("error").unwrap().is_null();
        let failed = lists(&marker).values().filter(error).count();
        (failed == stale && fetches("same") >= 1.0).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {:#?}", lists(&marker)));
    let after = lists(&marker);
    for (way, said) in WAYS {
        let [before, after] = [&before, &after].map(|lists| &lists[way]);
        let error = after["error"].as_str().unwrap_or_default();
        assert!(error.contains(said), "{way}: {error}");
        assert!(!error.contains("secret"), "{way}: {error}");
        assert_eq!(error.is_empty(), way == "same", "{way}");
        for member in ["entries", "loaded"] {
            assert_eq!(after[member], before[member], "{way}: {member}");
        }
    }
    assert_eq!(lists_now(), [11.0, 12.0]);
    assert!(fetches("failed") >= 11.0);

    // In force means that what it lists is seen.
    let datagrams = Agent::new(AGENT).datagrams(traffic(), 7, Duration::from_millis(100));
    let _agent = play(datagrams, AGENT, marker.sflow).unwrap();
    let expected: Vec<_> = (0..WAYS.len()).map(listed).collect();
    let seen = wait::until("all listed hosts to be seen", PATIENCE, || {
        Some(remotes(&marker)).filter(|remotes| remotes.len() >= expected.len())
    });
    assert_eq!(seen.unwrap(), expected);
}

#[test]
fn a_server_of_lists_that_never_ends_its_answer_keeps_no_other_list_waiting_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let slow = Stub::start(LOOPBACK, |_, stream| {
        stub::drip(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    })
    .unwrap();
    let good = Stub::start(LOOPBACK, |_, stream| stub::send(stream, &good(1, &[]))).unwrap();
    let config = config(&[slow.address, good.address]);
    let marker = LocalFlowMarker::start(directory.path(), "flow-marker", &config).unwrap();
    // A minute is what a download may take.
    wait::until("the other list to be there", PATIENCE * 2, || {
        let lists = lists(&marker);
        (lists["html"]["entries"] == 1 && !lists["down"]["error"].is_null()).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {:#?}", lists(&marker)));
    assert_eq!(lists(&marker)["down"]["entries"], 0);
    assert_eq!(marker.metric("blacklists_stale", "").unwrap(), 1.0);
    assert!(
        marker.process.terminate(PATIENCE).unwrap().success(),
        "it ends although a download has not"
    );
}

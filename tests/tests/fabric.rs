//! Many switches by a template: real datagrams, real TLS, a token for each switch, and agents that are not what they say.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panics")]

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use tests::agent::{
    Agent, CounterSample, FlowSample, Packet, Playing, PortCounters, Timeline, Traffic, play,
};
use tests::local::{Home, LocalAclServer, LocalFlowMarker};
use tests::{binaries, process, wait};

#[path = "serve/pki.rs"]
#[expect(dead_code, reason = "there are no clients with certificates here")]
mod pki;

use pki::Authority;

const PATIENCE: Duration = Duration::from_secs(30);

/// The switch that is one, the one whose address others use, and one for which there is no room.
const SWITCH: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 1);
const VICTIM: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 2);
const SURPLUS: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 3);
/// Somebody in the template's prefix who is no switch.
const FORGER: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 66);

/// acl-server with TLS at [`SWITCH`], which knows one token; the port where TLS is spoken.
fn acl_server(directory: &Path) -> (Home, LocalAclServer, u16) {
    let authority = Authority::new(directory, "lab");
    authority.server_at("server", &[&SWITCH.to_string()]);
    let mut token = process::command(binaries::binary("acl-server").unwrap());
    token.args([
        "token", "marker", "--scope", "read", "--scope", "write", "--prefix", "fm_",
    ]);
    token.arg("--output").arg(directory.join("tokens.toml"));
    let token = process::run(token).unwrap();
    authority.write(&format!("token-{SWITCH}"), token.trim());
    let settings = format!(
        "tokens_file = \"DIR/tokens.toml\"\n\
         [tls]\nlisten = \"{SWITCH}:0\"\ncertificate = \"DIR/server.pem\"\nkey = \"DIR/server-key.pem\"\n"
    );
    let file = directory.join("acl-server.toml");
    fs::write(&file, settings.replace("DIR", directory.to_str().unwrap())).unwrap();
    let home = Home::new(&directory.join("home")).unwrap();
    let mut command = home.command("").unwrap();
    command.arg("--config").arg(file);
    let server = home.spawn("acl-server", command).unwrap();
    let log = server.process.output();
    let tls = log
        .split_whitespace()
        .filter_map(|word| word.trim_start_matches("listen=").parse::<SocketAddr>().ok())
        .find(|address| address.ip() == SWITCH)
        .unwrap();
    server.ready().unwrap();
    (home, server, tls.port())
}

/// Counts who connects to an address of another switch.
fn connections(address: Ipv4Addr, port: u16) -> Arc<AtomicUsize> {
    let listener = TcpListener::bind((address, port)).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming() {
            drop(stream);
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    count
}

/// A switch of this agent address that sends from `source`, with an elephant of 200 Mbit/s on a port of 1 Gbit/s.
fn switch(agent: Ipv4Addr, source: Ipv4Addr, to: SocketAddr) -> Playing {
    let last = agent.octets()[3];
    let packet = Packet::tcp(
        SocketAddr::new(IpAddr::from([10, 1, 0, last]), 40_000),
        SocketAddr::new(IpAddr::from([10, 2, 0, last]), 5001),
    );
    let ports = vec![CounterSample::new(PortCounters::new(3, 1_000_000_000), "swp3")];
    let timeline = Timeline::new()
        .with_ports(ports, Duration::from_secs(1))
        .with_flow(Traffic::new(FlowSample::new(packet, 100, 3, 9), 200_000_000, 7));
    let datagrams = Agent::new(agent.into()).datagrams(timeline, 6, Duration::from_millis(50));
    play(datagrams, source.into(), to).unwrap()
}

#[test]
fn a_switch_of_the_template_is_marked_and_nobody_else_is_spoken_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let (home, _server, port) = acl_server(path);
    let victim = connections(VICTIM, port);
    let surplus = connections(SURPLUS, port);
    let config = format!(
        "[mark]\nmode = \"act\"\nthreshold = \"100M\"\n\
         [fabric]\nagents = [\"127.77.0.0/24\"]\nacl = \"https://{{agent}}:{port}\"\nmax_switches = 1\n\
         token_file = \"{0}/token-{{agent}}\"\nca_file = \"{0}/lab-ca.pem\"\n",
        path.display()
    );
    let marker = LocalFlowMarker::start(path, "marker", &config).unwrap();

    // In the name of a switch, from an address of the template that is another's.
    let forged = switch(VICTIM, FORGER, marker.sflow);
    wait::until("forged datagrams to be counted", PATIENCE, || {
        (marker.metric("not_admitted_total", "reason=\"source\"").unwrap() > 10.0).then_some(())
    })
    .unwrap();
    assert_eq!(marker.json("/switches/json").unwrap(), serde_json::json!([]));
    let agents = marker.json("/agents/json").unwrap();
    assert_eq!(
        agents[VICTIM.to_string()]["inventory"],
        "no: source differs",
        "{agents}"
    );

    // The switch itself.
    let playing = switch(SWITCH, SWITCH, marker.sflow);
    let rules = wait::until("the elephant of the switch to be marked", PATIENCE, || {
        Some(marks(&home)).filter(|rules| !rules.is_empty())
    });
    let rules = rules.unwrap();
    assert!(
        rules.len() == 1 && rules[0].contains("-s 10.1.0.1 -d 10.2.0.1"),
        "{rules:?}"
    );
    let agents = marker.json("/agents/json").unwrap();
    assert_eq!(agents[SWITCH.to_string()]["inventory"], "template", "{agents}");

    // Somebody speaks in the name of a switch that is one by now.
    let before = marker
        .metric("datagrams_rejected_total", "reason=\"source\"")
        .unwrap();
    assert_eq!(before, 0.0);
    let another = switch(SWITCH, FORGER, marker.sflow);
    wait::until("forged datagrams to be rejected", PATIENCE, || {
        let rejected = marker
            .metric("datagrams_rejected_total", "reason=\"source\"")
            .unwrap();
        (rejected > 10.0).then_some(())
    })
    .unwrap();

    // There is room for one only.
    let late = switch(SURPLUS, SURPLUS, marker.sflow);
    wait::until("the second switch to be refused", PATIENCE, || {
        (marker.metric("not_admitted_total", "reason=\"full\"").unwrap() > 10.0).then_some(())
    })
    .unwrap();
    let switches = marker.json("/switches/json").unwrap();
    assert_eq!(switches.as_array().unwrap().len(), 1, "{switches}");
    assert_eq!(switches[0]["agent"], SWITCH.to_string(), "{switches}");

    for playing in [forged, playing, another, late] {
        playing.stop().unwrap();
    }
    assert!(marker.process.terminate(PATIENCE).unwrap().success());
    assert!(
        marks(&home).is_empty(),
        "what was made by a template is withdrawn as well"
    );
    let asked = [&victim, &surplus].map(|count| count.load(Ordering::Relaxed));
    assert_eq!(asked, [0, 0], "nobody but the switch was spoken to");
}

#[test]
fn no_token_of_a_template_travels_in_clear_text() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("marker.toml");
    let config = "[fabric]\nagents = [\"127.77.0.0/24\"]\nacl = \"http://{agent}:8080\"\ntoken_file = \"/nonexistent\"\n";
    fs::write(&file, config).unwrap();
    let mut check = process::command(binaries::binary("flow-marker").unwrap());
    check.arg("check").arg("--config").arg(&file);
    let error = process::run(check).unwrap_err().to_string();
    assert!(
        error.contains("4:14") && error.contains("in clear text"),
        "{error}"
    );
}

/// The rules of marks on a server.
fn marks(home: &Home) -> Vec<String> {
    let files = home.files().unwrap().into_iter();
    // What is staged beside them has other names.
    let marks = files.filter(|(name, _)| name.starts_with("50rest-fm_mark_") && name.ends_with(".rules"));
    marks.map(|(_, text)| text).collect()
}

#[test]
fn switches_come_go_and_change_on_sighup_and_a_bad_file_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let homes = ["one", "two"].map(|name| Home::new(&path.join(name)).unwrap());
    let servers = homes.each_ref().map(|home| home.start("acl-server", "").unwrap());
    let table = |agent: Ipv4Addr, server: &LocalAclServer, rest: &str| {
        format!(
            "[[switch]]\nagent = \"{agent}\"\nacl = \"http://{}\"\n{rest}",
            server.address
        )
    };
    let mark = "[mark]\nmode = \"act\"\nthreshold = \"100M\"\ncommit_interval = \"100ms\"\n";
    let first = format!("{}{mark}", table(SWITCH, &servers[0], ""));
    let marker = LocalFlowMarker::start(path, "marker", &first).unwrap();
    let reread = |toml: &str, says: &str| {
        fs::write(path.join("marker.toml"), toml).unwrap();
        let before = marker.process.output().matches(says).count();
        marker.process.signal(Signal::SIGHUP).unwrap();
        wait::until(says, PATIENCE, || {
            (marker.process.output().matches(says).count() > before).then_some(())
        })
        .unwrap();
    };
    let playing = [SWITCH, VICTIM].map(|agent| switch(agent, agent, marker.sflow));
    let marked = |home: &Home, text: &str| {
        wait::until(text, PATIENCE, || {
            let marks = marks(home);
            (marks.len() == 1 && marks[0].contains(text)).then_some(())
        })
        .unwrap();
    };
    marked(&homes[0], "-s 10.1.0.1");

    // One goes; another comes, which has been heard all the time.
    reread(
        &format!("{}{mark}", table(VICTIM, &servers[1], "")),
        "the configuration was read again",
    );
    marked(&homes[1], "-s 10.1.0.2");
    let withdrawn = || marks(&homes[0]).is_empty().then_some(());
    wait::until("the first switch to be clean", PATIENCE, withdrawn).unwrap();
    let only_the_second = || {
        let switches = marker.json("/switches/json").unwrap();
        let agents: Vec<_> = switches
            .as_array()?
            .iter()
            .map(|switch| switch["agent"].clone())
            .collect();
        (agents == [VICTIM.to_string()]).then_some(())
    };
    wait::until("the first switch to be forgotten", PATIENCE, only_the_second).unwrap();

    // A file that cannot be used.
    reread("[[switch]]\nagent = 7\n", "nothing is changed");
    marked(&homes[1], "-s 10.1.0.2");

    // The same switch, to be marked in another way.
    let changed = table(VICTIM, &servers[1], "interface = \"swp7\"\n");
    reread(&format!("{changed}{mark}"), "the configuration was read again");
    marked(&homes[1], "--in-interface swp7 -s 10.1.0.2");
    for playing in playing {
        playing.stop().unwrap();
    }
    assert!(marker.process.terminate(PATIENCE).unwrap().success());
    assert_eq!(homes.each_ref().map(marks), [Vec::<String>::new(), Vec::new()]);
}

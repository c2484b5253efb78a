//! A switch between two hosts, with acl-server on it and an operator who has curl.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tests::lab::{ACL_SERVER, AclServer, AclServerOptions, Family, Lab, LabOptions};
use tests::netns::Namespace;
use tests::wire::{Capture, Flow, Seen, Transport};
use tests::{process, wait};

/// For anything that takes a moment: a slow machine is no reason to fail.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of the payload of every packet, if nothing else is said.
pub(crate) const PAYLOAD: usize = 100;
/// Where packets go that tell that those before them have passed, or never will: no rule of a test is about it.
const FENCE: u16 = 65_000;

/// What the API answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// As curl prints them, names in lower case.
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> String {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found
            .unwrap_or_else(|| panic!("no {name} in {}", self.head))
            .1
            .trim()
            .to_owned()
    }
}

/// The lab. Fields are dropped in their order: what runs in it first.
pub(crate) struct Bench {
    /// At host b.
    pub(crate) received: Capture,
    /// At host a.
    pub(crate) sent: Capture,
    /// At the controller.
    pub(crate) mirrored: Capture,
    _server: AclServer,
    pub(crate) lab: Lab,
}

impl Bench {
    /// With the real acl-server and acltool, both families forwarded and every neighbour known.
    pub(crate) fn new() -> Self {
        let lab = Lab::start(LabOptions::default()).unwrap_or_else(|error| panic!("{error:#}"));
        let config = lab.directory().join("acl-server.toml");
        let socket = lab.directory().join("api.sock");
        fs::write(&config, format!("socket = {socket:?}\n")).unwrap();
        let options = AclServerOptions {
            arguments: vec!["--config".to_owned(), config.to_str().unwrap().to_owned()],
            ..AclServerOptions::default()
        };
        let server = lab
            .acl_server(&options)
            .unwrap_or_else(|error| panic!("{error:#}"));
        let bench = Self {
            received: lab.capture_received().unwrap(),
            sent: lab.capture_sent().unwrap(),
            mirrored: Capture::start(lab.controller()).unwrap(),
            _server: server,
            lab,
        };
        for family in [Family::V4, Family::V6] {
            let fence = flow(family, FENCE);
            wait::until("the first packet to cross", PATIENCE, || {
                bench.send(&fence, 1, PAYLOAD, Duration::ZERO);
                wait::pause(Duration::from_millis(20));
                (bench.received.flow(&fence).packets() > 0).then_some(())
            })
            .unwrap();
        }
        bench
    }

    /// Sends so many packets at host a, with a rest after each.
    pub(crate) fn send(&self, flow: &Flow, packets: usize, payload: usize, rest: Duration) {
        let sent = self.lab.host_a().inside(|| -> std::io::Result<()> {
            let socket = UdpSocket::bind(flow.source)?;
            for _ in 0..packets {
                socket.send_to(&vec![b'x'; payload], flow.destination)?;
                wait::pause(rest);
            }
            Ok(())
        });
        sent.unwrap().unwrap();
    }

    /// Sends so many packets, waits until all that pass have passed, and says what arrived of them.
    pub(crate) fn cross(&self, flow: &Flow, packets: usize) -> Seen {
        let before = self.received.flow(flow);
        self.send(flow, packets, PAYLOAD, Duration::from_millis(1));
        self.fence(if flow.source.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        });
        since(&before, &self.received.flow(flow))
    }

    /// Waits until everything of this family that was sent before has arrived or never will.
    pub(crate) fn fence(&self, family: Family) {
        let fence = flow(family, FENCE);
        let before = self.received.flow(&fence).packets();
        self.send(&fence, 1, PAYLOAD, Duration::ZERO);
        let arrived = |seen: &Seen| seen.packets() > before;
        self.received
            .wait_for("the last packet", &fence, PATIENCE, |seen| arrived(seen))
            .unwrap();
    }

    /// All that are sent arrive, with this DSCP.
    #[track_caller]
    pub(crate) fn passes(&self, flow: &Flow, dscp: u8) {
        let seen = self.cross(flow, 10);
        assert_eq!(
            (seen.packets(), seen.with_dscp(dscp)),
            (10, 10),
            "{flow}: {seen:?}\n{}",
            self.rules()
        );
    }

    /// None of those that are sent arrives.
    #[track_caller]
    pub(crate) fn is_dropped(&self, flow: &Flow) {
        let seen = self.cross(flow, 10);
        assert_eq!(seen.packets(), 0, "{flow}: {seen:?}\n{}", self.rules());
    }

    /// What the kernel of the switch has, with counters.
    pub(crate) fn rules(&self) -> String {
        let leaf = self.lab.leaf();
        ["iptables-save", "ip6tables-save"]
            .map(|program| leaf.run(program, &["-c"]).unwrap())
            .concat()
    }

    /// The operator's curl, at the controller.
    pub(crate) fn curl(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let url = format!("http://{ACL_SERVER}{path}");
        curl(self.lab.controller(), method, &[&url], body)
    }

    /// Root's curl, on the switch itself, over the unix socket.
    pub(crate) fn root_curl(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let socket = self.lab.directory().join("api.sock");
        let url = format!("http://localhost{path}");
        let where_to = ["--unix-socket", socket.to_str().unwrap(), &url];
        curl(self.lab.leaf(), method, &where_to, body)
    }

    /// PUTs an ACL that is new.
    #[track_caller]
    pub(crate) fn put(&self, name: &str, lines: &[&str]) {
        let reply = self.curl("PUT", &format!("/acl/{name}"), Some(&json!(lines)));
        assert_eq!(reply.status, 201, "{reply:?}");
    }

    /// Removes an ACL; nothing of it is left in the kernel.
    #[track_caller]
    pub(crate) fn delete(&self, name: &str) {
        let reply = self.curl("DELETE", &format!("/acl/{name}"), None);
        assert_eq!(reply.status, 204, "{reply:?}");
        let rules = self.rules();
        assert!(!rules.contains(&format!("50rest-{name}.rules")), "{rules}");
    }

    /// A file of the policy directory that is not ours.
    pub(crate) fn foreign(&self, name: &str) -> PathBuf {
        self.lab.policy_dir().join(name)
    }

    /// The counters of the rules of an ACL: line, packets, bytes; once there are so many packets in the first.
    pub(crate) fn counters(&self, name: &str, packets: u64) -> Vec<(u64, u64, u64)> {
        let path = format!("/acl/{name}/counters");
        let read = || {
            let reply = self.curl("GET", &path, None);
            assert_eq!(reply.status, 200, "{reply:?}");
            let rules = reply.body.as_array().unwrap().iter();
            rules
                .map(|rule| {
                    Some((
                        rule["line"].as_u64()?,
                        rule["packets"].as_u64()?,
                        rule["bytes"].as_u64()?,
                    ))
                })
                .collect::<Option<Vec<_>>>()
        };
        // A listing is shared by all who ask within a second: it may be older than the packets, and than the rules.
        let there = wait::until("the counters", PATIENCE, || {
            read().filter(|rules| rules.first().is_some_and(|rule| rule.1 >= packets))
        });
        there.unwrap_or_else(|error| panic!("{error}: {:?}\n{}", read(), self.rules()))
    }
}

/// UDP from host a to this port of host b.
pub(crate) fn flow(family: Family, port: u16) -> Flow {
    Flow {
        transport: Transport::Udp,
        source: SocketAddr::new(family.host_a(), 30_000),
        destination: SocketAddr::new(family.host_b(), port),
    }
}

/// What came after `before`.
pub(crate) fn since(before: &Seen, after: &Seen) -> Seen {
    let mut seen = after.clone();
    for (dscp, count) in &mut seen.by_dscp {
        *count -= before.with_dscp(*dscp);
    }
    seen
}

/// Seconds from the first packet of a flow to the last one.
pub(crate) fn seconds(seen: &Seen) -> f64 {
    let [first, last] = [seen.first, seen.last].map(|at| at.unwrap_or(SystemTime::UNIX_EPOCH));
    last.duration_since(first).unwrap().as_secs_f64()
}

/// curl in a namespace.
fn curl(namespace: &Namespace, method: &str, where_to: &[&str], body: Option<&Value>) -> Reply {
    // Headers go where they are not mixed up with the body.
    let head = tempfile::NamedTempFile::new().unwrap();
    let mut command = namespace.command("curl");
    command.args(["-sS", "-m", "60", "-w", "\n%{http_code}", "-X", method, "-D"]);
    command.arg(head.path()).args(where_to);
    if let Some(body) = body {
        command.args(["-H", "Content-Type: application/json", "-d", &body.to_string()]);
    }
    let text = process::run(command).unwrap_or_else(|error| panic!("{error:#}"));
    let (body, status) = text.rsplit_once('\n').unwrap();
    Reply {
        status: status.parse().unwrap(),
        head: fs::read_to_string(head.path()).unwrap(),
        body: serde_json::from_str(body).unwrap_or_else(|_| json!(body)),
    }
}

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::fabric::{Control, Elephant, Fabric, FlowEnds, RATE, Tally};
use crate::agent::{
    Agent, CounterSample, FlowSample, Packet, Playing, PortCounters, Spacing, Timeline, Traffic, play,
};
use crate::http;
use crate::local::{Home, LocalAclServer, LocalFlowMarker};

/// The synthetic switch.
const AGENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Its sampling rate: one in so many packets.
const SAMPLING: u32 = 100;

/// Both daemons on loopback, a synthetic sFlow agent, and a tool that records instead of changing the kernel.
#[derive(Debug)]
pub struct SyntheticFabric {
    // In the order in which they must end.
    elephant: Option<Playing>,
    _mice: Playing,
    flow_marker: LocalFlowMarker,
    acl_server: LocalAclServer,
    home: Home,
    started: u32,
    span: Option<(SystemTime, SystemTime)>,
    _directory: TempDir,
}

impl SyntheticFabric {
    /// Starts both daemons, the agent's counters and its mice.
    ///
    /// # Errors
    /// A daemon does not come up.
    pub fn start() -> Result<Self> {
        let directory = tempfile::tempdir().context("a temporary directory")?;
        let home = Home::new(directory.path())?;
        let acl_server = home.start("acl-server", "")?;
        acl_server.ready()?;
        let config = format!(
            "[[switch]]\nagent = \"{AGENT}\"\nacl = \"http://{}\"\n[mark]\nmode = \"act\"\nthreshold = \"10%\"\n",
            acl_server.address
        );
        let flow_marker = LocalFlowMarker::start(directory.path(), "flow-marker", &config)?;
        let mice = play(
            Agent::new(AGENT).datagrams(mice(), 7, Duration::from_secs(1)),
            AGENT,
            flow_marker.sflow,
        )?;
        Ok(Self {
            elephant: None,
            _mice: mice,
            flow_marker,
            acl_server,
            home,
            started: 0,
            span: None,
            _directory: directory,
        })
    }
}

/// The counters of a port, which tell its speed.
fn counters(index: u32) -> CounterSample {
    CounterSample::new(PortCounters::new(index, 1_000_000_000), &format!("swp{index}"))
}

/// How often counters are sent.
const COUNTERS: Duration = Duration::from_secs(5);

/// Many small flows through port 1.
fn mice() -> Timeline {
    let ports = vec![counters(1), counters(2)];
    (0..40).fold(
        Timeline::new().with_ports(ports, COUNTERS),
        |timeline, number: u16| {
            let client = SocketAddr::from(([10, 100, 10, 151], 50_000 + number));
            let sample = FlowSample::new(
                Packet::tcp(client, SocketAddr::from(([10, 100, 20, 150], 7007))),
                SAMPLING,
                1,
                2,
            );
            timeline.with_flow(Traffic::new(sample, 1_000_000, u64::from(number)))
        },
    )
}

impl Fabric for SyntheticFabric {
    fn description(&self) -> Vec<String> {
        [
            "Both daemons on loopback, without root and without packets:",
            "",
            "  synthetic sFlow agent (1 in 100) ──► flow-marker ──► acl-server ──► a tool that only records",
            "",
            "40 mice of 1 Mb/s are sampled all the time. An elephant is a flow of 10 % of the port's 1 Gb/s or more; an ACL",
            "is to be installed for it. As root, the demo shows the same with real packets.",
            "",
        ]
        .map(str::to_owned)
        .into()
    }

    fn far_end(&self) -> Option<&'static str> {
        None
    }

    #[expect(clippy::disallowed_methods, reason = "the demo is about real time")]
    fn start(&mut self, elephant: Elephant, seconds: u32) -> Result<FlowEnds> {
        self.started += 1;
        let port = 40_000 + u16::try_from(self.started)?;
        let (source, destination): (IpAddr, IpAddr) = match elephant {
            Elephant::V4 => ("10.100.10.151".parse()?, "10.100.20.150".parse()?),
            Elephant::V6 => ("fd00:100:10::151".parse()?, "fd00:100:20::150".parse()?),
        };
        let ends = FlowEnds {
            source: SocketAddr::new(source, port),
            destination: SocketAddr::new(destination, 5201),
        };
        // It has a port of its own, whose counters are those of its agent process.
        let ingress = 2 + self.started;
        let sample = FlowSample::new(Packet::tcp(ends.source, ends.destination), SAMPLING, ingress, 2);
        let duration = Duration::from_secs(u64::from(seconds));
        let mut traffic =
            Traffic::new(sample, RATE, u64::from(self.started)).during(Duration::ZERO, duration);
        traffic.spacing = Spacing::Random {
            seed: u64::from(self.started),
        };
        // The elephant's samples have an agent process of their own: a sub-agent, with its own sequence numbers.
        let agent = Agent::with_sub_agent(AGENT, self.started);
        let timeline = Timeline::new()
            .with_ports(vec![counters(ingress)], COUNTERS)
            .with_flow(traffic);
        let datagrams = agent.datagrams(timeline, 7, Duration::from_secs(1));
        let now = SystemTime::now();
        self.elephant = Some(play(datagrams, AGENT, self.flow_marker.sflow)?);
        self.span = Some((now, now + duration));
        Ok(ends)
    }

    fn first_packet(&self) -> Option<SystemTime> {
        self.span.map(|(first, _)| first)
    }

    fn first_marked(&self, _dscp: u8) -> Option<SystemTime> {
        None
    }

    #[expect(clippy::disallowed_methods, reason = "the demo is about real time")]
    fn flow_has_ended(&self) -> bool {
        self.span.is_some_and(|(_, last)| SystemTime::now() >= last)
    }

    fn last_packet(&self) -> Option<SystemTime> {
        self.span.map(|(_, last)| last)
    }

    fn controls(&self) -> Result<Vec<Control>> {
        Control::read_all(&http::get(self.flow_marker.http, "/controls/json")?.json()?)
    }

    /// The rules that the tool was given: one for each elephant so far, none for a mouse.
    fn tally(&self, _dscp: u8) -> Result<Tally> {
        let mut rules = std::collections::BTreeSet::new();
        for run in self.home.runs()? {
            let files = run
                .get("at_end")
                .and_then(|files| files.as_object())
                .context("a run without files")?;
            rules.extend(files.values().filter_map(|text| text.as_str().map(str::to_owned)));
        }
        let text = format!(
            "the tool was given {} rule(s) so far, one for each elephant, none for a mouse",
            rules.len()
        );
        Ok(Tally {
            text,
            fine: rules.len() == usize::try_from(self.started)?
                && !rules.iter().any(|rule| rule.contains("7007")),
        })
    }

    fn closing(&self) -> Result<String> {
        let left = http::get(self.acl_server.address, "/acl/")?.text();
        ensure!(left.trim() == "[]", "ACLs are left: {left}");
        Ok(format!(
            "\nThe loop has closed twice in {} runs of the tool; no ACL is left.",
            self.home.runs()?.len()
        ))
    }

    fn logs(&self) -> String {
        format!(
            "{}\n{}",
            self.flow_marker.process.output_end(),
            self.acl_server.process.output_end()
        )
    }
}

//! A fabric that never was: leaf switches with hosts and a spine, synthetic sFlow agents in place of packets, an acl-server
//! with a recording tool on each leaf, and one flow-marker. For those who look at it: a browser, and fifty of them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::agent::{
    Agent, CounterSample, FlowSample, Packet, Playing, Port, PortCounters, Source, Timeline, Traffic, play,
};
use crate::local::{LocalFlowMarker, LocalSwitch};
use crate::random::Random;

/// Speed of a host's port, and of an uplink.
const HOST_SPEED: u64 = 10_000_000_000;
const UPLINK_SPEED: u64 = 40_000_000_000;
/// Ports of hosts on a leaf; the uplinks follow.
const HOSTS: u32 = 16;
/// The first port of the spine for elephants that have one of their own.
const OWN: u32 = 101;
/// Samples in a datagram, and how long the first of them waits.
const BATCH: usize = 7;
const HOLD: Duration = Duration::from_millis(200);
/// Between two counter samples of a port.
const COUNTERS: Duration = Duration::from_secs(5);
/// A flow is marked so long after it began, about; from then on the spine sees its packets with the mark.
const MARKED_AFTER: Duration = Duration::from_millis(1500);
/// The mark (`[mark] dscp`).
const DSCP: u8 = 10;

/// How large it is.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Leaf switches.
    pub leaves: u8,
    /// Small flows that enter each of them.
    pub flows: u32,
    /// Bits per second that they are together, on each leaf.
    pub rate: u64,
    /// How even they are: their rates fall as 1/(rank + this).
    pub flat: u32,
    /// One packet in so many is sampled.
    pub sampling: u32,
    /// What makes an elephant (`[mark] threshold`).
    pub threshold: &'static str,
}

/// An elephant that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Elephant {
    /// The leaf that it enters by, from 0.
    pub leaf: usize,
    /// The port there, from 1.
    pub port: u32,
    /// Bits per second.
    pub rate: u64,
    /// When it begins and how long it lasts.
    pub span: (Duration, Duration),
}

/// The running fabric; dropping it ends everything.
#[derive(Debug)]
pub struct Scene {
    // In the order in which they must end.
    playing: Vec<Playing>,
    marker: Option<LocalFlowMarker>,
    /// The leaves, and at last the spine.
    switches: Vec<LocalSwitch>,
    toml: String,
    shape: Shape,
    started: u16,
    lives: u32,
    directory: tempfile::TempDir,
}

impl Scene {
    /// Starts the leaves, 127.0.0.`first` and following, the spine, flow-marker with `toml` besides the inventory, and what passes
    /// through the leaves all the time, the `elephants` included.
    ///
    /// # Errors
    /// A daemon does not come up.
    pub fn start(shape: Shape, first: u8, toml: &str, elephants: &[Elephant]) -> Result<Self> {
        let directory = tempfile::tempdir().context("a temporary directory")?;
        let numbers = (0..=shape.leaves).map(|number| first.saturating_add(number));
        let switches: Vec<_> = numbers
            .map(|number| LocalSwitch::start(directory.path(), number))
            .collect::<Result<_>>()?;
        let mut config = format!(
            "{toml}\n[mark]\nmode = \"act\"\nhold = \"2s\"\ncommit_interval = \"200ms\"\ndscp = {DSCP}\nthreshold = {:?}\n",
            shape.threshold
        );
        for (number, switch) in (0..).zip(&switches) {
            config += &switch.inventory();
            config += &match number < shape.leaves {
                true => format!("name = \"leaf{}\"\n", number + 1),
                false => format!("name = \"spine1\"\n{}", core(shape.leaves)),
            };
        }
        let mut scene = Self {
            playing: Vec::new(),
            marker: None,
            switches,
            toml: config,
            shape,
            started: 0,
            lives: 0,
            directory,
        };
        // An address of its own, so that nobody else gets its port while it is down.
        let own = SocketAddr::from((Ipv4Addr::new(127, 0, 1, first), 0));
        scene.live((own, own))?;
        for leaf in 0..usize::from(shape.leaves) {
            let mut timeline = background(leaf, shape);
            for (number, elephant) in elephants.iter().enumerate().filter(|(_, one)| one.leaf == leaf) {
                timeline = timeline.with_flow(scene.traffic(*elephant, number, 0));
            }
            scene.play(Agent::new(scene.leaf(leaf)?), timeline)?;
        }
        let ports = (1..=u32::from(shape.leaves)).map(uplink).collect();
        let mut spine = Timeline::new().with_ports(ports, COUNTERS);
        for (number, elephant) in elephants.iter().enumerate() {
            let port = 1 + u32::try_from(elephant.leaf)?;
            spine = spine.with_flow(scene.beyond(*elephant, number, 0, port));
        }
        scene.play(Agent::new(scene.spine()?), spine)?;
        Ok(scene)
    }

    /// flow-marker.
    ///
    /// # Errors
    /// It was killed.
    pub fn marker(&self) -> Result<&LocalFlowMarker> {
        self.marker.as_ref().context("flow-marker was killed")
    }

    /// The leaves, and at last the spine.
    pub fn switches(&self) -> &[LocalSwitch] {
        &self.switches
    }

    /// Where everything keeps its files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Begins an elephant now, one of sixteen at most; its two ends. It passes ports of its own, whose counters come from agent
    /// processes of their own: sub-agents.
    ///
    /// # Errors
    /// It cannot be sent.
    pub fn elephant(&mut self, leaf: usize, rate: u64, lasts: Duration) -> Result<(SocketAddr, SocketAddr)> {
        self.started += 1;
        let (number, sub_agent) = (usize::from(self.started), u32::from(self.started));
        let port = HOSTS + 10 + u32::from(self.started);
        let elephant = Elephant {
            leaf,
            port,
            rate,
            span: (Duration::ZERO, lasts),
        };
        let traffic = self.traffic(elephant, number, self.started);
        let ends = (traffic.sample.packet.source, traffic.sample.packet.destination);
        let timeline = Timeline::new()
            .with_flow(traffic)
            .with_ports(vec![host_port(port)], COUNTERS);
        self.play(Agent::with_sub_agent(self.leaf(leaf)?, sub_agent), timeline)?;
        let port = OWN + u32::from(self.started);
        let spine = Timeline::new()
            .with_flow(self.beyond(elephant, number, self.started, port))
            .with_ports(vec![uplink(port)], COUNTERS);
        self.play(Agent::with_sub_agent(self.spine()?, sub_agent), spine)?;
        Ok(ends)
    }

    /// Ends the elephant that was begun last: nothing more comes of it, and nothing of its ports.
    ///
    /// # Errors
    /// There is none, or it could not be sent.
    pub fn end(&mut self) -> Result<()> {
        let begun = self.playing.len().checked_sub(2);
        let begun = begun
            .filter(|_| self.started > 0)
            .context("no elephant was begun")?;
        for playing in self.playing.drain(begun..) {
            playing.stop()?;
        }
        Ok(())
    }

    /// Kills flow-marker; where it received sFlow and where it answered.
    ///
    /// # Errors
    /// It was killed before.
    pub fn kill(&mut self) -> Result<(SocketAddr, SocketAddr)> {
        let marker = self.marker.take().context("it was killed before")?;
        let addresses = (marker.sflow, marker.http);
        marker.process.crash()?;
        Ok(addresses)
    }

    /// Starts flow-marker, at the addresses that it had before it was killed.
    ///
    /// # Errors
    /// It does not come up.
    pub fn live(&mut self, addresses: (SocketAddr, SocketAddr)) -> Result<()> {
        self.lives += 1;
        let name = format!("flow-marker-{}", self.lives);
        self.marker = Some(LocalFlowMarker::start_at(
            self.directory.path(),
            &name,
            &self.toml,
            addresses,
        )?);
        Ok(())
    }

    fn play(&mut self, agent: Agent, timeline: Timeline) -> Result<()> {
        let (address, sflow) = (agent.address(), self.marker()?.sflow);
        self.playing
            .push(play(agent.datagrams(timeline, BATCH, HOLD), address, sflow)?);
        Ok(())
    }

    fn leaf(&self, leaf: usize) -> Result<IpAddr> {
        Ok(self.switches.get(leaf).context("no such leaf")?.agent.into())
    }

    fn spine(&self) -> Result<IpAddr> {
        self.leaf(usize::from(self.shape.leaves))
    }

    /// An elephant where it enters.
    fn traffic(&self, elephant: Elephant, number: usize, round: u16) -> Traffic {
        let [low, ..] = number.to_le_bytes();
        let [leaf, ..] = elephant.leaf.to_le_bytes();
        let source = SocketAddr::from(([10, 1 + leaf, 2, 10 + low], 40_000 + round));
        let destination = SocketAddr::from(([10, 20 + leaf, 0, 20 + low], 5201));
        let packet = Packet::tcp(source, destination).with_timestamp();
        let sample = FlowSample::new(packet, self.shape.sampling, elephant.port, HOSTS + 1);
        let (start, lasts) = elephant.span;
        Traffic::new(sample, elephant.rate, 1000 + u64::from(low)).during(start, lasts)
    }

    /// The same at a port of the spine, with the mark.
    fn beyond(&self, elephant: Elephant, number: usize, round: u16, port: u32) -> Traffic {
        let mut traffic = self.traffic(elephant, number, round);
        traffic.sample.packet.dscp = DSCP;
        (traffic.sample.input, traffic.sample.source) = (Port::Index(port), Source::interface(port));
        let (start, lasts) = elephant.span;
        traffic.during(start + MARKED_AFTER, lasts.saturating_sub(MARKED_AFTER))
    }
}

/// What comes from leaves has been marked there: the spine's ports, as flow-marker's configuration has them.
fn core(leaves: u8) -> String {
    let port = |index| format!("[switch.ports.{index}]\nrole = \"core\"\n");
    let leaves = 1..=u32::from(leaves);
    leaves.chain(OWN..OWN + 16).map(port).collect()
}

fn uplink(index: u32) -> CounterSample {
    CounterSample::new(PortCounters::new(index, UPLINK_SPEED), &format!("swp{index}"))
}

fn host_port(index: u32) -> CounterSample {
    CounterSample::new(PortCounters::new(index, HOST_SPEED), &format!("swp{index}"))
}

/// Small flows of a leaf.
fn background(leaf: usize, shape: Shape) -> Timeline {
    let uplink = |index| CounterSample::new(PortCounters::new(index, UPLINK_SPEED), &format!("swp{index}"));
    let ports = (1..=HOSTS)
        .map(host_port)
        .chain((HOSTS + 1..=HOSTS + 2).map(uplink));
    let mut timeline = Timeline::new().with_ports(ports.collect(), COUNTERS);
    let [leaf, ..] = leaf.to_le_bytes();
    let mut random = Random::new(u64::from(leaf) + 1);
    // What comes back: a port of which nothing is ever sampled would be told of.
    for port in HOSTS + 1..=HOSTS + 2 {
        let [number, ..] = port.to_le_bytes();
        let source = SocketAddr::from(([10, 20 + leaf, 3, number], 443));
        let packet = Packet::tcp(source, SocketAddr::from(([10, 1 + leaf, 3, number], 50_000)));
        let sample = FlowSample::new(packet.with_timestamp(), shape.sampling, port, 1);
        timeline = timeline.with_flow(Traffic::new(sample, 300_000_000, u64::from(port)));
    }
    let weights: f64 = (0..shape.flows)
        .map(|rank| 1.0 / f64::from(rank + shape.flat))
        .sum();
    for rank in 0..shape.flows {
        let [low, high, ..] = rank.to_le_bytes();
        let port = 1 + random.below(HOSTS);
        let service = [80, 443, 5432, 6379, 9092, 11211];
        let service = service.get(random.below(6) as usize).copied().unwrap_or(443);
        let source = SocketAddr::from((
            [10, 1 + leaf, 1, 10 + low % 64],
            32_768 + u16::from_le_bytes([low, high]),
        ));
        let [host, ..] = random.below(200).to_le_bytes();
        let destination = SocketAddr::from(([10, 20 + (leaf + 1) % 4, 1, 10 + host], service));
        let packet = Packet::tcp(source, destination).with_timestamp();
        let uplink = HOSTS + 1 + random.below(2);
        let sample = FlowSample::new(packet, shape.sampling, port, uplink);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a rate, in whole bits"
        )]
        let rate = (shape.rate as f64 / f64::from(rank + shape.flat) / weights) as u64;
        timeline = timeline.with_flow(Traffic::new(sample, rate.max(1), random.bits()));
    }
    timeline
}

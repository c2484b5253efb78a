//! Detection and what it needs to know of ports, for the switches of the inventory.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use shared::units::BitRate;

use super::edges::Edges;
use super::heard::AgentState;
use super::notice::Notice;
use super::topology::Topology;
use super::weight::{scaled, weight};
use crate::attack::Entering;
use crate::clock::Time;
use crate::config::{Config, Profile, Role, Threshold, is_interface_name};
use crate::detect::{Clock, Detector, Event, Observation, Outcome, Segment};
use crate::flow::{AgentId, Direction, Fingerprint, FiveTuple, FlowHasher, FlowKey, Lags};
use crate::inventory::{Inventory, Member, NotAdmitted, Port, Roster, Switch, TooManyPorts};
use crate::lookout::{Lookout, Sampled};
use crate::marked::Exit;
use crate::metrics;
use crate::packet::Header;
use crate::sflow::{DataSource, FlowSample, RawHeader};

/// What the other records of a sample say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Beside {
    /// When the agent saw the packet, in nanoseconds of its clock (sFlow structure 1043).
    pub(super) recorded: Option<u64>,
    /// The queue that it left by (1036).
    pub(super) queue: Option<u32>,
    /// What TCP says in its header, read for the doctor and for detection.
    pub(super) segment: Option<Segment>,
}

/// Learns about ports, and detects. Holds what concerns switches that may be contacted: those of the inventory.
#[derive(Debug)]
pub(super) struct Elephants {
    inventory: Inventory,
    detector: Detector,
    thread: Arc<metrics::Thread>,
    agents: Vec<AgentState>,
    threshold: Threshold,
    threshold_max: BitRate,
    edges: Edges,
    /// Switches of whose ports something is known that is not shown yet.
    unpublished: BTreeSet<AgentId>,
    staged: Staged,
    lookout: Option<Lookout>,
}

/// Samples that wait for the rest of their batch, so that the detector fetches their flows from memory at the same time.
#[derive(Debug, Default)]
struct Staged {
    fingerprints: Vec<Fingerprint>,
    samples: Vec<Observation>,
}

/// Most samples that are staged: enough misses to keep a core's memory system busy (10 to 16 at a time), few enough that
/// the first is still in the first cache when its turn comes (4 lines of 64 bytes each: 16 KiB).
const BATCH: usize = 64;

impl Elephants {
    /// Detection for a configuration, with a table for so many flows and a list of so many elephants. What becomes known
    /// of ports is shown in the roster.
    pub(super) fn new(
        config: &Config,
        thread: Arc<metrics::Thread>,
        roster: Arc<Roster>,
        (flows, elephants): (usize, usize),
    ) -> Self {
        let detector = Detector::new(config.mark.profile, flows, elephants, FlowHasher::random());
        thread.flows_capacity.set_len(detector.table().capacity());
        let inventory = Inventory::new(roster);
        Self {
            agents: inventory.members().map(AgentState::new).collect(),
            inventory,
            detector,
            thread,
            threshold: config.mark.threshold,
            threshold_max: config.mark.threshold_max,
            edges: Edges::new(&config.mark),
            unpublished: BTreeSet::new(),
            staged: Staged::default(),
            lookout: None,
        }
    }

    /// Also looks out for listed hosts and attacks.
    pub(super) fn look_out(&mut self, lookout: Lookout) {
        self.lookout = Some(lookout);
    }

    /// The switch of the inventory that an agent is; see [`Roster::meet`]. To be asked as long as it is none.
    pub(super) fn meet(&mut self, agent: IpAddr, source: IpAddr) -> Result<Option<Arc<Member>>, NotAdmitted> {
        let member = self.inventory.meet(agent, source)?;
        let new = self.inventory.members().skip(self.agents.len());
        self.agents.extend(new.map(AgentState::new));
        self.unpublished.extend(member.as_ref().map(|member| member.id));
        Ok(member)
    }

    /// Who is a switch of the inventory, when that has changed since it was asked last.
    pub(super) fn changed_inventory(&mut self) -> Option<&Inventory> {
        self.inventory.has_changed().then_some(&self.inventory)
    }

    /// Judges ports by this topology, and everything by this configuration, from now on; `None`: as before. `heard`: the
    /// switches whose datagrams come here. What is known of flows stays, and is judged anew with the next sample of each.
    pub(super) fn follow(
        &mut self,
        topology: &Arc<Topology>,
        config: Option<&Config>,
        heard: impl Iterator<Item = AgentId>,
    ) {
        let mut other_edges = self.edges.follow(topology);
        if let Some(Config { mark, drop, .. }) = config {
            (self.threshold, self.threshold_max) = (mark.threshold, mark.threshold_max);
            self.detector.set_profile(mark.profile);
            other_edges |= self.edges.obey(mark);
            if let Some(lookout) = &mut self.lookout {
                lookout.follow(drop);
            }
        }
        if other_edges {
            self.inventory.forget_roles();
            self.unpublished.extend(heard);
        }
    }

    /// What the configuration says of a switch's LAGs.
    pub(super) fn lags(&self, agent: AgentId) -> Lags {
        self.inventory
            .switch(agent)
            .map_or_else(Lags::default, Switch::lags)
    }

    /// To be called about ten times a second: offers again what was not delivered, finds ends, shows what was learned.
    pub(super) fn tick(&mut self, now: Time, deliver: &mut impl FnMut(Notice) -> bool) {
        let Self {
            inventory,
            detector,
            agents,
            ..
        } = self;
        for agent in detector.poll(now, |event| deliver(Notice::new(inventory, agents, event))) {
            if let Some(state) = agents.get(agent.index()) {
                state.member.received.ended.bump();
            }
        }
        self.thread.flows_tracked.set_len(self.detector.table().len());
        self.thread.elephants.set_len(self.detector.elephants());
        let Self {
            inventory,
            agents,
            edges,
            ..
        } = self;
        self.unpublished.retain(|&id| {
            let Some((switch, state)) = inventory.switch_mut(id).zip(agents.get(id.index())) else {
                return false;
            };
            edges.judge_all(state.member.config.agent, switch);
            state.member.received.ports.set_len(switch.port_count());
            !state.member.publish(switch)
        });
    }

    /// What is shown of the ports of a switch.
    #[cfg(test)]
    pub(super) fn ports(&self, agent: u32) -> Arc<crate::inventory::PortList> {
        self.state(AgentId(agent)).unwrap().member.ports()
    }

    fn state(&self, agent: AgentId) -> Option<&AgentState> {
        self.agents.get(agent.index())
    }

    /// Takes a flow sample of a switch and the header in it. Every one ends in exactly one of the `flow_…` counters; those
    /// that count wait for [`Self::flush`]. `true` when it is time for that. `factor`: by how much more the sample stands for
    /// than its sampling rate says.
    #[inline]
    pub(super) fn stage(
        &mut self,
        now: Time,
        agent: AgentId,
        metrics: &metrics::Agent,
        (sample, direction, factor): (&FlowSample<'_>, Direction, f64),
        (packet, beside): (Option<&(RawHeader<'_>, Header)>, Beside),
    ) -> bool {
        if let Some(state) = self.agents.get_mut(agent.index()) {
            state.holding.observe(now, beside.recorded);
        }
        let seen = self.observation(agent, metrics, (sample, direction, factor), (packet, beside));
        if self.lookout.is_some() {
            self.look(now, agent, (sample, factor), (packet, beside), seen.as_ref());
        }
        if let Some(mut seen) = seen {
            seen.weight = scaled(seen.weight, factor);
            self.staged
                .fingerprints
                .push(self.detector.fingerprint(&seen.key));
            self.staged.samples.push(seen);
        }
        self.staged.samples.len() >= BATCH
    }

    /// Shows a sampled packet to the lookout, wherever it goes; `entering`: what detection has read of it, if it enters the
    /// fabric here.
    fn look(
        &mut self,
        now: Time,
        agent: AgentId,
        (sample, factor): (&FlowSample<'_>, f64),
        (packet, beside): (Option<&(RawHeader<'_>, Header)>, Beside),
        entering: Option<&Observation>,
    ) {
        let Self {
            inventory, lookout, ..
        } = self;
        let (Some(lookout), Some((raw, header))) = (lookout, packet) else {
            return;
        };
        let port = sample.input.if_index().unwrap_or_default();
        let weight = match entering {
            Some(seen) => Some(seen.weight),
            None => {
                let known = inventory.switch(agent).and_then(|switch| switch.port(port));
                weight(sample, raw, known)
            }
        };
        let exit = sample.output.if_index().zip(beside.queue);
        let sampled = Sampled {
            agent,
            port,
            header,
            entering: entering.map(|seen| Entering {
                flow: &seen.key.tuple,
                flags: seen.segment.map(|segment| segment.flags),
                packets: scaled(sample.sampling_rate.into(), factor),
            }),
            bytes: weight.map(|weight| scaled(weight, factor)),
            exit: exit.map(|(port, queue)| Exit { port, queue }),
        };
        lookout.sample(now, &sampled);
    }

    /// What detection is to know of a sample; `None` when it is none of its business.
    fn observation(
        &self,
        agent: AgentId,
        metrics: &metrics::Agent,
        (sample, direction, factor): (&FlowSample<'_>, Direction, f64),
        (packet, beside): (Option<&(RawHeader<'_>, Header)>, Beside),
    ) -> Option<Observation> {
        let left_out = |counter: &metrics::Counter| {
            counter.bump();
            None
        };
        let port = match direction {
            Direction::Ingress(port) => port,
            Direction::Egress => return left_out(&metrics.flow_egress),
            Direction::OtherPort => return left_out(&metrics.flow_other_port),
        };
        let known = self.inventory.switch(agent).and_then(|switch| switch.port(port));
        if self.role(agent, port, known) == Role::Core {
            return left_out(&metrics.flow_core);
        }
        let Some((raw, header)) = packet else {
            return left_out(&metrics.flow_no_header);
        };
        let Some(weight) = weight(sample, raw, known) else {
            return left_out(&metrics.flow_implausible);
        };
        let (Some(ip), Some(tuple)) = (header.ip, FiveTuple::of(header)) else {
            self.thread.traffic_small.bump_by(scaled(weight, factor));
            return match header.ip {
                Some(ip) if ip.fragment => left_out(&metrics.flow_fragment),
                _ => left_out(&metrics.flow_no_tuple),
            };
        };
        metrics.flow_counted.bump();
        Some(Observation {
            key: FlowKey {
                agent,
                // Not the sample's source, which may be one for all ports.
                source: DataSource::interface(port),
                tuple,
            },
            port,
            output: sample.output.if_index(),
            weight,
            frame: raw.frame_length,
            dscp: ip.dscp,
            segment: beside.segment,
            recorded: beside.recorded,
            clock: Clock::Arrival,
            threshold: self.threshold(agent, known, metrics),
        })
    }

    /// What a port is connected to.
    fn role(&self, agent: AgentId, port: u32, known: Option<&Port>) -> Role {
        if let Some(judged) = known.and_then(|port| port.role) {
            return judged.role;
        }
        // It was not judged with the others.
        let known = self.inventory.switch(agent).zip(self.state(agent));
        known.map_or(Role::Edge, |(switch, state)| {
            self.edges.judge(state.member.config.agent, switch, port).role
        })
    }

    /// Counts the samples that are staged, which all came at the same time.
    pub(super) fn flush(&mut self, now: Time, deliver: &mut impl FnMut(Notice) -> bool) {
        let Self {
            inventory,
            detector,
            thread,
            agents,
            staged,
            lookout,
            ..
        } = self;
        if let Some(lookout) = lookout {
            lookout.refresh();
        }
        detector.warm(&staged.fingerprints);
        for (fingerprint, seen) in staged.fingerprints.drain(..).zip(staged.samples.drain(..)) {
            let mut deliver = |event: &Event| deliver(Notice::new(inventory, agents, event));
            let outcome = detector.observe_as(now, fingerprint, &seen, &mut deliver);
            let class = match outcome {
                Outcome::Known | Outcome::Fired => &thread.traffic_large,
                _ => &thread.traffic_small,
            };
            class.bump_by(seen.weight);
            match outcome {
                Outcome::Counted | Outcome::Known => {}
                Outcome::Displaced => thread.flows_evicted.bump(),
                Outcome::Refused => thread.flows_refused.bump(),
                Outcome::Fired => {
                    if let Some(state) = agents.get(seen.key.agent.index()) {
                        state.member.received.detected.bump();
                    }
                }
                Outcome::Full => thread.elephants_refused.bump(),
            }
        }
    }

    /// The rate that makes an elephant on a port; `None` while something is missing that detection or a rule needs.
    fn threshold(&self, agent: AgentId, port: Option<&Port>, metrics: &metrics::Agent) -> Option<BitRate> {
        let threshold = self
            .threshold
            .of_port(port.and_then(|p| p.speed), self.threshold_max);
        if threshold.is_none() {
            metrics.speed_unknown.bump();
        }
        let name = port.and_then(|p| p.name.as_deref());
        if self.state(agent).is_some_and(AgentState::needs_port_name) && !name.is_some_and(is_interface_name)
        {
            metrics.port_name_unknown.bump();
            return None;
        }
        threshold
    }

    /// What finds elephants.
    pub(super) const fn detector(&self) -> &Detector {
        &self.detector
    }

    /// How much evidence makes an elephant.
    pub(super) const fn profile(&self) -> Profile {
        self.detector.profile()
    }

    /// The rate that makes an elephant on a port of a switch, or that would if the agent were one of the inventory; `speed` is
    /// what its counters say. `None` where none is looked for.
    pub(super) fn threshold_at(
        &self,
        agent: Option<AgentId>,
        port: u32,
        speed: Option<BitRate>,
    ) -> Option<BitRate> {
        let known = agent.and_then(|id| self.inventory.switch(id)?.port(port));
        if agent.is_some_and(|id| self.role(id, port, known) == Role::Core) {
            return None;
        }
        let speed = known.and_then(|port| port.speed).or(speed);
        self.threshold.of_port(speed, self.threshold_max)
    }

    /// Remembers the speed of a port, in bits per second, as its counters tell it.
    pub(super) fn learn_speed(&mut self, agent: AgentId, if_index: u32, bits_per_second: u64) {
        self.learn(agent, |switch| switch.learn_speed(if_index, bits_per_second));
    }

    /// Remembers the name of a port.
    pub(super) fn learn_name(&mut self, agent: AgentId, if_index: u32, name: &str) {
        self.learn(agent, |switch| switch.learn_name(if_index, name));
    }

    /// Remembers the LAG of a port, where that may decide what the port is.
    pub(super) fn learn_lag(&mut self, agent: AgentId, port: u32, lag: u32) {
        if self.edges.needs_links() {
            self.learn(agent, |switch| Ok(switch.learn_lag(port, lag)));
        }
    }

    fn learn(&mut self, agent: AgentId, learn: impl FnOnce(&mut Switch) -> Result<bool, TooManyPorts>) {
        let Some(switch) = self.inventory.switch_mut(agent) else {
            return;
        };
        match learn(switch) {
            Ok(false) => {}
            Ok(true) => {
                self.unpublished.insert(agent);
            }
            Err(TooManyPorts) => {
                if let Some(state) = self.state(agent) {
                    state.member.received.ports_refused.bump();
                }
            }
        }
    }
}

//! From the bytes of a datagram to events; without socket or clock.

use std::sync::Arc;

use shared::units::BitRate;

use crate::clock::Time;
use crate::config::{Config, Interface, Role, Threshold, is_interface_name};
use crate::detect::{Detector, Event, Observation, Outcome};
use crate::flow::{AgentId, FiveTuple, FlowHasher, FlowKey};
use crate::ingest::direction::{Direction, direction};
use crate::inventory::{Inventory, Port, PortBoard};
use crate::metrics::{self, Metrics};
use crate::packet::{Header, Layer, Stop};
use crate::sflow::{
    CounterRecord, CounterSample, DataSource, Datagram, Fault, FlowRecord, FlowSample, RawHeader, Sample,
};

/// An event with what a controller needs to know besides.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// What happened.
    pub event: Event,
    /// The name of the port that the flow enters by.
    pub port_name: Option<Arc<str>>,
}

/// Decodes, learns about ports, and detects.
#[derive(Debug)]
pub struct Pipeline {
    inventory: Inventory,
    detector: Detector,
    metrics: Arc<Metrics>,
    agents: Vec<AgentState>,
    threshold: Threshold,
    threshold_max: BitRate,
    board: Arc<PortBoard>,
    /// Something about a port is known that the board does not show.
    unpublished: bool,
}

/// What is kept for each agent besides its ports.
#[derive(Debug)]
struct AgentState {
    metrics: Arc<metrics::Agent>,
    /// Rules name the port, so a flow can only be marked where its name is known.
    needs_port_name: bool,
}

/// The longest IPv6 packet without jumbo payload (40 + 65 535 bytes), as segmentation offload hands them to a virtual
/// switch, and 64 bytes of link layer. A longer frame is a damaged or forged number.
const MAX_FRAME: u32 = 40 + 65_535 + 64;

/// The most that one sample may stand for, as time at line rate. Agents that sample so coarsely that a whole port makes
/// fewer than one sample in ten seconds find no elephants anyway; a number beyond it is damaged or forged, and would
/// make an elephant of one packet.
const MAX_LINE_SECONDS: u64 = 10;

/// Where a port's speed is not known, it is not faster than the fastest Ethernet there is (IEEE 802.3dj).
const FASTEST_PORT: BitRate = BitRate::from_bits_per_second(1_600_000_000_000);

/// Whether one sample of a port of this speed can stand for so many bytes.
fn is_plausible(weight: u64, speed: Option<BitRate>) -> bool {
    let speed = speed.unwrap_or(FASTEST_PORT).bits_per_second();
    weight.saturating_mul(8) <= speed.saturating_mul(MAX_LINE_SECONDS)
}

impl Pipeline {
    /// A pipeline for a configuration. What becomes known of ports is shown on `board`.
    pub fn new(config: &Config, metrics: Arc<Metrics>, board: Arc<PortBoard>) -> Self {
        let detector = Detector::new(Detector::FLOWS, Detector::ELEPHANTS, FlowHasher::random());
        metrics
            .process
            .flows_capacity
            .set_len(detector.table().capacity());
        let agents = config.switches.iter().zip(metrics.agents());
        Self {
            inventory: Inventory::new(&config.switches),
            detector,
            agents: agents
                .map(|(switch, metrics)| AgentState {
                    metrics: Arc::clone(metrics),
                    needs_port_name: switch.interface == Interface::Ingress,
                })
                .collect(),
            metrics,
            threshold: config.mark.threshold,
            threshold_max: config.mark.threshold_max,
            board,
            unpublished: true,
        }
    }

    /// Takes one datagram, whoever sent it. `deliver` says whether it could take the notice.
    pub fn datagram(&mut self, now: Time, bytes: &[u8], deliver: &mut impl FnMut(Notice) -> bool) {
        let process = &self.metrics.process;
        process.datagrams_received.inc();
        let datagram = match Datagram::parse(bytes) {
            Ok(datagram) => datagram,
            Err(error) => {
                match error.fault {
                    Fault::Version(_) => process.rejected_version.inc(),
                    Fault::Short { .. } => process.rejected_truncated.inc(),
                    _ => process.rejected_malformed.inc(),
                }
                return tracing::trace!(%error, "datagram rejected");
            }
        };
        let Some(agent) = self.inventory.find(datagram.agent) else {
            process.unknown_agent.inc();
            return tracing::trace!(agent = %datagram.agent, "datagram of an agent that is not in the inventory");
        };
        let Some(metrics) = self.state(agent).map(|state| Arc::clone(&state.metrics)) else {
            return;
        };
        metrics.decoded.inc();
        let mut damaged = false;
        for sample in datagram.samples() {
            match sample {
                Ok(Sample::Flow(sample)) => {
                    metrics.samples_flow.inc();
                    let raw = read_flow_records(&sample, &metrics, &mut damaged);
                    self.flow_sample(now, agent, &metrics, &sample, raw, deliver);
                }
                Ok(Sample::Counters(sample)) => {
                    metrics.samples_counters.inc();
                    self.counter_sample(agent, &metrics, &sample, &mut damaged);
                }
                Ok(_) => metrics.samples_other.inc(),
                Err(_) => {
                    metrics.samples_damaged.inc();
                    damaged = true;
                }
            }
        }
        if damaged {
            metrics.damaged.inc();
        }
    }

    /// To be called about ten times a second: offers again what was not delivered, finds ends, shows what was learned.
    pub fn tick(&mut self, now: Time, deliver: &mut impl FnMut(Notice) -> bool) {
        let Self {
            inventory,
            detector,
            agents,
            ..
        } = self;
        for agent in detector.poll(now, |event| deliver(notice(inventory, event))) {
            if let Some(state) = agents.get(index(agent)) {
                state.metrics.ended.inc();
            }
        }
        let process = &self.metrics.process;
        process.flows_tracked.set_len(self.detector.table().len());
        process.elephants.set_len(self.detector.elephants());
        if self.unpublished && self.board.publish(&self.inventory) {
            self.unpublished = false;
            for (switch, state) in self.inventory.switches().iter().zip(&self.agents) {
                state.metrics.ports.set_len(switch.port_count());
            }
        }
    }

    fn state(&self, agent: AgentId) -> Option<&AgentState> {
        self.agents.get(index(agent))
    }

    /// Every flow sample ends in exactly one of the `flow_…` counters.
    fn flow_sample(
        &mut self,
        now: Time,
        agent: AgentId,
        metrics: &metrics::Agent,
        sample: &FlowSample<'_>,
        raw: Option<RawHeader<'_>>,
        deliver: &mut impl FnMut(Notice) -> bool,
    ) {
        let port = match direction(sample.source, sample.input, sample.output) {
            Direction::Ingress(port) => port,
            Direction::Egress => return metrics.flow_egress.inc(),
            Direction::OtherPort => return metrics.flow_other_port.inc(),
        };
        let known = self.inventory.switch(agent).and_then(|switch| switch.port(port));
        if known.is_some_and(|port| port.role == Role::Core) {
            return metrics.flow_core.inc();
        }
        let Some(raw) = raw else {
            return metrics.flow_no_header.inc();
        };
        let weight = u64::from(sample.sampling_rate) * u64::from(raw.frame_length);
        if weight == 0
            || raw.frame_length > MAX_FRAME
            || !is_plausible(weight, known.and_then(|port| port.speed))
        {
            return metrics.flow_implausible.inc();
        }
        let header = Header::parse(raw.protocol, raw.header);
        count_stop(metrics, header.stop);
        let (Some(ip), Some(tuple)) = (header.ip, FiveTuple::of(&header)) else {
            return match header.ip {
                Some(ip) if ip.fragment => metrics.flow_fragment.inc(),
                _ => metrics.flow_no_tuple.inc(),
            };
        };
        metrics.flow_counted.inc();
        let seen = Observation {
            key: FlowKey {
                agent,
                // Not the sample's source, which may be one for all ports.
                source: DataSource::interface(port),
                tuple,
            },
            port,
            weight,
            dscp: ip.dscp,
            threshold: self.threshold(agent, known, metrics),
        };
        let Self {
            inventory, detector, ..
        } = self;
        let outcome = detector.observe(now, &seen, &mut |event| deliver(notice(inventory, event)));
        let process = &self.metrics.process;
        match outcome {
            Outcome::Counted | Outcome::Known => {}
            Outcome::Displaced => process.flows_evicted.inc(),
            Outcome::Refused => process.flows_refused.inc(),
            Outcome::Fired => metrics.detected.inc(),
            Outcome::Full => process.elephants_refused.inc(),
        }
    }

    /// The rate that makes an elephant on a port; `None` while something is missing that detection or a rule needs.
    fn threshold(&self, agent: AgentId, port: Option<&Port>, metrics: &metrics::Agent) -> Option<BitRate> {
        let threshold = self
            .threshold
            .of_port(port.and_then(|p| p.speed), self.threshold_max);
        if threshold.is_none() {
            metrics.speed_unknown.inc();
        }
        let name = port.and_then(|p| p.name.as_deref());
        if self.state(agent).is_some_and(|state| state.needs_port_name)
            && !name.is_some_and(is_interface_name)
        {
            metrics.port_name_unknown.inc();
            return None;
        }
        threshold
    }

    fn counter_sample(
        &mut self,
        agent: AgentId,
        metrics: &metrics::Agent,
        sample: &CounterSample<'_>,
        damaged: &mut bool,
    ) {
        let Some(switch) = self.inventory.switch_mut(agent) else {
            return;
        };
        // The interface that a port name belongs to is the one whose counters stand beside it, or else the source.
        let mut if_index = sample.source.if_index();
        for record in sample.records() {
            metrics.records_counters.inc();
            let learned = match record {
                Ok(CounterRecord::GenericInterface(counters)) => {
                    if_index = Some(counters.if_index);
                    switch.learn_speed(counters.if_index, counters.speed_bps)
                }
                Ok(CounterRecord::PortName(name)) => match (if_index, name.as_str()) {
                    (Some(if_index), Some(name)) => switch.learn_name(if_index, name),
                    _ => Ok(false),
                },
                Ok(CounterRecord::Other { .. }) => {
                    metrics.records_skipped.inc();
                    Ok(false)
                }
                Ok(_) => Ok(false),
                Err(_) => {
                    *damaged = true;
                    Ok(false)
                }
            };
            match learned {
                Ok(news) => self.unpublished |= news,
                Err(_) => metrics.ports_refused.inc(),
            }
        }
    }
}

/// The first raw header of a sample; counts all records.
fn read_flow_records<'a>(
    sample: &FlowSample<'a>,
    metrics: &metrics::Agent,
    damaged: &mut bool,
) -> Option<RawHeader<'a>> {
    let mut raw = None;
    for record in sample.records() {
        metrics.records_flow.inc();
        match record {
            Ok(FlowRecord::RawHeader(header)) => {
                raw.get_or_insert(header);
            }
            Ok(FlowRecord::Other { .. }) => metrics.records_skipped.inc(),
            Ok(_) => {}
            Err(_) => *damaged = true,
        }
    }
    raw
}

fn count_stop(metrics: &metrics::Agent, stop: Stop) {
    match stop {
        Stop::Complete => &metrics.header_complete,
        Stop::Cut(Layer::Link | Layer::Vlan) => &metrics.header_cut_link,
        Stop::Cut(Layer::Network | Layer::Extension) => &metrics.header_cut_network,
        Stop::Cut(Layer::Transport) => &metrics.header_cut_transport,
        Stop::Unsupported(_) => &metrics.header_unsupported,
        Stop::Malformed(_) => &metrics.header_malformed,
        Stop::Fragment => &metrics.header_fragment,
    }
    .inc();
}

fn index(agent: AgentId) -> usize {
    usize::try_from(agent.0).unwrap_or(usize::MAX)
}

fn notice(inventory: &Inventory, event: &Event) -> Notice {
    let port_name = match event {
        Event::Started(elephant) => inventory
            .switch(elephant.key.agent)
            .and_then(|switch| switch.port(elephant.port))
            .and_then(|port| port.name.clone()),
        Event::Ended { .. } => None,
    };
    Notice {
        event: event.clone(),
        port_name,
    }
}

#[cfg(test)]
mod tests;

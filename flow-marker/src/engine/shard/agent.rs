//! One agent: what its datagrams say.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::defined::{AllDefined, Surroundings};
use super::noted::{count_stop, flow_seen, port_counters};
use super::sources::{AgentSources, Sources};
use crate::clock::Time;
use crate::detect::Segment;
use crate::engine::doctor::{AgentDoctor, CountersSeen};
use crate::engine::elephants::{Beside, Elephants};
use crate::engine::metric::{Origin, Seen, Store};
use crate::engine::outlet::Outlet;
use crate::engine::threshold::Thresholds;
use crate::flow::language::Needs;
use crate::flow::{self, AgentId, Lags, View, direction};
use crate::ingest::loss::{Arrival, Kind, Loss};
use crate::ingest::places::{Places, Share};
use crate::inventory::{Member, NotAdmitted};
use crate::metrics;
use crate::packet::Header;
use crate::sflow::{
    CounterRecord, CounterSample, Datagram, DecodeError, DiscardSample, FlowRecord, FlowSample, Interface,
    RawHeader, Sample,
};

/// Data sources of one agent whose samples are accounted for, kind by kind: 4,800 ports in two kinds of samples.
const LOSS_SOURCES: usize = 9600;

/// What the agents of a shard share.
pub(super) struct Around<'a> {
    pub(super) elephants: &'a mut Elephants,
    pub(super) metrics: &'a mut Store,
    pub(super) thresholds: &'a mut Thresholds,
    pub(super) defined: &'a mut AllDefined,
    pub(super) sources: &'a mut Sources,
    pub(super) seen: &'a mut flow::Seen,
    pub(super) outlet: &'a mut dyn Outlet,
}

/// What the records of a sample say.
#[derive(Default)]
struct Found<'a> {
    /// The first raw header.
    raw: Option<RawHeader<'a>>,
    /// What those say that detection wants to know.
    beside: Beside,
    /// One of them is damaged.
    damaged: bool,
}

/// The switch of the inventory that an agent is, if it is one; or why it is none, although a template allows for it.
pub(super) type Standing = Result<Option<Arc<Member>>, NotAdmitted>;

/// What is kept of one agent.
#[derive(Debug)]
pub(super) struct Agent {
    address: IpAddr,
    standing: Standing,
    /// Its place in the inventory, if it has one.
    id: Option<AgentId>,
    counts: Arc<metrics::Agent>,
    sources: AgentSources,
    lags: Lags,
    loss: Loss,
    doctor: AgentDoctor,
    from: SocketAddr,
    first_seen: Time,
    uptime_ms: u32,
}

impl Agent {
    /// An agent of which nothing is known but what the configuration says of its LAGs. Its data sources take `sources` when
    /// it is not in the inventory.
    pub(super) fn new(
        address: IpAddr,
        (standing, lags): (Standing, Lags),
        (counts, sources): (Arc<metrics::Agent>, &Arc<Places>),
        now: Time,
    ) -> Self {
        let id = standing
            .as_ref()
            .map_or(None, |member| member.as_ref().map(|member| member.id));
        // The inventory is limited by itself.
        let share = || match id {
            Some(_) => Share::default(),
            None => Share::of(Arc::clone(sources)),
        };
        Self {
            address,
            standing,
            id,
            counts,
            sources: AgentSources::new(id.is_some()),
            lags,
            loss: Loss::new(LOSS_SOURCES, share()),
            doctor: AgentDoctor::new(share()),
            from: SocketAddr::from(([0; 4], 0)),
            first_seen: now,
            uptime_ms: 0,
        }
    }

    /// Whether datagrams from `source` may be its own; `None` when that depends on what it is by now.
    #[inline]
    pub(super) fn sends_from(&self, source: IpAddr) -> Option<bool> {
        match &self.standing {
            Ok(Some(member)) => Some(member.config.may_send_from(source)),
            Ok(None) => Some(true),
            Err(_) => None,
        }
    }

    /// Has become something else than it was, but no switch of the inventory.
    pub(super) fn stand(&mut self, standing: Standing) {
        self.standing = standing;
    }

    /// What it is to the inventory.
    pub(super) const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Its place in the inventory.
    pub(super) const fn id(&self) -> Option<AgentId> {
        self.id
    }

    /// Its address.
    pub(super) const fn address(&self) -> IpAddr {
        self.address
    }

    /// Where flows of it were sampled.
    pub(super) const fn sources(&self) -> &AgentSources {
        &self.sources
    }

    /// What was lost on the way.
    pub(super) const fn loss(&self) -> &Loss {
        &self.loss
    }

    /// How well it samples.
    pub(super) const fn doctor(&self) -> &AgentDoctor {
        &self.doctor
    }

    /// Where its last datagram came from.
    pub(super) const fn from(&self) -> SocketAddr {
        self.from
    }

    /// Its first datagram.
    pub(super) const fn first_seen(&self) -> Time {
        self.first_seen
    }

    /// Milliseconds since it started, as its last datagram says.
    pub(super) const fn uptime_ms(&self) -> u32 {
        self.uptime_ms
    }

    /// Takes all samples of a datagram.
    pub(super) fn samples(
        &mut self,
        now: Time,
        from: SocketAddr,
        datagram: &Datagram<'_>,
        around: &mut Around<'_>,
    ) {
        self.counts.decoded.bump();
        let lost = self.loss.datagrams().lost;
        let arrival = self
            .loss
            .datagram(datagram.sub_agent, datagram.sequence, datagram.uptime_ms);
        let counts = self.loss.datagrams();
        self.doctor.observe_datagrams(counts.received, counts.lost, now);
        if counts.lost != lost {
            // Agents outside of the inventory share one gauge.
            self.counts.datagrams_lost.shift(lost, counts.lost);
        }
        // An agent that does not number its datagrams always sends the same number, but its clock goes on.
        if arrival == Arrival::Duplicate && datagram.uptime_ms <= self.uptime_ms {
            // Its samples have been counted already.
            return self.counts.datagrams_duplicate.bump();
        }
        (self.from, self.uptime_ms) = (from, datagram.uptime_ms);
        let mut damaged = false;
        for sample in datagram.samples() {
            match sample {
                Ok(Sample::Flow(sample)) => {
                    self.counts.samples_flow.bump();
                    damaged |= self.flow(now, &sample, around);
                }
                Ok(Sample::Counters(sample)) => {
                    self.counts.samples_counters.bump();
                    damaged |= self.counters(now, datagram, &sample, around);
                }
                Ok(Sample::Discard(sample)) => {
                    self.counts.samples_discard.bump();
                    damaged |= self.discard(now, &sample, around);
                }
                Ok(Sample::RtMetric(sample)) => {
                    self.counts.samples_other.bump();
                    let (metrics, watch) = (&mut *around.metrics, &mut *around.thresholds);
                    damaged |= !metrics.rtmetric(self.address, &sample, now, watch);
                }
                Ok(Sample::RtFlow(_) | Sample::Other { .. }) => self.counts.samples_other.bump(),
                Err(_) => {
                    self.counts.samples_damaged.bump();
                    damaged = true;
                }
            }
        }
        if damaged {
            self.counts.damaged.bump();
        }
    }

    /// Takes a flow sample; true when a record of it is damaged.
    fn flow(&mut self, now: Time, sample: &FlowSample<'_>, around: &mut Around<'_>) -> bool {
        self.loss
            .sample(Kind::Flow, sample.source, sample.sequence, Some(sample.drops));
        let place = direction(sample.source, sample.input, sample.output, &self.lags);
        let needs = needs(now, around);
        let mut view = needs.map(|_| {
            let ports = (sample.input, sample.output);
            View::new(self.address, sample.source, ports, place, sample.sampling_rate)
        });
        let found = self.records(sample.records(), view.as_mut().zip(needs));
        let damaged = found.damaged;
        let packet = found.raw.map(|raw| (raw, self.header(&raw)));
        let segment = packet
            .as_ref()
            .and_then(|(raw, header)| Segment::of(header, raw.header));
        let beside = Beside {
            segment,
            ..found.beside
        };
        let seen = flow_seen((sample, place), packet.as_ref(), beside);
        let factor = self.doctor.observe_flow(&seen, now);
        if let Some(id) = self.id {
            let elephants = &mut *around.elephants;
            let packet = (packet.as_ref(), beside);
            if elephants.stage(now, id, &self.counts, (sample, place, factor), packet) {
                let outlet = &mut *around.outlet;
                elephants.flush(now, &mut |notice| outlet.elephant(notice));
            }
        }
        if let Some((mut view, needs)) = view.zip(needs) {
            self.define(now, (&mut view, packet, false), needs, around);
        }
        damaged
    }

    /// Takes a notification of a discarded packet; true when a record of it is damaged.
    fn discard(&mut self, now: Time, sample: &DiscardSample<'_>, around: &mut Around<'_>) -> bool {
        self.loss
            .sample(Kind::Discard, sample.source, sample.sequence, Some(sample.drops));
        let port = |index| match index {
            0 => Interface::Unknown,
            index => Interface::Index(index),
        };
        let (input, output) = (port(sample.input_if_index), port(sample.output_if_index));
        // Every discarded packet is told of.
        let place = direction(sample.source, input, output, &self.lags);
        let mut view = View::new(self.address, sample.source, (input, output), place, 1);
        view.reason = Some(sample.reason);
        let needs = needs(now, around);
        let found = self.records(sample.records(), needs.map(|needs| (&mut view, needs)));
        let damaged = found.damaged;
        let packet = found.raw.map(|raw| (raw, self.header(&raw)));
        if let Some(needs) = needs {
            self.define(now, (&mut view, packet, true), needs, around);
        }
        damaged
    }

    /// Reads records: the first raw header, and what definitions need of the others. True when one is damaged.
    #[inline]
    fn records<'a>(
        &self,
        records: impl Iterator<Item = Result<FlowRecord<'a>, DecodeError>>,
        mut view: Option<(&mut View<'a>, Needs)>,
    ) -> Found<'a> {
        let mut found = Found::default();
        for record in records {
            self.counts.records_flow.bump();
            match record {
                Ok(FlowRecord::RawHeader(header)) => {
                    found.raw.get_or_insert(header);
                }
                Ok(FlowRecord::Other { .. }) => self.counts.records_skipped.bump(),
                Ok(record) => {
                    match record {
                        FlowRecord::Timestamp(timestamp) => found.beside.recorded = Some(timestamp.time_ns),
                        FlowRecord::EgressQueue(queue) => found.beside.queue = Some(queue.queue),
                        _ => {}
                    }
                    if let Some((view, needs)) = &mut view {
                        view.add(&record, *needs);
                    }
                }
                Err(_) => found.damaged = true,
            }
        }
        found
    }

    /// Reads a sampled header as far as it goes.
    #[inline]
    fn header(&self, raw: &RawHeader<'_>) -> Header {
        let header = Header::parse(raw.protocol, raw.header);
        count_stop(&self.counts, header.stop);
        header
    }

    /// Hands a sample to the flow definitions.
    #[inline]
    fn define<'a>(
        &mut self,
        now: Time,
        (view, packet, dropped): (&mut View<'a>, Option<(RawHeader<'a>, Header)>, bool),
        needs: Needs,
        around: &mut Around<'_>,
    ) {
        if let Some((raw, header)) = packet {
            view.set_header(raw, Some(header));
        }
        view.prepare(needs);
        if around.seen.is_due(now) {
            around.seen.look(now, view);
        }
        let Some(source) = self.sources.id(self.address, view.source, around.sources) else {
            return self.counts.sources_refused.bump();
        };
        let mut surroundings = Surroundings {
            sources: around.sources,
            store: around.metrics,
            thresholds: around.thresholds,
            outlet: around.outlet,
        };
        around
            .defined
            .sample(now, source, (view, dropped), &mut surroundings);
    }

    /// Takes a counter sample; true when a record of it is damaged.
    fn counters(
        &mut self,
        now: Time,
        datagram: &Datagram<'_>,
        sample: &CounterSample<'_>,
        around: &mut Around<'_>,
    ) -> bool {
        self.loss
            .sample(Kind::Counters, sample.source, sample.sequence, None);
        let origin = Origin {
            agent: self.address,
            sub_agent: datagram.sub_agent,
            source: sample.source,
            seen: Seen {
                sequence: sample.sequence,
                uptime_ms: datagram.uptime_ms,
                at: now,
            },
        };
        // The interface that a name or a LAG belongs to is the one whose counters stand beside it, or else the source.
        let mut port = CountersSeen {
            if_index: sample.source.if_index().unwrap_or_default(),
            ..CountersSeen::default()
        };
        let mut damaged = false;
        let records = sample.records().inspect(|record| {
            self.counts.records_counters.bump();
            match record {
                Ok(CounterRecord::GenericInterface(counters)) => {
                    port = port_counters(counters, port.name);
                    if let Some(id) = self.id {
                        let elephants = &mut *around.elephants;
                        elephants.learn_speed(id, counters.if_index, counters.speed_bps);
                    }
                }
                Ok(CounterRecord::PortName(name)) => {
                    port.name = name.as_str();
                    if let (Some(id), Some(name)) = (self.id, port.name)
                        && port.if_index != 0
                    {
                        around.elephants.learn_name(id, port.if_index, name);
                    }
                }
                Ok(CounterRecord::LagPort(lag)) if port.if_index != 0 => {
                    if !self.lags.learn(port.if_index, lag.aggregator) {
                        self.counts.ports_refused.bump();
                    }
                    if let Some(id) = self.id {
                        around.elephants.learn_lag(id, port.if_index, lag.aggregator);
                    }
                }
                Ok(CounterRecord::Other { .. }) => self.counts.records_skipped.bump(),
                Ok(_) => {}
                Err(_) => damaged = true,
            }
        });
        around.metrics.counter_sample(origin, records, around.thresholds);
        if port.if_index != 0 {
            self.doctor.observe_counters(&port, now);
        }
        damaged
    }
}

/// What samples are to be read for at this moment; `None`: nobody looks at them.
fn needs(now: Time, around: &Around<'_>) -> Option<Needs> {
    if around.seen.is_due(now) {
        return Some(flow::Seen::NEEDS);
    }
    (!around.defined.is_empty()).then(|| around.defined.needs())
}

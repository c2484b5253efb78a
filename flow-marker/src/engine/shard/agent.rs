//! One agent: what its datagrams say.

use std::net::IpAddr;
use std::sync::Arc;

use crate::clock::Time;
use crate::engine::elephants::Elephants;
use crate::engine::metric::{Field, Named, Origin, Seen, Store};
use crate::engine::outlet::Outlet;
use crate::engine::threshold::Thresholds;
use crate::flow::AgentId;
use crate::metrics;
use crate::packet::{Header, Layer, Stop};
use crate::sflow::{
    CounterRecord, CounterSample, Datagram, FlowRecord, FlowSample, MetricValue, RawHeader, RtMetric, Sample,
    Value,
};

/// What the agents of a shard share.
pub(super) struct Around<'a> {
    pub(super) elephants: &'a mut Elephants,
    pub(super) metrics: &'a mut Store,
    pub(super) thresholds: &'a mut Thresholds,
    pub(super) outlet: &'a mut dyn Outlet,
}

/// What is kept of one agent.
#[derive(Debug)]
pub(super) struct Agent {
    address: IpAddr,
    /// Its place in the inventory, if it has one.
    id: Option<AgentId>,
    metrics: Arc<metrics::Agent>,
}

impl Agent {
    /// An agent of which nothing is known.
    pub(super) const fn new(address: IpAddr, id: Option<AgentId>, metrics: Arc<metrics::Agent>) -> Self {
        Self { address, id, metrics }
    }

    /// Takes all samples of a datagram.
    pub(super) fn samples(&mut self, now: Time, datagram: &Datagram<'_>, around: &mut Around<'_>) {
        let metrics = &*self.metrics;
        metrics.decoded.bump();
        let mut damaged = false;
        for sample in datagram.samples() {
            match sample {
                Ok(Sample::Flow(sample)) => {
                    metrics.samples_flow.bump();
                    let packet = read_packet(&sample, metrics, &mut damaged);
                    if let Some(id) = self.id {
                        let outlet = &mut *around.outlet;
                        let mut deliver = |notice| outlet.elephant(notice);
                        let elephants = &mut *around.elephants;
                        elephants.flow_sample(now, id, metrics, &sample, packet.as_ref(), &mut deliver);
                    }
                }
                Ok(Sample::Counters(sample)) => {
                    metrics.samples_counters.bump();
                    damaged |= self.counters(now, datagram, &sample, around);
                }
                Ok(Sample::RtMetric(sample)) => {
                    metrics.samples_other.bump();
                    damaged |= self.rtmetric(now, &sample, around);
                }
                Ok(_) => metrics.samples_other.bump(),
                Err(_) => {
                    metrics.samples_damaged.bump();
                    damaged = true;
                }
            }
        }
        if damaged {
            metrics.damaged.bump();
        }
    }

    /// Takes a counter sample; true when a record of it is damaged.
    fn counters(
        &self,
        now: Time,
        datagram: &Datagram<'_>,
        sample: &CounterSample<'_>,
        around: &mut Around<'_>,
    ) -> bool {
        let mut writer = around.metrics.counters(Origin {
            agent: self.address,
            sub_agent: datagram.sub_agent,
            source: sample.source,
            seen: Seen {
                sequence: sample.sequence,
                uptime_ms: datagram.uptime_ms,
                at: now,
            },
        });
        // The interface that a port name belongs to is the one whose counters stand beside it, or else the source.
        let mut if_index = sample.source.if_index();
        let mut fields = Vec::new();
        let mut damaged = false;
        for record in sample.records() {
            self.metrics.records_counters.bump();
            let record = match record {
                Ok(record) => record,
                Err(_) => {
                    damaged = true;
                    continue;
                }
            };
            match &record {
                CounterRecord::GenericInterface(counters) => {
                    if_index = Some(counters.if_index);
                    if let Some(id) = self.id {
                        around
                            .elephants
                            .learn_speed(id, counters.if_index, counters.speed_bps);
                    }
                }
                CounterRecord::PortName(name) => {
                    if let (Some(id), Some(if_index), Some(name)) = (self.id, if_index, name.as_str()) {
                        around.elephants.learn_name(id, if_index, name);
                    }
                }
                CounterRecord::Other { .. } => self.metrics.records_skipped.bump(),
                _ => {}
            }
            fields.clear();
            record.fields(&mut |name, value| fields.push((name, field(&value))));
            writer.record(record.format(), &fields);
        }
        writer.finish(around.thresholds);
        damaged
    }

    /// Takes metrics that somebody has defined; true when not all of them could be read.
    fn rtmetric(&self, now: Time, sample: &RtMetric<'_>, around: &mut Around<'_>) -> bool {
        for entry in sample.entries() {
            let Ok(entry) = entry else {
                return true;
            };
            let value = match entry.value {
                MetricValue::Text(text) => Named::Text(text.0),
                MetricValue::Counter32(count) => Named::Counter32(count),
                MetricValue::Counter64(count) => Named::Counter64(count),
                MetricValue::Gauge32(number) => Named::Gauge(f64::from(number)),
                MetricValue::Gauge64(number) => Named::Gauge(number as f64),
                MetricValue::Float(number) => Named::Gauge(f64::from(number)),
                MetricValue::Double(number) => Named::Gauge(number),
            };
            // What is refused is in the store's own count.
            around.metrics.named(
                (self.address, sample.source.0),
                entry.name.0,
                value,
                now,
                around.thresholds,
            );
        }
        false
    }
}

/// A field of a counter record, as metrics are made of it.
fn field<'a>(value: &Value<'a>) -> Field<'a> {
    match *value {
        Value::Counter32(count) => Field::Count32(count),
        Value::Counter64(count) => Field::Count64(count),
        Value::Byte(number) => Field::U32(u32::from(number)),
        Value::Gauge32(number) | Value::Percent(number) => Field::U32(number),
        Value::Gauge64(number) | Value::Hex64(number) => Field::U64(number),
        Value::Signed(number) => Field::I32(number),
        Value::Float(number) => Field::F32(number),
        Value::Text(text) => Field::Bytes(text.0),
        _ => Field::Unknown,
    }
}

/// The first raw header of a sample, read as far as it goes; counts all records.
fn read_packet<'a>(
    sample: &FlowSample<'a>,
    metrics: &metrics::Agent,
    damaged: &mut bool,
) -> Option<(RawHeader<'a>, Header)> {
    let mut raw: Option<RawHeader<'a>> = None;
    for record in sample.records() {
        metrics.records_flow.bump();
        match record {
            Ok(FlowRecord::RawHeader(header)) => {
                raw.get_or_insert(header);
            }
            Ok(FlowRecord::Other { .. }) => metrics.records_skipped.bump(),
            Ok(_) => {}
            Err(_) => *damaged = true,
        }
    }
    raw.map(|raw| {
        let header = Header::parse(raw.protocol, raw.header);
        count_stop(metrics, header.stop);
        (raw, header)
    })
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
    .bump();
}

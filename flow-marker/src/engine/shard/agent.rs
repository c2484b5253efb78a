//! One agent: what its datagrams say.

use std::sync::Arc;

use super::{
    CounterRecord, CounterSample, Datagram, Elephants, FlowRecord, FlowSample, Header, Layer, RawHeader,
    Sample, Stop, Time, metrics,
};
use crate::engine::elephants::Notice;
use crate::flow::AgentId;

/// What is kept of one agent.
#[derive(Debug)]
pub(super) struct Agent {
    /// Its place in the inventory, if it has one.
    id: Option<AgentId>,
    metrics: Arc<metrics::Agent>,
}

impl Agent {
    /// An agent of which nothing is known.
    pub(super) const fn new(id: Option<AgentId>, metrics: Arc<metrics::Agent>) -> Self {
        Self { id, metrics }
    }

    /// Takes all samples of a datagram.
    pub(super) fn samples(
        &mut self,
        now: Time,
        datagram: &Datagram<'_>,
        elephants: &mut Elephants,
        deliver: &mut impl FnMut(Notice) -> bool,
    ) {
        let metrics = &self.metrics;
        metrics.decoded.bump();
        let mut damaged = false;
        for sample in datagram.samples() {
            match sample {
                Ok(Sample::Flow(sample)) => {
                    metrics.samples_flow.bump();
                    let packet = read_packet(&sample, metrics, &mut damaged);
                    if let Some(id) = self.id {
                        elephants.flow_sample(now, id, metrics, &sample, packet.as_ref(), deliver);
                    }
                }
                Ok(Sample::Counters(sample)) => {
                    metrics.samples_counters.bump();
                    counters(&sample, self.id, metrics, elephants, &mut damaged);
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
}

fn counters(
    sample: &CounterSample<'_>,
    id: Option<AgentId>,
    metrics: &metrics::Agent,
    elephants: &mut Elephants,
    damaged: &mut bool,
) {
    // The interface that a port name belongs to is the one whose counters stand beside it, or else the source.
    let mut if_index = sample.source.if_index();
    for record in sample.records() {
        metrics.records_counters.bump();
        match record {
            Ok(CounterRecord::GenericInterface(counters)) => {
                if_index = Some(counters.if_index);
                if let Some(id) = id {
                    elephants.learn_speed(id, counters.if_index, counters.speed_bps);
                }
            }
            Ok(CounterRecord::PortName(name)) => {
                if let (Some(id), Some(if_index), Some(name)) = (id, if_index, name.as_str()) {
                    elephants.learn_name(id, if_index, name);
                }
            }
            Ok(CounterRecord::Other { .. }) => metrics.records_skipped.bump(),
            Ok(_) => {}
            Err(_) => *damaged = true,
        }
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

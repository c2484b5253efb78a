//! What the doctor and the metrics of an agent are to know of its samples.

use crate::engine::doctor::{CountersSeen, FlowSeen, HeaderSeen, Told};
use crate::engine::elephants::Beside;
use crate::flow::Direction;
use crate::metrics;
use crate::packet::{Header, Layer, Stop};
use crate::sflow::{FlowSample, GenericInterface, RawHeader};

/// What the doctor wants to know of the counters of a port.
pub(super) fn port_counters<'a>(counters: &GenericInterface, name: Option<&'a str>) -> CountersSeen<'a> {
    let frames = |parts: [u32; 3]| Some(parts.into_iter().fold(0, u32::wrapping_add));
    CountersSeen {
        if_index: counters.if_index,
        speed: Some(counters.speed_bps),
        is_up: Some(counters.is_up()),
        frames_in: frames([counters.in_unicast, counters.in_multicast, counters.in_broadcast]),
        frames_out: frames([
            counters.out_unicast,
            counters.out_multicast,
            counters.out_broadcast,
        ]),
        name,
    }
}

/// What the doctor wants to know of a sample.
pub(super) fn flow_seen(
    (sample, direction): (&FlowSample<'_>, Direction),
    packet: Option<&(RawHeader<'_>, Header)>,
    beside: Beside,
) -> FlowSeen {
    let header = match packet {
        None => HeaderSeen::Missing,
        Some((_, header)) if matches!(header.stop, Stop::Cut(_)) && header.transport.is_none() => {
            HeaderSeen::CutBeforePorts
        }
        Some(_) => HeaderSeen::Whole,
    };
    FlowSeen {
        source: sample.source,
        sequence: sample.sequence,
        sampling_rate: sample.sampling_rate,
        sample_pool: sample.sample_pool,
        drops: sample.drops,
        input: sample.input,
        direction,
        frame_bytes: packet.map(|(raw, _)| raw.frame_length),
        header_bytes: packet.map_or(0, |(raw, _)| u32::try_from(raw.header.len()).unwrap_or(u32::MAX)),
        header,
        told: packet.map_or(Told::Nothing, |(_, header)| told(header, beside)),
    }
}

fn told(header: &Header, beside: Beside) -> Told {
    let is_tcp = header.transport.is_some_and(|transport| transport.tcp.is_some());
    let stamped = beside.segment.is_some_and(|segment| segment.timestamp.is_some());
    match is_tcp {
        false => Told::Nothing,
        true if beside.recorded.is_some() || stamped => Told::Timed,
        true => Told::Untimed,
    }
}

/// Counts where reading a header ended.
pub(super) fn count_stop(metrics: &metrics::Agent, stop: Stop) {
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

//! The parts as the daemon runs them: a shard behind its receiving thread, and the flows of a definition.

use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use flow_marker::clock::Time;
use flow_marker::config::Config;
use flow_marker::engine::{Common, Plan, Shard};
use flow_marker::flow::language::Needs;
use flow_marker::flow::lookup::Lookup;
use flow_marker::flow::{Definition, Direction, Flows, Limits, SourceId, View};
use flow_marker::ingest::{Received, Sink as _};
use flow_marker::inventory::Roster;
use flow_marker::metrics::Metrics;
use flow_marker::packet::Header;
use flow_marker::sflow::{DataSource, HeaderProtocol, Interface, RawHeader};
use serde_json::json;
use tests::nowhere::Nowhere;

use crate::workload::{AGENT, DESTINATION, source};

/// Datagrams that a receiving thread takes with one system call.
const RECEIVED: usize = 64;

/// The definition of sFlow-RT's own examples of large flows.
fn definition() -> Result<Definition> {
    let json = json!({
        "keys": "ipsource,ipdestination,tcpsourceport,tcpdestinationport",
        "value": "bytes",
        "t": 1,
    });
    Ok(Definition::from_json(&json)?)
}

/// A shard whose inventory has the agent, with a threshold that no flow here reaches.
pub(crate) fn shard(defines: bool) -> Result<Shard> {
    let text = format!(
        "[[switch]]\nagent = \"{AGENT}\"\nacl = \"http://{AGENT}:8080\"\n[mark]\nthreshold = \"1000G\"\nthreshold_max = \"1000G\"\n"
    );
    let config = Config::parse(Path::new("engine-bench"), &text)?;
    let metrics = Arc::new(Metrics::new(1));
    let roster = Arc::new(Roster::new(&config, &metrics));
    let common = Common::new(&config);
    let mut shard = Shard::new(&config, &metrics, 0, (roster, &common), Box::new(Nowhere));
    let mut plan = Plan::default();
    if defines {
        plan.flows
            .put("tcp", definition()?)
            .context("a plan has room for a flow definition")?;
    }
    shard.follow(Time::START, Arc::new(plan));
    Ok(shard)
}

/// Gives datagrams to a shard as a receiving thread does.
pub(crate) fn receive(shard: &mut Shard, now: Time, datagrams: &[&[u8]]) {
    let from = SocketAddr::new(AGENT.into(), 6343);
    let mut batch = Vec::with_capacity(RECEIVED);
    for datagrams in datagrams.chunks(RECEIVED) {
        batch.clear();
        batch.extend(datagrams.iter().map(|bytes| Received { from, bytes }));
        shard.batch(now, &batch);
    }
    shard.rest(now);
}

/// The flows of the definition with every flow among them; `header` is any sampled header of the workload.
pub(crate) fn flows(count: u32, header: &[u8], now: Time) -> Result<Flows> {
    let limits = Limits {
        flows: usize::try_from(count)?,
        ..Limits::default()
    };
    let lookup = Arc::new(Lookup::new());
    let mut flows = Flows::new(Arc::new(definition()?), &lookup, limits, [1, 2])?;
    let mut header = header.to_vec();
    // Source and destination stand side by side only in the IP header; the same bytes may be part of an Ethernet address.
    let parsed = Header::parse(HeaderProtocol::ETHERNET, &header);
    let ip = parsed.ip.context("a packet with an IP header")?;
    let IpAddr::V4(first) = ip.source else {
        bail!("a packet of IPv4");
    };
    let addresses = [first.octets(), DESTINATION.octets()].concat();
    let at = header.windows(8).position(|window| window == addresses);
    let at = at.context("a packet to the one destination")?;
    for n in 0..count {
        if let Some(place) = header.get_mut(at..at + 4) {
            place.copy_from_slice(&source(n).octets());
        }
        count_in(&mut flows, now, &header);
    }
    flows.flush(now, |_, _| (), |_| ());
    Ok(flows)
}

/// Counts sampled headers in the flows of the definition, from their bytes on; all of one data source.
pub(crate) fn count(flows: &mut Flows, now: Time, headers: &[&[u8]]) {
    for header in headers {
        count_in(flows, now, header);
    }
    flows.flush(now, |touched, _| _ = black_box(touched.value), |_| ());
}

fn count_in(flows: &mut Flows, now: Time, header: &[u8]) {
    let needs: Needs = flows.needs();
    let raw = RawHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: 1500,
        stripped: 4,
        header,
    };
    let port = DataSource::interface(1);
    let mut view = View::new(
        IpAddr::V4(AGENT),
        port,
        (Interface::Index(1), Interface::Index(2)),
        Direction::Ingress(1),
        1000,
    );
    view.set_header(raw, Some(Header::parse(raw.protocol, black_box(raw.header))));
    view.prepare(needs);
    if flows.stage(SourceId(0), &view) {
        flows.flush(now, |touched, _| _ = black_box(touched.value), |_| ());
    }
}

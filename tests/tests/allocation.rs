//! Once a receiving thread knows an agent and its ports, samples allocate nothing: not for flows that are new to the
//! detector, and not for flows that a definition knows.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use flow_marker::clock::Time;
use flow_marker::config::Config;
use flow_marker::engine::{Common, Plan, Shard};
use flow_marker::flow::{AgentId, Definition, FiveTuple};
use flow_marker::ingest::{Received, Sink as _};
use flow_marker::inventory::Roster;
use flow_marker::lookout::Lookout;
use flow_marker::marked::{Marked, Place, Trace};
use flow_marker::metrics::Metrics;
use flow_marker::packet::IpProtocol;
use serde_json::json;
use tests::agent::{Agent, FlowSample, Packet, Sample};
use tests::nowhere::Nowhere;

const SWITCH: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const SAMPLES: u32 = 6;

/// A shard with the switch in its inventory, and its metrics.
fn shard(definition: Option<Definition>) -> Result<(Shard, Arc<Metrics>)> {
    let text = format!(
        "[[switch]]\nagent = \"{SWITCH}\"\nacl = \"http://{SWITCH}\"\n[mark]\nthreshold = \"1000G\"\n"
    );
    let config = Config::parse(Path::new("test"), &text)?;
    let metrics = Arc::new(Metrics::new(1));
    let roster = Arc::new(Roster::new(&config, &metrics));
    let mut shard = Shard::new(
        &config,
        &metrics,
        0,
        (roster, &Common::new(&config)),
        Box::new(Nowhere),
    );
    let mut plan = Plan::default();
    if let Some(definition) = definition {
        plan.flows.put("tcp", definition)?;
    }
    shard.follow(Time::START, Arc::new(plan));
    Ok((shard, metrics))
}

/// Datagrams of samples of flows with these numbers, on four ports.
fn datagrams(agent: &mut Agent, flows: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    let samples: Vec<Sample> = flows
        .map(|n| {
            let source = Ipv4Addr::from(10 << 24 | n);
            let packet = Packet::tcp(
                SocketAddr::new(source.into(), 40_000),
                SocketAddr::new([192, 0, 2, 1].into(), 443),
            );
            Sample::Flow(FlowSample::new(packet, 1000, 1 + n % 4, 9))
        })
        .collect();
    let datagrams = samples.chunks(SAMPLES as usize);
    datagrams
        .map(|samples| agent.datagram(Duration::from_secs(1), samples))
        .collect()
}

fn receive_without_allocating(shard: &mut Shard, now: Time, datagrams: &[Vec<u8>]) {
    let from = SocketAddr::new(SWITCH, 6343);
    let received = datagrams.iter().map(|bytes| Received { from, bytes });
    let received: Vec<_> = received.collect();
    let allocated = allocation_counter::measure(|| shard.batch(now, &received));
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

/// Lets it learn what it allocates for: the agent, its ports, room for a batch, a look at the keys of a sample.
fn learn(shard: &mut Shard, now: Time, datagrams: &[Vec<u8>]) {
    let from = SocketAddr::new(SWITCH, 6343);
    let received: Vec<_> = datagrams.iter().map(|bytes| Received { from, bytes }).collect();
    shard.batch(now, &received);
}

#[test]
fn what_allocates_is_seen() {
    let allocated = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8])));
    assert_eq!(allocated.count_total, 1);
}

#[test]
fn new_flows_allocate_nothing() -> Result<()> {
    let (mut shard, metrics) = shard(None)?;
    let mut agent = Agent::new(SWITCH);
    let now = Time::START + Duration::from_secs(1);
    learn(&mut shard, now, &datagrams(&mut agent, 0..1000));
    receive_without_allocating(&mut shard, now, &datagrams(&mut agent, 1000..7000));
    let counted: u64 = metrics
        .agents()
        .iter()
        .map(|agent| agent.flow_counted.get())
        .sum();
    assert_eq!(counted, 7000);
    Ok(())
}

#[test]
fn flows_that_are_marked_allocate_nothing_wherever_they_are_seen() -> Result<()> {
    let (mut shard, _) = shard(None)?;
    let (mut agent, trace) = (Agent::new(SWITCH), Arc::<Trace>::default());
    let flow = |n: u32| FiveTuple {
        source: Ipv4Addr::from(10 << 24 | n).into(),
        destination: [192, 0, 2, 1].into(),
        protocol: IpProtocol::TCP,
        source_port: 40_000,
        destination_port: 443,
    };
    // Another switch marks them, but they have no mark here.
    let place = Place {
        agent: AgentId(1),
        dscp: Some(10),
        trace: Some(Arc::clone(&trace)),
    };
    let (flows, queues) = ((0..50).map(|n| (flow(n), place.clone())), Arc::default());
    let marked = Marked::new(flows, Arc::clone(&queues));
    trace.settle(Time::START);
    let drops = Config::parse(Path::new("test"), "")?.drop;
    let newest = Arc::default();
    let lookout = Lookout::new(Arc::default(), Arc::clone(&newest), &drops, |_| true);
    shard.look_out(lookout);
    newest.store(Arc::new(marked));
    let now = Time::START + Duration::from_secs(1);
    // It takes up new marks between two batches.
    learn(&mut shard, now, &datagrams(&mut agent, 0..1000));
    receive_without_allocating(&mut shard, now, &datagrams(&mut agent, 0..1000));
    assert_eq!(trace.read(&queues).in_a_row.map(|(samples, _)| samples), Some(50));
    Ok(())
}

#[test]
fn known_flows_of_a_definition_allocate_nothing() -> Result<()> {
    let definition = Definition::from_json(&json!({
        "keys": "ipsource,ipdestination,tcpsourceport,tcpdestinationport", "value": "bytes",
    }))?;
    let (mut shard, metrics) = shard(Some(definition))?;
    let mut agent = Agent::new(SWITCH);
    let now = Time::START + Duration::from_secs(1);
    learn(&mut shard, now, &datagrams(&mut agent, 0..3000));
    receive_without_allocating(&mut shard, now, &datagrams(&mut agent, 0..3000));
    shard.tick(now);
    let counted: u64 = metrics
        .threads()
        .iter()
        .map(|thread| thread.defined_flows.get())
        .sum();
    assert_eq!(counted, 3000);
    Ok(())
}

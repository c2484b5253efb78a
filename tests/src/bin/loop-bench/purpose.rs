use std::time::Duration;

use anyhow::{Context, Result};
use tests::lab::{FlowMarker, Latencies};
use tests::wire::Flow;

use crate::campaign::{Campaign, DSCP, THRESHOLD};

/// The link to host b in bits per second: the elephant would like more, and is one all the same.
pub(crate) const BOTTLENECK: u64 = 150_000_000;
/// What it would like.
const RATE: u64 = 2 * THRESHOLD;
/// How long the elephant sends, and mice are timed, in seconds.
pub(crate) const SECONDS: u32 = 10;
/// How long after the first marked packet the queue may still hold what was not marked.
const DRAIN: Duration = Duration::from_millis(500);

/// What mice take through the bottleneck while an elephant fills it, from its first packet to its last.
#[derive(Debug, Default)]
pub(crate) struct Purpose {
    /// Nothing is marked.
    pub(crate) unmarked: Latencies,
    /// The elephant is marked when it is found.
    pub(crate) marked: Latencies,
    /// The part of that from half a second after its first marked packet on.
    pub(crate) once_marked: Latencies,
    /// The elephant is marked; the queue looks for another DSCP.
    pub(crate) misconfigured: Latencies,
}

/// Times the mice without and with marking; also returns the elephants.
pub(crate) fn measure(
    campaign: &Campaign<'_>,
    marker: FlowMarker,
    runs: usize,
) -> Result<(Purpose, Vec<Flow>)> {
    let (lab, mut purpose, mut flows) = (campaign.lab, Purpose::default(), Vec::new());
    let timed = |marker: &FlowMarker, acts: bool| -> Result<(Flow, Latencies)> {
        let elephant = campaign.elephant(RATE, SECONDS)?;
        let latencies = campaign.mice.time(Duration::from_secs(SECONDS.into()))?;
        elephant.wait(Duration::from_secs(20))?;
        if acts {
            campaign.released(marker, &elephant.flow)?;
        }
        Ok((elephant.flow, latencies))
    };
    for _ in 0..runs {
        lab.bottleneck(BOTTLENECK, DSCP)?;
        let (flow, latencies) = timed(&marker, true)?;
        let first = campaign.received.flow(&flow).first_marked;
        let first = first.context("an elephant in the bottleneck was not marked")?;
        purpose.once_marked.add(latencies.since(first + DRAIN));
        purpose.marked.add(latencies);
        flows.push(flow);
        lab.bottleneck(BOTTLENECK, DSCP + 1)?;
        let (flow, latencies) = timed(&marker, true)?;
        purpose.misconfigured.add(latencies);
        flows.push(flow);
    }
    marker.process.terminate(Duration::from_secs(20))?;
    let marker = campaign.flow_marker("observe")?;
    lab.bottleneck(BOTTLENECK, DSCP)?;
    for _ in 0..runs {
        let (_, latencies) = timed(&marker, false)?;
        purpose.unmarked.add(latencies);
    }
    lab.without_bottleneck()?;
    marker.process.terminate(Duration::from_secs(20))?;
    Ok((purpose, flows))
}

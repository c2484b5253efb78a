//! The engine that is flooded: one shard with definitions and a threshold, as a receiving thread has it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use flow_marker::clock::Time;
use flow_marker::config::Config;
use flow_marker::engine::threshold;
use flow_marker::engine::{Common, Plan, Shard};
use flow_marker::flow::Definition;
use flow_marker::ingest::{Received, Sink as _};
use flow_marker::inventory::Roster;
use flow_marker::metrics::Metrics;
use serde_json::json;
use tests::nowhere::Nowhere;

use crate::flood::SWITCH;

/// The engine.
pub(crate) struct Victim {
    shard: Shard,
    metrics: Arc<Metrics>,
}

impl Victim {
    /// What [`Self::state`] shows.
    pub(crate) const HEAD: &str = "  agents      flows  flow MiB  refused agents  refused sources";

    pub(crate) fn new() -> Result<Self> {
        let text = format!(
            "[[switch]]\nagent = \"{SWITCH}\"\nacl = \"http://192.0.2.1\"\n[mark]\nthreshold = \"1G\"\n"
        );
        let config = Config::parse(Path::new("soak"), &text)?;
        let metrics = Arc::new(Metrics::new(1));
        let roster = Arc::new(Roster::new(&config, &metrics));
        let common = Common::new(&config);
        let mut shard = Shard::new(&config, &metrics, 0, (roster, &common), Box::new(Nowhere));
        let mut plan = Plan::default();
        for (name, definition) in [
            (
                "tuple",
                json!({ "keys": "ipsource,ipdestination,ipprotocol,tcpsourceport,tcpdestinationport" }),
            ),
            (
                "pairs",
                json!({ "keys": "ipsource,ipdestination", "value": "frames", "log": true, "n": 20 }),
            ),
        ] {
            plan.flows.put(name, Definition::from_json(&definition)?)?;
        }
        let big = json!({ "metric": "pairs", "value": 1, "byFlow": true });
        plan.thresholds.put("big", threshold::Definition::parse(&big)?)?;
        shard.follow(Time::START, Arc::new(plan));
        Ok(Self { shard, metrics })
    }

    /// Takes datagrams that have come together.
    pub(crate) fn take(&mut self, now: Duration, datagrams: &[Vec<u8>]) {
        let from = SocketAddr::from((SWITCH, 6343));
        let batch: Vec<_> = datagrams.iter().map(|bytes| Received { from, bytes }).collect();
        let now = Time::START + now;
        self.shard.batch(now, &batch);
        self.shard.rest(now);
    }

    pub(crate) fn state(&self) -> String {
        let thread = self.metrics.threads().first().cloned().unwrap_or_default();
        let other = self.metrics.others().first().cloned().unwrap_or_default();
        format!(
            "{:8} {:10} {:9} {:15} {:16}",
            thread.agents.get(),
            thread.defined_flows.get(),
            thread.defined_bytes.get() / (1 << 20),
            thread.unknown_agent.get(),
            other.sources_refused.get(),
        )
    }
}

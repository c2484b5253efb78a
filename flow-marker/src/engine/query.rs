//! What users ask of the engine, and what they want of it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::sync::watch;

use super::event;
use super::forward::comes_back;
use super::hub::{Engine, Unanswered};
use super::metric::query::{Answer, Query, TooLarge};
use super::record::FlowRecord;
use super::settings::{Forwarding, Group, Map, Named, TooMany};
use super::threshold::{Definition, Fired};
use super::topology::Topology;
use crate::config::Config;
use crate::flow;

/// A question about metrics has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Nobody answers.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// The answer would be too large.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// Datagrams cannot be sent on to this address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotForwarded {
    /// They would come back.
    #[error("{0} is where datagrams are received: they would circle for ever")]
    Circle(SocketAddr),
    /// There are too many already.
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

impl Engine {
    /// Answers a question about metrics.
    ///
    /// # Errors
    /// [`NoAnswer`]
    pub async fn metrics(&self, query: Query) -> Result<Answer, NoAnswer> {
        let query = Arc::new(query);
        let asked = Arc::clone(&query);
        let partials = self.ask(move |shard, now| shard.collect(&asked, now)).await?;
        Ok(query.merge(partials)?)
    }

    /// The agents that have, or had, values of metrics.
    ///
    /// # Errors
    /// [`Unanswered`]
    pub async fn known_agents(&self) -> Result<BTreeSet<IpAddr>, Unanswered> {
        let shards = self.ask(|shard, _| shard.metric_agents());
        Ok(shards.await?.into_iter().flatten().collect())
    }

    /// The thresholds, by name.
    pub fn thresholds(&self) -> Named<Definition> {
        self.plan().thresholds.clone()
    }

    /// Sets a threshold; true when its name is new.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn set_threshold(&self, name: &str, threshold: Definition) -> Result<bool, TooMany> {
        self.change(|plan| plan.thresholds.put(name, threshold))
    }

    /// Removes a threshold; false when there was none of this name.
    pub fn clear_threshold(&self, name: &str) -> bool {
        self.change(|plan| plan.thresholds.remove(name).then_some(()).ok_or(()))
            .is_ok()
    }

    /// The flow definitions, by name.
    pub fn flows(&self) -> Named<flow::Definition> {
        self.plan().flows.clone()
    }

    /// Sets a flow definition; true when its name is new.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn set_flow(&self, name: &str, definition: flow::Definition) -> Result<bool, TooMany> {
        self.change(|plan| plan.flows.put(name, definition))
    }

    /// Removes a flow definition; false when there was none of this name.
    pub fn clear_flow(&self, name: &str) -> bool {
        self.change(|plan| plan.flows.remove(name).then_some(()).ok_or(()))
            .is_ok()
    }

    /// Names of address ranges.
    pub fn groups(&self) -> Named<Group> {
        self.plan().groups.clone()
    }

    /// Sets a group; true when its name is new.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn set_group(&self, name: &str, group: Group) -> Result<bool, TooMany> {
        self.change(|plan| plan.groups.put(name, group))
    }

    /// Detects by another configuration than `before` from now on, with its groups: those that it changes are set and removed;
    /// all others stay as users have made them. When it fails, nothing has changed.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn follow(&self, before: &Config, config: &Arc<Config>) -> Result<(), TooMany> {
        self.change(|plan| {
            for gone in before
                .groups
                .keys()
                .filter(|name| !config.groups.contains_key(*name))
            {
                plan.groups.remove(gone);
            }
            for (name, group) in &config.groups {
                if before.groups.get(name) != Some(group) {
                    plan.groups.put(name, group.clone())?;
                }
            }
            plan.config = Some(Arc::clone(config));
            Ok(())
        })
    }

    /// Removes a group; false when there was none of this name.
    pub fn clear_group(&self, name: &str) -> bool {
        self.change(|plan| plan.groups.remove(name).then_some(()).ok_or(()))
            .is_ok()
    }

    /// Names of values.
    pub fn maps(&self) -> Named<Map> {
        self.plan().maps.clone()
    }

    /// Sets a map; true when its name is new.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn set_map(&self, name: &str, map: Map) -> Result<bool, TooMany> {
        self.change(|plan| plan.maps.put(name, map))
    }

    /// Removes a map; false when there was none of this name.
    pub fn clear_map(&self, name: &str) -> bool {
        self.change(|plan| plan.maps.remove(name).then_some(()).ok_or(()))
            .is_ok()
    }

    /// Which ports are connected to which, as somebody has told.
    pub fn topology(&self) -> Arc<Topology> {
        Arc::clone(&self.plan().topology)
    }

    /// Replaces the topology.
    pub fn set_topology(&self, topology: Topology) {
        let topology = Arc::new(topology);
        let Ok(()) = self.change(|plan| {
            plan.topology = topology;
            Ok::<_, Infallible>(())
        });
    }

    /// Where datagrams are sent on to, by name.
    pub fn forwarding(&self) -> Forwarding {
        self.plan().forwarding.clone()
    }

    /// Sends every datagram on to `target`, as long as nobody says otherwise. True when the name is new.
    ///
    /// # Errors
    /// [`NotForwarded`]
    pub fn forward(&self, name: &str, target: SocketAddr) -> Result<bool, NotForwarded> {
        if comes_back(target, self.receives_at()) {
            return Err(NotForwarded::Circle(target));
        }
        self.change(|plan| plan.forwarding.put(name, target).map_err(NotForwarded::from))
    }

    /// No longer sends datagrams on; false when there was no target of this name.
    pub fn stop_forwarding(&self, name: &str) -> bool {
        self.change(|plan| plan.forwarding.remove(name).then_some(()).ok_or(()))
            .is_ok()
    }

    /// The passed thresholds that are meant.
    pub fn events(&self, query: &event::Query) -> event::Answer<Fired> {
        self.logs().fired(query)
    }

    /// The newest of the passed thresholds that are `meant` and have lower ids than `before`.
    pub fn events_before(
        &self,
        before: Option<u64>,
        max: usize,
        meant: impl Fn(&Fired) -> bool,
    ) -> event::Older<Fired> {
        self.logs().fired_before(before, max, meant)
    }

    /// Changes with every passed threshold.
    pub fn events_changed(&self) -> watch::Receiver<u64> {
        self.logs().fired_changed()
    }

    /// The flow records that are meant.
    pub fn flow_records(&self, query: &event::Query) -> event::Answer<FlowRecord> {
        self.logs().flows(query)
    }

    /// Changes with every flow record.
    pub fn flow_records_changed(&self) -> watch::Receiver<u64> {
        self.logs().flows_changed()
    }
}

//! What users ask of the engine, and what they want of it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::watch;

use super::event;
use super::hub::{Engine, Unanswered};
use super::metric::query::{Answer, Query, TooLarge};
use super::settings::{Group, Map, Named, TooMany};
use super::threshold::{Definition, Fired};
use super::topology::Topology;

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

impl Engine {
    /// Answers a question about metrics.
    ///
    /// # Errors
    /// [`NoAnswer`]
    pub async fn metrics(&self, query: Query) -> Result<Answer, NoAnswer> {
        let query = Arc::new(query);
        let asked = Arc::clone(&query);
        let partials = self
            .ask(move |shard, now| asked.collect(&shard.view(now)))
            .await?;
        Ok(query.merge(partials)?)
    }

    /// The agents that have, or had, values of metrics.
    ///
    /// # Errors
    /// [`Unanswered`]
    pub async fn known_agents(&self) -> Result<BTreeSet<IpAddr>, Unanswered> {
        let shards = self.ask(|shard, now| shard.view(now).store.agents().collect::<Vec<_>>());
        Ok(shards.await?.into_iter().flatten().collect())
    }

    /// The thresholds, by name.
    pub fn thresholds(&self) -> Named<Definition> {
        self.wanted().thresholds.clone()
    }

    /// Sets a threshold; true when its name is new.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn set_threshold(&self, name: &str, threshold: Definition) -> Result<bool, TooMany> {
        self.change(|wanted| {
            let put = wanted.thresholds.put(name, threshold);
            (put, put.is_ok())
        })
    }

    /// Removes a threshold; false when there was none of this name.
    pub fn clear_threshold(&self, name: &str) -> bool {
        self.change(|wanted| {
            let removed = wanted.thresholds.remove(name);
            (removed, removed)
        })
    }

    /// Names of address ranges.
    pub fn groups(&self) -> Named<Group> {
        self.wanted().groups.clone()
    }

    /// Sets a group; true when its name is new.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn set_group(&self, name: &str, group: Group) -> Result<bool, TooMany> {
        self.change(|wanted| {
            let put = wanted.groups.put(name, group);
            (put, put.is_ok())
        })
    }

    /// Removes a group; false when there was none of this name.
    pub fn clear_group(&self, name: &str) -> bool {
        self.change(|wanted| {
            let removed = wanted.groups.remove(name);
            (removed, removed)
        })
    }

    /// Names of values.
    pub fn maps(&self) -> Named<Map> {
        self.wanted().maps.clone()
    }

    /// Sets a map; true when its name is new.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn set_map(&self, name: &str, map: Map) -> Result<bool, TooMany> {
        self.change(|wanted| {
            let put = wanted.maps.put(name, map);
            (put, put.is_ok())
        })
    }

    /// Removes a map; false when there was none of this name.
    pub fn clear_map(&self, name: &str) -> bool {
        self.change(|wanted| {
            let removed = wanted.maps.remove(name);
            (removed, removed)
        })
    }

    /// Which ports are connected to which, as somebody has told.
    pub fn topology(&self) -> Arc<Topology> {
        Arc::clone(&self.wanted().topology)
    }

    /// Replaces the topology.
    pub fn set_topology(&self, topology: Topology) {
        self.change(|wanted| {
            wanted.topology = Arc::new(topology);
            ((), true)
        });
    }

    /// Adds an event that a shard has told of.
    pub fn record(&self, event: Fired) {
        self.events_log().push(event);
    }

    /// The events that are meant.
    pub fn events(&self, query: &event::Query) -> event::Answer<Fired> {
        self.events_log().ask(query)
    }

    /// Changes with every event.
    pub fn events_changed(&self) -> watch::Receiver<u64> {
        self.events_log().changed()
    }
}

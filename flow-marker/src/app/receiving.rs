//! The engine and the threads that feed it.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use shared::life::Latch;

use super::base::Base;
use super::controllers::Ears;
use crate::engine::{Engine, Seat};
use crate::ingest::{self, Sockets, Workers};

/// The engine with the groups of the configuration, and a seat for each thread, which tells `ears` what it sees. Datagrams
/// arrive at `sflow`.
///
/// # Errors
/// There are too many groups.
pub(super) fn engine(base: &Base, ears: &Ears, sflow: SocketAddr) -> anyhow::Result<(Engine, Vec<Seat>)> {
    let (config, roster) = (&base.config, base.switches.roster());
    let each = || (ears.elephants(), ears.lookout(&config.drop));
    let (engine, seats, logs) = Engine::new(config, &base.metrics, roster, (sflow, base.first_id), each);
    for (name, members) in &config.groups {
        engine
            .set_group(name, members.clone())
            .with_context(|| format!("[group.{name}]"))?;
    }
    tokio::spawn(logs.run());
    Ok((engine, seats))
}

/// Starts a thread for each seat. `latch` is dropped when all are running.
///
/// # Errors
/// A socket cannot be set up, or no thread can be started.
pub(super) fn start(
    base: &Base,
    sockets: Sockets,
    seats: Vec<Seat>,
    latch: Latch,
) -> std::io::Result<Workers> {
    let config = &base.config;
    let seats = seats
        .into_iter()
        .zip(base.metrics.threads().iter().map(Arc::clone));
    let inventory = config.switches.iter().map(|switch| switch.agent);
    // Who comes to the inventory by a template has one of the places for others among the owners.
    let templates = config.fabrics.iter().map(|fabric| fabric.max_switches);
    let agents = (inventory, config.sflow.max_agents + templates.sum::<usize>());
    ingest::spawn(sockets, seats.collect(), agents, base.clock, latch)
}

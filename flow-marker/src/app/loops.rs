//! The loops of all switches; they contact nobody as long as no controller acts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use shared::life::Shutdown;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::base::Base;
use crate::actuator::acl::AclActuator;
use crate::actuator::{Failure, Kind};
use crate::clock::Clock;
use crate::config::{Config, Mode};
use crate::control::modes::Modes;
use crate::control::reconcile::{self, Care};
use crate::control::switches::Switches;

/// One loop for every switch.
#[derive(Debug)]
pub(super) struct Loops {
    switches: Arc<Switches>,
    /// Changes of the inventory.
    changes: watch::Receiver<u64>,
    /// How many have their loop.
    started: usize,
    running: JoinSet<()>,
    /// The end of the last loop for each server.
    ends: HashMap<Url, Shutdown>,
    /// What the names of our ACLs begin with.
    prefix: String,
    care: watch::Receiver<Care>,
    clock: Clock,
    shutdown: Shutdown,
}

impl Loops {
    /// Starts a loop for every switch that is there. They take their times, and read tokens and certificates again, whenever
    /// `care` is told anew.
    pub(super) fn start(base: &Base, care: watch::Receiver<Care>, shutdown: &Shutdown) -> Self {
        let mut loops = Self {
            changes: base.switches.roster().changes(),
            switches: Arc::clone(&base.switches),
            started: 0,
            running: JoinSet::new(),
            ends: HashMap::new(),
            prefix: format!("{}_", base.config.id),
            care,
            clock: base.clock,
            shutdown: shutdown.clone(),
        };
        loops.start_new();
        loops
    }

    /// Starts the loops of switches that have come.
    fn start_new(&mut self) {
        let all = self.switches.all();
        for switch in all.iter().skip(self.started) {
            let (prefix, target) = (self.prefix.clone(), Arc::clone(&switch.config));
            let connect = move || {
                AclActuator::new(&target, prefix.clone()).map_err(|error| Failure::new(format!("{error:#}")))
            };
            let (switch, shutdown) = (Arc::clone(switch), self.shutdown.clone());
            let (clock, care) = (self.clock, self.care.clone());
            // When a loop has ended its half is dropped, and the next one for the same server may begin.
            let (running, ended) = Shutdown::new();
            let before = self.ends.insert(switch.config.acl.clone(), ended);
            self.running.spawn(async move {
                let (end, ending) = Shutdown::new();
                let retirement = switch.retirement.clone();
                let work = async {
                    if let Some(before) = before {
                        before.wait().await;
                    }
                    reconcile::run(switch, connect, clock, care, ending).await;
                };
                let told = async {
                    tokio::select! {
                        () = shutdown.wait() => {}
                        () = retirement.wait() => {}
                    }
                    end.trigger();
                };
                tokio::join!(work, told);
                drop(running);
            });
        }
        self.started = all.len();
        // Those that have ended since are forgotten.
        while self.running.try_join_next().is_some() {}
    }

    /// Starts the loops of switches as they come; those of retired ones withdraw and end. Ends only when no more can come.
    pub(super) async fn keep_up(&mut self) {
        while self.changes.changed().await.is_ok() {
            self.start_new();
        }
    }

    /// Waits until all have withdrawn what they made, after the shutdown.
    pub(super) async fn finish(mut self) {
        let withdrawing = async { while self.running.join_next().await.is_some() {} };
        // Each loop has its own limit; this one is for a loop with a bug.
        if tokio::time::timeout(reconcile::WITHDRAW + Duration::from_secs(1), withdrawing)
            .await
            .is_err()
        {
            tracing::error!("a switch's loop did not end");
        }
    }
}

/// Whether tokens and certificates of all switches can be read, if they are needed in these modes.
pub(super) fn check(config: &Config, modes: Modes) -> anyhow::Result<()> {
    if Kind::ALL.into_iter().any(|kind| modes.of(kind) == Mode::Act) {
        for switch in &config.switches {
            AclActuator::new(switch, String::new())?;
        }
    }
    Ok(())
}

//! The loops of all switches; they contact nobody as long as no controller acts.

use std::sync::Arc;
use std::time::Duration;

use shared::life::Shutdown;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::actuator::Failure;
use crate::actuator::acl::AclActuator;
use crate::clock::Clock;
use crate::config::{Config, Mode};
use crate::control::reconcile::{self, Care};
use crate::control::switches::Switches;

/// One loop for every switch.
pub(super) struct Loops {
    switches: Arc<Switches>,
    /// How many switches there are.
    count: watch::Receiver<usize>,
    /// How many have their loop.
    started: usize,
    running: JoinSet<()>,
    /// What the names of our ACLs begin with.
    prefix: String,
    care: Care,
    clock: Clock,
    shutdown: Shutdown,
}

impl Loops {
    /// Starts a loop for every switch that is there.
    pub(super) fn start(
        config: &Config,
        switches: Arc<Switches>,
        clock: Clock,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        let prefix = format!("{}_", config.id);
        let modes = [config.mark.mode, config.capture.mode, config.drop.mode];
        if modes.contains(&Mode::Act) {
            // A mistake in the last switch must not leave the first one half started.
            for switch in &config.switches {
                AclActuator::new(switch, prefix.clone())?;
            }
        }
        let mut loops = Self {
            count: switches.roster().count(),
            switches,
            started: 0,
            running: JoinSet::new(),
            prefix,
            care: Care {
                interval: config.mark.commit_interval,
                ttl: config.mark.ttl,
            },
            clock,
            shutdown: shutdown.clone(),
        };
        loops.start_new();
        Ok(loops)
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
            self.running
                .spawn(reconcile::run(switch, connect, self.clock, self.care, shutdown));
        }
        self.started = all.len();
    }

    /// Starts the loops of switches as they come. Ends only when no more can come.
    pub(super) async fn keep_up(&mut self) {
        while self.count.changed().await.is_ok() {
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

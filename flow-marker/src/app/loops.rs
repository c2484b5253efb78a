//! The loops of all switches; they contact nobody as long as no controller acts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use shared::life::Shutdown;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::base::Base;
use super::clients::Clients;
use crate::actuator::Failure;
use crate::clock::Clock;
use crate::control::reconcile::{self, Care};
use crate::control::switch::Switch;
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
    clients: Arc<Clients>,
    care: watch::Receiver<Care>,
    clock: Clock,
    shutdown: Shutdown,
}

impl Loops {
    /// Starts a loop for every switch that is there. They take their times, and their clients, whenever `care` is told anew.
    pub(super) fn start(
        base: &Base,
        clients: Arc<Clients>,
        care: watch::Receiver<Care>,
        shutdown: &Shutdown,
    ) -> Self {
        let mut loops = Self {
            changes: base.switches.roster().changes(),
            switches: Arc::clone(&base.switches),
            started: 0,
            running: JoinSet::new(),
            ends: HashMap::new(),
            clients,
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
            let (clients, target) = (Arc::clone(&self.clients), Arc::clone(&switch.config));
            let connect = move || {
                clients
                    .of(&target)
                    .map_err(|error| Failure::new(format!("{error:#}")))
            };
            let (switch, shutdown) = (Arc::clone(switch), self.shutdown.clone());
            let (clock, care) = (self.clock, self.care.clone());
            // When a loop has ended its half is dropped, and the next one for the same server may begin.
            let (running, ended) = Shutdown::new();
            let before = self.ends.insert(switch.config.acl.clone(), ended);
            self.running.spawn(async move {
                let (end, ending) = Shutdown::new();
                let retirement = switch.retirement.clone();
                let alarm = Alarm(Arc::clone(&switch), clock);
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
                drop((alarm, running));
            });
        }
        self.started = all.len();
    }

    /// Starts the loops of switches as they come; those of retired ones withdraw and end. Ends only when no more can come.
    pub(super) async fn keep_up(&mut self) {
        loop {
            tokio::select! {
                changed = self.changes.changed() => match changed {
                    Ok(()) => self.start_new(),
                    Err(_) => return,
                },
                // One that has ended is forgotten.
                Some(_) = self.running.join_next() => {}
            }
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

/// Tells of the end of a loop by a bug: nobody renews what is on the switch any more. The other switches go on.
struct Alarm(Arc<Switch>, Clock);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(switch, clock) = self;
            let why = "its loop has ended by a bug of flow-marker, which has to be restarted";
            switch.set_contact(clock.now(), Err(why));
            tracing::error!(switch = %switch.config.agent, "the loop of a switch has panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::inventory::Roster;

    #[tokio::test]
    async fn the_end_of_a_loop_by_a_bug_is_an_error_of_its_switch() {
        let text = "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n";
        let config = Config::parse(Path::new("t"), text).unwrap();
        let switches = Switches::new(Roster::of(&config), &config, Arc::default());
        let switch = switches.get(0).unwrap();
        drop(Alarm(Arc::clone(&switch), Clock::start()));
        assert_eq!(switch.contact().last_error, None, "a usual end");
        let alarm = Alarm(Arc::clone(&switch), Clock::start());
        let ended = tokio::spawn(async move {
            let _alarm = alarm;
            panic!("a bug");
        });
        assert!(ended.await.unwrap_err().is_panic());
        let contact = switch.contact();
        assert_eq!(contact.reachable, Some(false));
        assert!(contact.last_error.unwrap().contains("bug of flow-marker"));
    }
}

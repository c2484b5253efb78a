//! A switch in memory: a disk, a tool that reads it, and a daemon that is started, killed and started again, all in
//! virtual time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::AclName;
use shared::life::{Readiness, Shutdown, ShutdownTrigger};
use tokio::task::JoinHandle;

use super::disk::{Disk, Loss};
use crate::commit::change::{Action, Answer, Caller, Edit, Precondition, Wish};
use crate::commit::engine::Engine;
use crate::commit::facts::Facts;
use crate::commit::runner::Runner;
use crate::commit::start::Parts;
use crate::commit::{Committer, Rejected};
use crate::store::Store;
use crate::tool::{Outcome, Run};

pub(crate) type Files = BTreeMap<String, String>;

/// What the next run of the tool does besides its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It hangs and is ended, after it has (or has not) installed the rules.
    Hang { installs: bool },
    /// It is killed by somebody, after it has (or has not) installed the rules.
    Killed { installs: bool },
    /// It is not there.
    Missing,
}

/// The tool: refuses files with the word `poison`, or `broken` in somebody else's file.
#[derive(Debug, Clone, Default)]
pub(crate) struct SimTool(Arc<Mutex<ToolState>>);

#[derive(Debug, Default)]
struct ToolState {
    disk: Disk,
    faults: Vec<Fault>,
    /// What the switch has; `None`: nobody knows.
    installed: Option<Files>,
    runs: usize,
    running: bool,
    accepted: usize,
    /// Whether it says which file it does not like.
    talkative: bool,
    /// It hangs on files with this word.
    hangs_on: Option<&'static str>,
    /// Files may change while it runs.
    hands: bool,
}

impl SimTool {
    fn state<R>(&self, work: impl FnOnce(&mut ToolState) -> R) -> R {
        work(&mut self.0.lock().unwrap())
    }

    /// What the switch has; `None`: a run was broken off, and nobody knows.
    pub(crate) fn installed(&self) -> Option<Files> {
        self.state(|state| state.installed.clone())
    }

    /// Another switch that has the same.
    pub(crate) fn another(&self) -> Self {
        let installed = self.installed();
        let other = Self::default();
        other.state(|state| state.installed = installed);
        other
    }

    pub(crate) fn runs(&self) -> usize {
        self.state(|state| state.runs)
    }

    /// How often it has installed something.
    pub(crate) fn accepted(&self) -> usize {
        self.state(|state| state.accepted)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.state(|state| state.running)
    }

    pub(crate) fn fail_next(&self, faults: &[Fault]) {
        self.state(|state| state.faults = faults.to_vec());
    }

    pub(crate) fn hang_on(&self, word: &'static str) {
        self.state(|state| state.hangs_on = Some(word));
    }

    pub(crate) fn let_hands_in(&self) {
        self.state(|state| state.hands = true);
    }

    pub(crate) fn talk(&self) {
        self.state(|state| state.talkative = true);
    }
}

impl Runner for SimTool {
    async fn run(&self) -> Run {
        let (before, fault) = self.state(|state| {
            state.runs += 1;
            state.running = true;
            let fault = (!state.faults.is_empty()).then(|| state.faults.remove(0));
            let files = state.disk.rules("policy.d");
            let hangs = state
                .hangs_on
                .is_some_and(|word| files.values().any(|content| content.contains(word)));
            let fault = fault.or(hangs.then_some(Fault::Hang { installs: false }));
            (files, fault)
        });
        if fault == Some(Fault::Missing) {
            self.state(|state| state.running = false);
            let why = "cannot run it: no such file".to_owned();
            return Run {
                outcome: Outcome::NotStarted(why),
                lines: Default::default(),
            };
        }
        if let Some(Fault::Hang { .. }) = fault {
            tokio::time::sleep(self.limit()).await;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
        self.state(|state| {
            state.running = false;
            let now = state.disk.rules("policy.d");
            assert!(state.hands || before == now, "a file changed under the tool");
            let bad = before.iter().find(|(name, content)| {
                content.contains("poison") || !name.starts_with("50rest-") && content.contains("broken")
            });
            let ours = before.iter().filter(|(name, _)| name.starts_with("50rest-"));
            let lines =
                ours.flat_map(|(name, content)| content.lines().map(move |line| (line, name, content)));
            let mut seen = std::collections::BTreeSet::new();
            let twice = lines
                .filter(|(line, ..)| line.starts_with("-A"))
                .find(|(line, ..)| !seen.insert(*line))
                .map(|(_, name, content)| (name, content));
            let bad = bad.or(twice);
            let installs = match fault {
                Some(Fault::Hang { installs } | Fault::Killed { installs }) => installs,
                _ => true,
            };
            if bad.is_none() && installs {
                state.installed = Some(before.clone());
                state.accepted += 1;
            }
            let outcome = match (fault, bad) {
                (Some(Fault::Hang { .. }), _) => Outcome::TimedOut,
                (Some(Fault::Killed { .. }), _) => Outcome::Killed { signal: 9 },
                (_, Some(_)) => Outcome::Refused { code: 1 },
                _ => Outcome::Accepted,
            };
            let said = bad
                .filter(|_| state.talkative)
                .map_or("something", |(name, _)| name.as_str());
            Run {
                outcome,
                lines: [format!("error: in /policy.d/{said}: no")].into(),
            }
        })
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn settle(&self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A daemon that runs.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) committer: Committer,
    stop: ShutdownTrigger,
    task: JoinHandle<()>,
}

/// A switch.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) disk: Disk,
    pub(crate) tool: SimTool,
    pub(crate) entries_limit: Option<u64>,
    pub(crate) daemon: Option<Daemon>,
    boot: u32,
}

impl World {
    /// A switch with somebody else's rules, and no daemon yet.
    pub(crate) fn new() -> Self {
        let disk = Disk::default();
        disk.by_hand("policy.d", "00control.rules", Some("[iptables]\n"));
        let tool = SimTool::default();
        tool.state(|state| state.disk = disk.clone());
        Self {
            disk,
            tool,
            entries_limit: None,
            daemon: None,
            boot: 0,
        }
    }

    /// Starts the daemon; an error when the power goes meanwhile.
    pub(crate) async fn start(&mut self) -> std::io::Result<()> {
        assert!(self.daemon.is_none());
        let (stop, shutdown) = Shutdown::new();
        let parts = Parts {
            store: Store::new(self.disk.dir("policy.d")),
            state: self.disk.dir("state"),
            kept: self.disk.dir("drift"),
            tool: self.tool.clone(),
            boot: self.boot.to_string(),
            entries_limit: self.entries_limit,
            metrics: Default::default(),
            readiness: Readiness::new(),
            shutdown,
        };
        let (committer, engine) = Engine::start(parts).await?;
        self.daemon = Some(Daemon {
            committer,
            stop,
            task: tokio::spawn(engine.run()),
        });
        Ok(())
    }

    pub(crate) fn committer(&self) -> &Committer {
        &self.daemon.as_ref().unwrap().committer
    }

    /// Ends the daemon as SIGTERM does.
    pub(crate) async fn stop(&mut self) {
        let daemon = self.daemon.take().unwrap();
        daemon.stop.trigger();
        daemon.task.await.unwrap();
    }

    /// Ends the daemon as SIGKILL does, and the machine's power too unless nothing is lost. The tables of the kernel are
    /// gone then.
    pub(crate) async fn crash(&mut self, loss: Loss) {
        if let Some(daemon) = self.daemon.take() {
            daemon.task.abort();
            let _ = daemon.task.await;
        }
        self.disk = self.disk.after(loss);
        self.tool.state(|state| {
            state.disk = self.disk.clone();
            state.faults.clear();
            state.running = false;
            if loss != Loss::Nothing {
                state.installed = Some(Files::new());
            }
        });
        if loss != Loss::Nothing {
            self.boot += 1;
        }
    }

    /// Whether a batch is being carried out.
    pub(crate) fn is_at_work(&self) -> bool {
        !crate::commit::lock(&self.committer().shared.in_flight).is_empty()
    }

    pub(crate) fn files(&self) -> Files {
        self.disk.rules("policy.d")
    }

    pub(crate) fn by_hand(&self, name: &str, content: Option<&str>) {
        self.disk.by_hand("policy.d", name, content);
    }

    /// Hands in a change and waits for its verdict.
    pub(crate) async fn submit(
        &self,
        action: Action,
        precondition: Precondition,
    ) -> Result<Answer, Rejected> {
        self.submit_as("client", action, precondition).await
    }

    pub(crate) async fn submit_as(
        &self,
        who: &str,
        action: Action,
        precondition: Precondition,
    ) -> Result<Answer, Rejected> {
        let caller = caller(who);
        self.committer()
            .submit(action, precondition, caller)?
            .answer()
            .await
    }
}

pub(crate) fn caller(who: &str) -> Caller {
    Caller {
        who: who.into(),
        from: "127.0.0.1".into(),
        may: None,
    }
}

pub(crate) fn name(text: &str) -> AclName {
    text.parse().unwrap()
}

pub(crate) fn wish(content: &str, ttl: Option<u64>) -> Wish {
    Wish {
        facts: Facts::of_file(content.as_bytes()),
        content: content.as_bytes().to_vec(),
        ttl: ttl.map(Duration::from_secs),
    }
}

pub(crate) fn put(acl: &str, content: &str) -> Action {
    edit(vec![(acl, Some(wish(content, None)))])
}

pub(crate) fn delete(acl: &str) -> Action {
    edit(vec![(acl, None)])
}

pub(crate) fn edit(edits: Vec<(&str, Option<Wish>)>) -> Action {
    let edits = edits.into_iter().map(|(acl, wish)| Edit {
        name: name(acl),
        wish,
    });
    Action::Edit {
        edits: edits.collect(),
        confirm: None,
    }
}

//! The task that writes.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use shared::life::Shutdown;
use tokio::sync::{mpsc, oneshot};

use super::files::Files;
use super::saved::Saved;
use super::{STATE, learned, list_file};
use crate::clock::Clock;
use crate::control::desk::{Desk, Kept};
use crate::control::overrides::Overrides;
use crate::control::pause::Pause;
use crate::control::switches::Switches;

/// Between two looks at what nobody says when it changes: ports, rests, lists.
const LOOK: Duration = Duration::from_secs(10);

/// How long whoever has changed something waits until it is on the disk.
const PATIENCE: Duration = Duration::from_secs(2);

/// Requests that wait; whoever finds it full goes on without.
const WAITING: usize = 64;

/// How the writer is asked. Cheap to copy.
#[derive(Debug, Clone)]
pub struct Keeper(mpsc::Sender<oneshot::Sender<()>>);

impl Keeper {
    /// One that nobody listens to: nothing is kept.
    pub fn idle() -> Self {
        Self(mpsc::channel(1).0)
    }

    /// Something was changed. Returns when it is on the disk, when it cannot be, or after two seconds.
    pub async fn keep(&self) {
        let (done, written) = oneshot::channel();
        if self.0.try_send(done).is_ok() {
            // Late or never: the log says why.
            let _ = tokio::time::timeout(PATIENCE, written).await;
        }
    }
}

/// Whom to ask what is to be kept.
#[derive(Debug)]
pub struct Sources {
    /// The pause.
    pub pause: Arc<Pause>,
    /// Modes that were set.
    pub overrides: Arc<Overrides>,
    /// What people want, what rests, and lists.
    pub desk: Desk,
    /// What data sources do not get, and what is known of ports.
    pub switches: Arc<Switches>,
    /// Turns our instants into everybody's.
    pub clock: Clock,
}

/// Writes what is to be kept, whenever it has changed.
#[derive(Debug)]
pub struct Writer {
    files: Files,
    sources: Sources,
    requests: mpsc::Receiver<oneshot::Sender<()>>,
    /// What the watchman has said last.
    kept: Option<Kept>,
    /// What the file says.
    written: Saved,
    /// Lists that are on the disk.
    lists: HashMap<String, Arc<[IpNet]>>,
    failing: bool,
}

impl Writer {
    pub(super) fn new(files: Option<Files>, written: Saved, sources: Sources) -> (Keeper, Option<Self>) {
        let (keeper, requests) = mpsc::channel(WAITING);
        let writer = files.map(|files| Self {
            files,
            sources,
            requests,
            kept: None,
            written,
            lists: HashMap::new(),
            failing: false,
        });
        (Keeper(keeper), writer)
    }

    /// Writes until `shutdown`.
    pub async fn run(mut self, shutdown: Shutdown) {
        while !shutdown.requested() {
            let mut waiting = Vec::new();
            tokio::select! {
                // All that wait have changed what they have changed before it is looked at.
                taken = self.requests.recv_many(&mut waiting, WAITING) => if taken == 0 {
                    return;
                },
                () = tokio::time::sleep(LOOK) => {}
                () = shutdown.wait() => {}
            }
            self.write().await;
            for done in waiting {
                // Whoever does not wait any more needs no answer.
                let _ = done.send(());
            }
        }
    }

    async fn write(&mut self) {
        let Sources {
            pause,
            overrides,
            desk,
            switches,
            clock,
        } = &self.sources;
        // When it has no time, what it said last is what is known; the pause must not wait for that.
        if let Ok(kept) = desk.kept().await {
            self.kept = Some(kept);
        }
        let Some(kept) = &self.kept else {
            return;
        };
        let now = clock.now();
        let mut dismissed = Vec::new();
        for switch in switches.all().iter() {
            let agent = switch.config.agent;
            switch.read(|desired| {
                let resting = desired.resting(now);
                dismissed.extend(resting.map(|(name, until)| (agent, name.clone(), until)));
            });
        }
        let members = switches.roster().iter();
        let ports = members.map(|member| learned(&member.config, &member.ports()));
        let said = (pause.read(), overrides.read());
        let saved = Saved::new(clock, said, kept, dismissed, ports.collect());
        let unix_ns = clock.unix_ns(now);
        let (key, list) = match self.new_list(&kept.lists) {
            Some((key, list)) => (key, Some(list)),
            None => (String::new(), None),
        };
        let is_new = !saved.is_as(&self.written);
        if !is_new && list.is_none() {
            return;
        }
        let (files, next, entries) = (self.files.clone(), saved.clone(), list.clone());
        let name = list_file(&key);
        let writing = tokio::task::spawn_blocking(move || {
            if is_new {
                files.write(STATE, &next.bytes(unix_ns)?)?;
            }
            match entries {
                Some(entries) => files.write(&name, lines(&entries).as_bytes()),
                None => Ok(()),
            }
        });
        match writing.await.map_err(io::Error::other).flatten() {
            Ok(()) => {
                self.written = saved;
                self.lists.extend(list.map(|list| (key, list)));
                if std::mem::take(&mut self.failing) {
                    tracing::info!("what is to be remembered can be written again");
                }
            }
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::warn!(%error, "what is to be remembered over a restart cannot be written; tried again");
            }
            Err(_) => {}
        }
    }

    /// A list that is not on the disk yet; one at a time, since they are long.
    fn new_list(&self, lists: &[(String, Arc<[IpNet]>)]) -> Option<(String, Arc<[IpNet]>)> {
        let is_new = |(key, list): &&(String, Arc<[IpNet]>)| {
            let known = self.lists.get(key);
            !list.is_empty() && known.is_none_or(|known| !Arc::ptr_eq(known, list))
        };
        lists.iter().find(is_new).cloned()
    }
}

fn lines(prefixes: &[IpNet]) -> String {
    let mut text = String::new();
    for prefix in prefixes {
        text.push_str(&prefix.to_string());
        text.push('\n');
    }
    text
}

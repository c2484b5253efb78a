//! The task that owns the files, the journal and the tool.
#![expect(
    clippy::disallowed_methods,
    reason = "the driver of the pure parts: it reads the clock for them"
)]

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::backoff::Backoff;
use shared::life::{Latch, Readiness, Shutdown};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout_at};

use super::apply::{Staged, roll_back};
use super::batch::{Queue, Window};
use super::change::{Action, Answer, Change, Verdict};
use super::committed::Committed;
use super::isolate::{Isolation, Report, Step};
use super::journal::{AcceptedState, FileChange, Journal};
use super::outcome::{last_error, report, store_failed};
use super::plan::{Member, Plan};
use super::{LastFailure, QUEUE, Shared, SyncState};
use crate::store::Fingerprint;
use crate::tool::{Outcome, Run, Tool};

/// Bounds of the wait before a failed base commit is tried again (`acl-server` contract §2.7).
pub(super) const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The one writer.
#[derive(Debug)]
pub struct Engine {
    pub(super) shared: Arc<Shared>,
    pub(super) tool: Tool,
    pub(super) journal: Journal,
    pub(super) receiver: mpsc::Receiver<Change>,
    pub(super) queue: Queue,
    pub(super) committed: Committed,
    pub(super) boot: String,
    /// A batch whose files could not be taken back: until they are, nothing else may begin.
    pub(super) stuck: Option<Vec<FileChange>>,
    pub(super) shutdown: Shutdown,
    pub(super) readiness: Readiness,
    pub(super) unready: Option<Latch>,
    pub(super) backoff: Backoff,
    /// When the base is committed again, while the switch is not in sync; at once after the start.
    pub(super) retry_at: Instant,
}

impl Engine {
    /// Works until the end is asked for. The batch that runs then is finished, everything behind it is turned away.
    pub async fn run(mut self) {
        let shutdown = self.shutdown.clone();
        loop {
            let unsynced = self.sync_state() != SyncState::Synced;
            tokio::select! {
                () = shutdown.wait() => break,
                change = self.receiver.recv() => match change {
                    Some(change) => self.collect_and_commit(change).await,
                    None => break,
                },
                () = sleep_until(self.retry_at.into()), if unsynced => self.sync_base().await,
            }
        }
        self.receiver.close();
        while let Ok(change) = self.receiver.try_recv() {
            self.queue.push(change);
        }
        let now = Instant::now();
        for change in self.queue.drain() {
            answer(change, Verdict::ShuttingDown, now);
        }
    }

    fn sync_state(&self) -> SyncState {
        *self.shared.sync.borrow()
    }

    /// Sets what others see, and keeps the latch that makes the process unready.
    pub(super) fn set_sync(&mut self, state: SyncState) {
        match state {
            SyncState::Synced => {
                self.backoff.reset();
                self.unready = None;
            }
            SyncState::Starting | SyncState::Unsynced => {
                self.retry_at = Instant::now() + self.backoff.next_delay();
                if self.unready.is_none() {
                    self.unready = Some(self.readiness.latch("switch in sync with the files"));
                }
            }
        }
        // A failed first commit is still the first commit.
        let starting = self.sync_state() == SyncState::Starting && state != SyncState::Synced;
        self.shared
            .sync
            .send_replace(if starting { SyncState::Starting } else { state });
    }

    async fn collect_and_commit(&mut self, first: Change) {
        let mut window = Window::open(Instant::now());
        self.queue.push(first);
        while self.queue.len() < QUEUE
            && let Ok(Some(change)) = timeout_at(window.deadline().into(), self.receiver.recv()).await
        {
            self.queue.push(change);
            window.arrival(Instant::now());
        }
        while !self.queue.is_empty() && !self.shutdown.requested() {
            let batch = self.queue.seal();
            self.commit(batch).await;
            // What arrived while the tool ran goes with what was left over.
            while self.queue.len() < QUEUE
                && let Ok(change) = self.receiver.try_recv()
            {
                self.queue.push(change);
            }
        }
    }

    /// Carries out one batch and tells every caller its verdict.
    async fn commit(&mut self, batch: Vec<Change>) {
        let sealed = Instant::now();
        if let Err(error) = self.unstick() {
            let verdict = store_failed(&error);
            return batch
                .into_iter()
                .for_each(|change| answer(change, verdict.clone(), sealed));
        }
        let synced = self.sync_state() == SyncState::Synced;
        let Plan {
            members,
            files,
            decided,
        } = Plan::new(batch, &self.shared.store, &self.committed, synced);
        for (change, verdict) in decided {
            answer(change, verdict, sealed);
        }
        if members.is_empty() {
            return;
        }
        self.hide(&files);
        let verdicts = self.carry_out(&members, &files).await;
        if self.stuck.is_none() {
            self.shared.in_flight().clear();
        }
        for (member, verdict) in members.into_iter().zip(verdicts) {
            answer(member.change, verdict, sealed);
        }
    }

    /// Lets readers see the committed contents while the files change.
    fn hide(&self, files: &[FileChange]) {
        *self.shared.in_flight() = files
            .iter()
            .map(|file| (file.name.clone(), file.old.clone()))
            .collect();
    }

    /// Stages, journals and runs; one verdict a member.
    async fn carry_out(&mut self, members: &[Member], files: &[FileChange]) -> Vec<Verdict> {
        let all = |verdict: Verdict| vec![verdict; members.len()];
        let shared = Arc::clone(&self.shared);
        let mut staged = match Staged::new(&shared.store, files) {
            Ok(staged) => staged,
            Err(error) => return all(store_failed(&error)),
        };
        if let Err(error) = self.journal.begin(files) {
            staged.clean();
            return all(store_failed(&error));
        }
        let mut isolation = Isolation::new(members.len());
        let outcome = self.search(&mut isolation, &mut staged, members).await;
        let verdicts = match outcome {
            Ok((synced, foreign)) => {
                self.conclude(isolation, &mut staged, members, synced.then_some(foreign))
            }
            Err(error) => {
                // The files may be neither old nor new; the journal knows both.
                tracing::error!(%error, "the files of a batch could not be changed");
                self.stuck = Some(files.to_vec());
                self.set_sync(SyncState::Unsynced);
                let _ = self.unstick();
                all(store_failed(&error))
            }
        };
        if self.stuck.is_none() {
            staged.clean();
        }
        verdicts
    }

    /// Runs the tool until every member is decided. Returns whether the switch is in sync, and what else it installed.
    async fn search(
        &self,
        isolation: &mut Isolation,
        staged: &mut Staged<'_>,
        members: &[Member],
    ) -> io::Result<(bool, Fingerprint)> {
        // Isolation ends after two tool limits of wall time (`acl-server` contract §2.4), and when the daemon is to end.
        let deadline = Instant::now() + 2 * self.tool.limit();
        let mut foreign = Fingerprint::default();
        loop {
            let wanted = match isolation.step() {
                Step::Finished { synced } => return Ok((synced, foreign)),
                Step::Try(wanted) => wanted,
            };
            let in_place = files_of(members, &wanted);
            staged.switch(|file| in_place.get(file).copied().unwrap_or(false))?;
            // Taken before the run: a file that changes during it must not count as accepted.
            foreign = self.shared.store.foreign_fingerprint()?;
            let run = self.run_tool(wanted.len()).await;
            if Instant::now() >= deadline || self.shutdown.requested() {
                isolation.give_up();
            }
            isolation.report(report(run));
        }
    }

    async fn run_tool(&self, changes: usize) -> Run {
        let begun = Instant::now();
        let run = self.tool.run().await;
        let ms = begun.elapsed().as_millis();
        match &run.outcome {
            Outcome::Accepted => tracing::info!(changes, ms, "committed"),
            outcome => {
                let said = run
                    .lines
                    .iter()
                    .rfind(|line| line.contains("error"))
                    .or(run.lines.last());
                tracing::warn!(changes, ms, ?outcome, said, "the tool did not accept the rules");
            }
        }
        run
    }

    /// Makes the end of the batch durable and returns its verdicts. `foreign`: the last run succeeded.
    fn conclude(
        &mut self,
        isolation: Isolation,
        staged: &mut Staged<'_>,
        members: &[Member],
        foreign: Option<Fingerprint>,
    ) -> Vec<Verdict> {
        let in_place = files_of(members, isolation.accepted());
        let files = staged.changes();
        for member in isolation
            .accepted()
            .iter()
            .filter_map(|index| members.get(*index))
        {
            for file in files.get(member.files.clone()).unwrap_or_default() {
                match (&file.new, &member.change.action) {
                    (Some(new), Action::Put { rules, .. }) => {
                        self.committed
                            .put(&file.name, new, rules.iter().map(|(_, rule)| *rule));
                    }
                    _ => self.committed.set(&file.name, file.new.as_deref()),
                }
            }
        }
        let ended = staged
            .switch(|file| in_place.get(file).copied().unwrap_or(false))
            .and_then(|()| {
                let state = foreign.map(|foreign| self.state_with(foreign));
                self.journal.end(state)
            });
        if let Err(error) = ended {
            // The switch has the new rules and nobody may be told: take the files back and install those again.
            tracing::error!(%error, "the verdict of a batch could not be made durable");
            for (file, _) in files.iter().zip(&in_place).filter(|(_, in_place)| **in_place) {
                self.committed.set(&file.name, file.old.as_deref());
            }
            self.stuck = Some(files.to_vec());
            self.set_sync(SyncState::Unsynced);
            let _ = self.unstick();
            return vec![store_failed(&error); members.len()];
        }
        self.set_sync(if foreign.is_some() {
            SyncState::Synced
        } else {
            SyncState::Unsynced
        });
        let verdicts: Vec<Verdict> = isolation
            .into_verdicts()
            .into_iter()
            .zip(members)
            .map(|(verdict, member)| verdict.unwrap_or_else(|| member.success.clone()))
            .collect();
        let failure = verdicts.iter().find_map(last_error);
        *self.shared.last_failure() = failure.map(|error| LastFailure {
            error,
            of_base: false,
        });
        verdicts
    }

    /// Takes back the files of a batch that could not be taken back before.
    fn unstick(&mut self) -> io::Result<()> {
        if let Some(files) = &self.stuck {
            roll_back(&self.shared.store, files)?;
            self.journal.end(None)?;
            self.shared.store.sweep()?;
            self.stuck = None;
            self.shared.in_flight().clear();
            tracing::info!("the files of a failed batch are back");
        }
        Ok(())
    }

    /// Commits what is there, so that the switch has what the files say.
    async fn sync_base(&mut self) {
        match self.commit_base().await {
            Ok(true) => self.set_sync(SyncState::Synced),
            Ok(false) => self.set_sync(SyncState::Unsynced),
            Err(error) => {
                tracing::error!(%error, "the switch could not be brought in sync");
                self.set_sync(SyncState::Unsynced);
            }
        }
    }

    async fn commit_base(&mut self) -> io::Result<bool> {
        self.unstick()?;
        let foreign = self.shared.store.foreign_fingerprint()?;
        // Other people's files may have changed: from here on the switch may have something else than was accepted.
        self.journal.end(None)?;
        let run = self.run_tool(0).await;
        let state = (run.outcome == Outcome::Accepted).then(|| self.state_with(foreign));
        let error = match report(run) {
            Report::Accepted => None,
            Report::Refused { code, lines } => last_error(&Verdict::BaseRefused { code, lines }),
            Report::Broken(verdict) => last_error(&verdict),
        };
        let mut last = self.shared.last_failure();
        // A base that succeeds does not make good what became of somebody's change.
        if error.is_some() || last.as_ref().is_some_and(|failure| failure.of_base) {
            *last = error.map(|error| LastFailure { error, of_base: true });
        }
        drop(last);
        let synced = state.is_some();
        self.journal.end(state)?;
        Ok(synced)
    }

    pub(super) fn state_with(&self, foreign: Fingerprint) -> AcceptedState {
        AcceptedState {
            fingerprint: self.committed.overall(foreign),
            boot: self.boot.clone(),
        }
    }
}

/// For each file of the batch, whether one of these members changes it.
fn files_of(members: &[Member], wanted: &[usize]) -> Vec<bool> {
    let mut in_place = vec![false; members.iter().map(|member| member.files.len()).sum()];
    for member in wanted.iter().filter_map(|index| members.get(*index)) {
        in_place
            .get_mut(member.files.clone())
            .unwrap_or_default()
            .fill(true);
    }
    in_place
}

fn answer(change: Change, verdict: Verdict, sealed: Instant) {
    // The caller may have gone; the change was carried out all the same.
    let _ = change.reply.send(Answer {
        verdict,
        sealed,
        decided: Instant::now(),
    });
}

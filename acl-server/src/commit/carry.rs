//! Carries out one batch: plan, files, journal, runs of the tool, verdicts.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::apply::{Staged, roll_back};
use super::change::{Change, Verdict};
use super::drift;
use super::ended::Ended;
use super::engine::Engine;
use super::isolate::{Isolation, Step};
use super::journal::FileChange;
use super::named::named;
use super::outcome::{last_error, report, store_failed};
use super::plan::{Basis, Leases, Member, Plan};
use super::runner::Runner;
use super::tell::Carried;
use super::{LastFailure, SyncState, lock, now};
use crate::metrics::{Metrics, ToolOutcome};
use crate::store::{Fingerprint, fingerprint};
use crate::tool::{Outcome, Run};

impl<T: Runner> Engine<T> {
    /// Carries out one batch and tells every caller its verdict.
    pub(super) async fn commit(&mut self, batch: Vec<Change>) {
        let mut carried = Carried {
            sealed: now(),
            tool: Duration::ZERO,
            runs: 0,
        };
        let oldest = batch
            .iter()
            .map(|change| change.queued)
            .min()
            .unwrap_or(carried.sealed);
        let window = carried.sealed.saturating_duration_since(oldest);
        self.shared.metrics.batch(batch.len(), window);
        if let Err(error) = self.unstick() {
            let verdict = store_failed(&error);
            for change in batch {
                self.answer(change, verdict.clone(), &carried);
            }
            return;
        }
        let plan = self.plan(batch, &carried);
        for name in plan.skipped {
            self.skipped(&name);
        }
        for (change, verdict) in plan.decided {
            self.answer(change, verdict, &carried);
        }
        self.lease(plan.leases, &carried);
        if plan.members.is_empty() {
            lock(&self.shared.book).expiring.clear();
            return;
        }
        self.hide(&plan.files);
        let (changes, verdicts) = self.carry_out(plan.members, &plan.files, &mut carried).await;
        if self.stuck.is_none() {
            lock(&self.shared.in_flight).clear();
        }
        lock(&self.shared.book).expiring.clear();
        let callers: HashSet<&Arc<str>> = changes.iter().map(|change| &change.caller.who).collect();
        let several = callers.len() > 1;
        for (change, verdict) in changes.into_iter().zip(verdicts) {
            if change.reply.is_some() {
                self.judge(&change.caller.who, &verdict, several);
            }
            self.answer(change, verdict, &carried);
        }
    }

    /// Who may have made the tool refuse or hang commits apart for a while.
    fn judge(&mut self, who: &Arc<str>, verdict: &Verdict, several: bool) {
        match verdict {
            Verdict::Refused { .. } => self.queue.suspect(who, now()),
            // Of many in one batch with a change on which the tool hangs, each is then alone, and all but one go on.
            Verdict::TimedOut { .. } if several => self.queue.suspect_until_success(who, now()),
            Verdict::TimedOut { .. } => self.queue.suspect(who, now()),
            Verdict::Done { .. } => self.queue.trust(who),
            _ => {}
        }
    }

    fn plan(&self, batch: Vec<Change>, carried: &Carried) -> Plan {
        let mut book = lock(&self.shared.book);
        let basis = Basis {
            store: &self.shared.store,
            book: &mut book,
            synced: self.sync_state() == SyncState::Synced,
            limits: *lock(&self.shared.limits),
            now: carried.sealed,
            kept: &*self.kept,
        };
        Plan::new(batch, basis)
    }

    /// Changes that need nothing but other leases: one record for all of them.
    fn lease(&mut self, leases: Vec<(Change, Verdict, Leases)>, carried: &Carried) {
        let all: Vec<_> = leases.iter().flat_map(|(_, _, leases)| leases.clone()).collect();
        if all.is_empty() {
            return;
        }
        let noted = lock(&self.shared.book).lease(&all, now());
        for (change, verdict, _) in leases {
            let verdict = match &noted {
                Ok(()) => verdict,
                Err(error) => store_failed(error),
            };
            self.answer(change, verdict, carried);
        }
    }

    /// Lets readers see the committed contents while the files change.
    fn hide(&self, files: &[FileChange]) {
        *lock(&self.shared.in_flight) = files
            .iter()
            .map(|file| (file.name.clone(), file.old.clone()))
            .collect();
    }

    /// Stages, journals and runs; one verdict a change.
    async fn carry_out(
        &mut self,
        members: Vec<Member>,
        files: &[FileChange],
        carried: &mut Carried,
    ) -> (Vec<Change>, Vec<Verdict>) {
        let shared = Arc::clone(&self.shared);
        let mut staged = match self.begin(&shared.store, files, &members).await {
            Ok(staged) => staged,
            Err(error) => {
                let verdicts = vec![store_failed(&error); members.len()];
                return (
                    members.into_iter().map(|member| member.change).collect(),
                    verdicts,
                );
            }
        };
        let mut isolation = Isolation::new(members.len());
        let outcome = self.search(&mut isolation, &mut staged, &members, carried).await;
        // Either way nothing staged is left, unless the batch is stuck.
        match outcome {
            Ok((synced, foreign)) => {
                self.conclude(isolation, &mut staged, members, synced.then_some(foreign))
            }
            Err(error) => {
                // The files may be neither old nor new; the journal knows both.
                tracing::error!(%error, "the files of a batch could not be changed");
                // Without needing space, if that is possible.
                let _ = staged.switch(&*self.kept, |_| false);
                self.take_back(files);
                let verdicts = vec![self.failed(&error); members.len()];
                (
                    members.into_iter().map(|member| member.change).collect(),
                    verdicts,
                )
            }
        }
    }

    async fn begin<'a>(
        &self,
        store: &'a crate::store::Store,
        files: &'a [FileChange],
        members: &[Member],
    ) -> io::Result<Staged<'a>> {
        let mut staged = Staged::new(store, files);
        // Where files are not synced together, each may take 10 ms: who watches over this task wants to hear of it.
        while durable(&self.shared.metrics, || staged.stage())? {
            tokio::task::yield_now().await;
        }
        let remembered = members.iter().map(|member| member.remember.size()).sum();
        let begun = durable(&self.shared.metrics, || {
            lock(&self.shared.book).begin(files, remembered)
        });
        if let Err(error) = begun {
            staged.clean();
            return Err(error);
        }
        Ok(staged)
    }

    /// Runs the tool until every member is decided. Returns whether the switch is in sync, and what else it installed.
    async fn search(
        &mut self,
        isolation: &mut Isolation,
        staged: &mut Staged<'_>,
        members: &[Member],
        carried: &mut Carried,
    ) -> io::Result<(bool, Fingerprint)> {
        // Isolation ends after two tool limits of wall time (`acl-server` contract §2.4), and when the daemon is to end.
        let deadline = now() + 2 * self.tool.limit();
        let mut foreign = Fingerprint::default();
        let batch = staged.changes().iter().map(|file| &file.name).collect();
        loop {
            let wanted = match isolation.step() {
                Step::Finished { synced } => return Ok((synced, foreign)),
                Step::Try(wanted) => wanted,
            };
            let in_place = files_of(members, &wanted);
            let changed = staged.switch(&*self.kept, |file| in_place.get(file).copied().unwrap_or(false))?;
            // Taken before the run: a file that changes during it must not count as accepted.
            foreign = self.look_at_foreign()?;
            drift::strangers(&self.shared.store, &mut lock(&self.shared.book).committed, &batch)?;
            let tool = async {
                let begun = now();
                let run = self.run_tool(wanted.len()).await;
                (run, now().saturating_duration_since(begun))
            };
            // The names need not be durable before the tool reads them, but before anybody is told.
            let ((run, took), durable) = tokio::join!(tool, self.names_durable(changed));
            carried.tool += took;
            carried.runs += 1;
            durable?;
            if now() >= deadline || self.shutdown.requested() {
                isolation.give_up();
            }
            isolation.report(report(run, |words| named(members, words)));
        }
    }

    /// Makes what was put in place durable, on a thread that may wait for the disk.
    async fn names_durable(&self, changed: bool) -> io::Result<()> {
        if !changed {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let sync = move || durable(&shared.metrics, || shared.store.sync());
        tokio::task::spawn_blocking(sync)
            .await
            .map_err(io::Error::other)?
    }

    pub(super) async fn run_tool(&self, changes: usize) -> Run {
        let begun = now();
        let run = self.tool.run().await;
        let took = now().saturating_duration_since(begun);
        self.shared.metrics.tool_run(outcome_label(&run.outcome), took);
        let ms = took.as_millis();
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
        members: Vec<Member>,
        foreign: Option<Fingerprint>,
    ) -> (Vec<Change>, Vec<Verdict>) {
        let in_place = files_of(&members, isolation.accepted());
        let settled = staged
            .switch(&*self.kept, |file| in_place.get(file).copied().unwrap_or(false))
            .and_then(|changed| match changed {
                true => self.shared.store.sync(),
                false => Ok(()),
            });
        // Before the files are looked at for the last time: a name less changes their stamps.
        staged.clean();
        let (mut changes, mut verdicts, mut ended) = (Vec::new(), Vec::new(), Ended::default());
        for (verdict, member) in isolation.into_verdicts().into_iter().zip(members) {
            if verdict.is_none() {
                member.remember.into_ended(&mut ended, now());
            }
            verdicts.push(verdict.unwrap_or(member.success));
            changes.push(member.change);
        }
        let result = settled.and_then(|()| self.end(staged.changes(), ended, foreign));
        if let Err(error) = result {
            // The switch has the new rules and nobody may be told: take the files back and install those again.
            tracing::error!(%error, "the verdict of a batch could not be made durable");
            self.take_back(staged.changes());
            let verdicts = vec![self.failed(&error); changes.len()];
            return (changes, verdicts);
        }
        self.set_sync(if foreign.is_some() {
            SyncState::Synced
        } else {
            SyncState::Unsynced
        });
        let failure = verdicts.iter().find_map(last_error);
        *lock(&self.shared.last_failure) = failure.map(|error| LastFailure {
            error,
            of_base: false,
        });
        (changes, verdicts)
    }

    /// Ends the batch in the journal and for all readers at one moment. `foreign`: the last run succeeded.
    fn end(&self, files: &[FileChange], mut ended: Ended, foreign: Option<Fingerprint>) -> io::Result<()> {
        let store = &self.shared.store;
        for (name, _, disk) in &mut ended.acls {
            if let Some(disk) = disk {
                // A hand may have been in the file since it was put in place: then it is for the next look to read.
                let stamp = store.stamp(name)?;
                let ours = store
                    .read(name)
                    .ok()
                    .flatten()
                    .map(|content| fingerprint(&content));
                let same = ours == Some(disk.fingerprint);
                (disk.stamp, disk.sure) = (stamp.filter(|_| same), same && foreign.is_some());
            }
        }
        let mut in_flight = lock(&self.shared.in_flight);
        let mut book = lock(&self.shared.book);
        let accepted = foreign.map(|foreign| (store, foreign, self.boot.as_str()));
        // A name more or less has changed the stamps of files that stay what they were.
        for file in files.iter().filter(|file| file.old.is_some()) {
            let changed = ended.acls.iter().any(|(name, ..)| *name == file.name);
            if !changed {
                book.still(store, file);
            }
        }
        durable(&self.shared.metrics, || book.end(accepted, ended, now()))?;
        in_flight.clear();
        Ok(())
    }

    /// The verdict of a batch whose files could not be changed, which `lasterror` tells, too.
    fn failed(&self, error: &io::Error) -> Verdict {
        let verdict = store_failed(error);
        *lock(&self.shared.last_failure) = last_error(&verdict).map(|error| LastFailure {
            error,
            of_base: false,
        });
        verdict
    }

    /// The files of a batch that failed half-way must go back, now or as soon as the disk lets them.
    fn take_back(&mut self, files: &[FileChange]) {
        self.stuck = Some(files.to_vec());
        self.set_sync(SyncState::Unsynced);
        let _ = self.unstick();
    }

    /// Takes back the files of a batch that could not be taken back before.
    pub(super) fn unstick(&mut self) -> io::Result<()> {
        if let Some(files) = &self.stuck {
            roll_back(&self.shared.store, files)?;
            self.end_without_batch(None)?;
            self.shared.store.sweep()?;
            self.stuck = None;
            lock(&self.shared.in_flight).clear();
            tracing::info!("the files of a failed batch are back");
        }
        Ok(())
    }
}

/// Makes something durable, and counts what that takes.
fn durable<R>(metrics: &Metrics, work: impl FnOnce() -> R) -> R {
    let begun = now();
    let done = work();
    metrics.fsync(now().saturating_duration_since(begun));
    done
}

const fn outcome_label(outcome: &Outcome) -> ToolOutcome {
    match outcome {
        Outcome::Accepted => ToolOutcome::Accepted,
        Outcome::Refused { .. } => ToolOutcome::Refused,
        Outcome::TimedOut => ToolOutcome::TimedOut,
        Outcome::Killed { .. } => ToolOutcome::Killed,
        Outcome::NotStarted(_) => ToolOutcome::NotStarted,
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

//! Does to the writer and to the model what happens, and compares them.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::operations::{Edits, Kind, NAMES, Op, Seen, content, new_content};
use super::reference::{Acl, Due, Kindly, Model, Unconfirmed, kindly, now};
use crate::commit::book::Confirmation;
use crate::commit::change::{Action, Effect, Precondition, Verdict};
use crate::commit::id::CommitId;
use crate::commit::tests::world::{Fault, World, caller, edit, wish};
use crate::commit::{Rejected, SyncState};
use crate::store::etag;

/// How long a change waits for its confirmation.
const WINDOW: u64 = 50;
/// After the tool works again: the longest wait before it is tried.
const MENDED: Duration = Duration::from_secs(75);

/// Whether a change may be expected to need no run of the tool.
fn changes_nothing(expected: &[Kindly]) -> bool {
    let nothing = |effect: &Effect| matches!(effect, Effect::Unchanged | Effect::Absent);
    let same = |one: &Kindly| matches!(one, Kindly::Done(effects) if effects.iter().all(nothing));
    expected.iter().any(same)
}

pub(super) struct Play {
    world: World,
    model: Model,
}

impl Play {
    pub(super) async fn begin() -> Self {
        let mut world = World::new();
        world.start().await.unwrap();
        sleep(Duration::from_secs(1)).await;
        let model = Model {
            acls: Default::default(),
            unconfirmed: Vec::new(),
            broken: false,
            hindered: now(),
        };
        Self { world, model }
    }

    fn action(edits: &Edits, ttl: Option<u64>, confirm: bool) -> Action {
        let wishes = edits
            .iter()
            .map(|one| (NAMES[one.0], new_content(one).map(|new| wish(&new, ttl))));
        match edit(wishes.collect()) {
            Action::Edit { edits, .. } => Action::Edit {
                edits,
                confirm: confirm.then_some(Duration::from_secs(WINDOW)),
            },
            other => other,
        }
    }

    fn precondition(&self, edits: &Edits, seen: Seen) -> Precondition {
        let current = self.model.acls[edits[0].0].disk.as_deref();
        let current = current.map_or_else(|| "\"none\"".to_owned(), |content| etag(content.as_bytes()));
        Precondition {
            if_match: (seen == Seen::Current).then(|| vec![current]),
            absent: seen == Seen::Absent,
        }
    }

    pub(super) async fn play(&mut self, op: &Op) {
        // A hand that writes while the tool reads is another test's.
        let mut waited = 0;
        while self.world.tool.is_running() {
            sleep(Duration::from_millis(1)).await;
            waited += 1;
            assert!(waited < 200_000, "the tool never ends");
        }
        match op {
            Op::Edit {
                edits,
                ttl,
                confirm,
                seen,
                fault,
            } => self.edit(edits, *ttl, *confirm, *seen, *fault).await,
            Op::Burst(edits) => self.burst(edits).await,
            Op::Clear(prefix) => self.clear(prefix).await,
            Op::Renew(prefix) => self.renew(prefix),
            Op::Confirm => self.confirm(),
            // Where only the daemon knows whether the lease of what was there has run out, no hand interferes.
            Op::Hand(at, _) if self.unclear(&vec![(*at, None)]) => {}
            Op::Hand(at, own) => {
                let by_hand = own.map(|own| content(NAMES[*at], Kind::Own(own)));
                self.world
                    .by_hand(&format!("50rest-{}.rules", NAMES[*at]), by_hand.as_deref());
                self.model.acls[*at].disk = by_hand;
                self.model.acls[*at].touched = Some(self.world.tool.accepted());
            }
            Op::Foreign { broken } => {
                self.world
                    .by_hand("60other.rules", Some(if *broken { "broken" } else { "# fine" }));
                if self.model.broken && !broken {
                    self.model.hindered = now() + MENDED;
                }
                self.model.broken = *broken;
            }
            Op::Wait(seconds) => sleep(Duration::from_secs(*seconds)).await,
            Op::Stop => {
                self.world.stop().await;
                self.restart().await;
            }
            Op::Crash(loss) => {
                self.world.crash(*loss).await;
                for acl in &mut self.model.acls {
                    // What time has passed since it was last written down is given back.
                    if let Some(lease) = &mut acl.lease {
                        lease.latest = lease.latest.max(now() + lease.ttl);
                    }
                }
                for unconfirmed in &mut self.model.unconfirmed {
                    for (_, lease) in unconfirmed.before.values_mut() {
                        if let Some(lease) = lease {
                            lease.latest = lease.latest.max(now() + lease.ttl);
                        }
                    }
                }
                self.restart().await;
            }
        }
        // In the middle of a batch of the daemon's own (an expiry, say) files are neither old nor new.
        while self.world.is_at_work() {
            sleep(Duration::from_millis(1)).await;
        }
        self.model.observe(&self.world);
        self.model.check(&self.world);
    }

    async fn restart(&mut self) {
        for unconfirmed in &mut self.model.unconfirmed {
            (unconfirmed.due.earliest, unconfirmed.due.latest) = (now(), now());
        }
        self.world.start().await.unwrap();
        sleep(Duration::from_secs(3)).await;
    }

    fn ready(&self) -> bool {
        self.world.committer().sync_state() != SyncState::Starting
    }

    /// Whether time alone could change what the model expects: then it is not asked.
    fn unclear(&self, edits: &Edits) -> bool {
        let now = now();
        edits.iter().any(|(at, _)| {
            let acl = &self.model.acls[*at];
            acl.lease
                .is_some_and(|lease| lease.earliest <= now + Duration::from_millis(500))
        }) || self
            .model
            .unconfirmed
            .iter()
            .any(|unconfirmed| unconfirmed.due.earliest <= now + Duration::from_millis(500))
    }

    async fn edit(
        &mut self,
        edits: &Edits,
        ttl: Option<u64>,
        confirm: bool,
        seen: Seen,
        fault: Option<Fault>,
    ) {
        if self.unclear(edits) {
            return;
        }
        let (ready, synced) = (
            self.ready(),
            self.world.committer().sync_state() == SyncState::Synced,
        );
        let expected = self.model.expect(edits, seen, synced, fault.is_some());
        // What changes nothing may share a batch with an expiry, say, that waits for the base to be mended.
        let shares = self.model.broken && changes_nothing(&expected) && self.model.has_own_work(now());
        self.world.tool.fail_next(fault.as_slice());
        let began = now();
        let action = Self::action(edits, ttl, confirm);
        let ticket = self
            .world
            .committer()
            .submit(action, self.precondition(edits, seen), caller("one"));
        if !ready {
            assert_eq!(ticket.unwrap_err(), Rejected::NotReady);
            self.world.tool.fail_next(&[]);
            return;
        }
        let ticket = ticket.unwrap();
        let id = ticket.id;
        let answer = ticket.answer().await.unwrap();
        self.world.tool.fail_next(&[]);
        // The fault is met by the change, or by something of the daemon's own that was due at that moment.
        if fault.is_some() {
            self.model.hindered = self.model.hindered.max(now() + Duration::from_secs(15));
        }
        let blurred = |kind: Kindly| self.model.blurred(edits, kind);
        let kind = blurred(kindly(&answer.verdict));
        assert!(
            expected.iter().any(|expected| blurred(expected.clone()) == kind)
                || shares && kind == Kindly::Base,
            "{:?}, not {expected:?}: {edits:?} {seen:?} synced {synced}",
            answer.verdict
        );
        if let Verdict::Done { unconfirmed, .. } = answer.verdict {
            if unconfirmed {
                self.remember(id, edits, began);
            }
            self.model.accept(edits, ttl, began, now());
        } else if !answer.verdict.is_success() {
            // The switch may have to be brought in sync first.
            self.model.hindered = self.model.hindered.max(now() + Duration::from_secs(2));
        }
    }

    fn remember(&mut self, id: CommitId, edits: &Edits, began: Instant) {
        let changed = edits
            .iter()
            .filter(|one| self.model.acls[one.0].disk != new_content(one));
        let before = changed.map(|(at, _)| {
            let acl = self.model.acls[*at].clone();
            (*at, (acl.disk, acl.lease))
        });
        let window = Duration::from_secs(WINDOW);
        self.model.unconfirmed.push(Unconfirmed {
            id,
            due: Due {
                earliest: began + window,
                latest: now() + window,
                ttl: window,
            },
            before: before.collect(),
        });
    }

    async fn burst(&mut self, edits: &Edits) {
        if self.unclear(edits) || !self.ready() {
            return;
        }
        let began = now();
        let mut tickets = Vec::new();
        for one in edits {
            // Two that want the shared rule at one moment depend on each other; that is tried one after the other.
            if one.1 == Some(Kind::Shared) {
                continue;
            }
            let one = vec![*one];
            let synced = self.world.committer().sync_state() == SyncState::Synced;
            let expected = self.model.expect(&one, Seen::No, synced, false);
            let who = format!("client {}", one[0].0);
            let action = Self::action(&one, None, false);
            let ticket = self
                .world
                .committer()
                .submit(action, Precondition::default(), caller(&who))
                .unwrap();
            tickets.push((one, expected, ticket));
        }
        for (one, expected, ticket) in tickets {
            let verdict = ticket.answer().await.unwrap().verdict;
            // Whether a change that changes nothing needs a run depends on what the others have done to the switch.
            let kind = kindly(&verdict);
            assert!(
                expected.contains(&kind) || changes_nothing(&expected) && kind == Kindly::Base,
                "{one:?}: {verdict:?}, not {expected:?}"
            );
            if verdict.is_success() {
                self.model.accept(&one, None, began, now());
            }
        }
    }

    async fn clear(&mut self, prefix: &str) {
        let names = (0..NAMES.len()).filter(|at| NAMES[*at].starts_with(prefix));
        let edits: Edits = names.map(|at| (at, None)).collect();
        if self.unclear(&edits) || !self.ready() {
            return;
        }
        let model = &self.model;
        let known: Edits = edits
            .into_iter()
            .filter(|(at, _)| model.acls[*at].disk.is_some() || model.acls[*at].written.is_some())
            .collect();
        let locked = known.iter().any(|(at, _)| model.locked(*at));
        let drifted = known
            .iter()
            .any(|(at, _)| model.acls[*at].disk.is_some() && model.acls[*at].drifted());
        let synced = self.world.committer().sync_state() == SyncState::Synced;
        // A file that was made and removed by hand may linger on the switch, if a run has seen it.
        let lingers = (0..NAMES.len()).any(|at| model.acls[at].touched.is_some());
        let expected = match () {
            () if locked => vec![Kindly::Locked],
            () if drifted => vec![Kindly::Drift],
            () if known.is_empty() && synced && !lingers => vec![Kindly::Done(Vec::new())],
            () if self.model.broken && lingers => vec![Kindly::Base, Kindly::Done(Vec::new())],
            () if self.model.broken => vec![Kindly::Base],
            () => vec![Kindly::Done(Vec::new())],
        };
        let began = now();
        let action = Action::Clear {
            prefix: prefix.to_owned(),
        };
        let verdict = self
            .world
            .submit(action, Precondition::default())
            .await
            .unwrap()
            .verdict;
        let kind = match kindly(&verdict) {
            Kindly::Done(_) => Kindly::Done(Vec::new()),
            other => other,
        };
        assert!(expected.contains(&kind), "{kind:?}, not {expected:?}");
        if verdict.is_success() {
            self.model.accept(&known, None, began, now());
        }
    }

    fn renew(&mut self, prefix: &str) {
        let edits: Edits = (0..NAMES.len()).map(|at| (at, None)).collect();
        if self.unclear(&edits) {
            return;
        }
        let ttl = Duration::from_secs(40);
        let (renewed, _) = self.world.committer().renew(prefix, ttl).unwrap();
        let mut expected = 0;
        for (acl, _) in self
            .model
            .acls
            .iter_mut()
            .zip(NAMES)
            .filter(|(_, name)| name.starts_with(prefix))
        {
            if let Some(lease) = &mut acl.lease {
                expected += 1;
                lease.earliest = lease.earliest.max(now() + ttl);
                lease.latest = lease.latest.max(now() + ttl);
                lease.ttl = lease.ttl.max(ttl);
            }
        }
        for unconfirmed in &mut self.model.unconfirmed {
            let before = unconfirmed.before.iter_mut();
            for (_, (_, lease)) in before.filter(|(at, _)| NAMES[**at].starts_with(prefix)) {
                if let Some(lease) = lease {
                    lease.earliest = lease.earliest.max(now() + ttl);
                    lease.latest = lease.latest.max(now() + ttl);
                    lease.ttl = lease.ttl.max(ttl);
                }
            }
        }
        assert_eq!(renewed, expected, "leases under {prefix:?}");
    }

    fn confirm(&mut self) {
        let Some(unconfirmed) = self.model.unconfirmed.first() else {
            return;
        };
        let confirmation = self.world.committer().confirm(unconfirmed.id).unwrap();
        let due = unconfirmed.due;
        match confirmation {
            Confirmation::Confirmed => {
                assert!(now() <= due.latest);
                self.model.unconfirmed.remove(0);
                // What has run out while it was locked goes now.
                self.model.hindered = self.model.hindered.max(now());
            }
            Confirmation::TooLate | Confirmation::Unknown => assert!(now() >= due.earliest),
        }
    }

    /// Everything works again, and enough time passes: then nothing is unclear any more.
    pub(super) async fn end(mut self) {
        self.play(&Op::Foreign { broken: false }).await;
        for _ in 0..4 {
            self.play(&Op::Wait(60)).await;
        }
        assert_eq!(self.world.committer().sync_state(), SyncState::Synced);
        assert!(self.model.unconfirmed.is_empty());
        // Somebody else's file may have changed since the last run: one start may need a commit, the next does not.
        self.play(&Op::Stop).await;
        let runs = self.world.tool.runs();
        let drifted = self.model.acls.iter().any(Acl::drifted);
        for acl in self.model.acls.iter().filter(|acl| !acl.drifted()) {
            assert!(acl.lease.is_none(), "a lease that has not run out: {acl:?}");
        }
        self.world.stop().await;
        self.world.start().await.unwrap();
        sleep(Duration::from_secs(5)).await;
        if !drifted {
            assert_eq!(self.world.tool.installed(), Some(self.world.files()));
            assert_eq!(self.world.tool.runs(), runs, "a clean start runs no tool");
        }
        self.model.check(&self.world);
        self.world.stop().await;
    }
}

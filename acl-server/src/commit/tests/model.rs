//! Random operations against a small reference model: after every one of them files, replies and what the tool last
//! accepted agree. Where only time decides (a lease that is about to run out, a retry), the model knows the earliest and
//! the latest moment, and takes what it sees in between.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::time::{Instant, sleep};

use super::disk::Loss;
use super::world::{Fault, World, caller, edit, wish};
use crate::commit::book::Confirmation;
use crate::commit::change::{Action, Effect, Precondition, Verdict};
use crate::commit::id::CommitId;
use crate::commit::{Rejected, SyncState};
use crate::store::etag;

const NAMES: [&str; 4] = ["a", "b", "fm_a", "fm_b"];
/// How long a change waits for its confirmation.
const WINDOW: u64 = 50;
/// What is due is done within this, unless the tool does not work.
const SLACK: Duration = Duration::from_secs(13);
/// After the tool works again: the longest wait before it is tried.
const MENDED: Duration = Duration::from_secs(75);

/// How a content is chosen: its rule is this name's alone, or one that others may have too, or the tool refuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Own(u8),
    Shared,
    Poison,
}

fn content(acl: &str, kind: Kind) -> String {
    let at = NAMES.iter().position(|name| *name == acl).unwrap();
    match kind {
        Kind::Own(n) => format!("[iptables]\n-A FORWARD -d 10.0.{at}.{n} -j DROP\n"),
        Kind::Shared => format!("[iptables]\n# {acl}\n-A FORWARD -d 10.9.9.9 -j DROP\n"),
        Kind::Poison => format!("[iptables]\n# poison\n-A FORWARD -d 10.1.{at}.1 -j DROP\n"),
    }
}

fn shares(content: &str) -> bool {
    content.contains("10.9.9.9")
}

/// What a client says that it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    No,
    Current,
    Absent,
}

#[derive(Debug, Clone)]
enum Op {
    Edit {
        edits: Vec<(usize, Option<Kind>)>,
        ttl: Option<u64>,
        confirm: bool,
        seen: Seen,
        fault: Option<Fault>,
    },
    /// Several clients at one moment.
    Burst(Vec<(usize, Option<Kind>)>),
    Clear(&'static str),
    Renew(&'static str),
    Confirm,
    Hand(usize, Option<u8>),
    Foreign {
        broken: bool,
    },
    Wait(u64),
    Stop,
    Crash(Loss),
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![6 => (0..3_u8).prop_map(Kind::Own), 1 => Just(Kind::Shared), 1 => Just(Kind::Poison)]
}

fn edits(most: usize) -> impl Strategy<Value = Vec<(usize, Option<Kind>)>> {
    let one = (0..NAMES.len(), prop::option::weighted(0.8, kind()));
    prop::collection::vec(one, 1..=most).prop_map(|edits| {
        let unique: BTreeMap<_, _> = edits.into_iter().collect();
        unique.into_iter().collect()
    })
}

fn op() -> impl Strategy<Value = Op> {
    let fault = prop_oneof![
        any::<bool>().prop_map(|installs| Fault::Hang { installs }),
        any::<bool>().prop_map(|installs| Fault::Killed { installs }),
        Just(Fault::Missing),
    ];
    let one = (
        edits(1),
        prop::option::weighted(0.4, prop_oneof![Just(20), Just(40)]),
        prop::bool::weighted(0.15),
        prop_oneof![4 => Just(Seen::No), 2 => Just(Seen::Current), 1 => Just(Seen::Absent)],
        prop::option::weighted(0.08, fault),
    );
    let patch = (
        edits(3),
        prop::option::weighted(0.3, Just(40)),
        prop::bool::weighted(0.25),
    );
    prop_oneof![
        10 => one.prop_map(|(edits, ttl, confirm, seen, fault)| Op::Edit { edits, ttl, confirm, seen, fault }),
        3 => patch.prop_map(|(edits, ttl, confirm)| Op::Edit { edits, ttl, confirm, seen: Seen::No, fault: None }),
        2 => edits(4).prop_map(Op::Burst),
        1 => prop_oneof![Just("fm_"), Just("")].prop_map(Op::Clear),
        2 => prop_oneof![Just("fm_"), Just("")].prop_map(Op::Renew),
        2 => Just(Op::Confirm),
        2 => (0..NAMES.len(), prop::option::weighted(0.7, 0..3_u8)).prop_map(|(at, own)| Op::Hand(at, own)),
        2 => prop::bool::weighted(0.4).prop_map(|broken| Op::Foreign { broken }),
        5 => prop_oneof![Just(12), Just(30)].prop_map(Op::Wait),
        1 => Just(Op::Stop),
        2 => prop_oneof![Just(Loss::Nothing), Just(Loss::Everything), any::<u64>().prop_map(Loss::Some)].prop_map(Op::Crash),
    ]
}

/// When something happens: not before, and not after unless it is hindered.
#[derive(Debug, Clone, Copy)]
struct Due {
    earliest: Instant,
    latest: Instant,
    ttl: Duration,
}

#[derive(Debug, Clone, Default)]
struct Acl {
    written: Option<String>,
    disk: Option<String>,
    lease: Option<Due>,
    /// How often the tool had installed something when a hand was last in the file: until it has again, the switch may
    /// have something else, and the daemon may or may not know that it has this.
    touched: Option<usize>,
}

impl Acl {
    fn drifted(&self) -> bool {
        self.written != self.disk
    }
}

#[derive(Debug, Clone)]
struct Unconfirmed {
    id: CommitId,
    due: Due,
    before: BTreeMap<usize, (Option<String>, Option<Due>)>,
}

#[derive(Debug)]
struct Model {
    acls: [Acl; 4],
    unconfirmed: Vec<Unconfirmed>,
    broken: bool,
    /// Until when retries may be late.
    hindered: Instant,
}

/// The kinds of verdicts that the model tells apart.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kindly {
    Done(Vec<Effect>),
    Locked,
    Precondition,
    Drift,
    Duplicate,
    Refused,
    Base,
    Tool,
    Other(String),
}

fn kindly(verdict: &Verdict) -> Kindly {
    match verdict {
        Verdict::Done { effects, .. } => Kindly::Done(effects.clone()),
        Verdict::Locked { .. } => Kindly::Locked,
        Verdict::PreconditionFailed { .. } => Kindly::Precondition,
        Verdict::Drift { .. } => Kindly::Drift,
        Verdict::Duplicate { .. } => Kindly::Duplicate,
        Verdict::Refused { .. } => Kindly::Refused,
        Verdict::BaseRefused { .. } => Kindly::Base,
        Verdict::TimedOut { .. } | Verdict::ToolFailed { .. } => Kindly::Tool,
        other => Kindly::Other(format!("{other:?}")),
    }
}

type Edits = Vec<(usize, Option<Kind>)>;

fn new_content((at, kind): &(usize, Option<Kind>)) -> Option<String> {
    kind.map(|kind| content(NAMES[*at], kind))
}

impl Model {
    fn locked(&self, at: usize) -> bool {
        self.unconfirmed
            .iter()
            .any(|unconfirmed| unconfirmed.before.contains_key(&at))
    }

    /// What the writer must say, by the rules of the contract and nothing else.
    fn expect(&self, edits: &Edits, seen: Seen, synced: bool, fault: bool) -> [Kindly; 4] {
        [(false, false), (false, true), (true, false), (true, true)]
            .map(|(sure, met)| self.expect_if(edits, seen, synced, fault && met, sure))
    }

    /// What became of each, as far as the model knows: whether a file that a hand was in has to be installed again is
    /// for the daemon to say, one by one.
    fn blurred(&self, edits: &Edits, kind: Kindly) -> Kindly {
        let Kindly::Done(effects) = kind else { return kind };
        let blur = |(one, effect): (&(usize, Option<Kind>), Effect)| match effect {
            Effect::Removed if self.acls[one.0].touched.is_some() => Effect::Absent,
            Effect::Replaced if self.acls[one.0].touched.is_some() => Effect::Unchanged,
            effect => effect,
        };
        Kindly::Done(edits.iter().zip(effects).map(blur).collect())
    }

    /// `sure`: a file that was changed and changed back, with a run of the tool since, is known to be installed.
    fn expect_if(&self, edits: &Edits, seen: Seen, synced: bool, fault: bool, sure: bool) -> Kindly {
        let mut effects = Vec::new();
        let mut changes = false;
        for one in edits {
            let (acl, new) = (&self.acls[one.0], new_content(one));
            if self.locked(one.0) {
                return Kindly::Locked;
            }
            let holds = match seen {
                Seen::No => true,
                Seen::Current => acl.disk.is_some(),
                Seen::Absent => acl.disk.is_none(),
            };
            if !holds {
                return Kindly::Precondition;
            }
            if acl.drifted() && acl.disk != new && seen == Seen::No {
                return Kindly::Drift;
            }
            let same = acl.disk == new && !acl.drifted() && (sure || acl.touched.is_none());
            changes |= !same;
            effects.push(match (&new, &acl.disk) {
                (Some(_), None) => Effect::Created,
                (Some(_), Some(_)) if same => Effect::Unchanged,
                (Some(_), Some(_)) => Effect::Replaced,
                (None, _) if same => Effect::Absent,
                (None, _) => Effect::Removed,
            });
        }
        if !changes && synced {
            return Kindly::Done(effects);
        }
        if changes && self.duplicate(edits) {
            return Kindly::Duplicate;
        }
        if fault {
            return Kindly::Tool;
        }
        if self.broken {
            return Kindly::Base;
        }
        let poisoned = |one| new_content(one).is_some_and(|content| content.contains("poison"));
        if edits.iter().any(poisoned) {
            Kindly::Refused
        } else {
            Kindly::Done(effects)
        }
    }

    fn duplicate(&self, edits: &Edits) -> bool {
        let wanted = edits
            .iter()
            .filter(|one| new_content(one).is_some_and(|new| shares(&new)));
        let wanted: Vec<usize> = wanted.map(|one| one.0).collect();
        let Some(first) = wanted.first() else { return false };
        let has = |at: usize| self.acls[at].disk.as_deref().is_some_and(shares);
        let others = (0..NAMES.len()).filter(|at| edits.iter().all(|one| one.0 != *at));
        let comes_back = self
            .unconfirmed
            .iter()
            .flat_map(|unconfirmed| &unconfirmed.before);
        let mut comes_back = comes_back.filter(|(_, before)| before.0.as_deref().is_some_and(shares));
        wanted.len() > 1 || others.into_iter().any(has) || comes_back.any(|(at, _)| at != first)
    }

    fn accept(&mut self, edits: &Edits, ttl: Option<u64>, began: Instant, ended: Instant) {
        for one in edits {
            let new = new_content(one);
            let ttl = ttl.map(Duration::from_secs);
            let lease = ttl.filter(|_| new.is_some()).map(|ttl| Due {
                earliest: began + ttl,
                latest: ended + ttl,
                ttl,
            });
            self.acls[one.0] = Acl {
                written: new.clone(),
                disk: new,
                lease,
                touched: None,
            };
        }
    }

    /// Takes in what time has done, and checks that it could.
    fn observe(&mut self, world: &World) {
        let (now, files) = (now(), world.files());
        let late = |due: Due| due.latest.max(self.hindered) + SLACK < now && !self.broken;
        let reverted: Vec<Unconfirmed> = self
            .unconfirmed
            .extract_if(.., |unconfirmed| {
                world.committer().unconfirmed(unconfirmed.id).is_none()
            })
            .collect();
        for unconfirmed in &self.unconfirmed {
            assert!(!late(unconfirmed.due), "not taken back in time: {unconfirmed:?}");
        }
        let mut touched = Vec::new();
        for unconfirmed in reverted {
            assert!(
                unconfirmed.due.earliest <= now,
                "taken back too early: {unconfirmed:?}"
            );
            for (at, (content, lease)) in unconfirmed.before {
                let found = files.get(&format!("50rest-{}.rules", NAMES[at])).cloned();
                if found != content {
                    let over = lease.is_some_and(|lease| lease.earliest <= now);
                    assert!(
                        over && found.is_none(),
                        "{} was not brought back: {found:?}",
                        NAMES[at]
                    );
                }
                let lease = lease.filter(|_| found.is_some());
                self.acls[at] = Acl {
                    written: found.clone(),
                    disk: found,
                    lease,
                    touched: None,
                };
                touched.push(at);
            }
        }
        for (at, acl) in self.acls.iter_mut().enumerate() {
            let Some(lease) = acl.lease else { continue };
            let locked = self
                .unconfirmed
                .iter()
                .any(|unconfirmed| unconfirmed.before.contains_key(&at));
            let there = files.contains_key(&format!("50rest-{}.rules", NAMES[at]));
            let free = !locked && !acl.drifted() && !touched.contains(&at);
            if acl.disk.is_none() && free_of(lease, self.hindered, self.broken) && !locked {
                // A hand has removed the file, and time its record.
                *acl = Acl {
                    touched: acl.touched,
                    ..Acl::default()
                };
            } else if acl.disk.is_some() && !there {
                assert!(free && lease.earliest <= now, "{} is gone too early", NAMES[at]);
                *acl = Acl::default();
            } else if free && there && !self.broken {
                assert!(
                    lease.latest.max(self.hindered) + SLACK >= now,
                    "{} has outlived its lease",
                    NAMES[at]
                );
            }
        }
    }

    fn check(&self, world: &World) {
        let files = world.files();
        let installed = world.tool.installed();
        let synced = world.committer().sync_state() == SyncState::Synced;
        for (acl, name) in self.acls.iter().zip(NAMES) {
            let file = format!("50rest-{name}.rules");
            assert_eq!(files.get(&file), acl.disk.as_ref(), "the file of {name}");
            let read = world.committer().read(&super::world::name(name)).unwrap();
            assert_eq!(
                read.map(|read| String::from_utf8(read).unwrap()),
                acl.disk,
                "GET {name}"
            );
            if synced && !acl.drifted() && acl.touched.is_none_or(|before| before < world.tool.accepted()) {
                let installed = installed
                    .as_ref()
                    .expect("synced, and nobody knows what the switch has");
                assert_eq!(
                    installed.get(&file),
                    acl.disk.as_ref(),
                    "the switch has something else for {name}"
                );
            }
        }
        assert_eq!(files["00control.rules"], "[iptables]\n");
        assert!(
            world
                .disk
                .names("policy.d")
                .iter()
                .all(|name| !name.starts_with('.')),
            "stray files"
        );
    }
}

/// Whether a lease has run out for so long that this was noticed.
fn free_of(lease: Due, hindered: Instant, broken: bool) -> bool {
    !broken && lease.latest.max(hindered) + SLACK < now()
}

#[expect(clippy::disallowed_methods, reason = "the time of the test is virtual")]
fn now() -> Instant {
    Instant::now()
}

struct Play {
    world: World,
    model: Model,
}

impl Play {
    async fn begin() -> Self {
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

    async fn play(&mut self, op: &Op) {
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
            expected.iter().any(|expected| blurred(expected.clone()) == kind),
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
            let unchanged = expected.iter().any(|expected| matches!(expected, Kindly::Done(effects) if matches!(effects[..], [Effect::Unchanged | Effect::Absent])));
            let kind = kindly(&verdict);
            assert!(
                expected.contains(&kind) || unchanged && kind == Kindly::Base,
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
    async fn end(mut self) {
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

fn play(ops: &[Op]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut play = Play::begin().await;
        for op in ops {
            play.play(op).await;
        }
        play.end().await;
    });
}

/// Plays a quarter of all sequences; 10,000 in all, another number with `ACL_SEQUENCES=…`.
fn play_a_quarter() {
    let wanted = std::env::var("ACL_SEQUENCES");
    let sequences = wanted.ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let config = Config {
        cases: u32::div_ceil(sequences, 4),
        failure_persistence: None,
        max_shrink_iters: 3000,
        ..Config::default()
    };
    let (cases, operations) = (config.cases, std::cell::Cell::new(0_usize));
    let result = TestRunner::new(config).run(&prop::collection::vec(op(), 1..30), |ops| {
        operations.set(operations.get() + ops.len());
        play(&ops);
        Ok(())
    });
    println!("{cases} sequences, {} operations", operations.get());
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Four, so that processors share them.
mod ten_thousand_sequences_agree_with_the_model {
    #[test]
    fn first() {
        super::play_a_quarter();
    }

    #[test]
    fn second() {
        super::play_a_quarter();
    }

    #[test]
    fn third() {
        super::play_a_quarter();
    }

    #[test]
    fn fourth() {
        super::play_a_quarter();
    }
}

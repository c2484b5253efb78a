//! What the writer must do, by the rules of the contract and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::operations::{Edits, Kind, NAMES, Seen, new_content, shares};
use crate::commit::SyncState;
use crate::commit::change::{Effect, Verdict};
use crate::commit::id::CommitId;
use crate::commit::tests::world::{World, name as acl_name};

/// What is due is done within this, unless the tool does not work.
const SLACK: Duration = Duration::from_secs(13);
/// When something happens: not before, and not after unless it is hindered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) earliest: Instant,
    pub(super) latest: Instant,
    pub(super) ttl: Duration,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Acl {
    pub(super) written: Option<String>,
    pub(super) disk: Option<String>,
    pub(super) lease: Option<Due>,
    /// How often the tool had installed something when a hand was last in the file: until it has again, the switch may
    /// have something else, and the daemon may or may not know that it has this.
    pub(super) touched: Option<usize>,
}

impl Acl {
    pub(super) fn drifted(&self) -> bool {
        self.written != self.disk
    }
}

#[derive(Debug, Clone)]
pub(super) struct Unconfirmed {
    pub(super) id: CommitId,
    pub(super) due: Due,
    pub(super) before: BTreeMap<usize, (Option<String>, Option<Due>)>,
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) acls: [Acl; 4],
    pub(super) unconfirmed: Vec<Unconfirmed>,
    pub(super) broken: bool,
    /// Until when retries may be late.
    pub(super) hindered: Instant,
}

/// The kinds of verdicts that the model tells apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kindly {
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

pub(super) fn kindly(verdict: &Verdict) -> Kindly {
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

impl Model {
    pub(super) fn locked(&self, at: usize) -> bool {
        self.unconfirmed
            .iter()
            .any(|unconfirmed| unconfirmed.before.contains_key(&at))
    }

    /// What the writer must say, by the rules of the contract and nothing else.
    pub(super) fn expect(&self, edits: &Edits, seen: Seen, synced: bool, fault: bool) -> [Kindly; 4] {
        [(false, false), (false, true), (true, false), (true, true)]
            .map(|(sure, met)| self.expect_if(edits, seen, synced, fault && met, sure))
    }

    /// What became of each, as far as the model knows: whether a file that a hand was in has to be installed again is
    /// for the daemon to say, one by one.
    pub(super) fn blurred(&self, edits: &Edits, kind: Kindly) -> Kindly {
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

    /// Whether the daemon has something of its own to do, or is about to: a lease that has run out, a change that nobody has
    /// confirmed.
    pub(super) fn has_own_work(&self, now: Instant) -> bool {
        let soon = now + Duration::from_millis(500);
        let leases = self.acls.iter().filter_map(|acl| acl.lease);
        let mut dues = leases.chain(self.unconfirmed.iter().map(|unconfirmed| unconfirmed.due));
        dues.any(|due| due.earliest <= soon)
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

    pub(super) fn accept(&mut self, edits: &Edits, ttl: Option<u64>, began: Instant, ended: Instant) {
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
    pub(super) fn observe(&mut self, world: &World) {
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

    pub(super) fn check(&self, world: &World) {
        let files = world.files();
        let installed = world.tool.installed();
        let synced = world.committer().sync_state() == SyncState::Synced;
        for (acl, name) in self.acls.iter().zip(NAMES) {
            let file = format!("50rest-{name}.rules");
            assert_eq!(files.get(&file), acl.disk.as_ref(), "the file of {name}");
            let read = world.committer().read(&acl_name(name)).unwrap();
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
pub(super) fn now() -> Instant {
    Instant::now()
}

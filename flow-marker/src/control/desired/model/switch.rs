//! The reference: what is wanted, and a switch with a will of its own.

use std::collections::{BTreeMap, BTreeSet};

use shared::AclName;
use shared::wire::ServerTiming;

use crate::actuator::{Change, Control, Failure, Hand, Present, Verdict};

/// The reference: a set of wanted numbers, and a switch as a map from name to content.
#[derive(Default)]
pub(super) struct Model {
    pub(super) wanted: BTreeSet<u16>,
    /// What a person wants.
    pub(super) personal: BTreeSet<u16>,
    /// Until when data sources do not get what a person has released.
    pub(super) dismissed: BTreeMap<u16, u64>,
    /// Controls that are wanted, by what was decided.
    pub(super) decided: usize,
    pub(super) switch: BTreeMap<AclName, String>,
    /// Ours without our doing: left behind, or made by hand.
    pub(super) foreign: BTreeSet<AclName>,
    /// What a hand has changed or removed, which needs to be named to be replaced.
    pub(super) by_hand: BTreeSet<AclName>,
    /// When we have put something there that was not there because of us, for the last minutes.
    pub(super) placed: Vec<(u64, AclName)>,
    /// What we put there, until we take it away.
    pub(super) ours: BTreeSet<AclName>,
}

impl Model {
    /// Carries out a change as an acl-server does; `lost` loses the reply, before or after the deed.
    pub(super) fn carry_out(&mut self, now: u64, change: &Change, refuse: &Refuse, lost: Lost) -> Verdict {
        let lost_reply = Verdict::Failed(Failure {
            why: "timeout".to_owned(),
            retry_after: None,
        });
        if lost == Lost::Before {
            return lost_reply;
        }
        let name = &change.name;
        let disk = self.switch.get(name).cloned();
        let hand = disk.clone().map_or(Hand::Removed, Hand::Changed);
        let number = |control: &Control| control.flow().unwrap().source_port;
        let verdict = match &change.control {
            _ if self.by_hand.contains(name) && change.hand != Some(hand.clone()) => Verdict::ByHand(hand),
            Some(_) if disk.is_none() && self.switch.len() >= refuse.room => Verdict::NoRoom {
                why: "full".to_owned(),
            },
            Some(control) if refuse.installs.contains(&number(control)) => {
                Verdict::Refused { why: "no".to_owned() }
            }
            None if refuse.removals => Verdict::Refused { why: "no".to_owned() },
            Some(_) => {
                if self.ours.insert(name.clone()) {
                    self.placed.push((now, name.clone()));
                }
                self.foreign.remove(name);
                self.by_hand.remove(name);
                self.switch.insert(name.clone(), "rule".to_owned());
                Verdict::Installed {
                    etag: Some("rule".to_owned()),
                    timing: ServerTiming::default(),
                }
            }
            None => {
                self.ours.remove(name);
                self.foreign.remove(name);
                self.by_hand.remove(name);
                self.switch.remove(name);
                Verdict::Removed
            }
        };
        if lost == Lost::After { lost_reply } else { verdict }
    }

    pub(super) fn snapshot(&self) -> Vec<Present> {
        let present = |(name, content): (&AclName, &String)| Present {
            name: name.clone(),
            etag: content.clone(),
            entries: 1,
            shadowed: None,
        };
        self.switch.iter().map(present).collect()
    }
}

/// What the switch does not want.
pub(super) struct Refuse {
    pub(super) installs: BTreeSet<u16>,
    pub(super) removals: bool,
    /// ACLs that fit.
    pub(super) room: usize,
}

impl Default for Refuse {
    fn default() -> Self {
        Self {
            installs: BTreeSet::new(),
            removals: false,
            room: usize::MAX,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Lost {
    No,
    Before,
    After,
}

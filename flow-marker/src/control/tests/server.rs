//! An acl-server made here, and chance.

use super::*;

pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A time between the bounds, in seconds.
    pub(super) fn seconds(&mut self, from: u64, to: u64) -> u64 {
        from * SECOND + self.below((to - from) * SECOND)
    }
}

#[derive(Clone)]
pub(super) struct Acl {
    pub(super) content: &'static str,
    pub(super) until: Option<u64>,
}

/// An acl-server, as far as it matters here.
pub(super) struct Server {
    pub(super) acls: BTreeMap<AclName, Acl>,
    pub(super) by_hand: BTreeSet<AclName>,
    /// What a hand has made under our prefix.
    pub(super) foreign: BTreeSet<AclName>,
    pub(super) down_until: u64,
    pub(super) refuses: Option<u16>,
    pub(super) limit: u64,
    /// What we have put there and not taken away, and when it came, since the controller started.
    pub(super) ours: BTreeSet<AclName>,
    pub(super) came: Vec<(u64, AclName)>,
    pub(super) commits: u64,
}

pub(super) fn ours(name: &AclName) -> bool {
    name.as_str().starts_with("fm_")
}

impl Server {
    pub(super) fn expire(&mut self, now: u64) {
        let by_hand = &self.by_hand;
        self.acls
            .retain(|name, acl| by_hand.contains(name) || acl.until.is_none_or(|until| until > now));
    }

    pub(super) fn change(&mut self, now: u64, change: &Change) -> Verdict {
        self.expire(now);
        let name = &change.name;
        assert!(ours(name), "{name} is not ours");
        let there = self.acls.get(name).map(|acl| format!("{:?}", acl.content));
        let hand = there.clone().map_or(Hand::Removed, Hand::Changed);
        if self.by_hand.contains(name) && change.hand != Some(hand.clone()) {
            return Verdict::ByHand(hand);
        }
        let Some(control) = &change.control else {
            self.acls.remove(name);
            self.forget(name);
            self.ours.remove(name);
            return Verdict::Removed;
        };
        if control.flow().map(|flow| flow.source_port) == self.refuses {
            return Verdict::Refused {
                why: "422".to_owned(),
            };
        }
        if there.is_none() && self.acls.len() as u64 >= self.limit {
            return Verdict::NoRoom {
                why: "507".to_owned(),
            };
        }
        let until = Some(now + TTL * SECOND);
        self.acls.insert(
            name.clone(),
            Acl {
                content: "rule",
                until,
            },
        );
        self.forget(name);
        if self.ours.insert(name.clone()) {
            self.came.push((now, name.clone()));
        }
        let count = self
            .acls
            .keys()
            .filter(|n| ours(n) && !self.foreign.contains(*n))
            .count();
        assert!(there.is_some() || count <= BUDGET, "{count} at {now}");
        Verdict::Installed {
            etag: Some("\"rule\"".to_owned()),
            timing: ServerTiming::default(),
        }
    }

    pub(super) fn forget(&mut self, name: &AclName) {
        self.by_hand.remove(name);
        self.foreign.remove(name);
    }

    pub(super) fn list(&mut self, now: u64) -> Vec<Present> {
        self.expire(now);
        let ours = self.acls.iter().filter(|(name, _)| ours(name));
        ours.map(|(name, acl)| Present {
            name: name.clone(),
            etag: format!("{:?}", acl.content),
            entries: 1,
            shadowed: None,
        })
        .collect()
    }

    pub(super) fn renew(&mut self, now: u64) -> String {
        let present = self.list(now);
        let until = now + TTL * SECOND;
        for (_, acl) in self.acls.iter_mut().filter(|(name, _)| ours(name)) {
            acl.until = acl.until.map(|old| old.max(until));
        }
        set_etag(present.iter().map(|p| (&p.name, p.etag.clone())))
    }

    /// Nothing came more than twice within a minute.
    pub(super) fn no_flap(&mut self, now: u64) {
        self.came.retain(|(at, _)| now - at < 60 * SECOND);
        for (_, name) in &self.came {
            let times = self.came.iter().filter(|(_, other)| other == name).count();
            assert!(times <= 2, "{name} at {} s: {:?}", now / SECOND, self.came);
        }
    }
}

//! What we believe a switch to have, in a form that can be compared without a list.

use shared::wire::set_etag;

use super::Desired;
use super::entry::Presence;

/// What was believed when a renewal was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belief {
    version: u64,
    set_etag: String,
}

impl Desired {
    /// What the switch has, if that is known of everything.
    pub fn belief(&self) -> Option<Belief> {
        let mut set = Vec::new();
        for (name, entry) in &self.entries {
            match &entry.presence {
                Presence::Absent => {}
                Presence::Installed(Some(etag)) => set.push((name, etag.clone())),
                Presence::Installed(None) | Presence::Unknown => return None,
            }
        }
        set.extend(self.orphans.iter().map(|(name, o)| (name, o.etag.clone())));
        self.compared.then(|| Belief {
            version: self.version,
            set_etag: set_etag(set.into_iter()),
        })
    }

    /// Whether the switch, asked when we believed this, has something else. False when that cannot be told: it was being
    /// changed meanwhile.
    pub fn contradicts(&self, belief: Option<&Belief>, found: &str) -> bool {
        belief.is_some_and(|belief| belief.version == self.version && belief.set_etag != found)
    }
}

//! How long ACLs live: leases that are replaced, renewed, and counted when a batch ends.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use shared::AclName;
use shared::wire::set_etag;
use tokio::time::Instant;

use super::{Book, after, millis, remaining};
use crate::commit::ended::Ended;
use crate::commit::ledger::Note;
use crate::store::etag_of;

impl Book {
    /// What may come back, and what does, has the leases of now: time has passed since the batch was sealed, and a client
    /// may have renewed them while the tool ran.
    pub(super) fn count_leases(&self, ended: &mut Ended, now: Instant) {
        let opened = ended.opened.iter_mut();
        for before in opened.flat_map(|(record, _)| &mut record.before) {
            let lease = self.committed.get(&before.name).and_then(|known| known.lease);
            before.lease = lease.map(|until| remaining(until, now));
        }
        let closed = ended.closed.iter().filter_map(|id| self.unconfirmed.get(id));
        let back = closed.flat_map(|unconfirmed| &unconfirmed.before);
        let back: HashMap<_, _> = back.map(|before| (&before.name, before.lease)).collect();
        for (name, written, _) in &mut ended.acls {
            if let (Some(written), Some(lease)) = (written, back.get(name)) {
                written.lease = *lease;
            }
        }
    }

    /// Replaces leases without a batch.
    ///
    /// # Errors
    /// The journal cannot be written; then nothing has changed.
    pub fn lease(&mut self, leases: &[(AclName, Option<Duration>)], now: Instant) -> io::Result<()> {
        let leases = leases.iter().map(|(name, ttl)| (name.clone(), ttl.map(millis)));
        self.note(&Note::Lease(leases.collect()), now)
    }

    /// Lets every lease under the prefix last until `ttl` from now at least. Returns how many there are, and the set's ETag.
    /// What is being removed already is neither renewed nor part of the set.
    ///
    /// # Errors
    /// The journal cannot be written; then nothing has changed.
    pub fn renew(&mut self, prefix: &str, ttl: Duration, now: Instant) -> io::Result<(usize, String)> {
        let before = self
            .unconfirmed
            .values()
            .flat_map(|unconfirmed| &unconfirmed.before);
        let mut before = before.filter(|before| before.name.as_str().starts_with(prefix));
        let leased = before.any(|before| before.lease.is_some())
            || self
                .committed
                .under(prefix)
                .any(|(_, known)| known.lease.is_some());
        let mut renewed = 0;
        if leased {
            let prefix = prefix.to_owned();
            let until = after(now, millis(ttl));
            let note = Note::Renew {
                prefix,
                ttl: millis(ttl),
            };
            self.journal.note(&note)?;
            self.dirty = true;
            if let Note::Renew { prefix, .. } = &note {
                renewed = self.renewed(prefix, until);
            }
        }
        let set = self
            .committed
            .under(prefix)
            .filter(|(name, _)| !self.expiring.contains(*name));
        let set = set.filter_map(|(name, known)| Some((name, etag_of(known.disk.as_ref()?.fingerprint))));
        Ok((renewed, set_etag(set)))
    }

    pub(super) fn renewed(&mut self, prefix: &str, until: Instant) -> usize {
        let leased = self
            .committed
            .under(prefix)
            .filter(|(name, _)| !self.expiring.contains(*name));
        let leased: Vec<(AclName, Instant)> = leased
            .filter_map(|(name, known)| Some((name.clone(), known.lease?)))
            .collect();
        for (name, lease) in &leased {
            self.committed.set_lease(name, Some(until.max(*lease)));
        }
        // What may come back goes on living, too.
        let before = self
            .unconfirmed
            .values_mut()
            .flat_map(|unconfirmed| &mut unconfirmed.before);
        for before in before.filter(|before| before.name.as_str().starts_with(prefix)) {
            before.lease = before.lease.map(|lease| until.max(lease));
        }
        leased.len()
    }
}

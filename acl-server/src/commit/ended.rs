//! What a batch that ends has changed.

use std::time::Duration;

use shared::AclName;
use tokio::time::Instant;

use super::committed::OnDisk;
use super::id::CommitId;
use super::ledger::UnconfirmedRecord;
use crate::store::Fingerprint;

/// What a batch that ends has made of an ACL.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// The content.
    pub fingerprint: Fingerprint,
    /// When its lease runs out.
    pub lease: Option<Instant>,
}

/// What a batch that ends has changed.
#[derive(Debug, Default)]
pub struct Ended {
    /// Each ACL, what was written (`None`: removed), and what is on disk now.
    pub acls: Vec<(AclName, Option<Written>, Option<OnDisk>)>,
    /// Changes that wait for confirmation from now on, and for how long.
    pub opened: Vec<(UnconfirmedRecord, Duration)>,
    /// Changes that were taken back.
    pub closed: Vec<CommitId>,
}

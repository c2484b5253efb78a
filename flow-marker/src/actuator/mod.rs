//! What can carry out a control on a switch.
//!
//! A `Control` is a value: what to match, what to do, where. Turning it into the words of a particular device is the
//! business of an actuator; `acl` speaks to an acl-server and is the only place that writes rule text.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use shared::AclName;
use shared::wire::ServerTiming;

use crate::config::{Cos, Dscp};
use crate::flow::FiveTuple;

/// Marks as ACLs of an acl-server.
pub mod acl;

/// What a switch shall do with one flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Its name on the switch: the same whenever the same is wanted.
    pub name: AclName,
    /// The packets it is about.
    pub flow: FiveTuple,
    /// The interface, or pattern of interfaces, that they enter by.
    pub interface: String,
    /// What is done with them.
    pub mark: Mark,
}

/// What a mark sets. At least one of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The code point in the packet.
    pub dscp: Option<Dscp>,
    /// The switch's internal priority.
    pub cos: Option<Cos>,
}

/// Changes that are made to a switch at a time. The server carries out in one commit what arrives together, so whoever
/// paces commits must not ask for more than can arrive together. Twice the default budget of 64 rules: all of it is
/// replaced by one commit. Each change in flight holds a connection.
pub const BATCH: usize = 128;

/// A change to a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The control shall be there, exactly so.
    Install(Arc<Control>),
    /// The control of this name shall not be there.
    Remove(AclName),
}

impl Change {
    /// Whether it installs a control; otherwise it removes one.
    pub const fn is_install(&self) -> bool {
        matches!(self, Self::Install(_))
    }

    /// The name of the control that changes.
    pub fn name(&self) -> &AclName {
        match self {
            Self::Install(control) => &control.name,
            Self::Remove(name) => name,
        }
    }
}

/// What a switch says about one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The control is on the switch.
    Installed {
        /// Changes whenever somebody changes the control there; `None` when the switch does not tell.
        etag: Option<String>,
        /// Where the time went at the server.
        timing: ServerTiming,
    },
    /// The control is not on the switch.
    Removed,
    /// The switch does not want it; asking again soon is of no use. It has what it had before.
    Refused {
        /// In its own words.
        why: String,
    },
    /// Not carried out, or nobody knows: it may be on the switch or not.
    Failed(Failure),
}

/// A request that got no useful answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Failure {
    /// What happened.
    pub why: String,
    /// When the switch asked to be tried again.
    pub retry_after: Option<Duration>,
}

/// A control that a switch has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Its name.
    pub name: AclName,
    /// As in [`Verdict::Installed`].
    pub etag: String,
}

/// How much a switch can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Entries in use.
    pub used: u64,
    /// Entries there are.
    pub limit: u64,
}

/// What carries out controls on one switch. Dropping a future abandons the request; it may have been carried out.
pub trait Actuator: Send + Sync + 'static {
    /// All controls of ours that the switch has, whoever of us made them.
    ///
    /// # Errors
    /// [`Failure`]: nothing is known.
    fn snapshot(&self) -> impl Future<Output = Result<Vec<Present>, Failure>> + Send;

    /// Makes changes, at most [`BATCH`] of them, all at the same time; one verdict for each.
    fn apply(&self, changes: Vec<Change>) -> impl Future<Output = Vec<(Change, Verdict)>> + Send;

    /// Renews the leases of all our controls; `None` when there are no leases.
    ///
    /// Nobody calls it yet, because acl-server has no leases yet; it is here so that an actuator is designed with them.
    ///
    /// # Errors
    /// [`Failure`]
    fn renew(&self, ttl: Duration) -> impl Future<Output = Option<Result<(), Failure>>> + Send;

    /// How much the switch can hold; `None` when it does not say.
    ///
    /// Nobody calls it yet, because acl-server does not tell yet; a budget will be kept below it.
    ///
    /// # Errors
    /// [`Failure`]
    fn capacity(&self) -> impl Future<Output = Result<Option<Capacity>, Failure>> + Send;
}

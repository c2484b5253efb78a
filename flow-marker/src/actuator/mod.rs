//! What can carry out a control on a switch.
//!
//! A `Control` is a value: what to match, what to do, where. Turning it into the words of a particular device is the
//! business of an actuator; `acl` speaks to an acl-server and is the only place that writes rule text.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use shared::AclName;
use shared::wire::ServerTiming;

/// Controls as ACLs of an acl-server.
pub mod acl;
/// The rules of a control.
pub mod rule;
/// What a switch shall do.
pub mod control;

pub use control::{Action, Capture, Control, Drop, Kind, Mark};

/// Changes that are made to a switch at a time. The server carries out in one commit what arrives in one request, and
/// takes up to 1,000 ACLs in one. Twice the default budget of 64 rules: all of it is replaced by one commit.
pub const BATCH: usize = 128;

/// A change to a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The name of the control.
    pub name: AclName,
    /// The control that shall be there, exactly so; `None`: none of this name shall be there.
    pub control: Option<Arc<Control>>,
    /// What somebody's hand has put there, and this change may replace; `None`: it replaces nothing of that kind.
    pub hand: Option<Hand>,
}

/// What somebody's hand has made of a control of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hand {
    /// Something with this etag.
    Changed(String),
    /// Nothing is there.
    Removed,
}

impl Change {
    /// Whether it installs a control; otherwise it removes one.
    pub const fn is_install(&self) -> bool {
        self.control.is_some()
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
    /// It would not fit. The switch has what it had before.
    NoRoom {
        /// In the switch's own words.
        why: String,
    },
    /// Somebody's hand was there before. The switch has what that hand has made.
    ByHand(Hand),
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

impl Failure {
    /// Without a word of when to try again.
    pub fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            retry_after: None,
        }
    }
}

/// A control that a switch has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Its name.
    pub name: AclName,
    /// As in [`Verdict::Installed`].
    pub etag: String,
    /// Hardware entries that it takes; 0 when the switch does not tell.
    pub entries: u64,
    /// Which earlier rule hides one of its own, so that this matches nothing, in the switch's words.
    pub shadowed: Option<String>,
}

/// What the rules of a control have matched, all together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hits {
    /// Its name.
    pub name: AclName,
    /// Packets; `None`: the switch cannot say.
    pub packets: Option<u64>,
    /// Bytes of those packets; `None`: the switch cannot say.
    pub bytes: Option<u64>,
}

/// A listing of counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// How old it is.
    pub age: Duration,
    /// What it says of controls of ours.
    pub hits: Vec<Hits>,
}

/// How much a switch can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Entries in use, other people's too.
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

    /// Makes changes, at most [`BATCH`] of them, all at the same time; one verdict for each. What is installed removes
    /// itself after `ttl` unless it is renewed.
    fn apply(
        &self,
        changes: Vec<Change>,
        ttl: Duration,
    ) -> impl Future<Output = Vec<(Change, Verdict)>> + Send;

    /// All our controls stay until `ttl` from now at least. Returns the ETag of the set of them, as
    /// `shared::wire::set_etag` makes it.
    ///
    /// # Errors
    /// [`Failure`]
    fn renew(&self, ttl: Duration) -> impl Future<Output = Result<String, Failure>> + Send;

    /// How much the switch can hold; `None` when it does not say.
    ///
    /// # Errors
    /// [`Failure`]
    fn capacity(&self) -> impl Future<Output = Result<Option<Capacity>, Failure>> + Send;

    /// What all our controls have matched; `None` when the switch cannot count.
    ///
    /// # Errors
    /// [`Failure`]
    fn counters(&self) -> impl Future<Output = Result<Option<Counted>, Failure>> + Send;
}

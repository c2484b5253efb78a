//! What happens: the data of each event of `GET /events`.

use serde::{Deserialize, Serialize};

use super::commit::CommitStatus;
use crate::name::AclName;

/// Whether the switch has what the files say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SyncState {
    /// The first commit has not succeeded yet.
    Starting,
    /// It has.
    Synced,
    /// Nobody knows; the commit is tried again until it succeeds.
    Unsynced,
}

/// `hello`: the first event of every stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hello {
    /// The server's version.
    pub version: String,
    /// Whether the switch has what the files say, now.
    pub state: SyncState,
}

/// `verdict`: a change has its verdict, or the daemon's own change has.
pub type Change = CommitStatus;

/// `expired`: an ACL is gone, since nobody renewed it. `expiry-skipped`: it stays, since it was changed by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Named {
    /// The ACL.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub acl: AclName,
}

/// `drift`: a file of ours was changed by hand, or is again what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Drift {
    /// The ACL.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub acl: AclName,
    /// Whether it differs now.
    pub drift: bool,
    /// The validator of what is on disk; null: its file is gone.
    pub etag: Option<String>,
}

/// `confirmed`: a change stays. `reverted`: it was not confirmed in time, and is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Confirmation {
    /// The change.
    pub id: String,
}

/// `sync`: whether the switch has what the files say, from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Synced {
    /// Whether it has.
    pub state: SyncState,
}

/// `missed`: this watcher was too slow for so many events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Missed {
    /// How many.
    pub events: u64,
}

//! What becomes of a change.

use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// What becomes of one ACL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It did not exist before.
    Created,
    /// Its lines are others now.
    Replaced,
    /// The switch has had exactly this already.
    Unchanged,
    /// It is gone from the switch.
    Removed,
    /// There was none to remove.
    Absent,
}

/// Where a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum CommitState {
    /// It waits, or the tool is at it.
    Pending,
    /// It is on the switch, and stays.
    Installed,
    /// The switch has had all of it already.
    Unchanged,
    /// The caller's mistake or right: nothing of it is on the switch.
    Refused,
    /// The switch's fault: nothing of it is on the switch.
    Failed,
    /// It is on the switch, and will be taken back unless it is confirmed.
    Unconfirmed,
    /// It was not confirmed in time, and is taken back.
    Reverted,
}

/// The body of `GET /commit/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CommitStatus {
    /// The change.
    pub id: String,
    /// Where it is.
    pub state: CommitState,
    /// What it was to do, for people.
    pub what: String,
    /// Who wanted it.
    pub who: String,
    /// What became of each ACL, in the order of the request; after a removal of many, one element a removed ACL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// Why it was refused or failed: what its request was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

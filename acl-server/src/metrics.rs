//! What the daemon counts.

use serde::Serialize;

/// What one rule of an ACL has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RuleCounters {
    /// The rule's line in the ACL, counted from 1.
    pub line: u32,
    /// Packets that matched; null where the tool's listing cannot say.
    pub packets: Option<u64>,
    /// Bytes of those packets; null where the tool's listing cannot say.
    pub bytes: Option<u64>,
}

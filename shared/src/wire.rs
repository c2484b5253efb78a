//! The bodies and headers of the ACL API (`acl-server` contract §1).
//!
//! An ACL travels as a JSON array of strings, its lines (`AclLines`). Times are whole seconds. Readers ignore members that
//! they do not know, so that a client understands the answers of newer servers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::AclName;
use crate::problem::Problem;

/// What becomes of a change.
mod commit;
/// What happens, as `GET /events` tells it.
mod event;
/// Where the time of a change went.
mod timing;

pub use commit::{CommitState, CommitStatus, Effect};
pub use event::{Change, Confirmation, Drift, Hello, Missed, Named, SyncState, Synced};
pub use timing::ServerTiming;

/// The body of `PUT /acl/{name}` and of the reply to `GET /acl/{name}`: the lines, without line ends.
pub type AclLines = Vec<String>;

/// The body of `PATCH /acl/`: what each ACL is to be (RFC 7396); null removes it.
pub type AclPatch = BTreeMap<AclName, Option<AclLines>>;

/// `Server-Timing` (W3C): where the time of a change went. Ours has the entries `queue`, `commit` and `tool`.
pub const SERVER_TIMING: &str = "server-timing";
/// The header that names a change: the `{id}` of `GET /commit/{id}`.
pub const COMMIT_ID: &str = "commit-id";
/// The header of `GET /acl/{name}` that says `true` when somebody's hand has changed the file.
pub const ACL_DRIFT: &str = "acl-drift";
/// The header of `GET /acl/{name}` with the seconds until the ACL removes itself.
pub const ACL_TTL: &str = "acl-ttl";

/// An ETag, with its quotes: the first 128 bits of a SHA-256.
pub fn etag_text(sha256: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(34);
    text.push('"');
    for byte in sha256.iter().take(16) {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    text
}

/// The `set_etag` of `POST /acl/renew`: the ETag of a text that has a line `NAME ETAG` for each ACL, sorted by name, with
/// the quotes of each ETag. A controller computes it from what it believes to have installed, and compares.
pub fn set_etag<'a>(acls: impl Iterator<Item = (&'a AclName, String)>) -> String {
    use sha2::{Digest, Sha256};
    let mut acls: Vec<_> = acls.collect();
    acls.sort_unstable();
    let mut hash = Sha256::new();
    for (name, etag) in acls {
        hash.update(name.as_str());
        hash.update(" ");
        hash.update(etag);
        hash.update("\n");
    }
    etag_text(&hash.finalize().into())
}

/// The body of the reply to `POST /acl/renew`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Renewed {
    /// How many leases were renewed.
    pub renewed: usize,
    /// The ETag of the text that has a line `NAME ETAG` for every ACL under the prefix, sorted by name, leased or not.
    pub set_etag: String,
}

/// One element of `GET /acl/?details=true`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AclSummary {
    /// The ACL's name.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub name: AclName,
    /// The strong validator of its content, with its quotes, as in the `ETag` header of a GET.
    pub etag: String,
    /// Lines in the file, comments and section headers included.
    pub lines: usize,
    /// Lines that are rules.
    pub rules: usize,
    /// Entries in hardware, after lists are multiplied out.
    #[serde(default)]
    pub entries: u64,
    /// Seconds until it removes itself; null: it stays.
    #[serde(default)]
    pub ttl: Option<u64>,
    /// Its file was changed by hand since it was written through this API.
    #[serde(default)]
    pub drift: bool,
    /// What other rule files do to its rules, and its rules to theirs.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// What became of one ACL of a `PATCH /acl/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatchResult {
    /// The status that a PUT or DELETE of this ACL would have been answered with.
    pub status: u16,
    /// The validator of what the switch has now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The change that carried it; to be confirmed, if `confirm` was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Why it was not changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// What a change would do to one ACL, as `dry_run=true` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DryRun {
    /// The ACL's name.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub acl: AclName,
    /// What would become of it.
    pub effect: Effect,
    /// The validator that it would have; null: there would be none.
    pub etag: Option<String>,
    /// Lines that it would have.
    pub lines: usize,
    /// Lines that would be rules.
    pub rules: usize,
    /// Entries in hardware that it would take.
    pub entries: u64,
    /// What would be used after the whole change.
    pub capacity: Capacity,
    /// Lines that would come, in their order.
    pub added: Vec<String>,
    /// Lines that would go, in their order.
    pub removed: Vec<String>,
    /// What other rule files would do to its rules, and its rules to theirs.
    pub warnings: Vec<String>,
}

/// The body of `GET /capacity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Capacity {
    /// Entries in hardware that all rule files take, other people's too, after lists are multiplied out.
    pub entries_used: u64,
    /// Entries that there are; null: not known, and then nothing is refused for space.
    pub entries_limit: Option<u64>,
}

/// One element of `GET /acl/{name}/counters`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RuleCounters {
    /// The rule's line in the ACL, counted from 1.
    pub line: u32,
    /// Packets that it has matched; null: the tool's listing cannot say.
    pub packets: Option<u64>,
    /// Bytes of those packets; null: the tool's listing cannot say.
    pub bytes: Option<u64>,
}

/// One element of `GET /acl/?counters=true`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AclCounters {
    /// The ACL's name.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub name: AclName,
    /// One element a rule.
    pub counters: Vec<RuleCounters>,
}

/// The body of `GET /acl/lasterror`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LastError {
    /// Exit status of the tool; null when it was ended by a signal, did not start, or took too long.
    pub returncode: Option<i32>,
    /// What the tool printed, or what is known of why it did not run.
    pub lines: Vec<String>,
}

/// The body of `GET /readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ready {
    /// Whether changes are taken and the switch has what the files say.
    pub ready: bool,
    /// What is missing.
    pub waiting_for: Vec<String>,
}

/// The body of `GET /version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Version {
    /// The program.
    pub name: String,
    /// Its version.
    pub version: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_of_an_older_server_is_understood() {
        let text = r#"{"name":"a","etag":"\"x\"","lines":2,"rules":1,"new":{}}"#;
        let summary: AclSummary = serde_json::from_str(text).unwrap();
        assert_eq!((summary.rules, summary.ttl, summary.drift), (1, None, false));
    }

    #[test]
    fn the_etag_of_a_set_depends_on_names_and_contents_and_not_on_their_order() {
        let [a, b]: [AclName; 2] = ["a", "b"].map(|name| name.parse().unwrap());
        let set =
            |acls: &[(&AclName, &str)]| set_etag(acls.iter().map(|(name, etag)| (*name, (*etag).to_owned())));
        assert_eq!(set(&[(&a, "1"), (&b, "2")]), set(&[(&b, "2"), (&a, "1")]));
        assert_ne!(set(&[(&a, "1"), (&b, "2")]), set(&[(&a, "2"), (&b, "1")]));
        assert_ne!(set(&[]), set(&[(&a, "1")]));
    }
}

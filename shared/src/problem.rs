//! RFC 9457 problem details, in both directions.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// `Content-Type` of a problem document (RFC 9457 §3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Prefix of every problem type of ours; what follows is the slug.
const TYPE_PREFIX: &str = "urn:acl-server:problem:";

/// What went wrong with a request, as a client sees it.
///
/// Unknown members are ignored when read (RFC 9457 §3.2), so a client understands the answers of newer servers and of
/// proxies that stand in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The kind of problem, a URI; `about:blank` when the status says everything.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// The kind of problem for people; the same for every occurrence.
    #[serde(default)]
    pub title: String,
    /// The HTTP status of the reply.
    #[serde(default)]
    pub status: u16,
    /// What is wrong with this request, and what would be right.
    #[serde(default)]
    pub detail: String,
    /// The ACL that the problem is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acl: Option<String>,
    /// The offending line of that ACL, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The offending column of that line, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What the ACL tool printed, when it was the tool that refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
    /// The ACLs that were changed by hand, each with the ETag of what is on disk; null: its file is gone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub drifted: BTreeMap<String, Option<String>>,
}

fn about_blank() -> String {
    "about:blank".to_owned()
}

impl Problem {
    /// A problem of the given kind: `slug` names it for programs, `title` for people.
    pub fn new(status: u16, slug: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{TYPE_PREFIX}{slug}"),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            acl: None,
            line: None,
            column: None,
            output: Vec::new(),
            drifted: BTreeMap::new(),
        }
    }

    /// The short name of the kind, such as `base-refused`; empty for a problem that is not ours.
    pub fn slug(&self) -> &str {
        self.kind.strip_prefix(TYPE_PREFIX).unwrap_or_default()
    }

    /// Reads the body of an unsuccessful reply.
    ///
    /// Infallible: a body that is no problem document (a proxy's page, say) becomes the detail of a blank one, cut to
    /// `MAX_FOREIGN` bytes. `status` is the status line's, which always wins.
    pub fn from_reply(status: u16, body: &[u8]) -> Self {
        /// Enough to recognise somebody's error page in a log line.
        const MAX_FOREIGN: usize = 200;
        let mut problem = serde_json::from_slice(body).unwrap_or_else(|_| Self {
            kind: about_blank(),
            title: "not a problem document".to_owned(),
            ..Self::new(
                status,
                "",
                "",
                String::from_utf8_lossy(body.get(..MAX_FOREIGN).unwrap_or(body)).trim(),
            )
        });
        problem.status = status;
        problem
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.title)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        if let Some(said) = self.output.iter().rfind(|line| line.contains("error")) {
            write!(f, " ({said})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_the_way_to_the_client() {
        let mut sent = Problem::new(422, "refused", "the tool refused the change", "see output");
        sent.acl = Some("ddos1".to_owned());
        sent.output = vec!["error: duplicate rule at lineno 4".to_owned()];
        let read = Problem::from_reply(422, &serde_json::to_vec(&sent).unwrap());
        assert_eq!(read, sent);
        assert_eq!(read.slug(), "refused");
        assert!(read.to_string().contains("lineno 4"), "{read}");
    }

    #[test]
    fn a_proxys_page_is_shown_in_part() {
        let page = format!("<html>{}", "x".repeat(5000));
        let read = Problem::from_reply(502, page.as_bytes());
        assert_eq!(
            (read.status, read.slug(), read.kind.as_str()),
            (502, "", "about:blank")
        );
        assert!(read.detail.starts_with("<html>") && read.detail.len() <= 200);
    }

    #[test]
    fn newer_members_are_ignored_and_the_status_line_wins() {
        let read = Problem::from_reply(
            503,
            br#"{"type":"urn:acl-server:problem:x","status":200,"instance":"/a"}"#,
        );
        assert_eq!((read.status, read.slug()), (503, "x"));
    }
}

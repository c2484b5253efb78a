//! The bodies and headers of the ACL API (`acl-server` contract §1).
//!
//! An ACL travels as a JSON array of strings, its lines (`AclLines`).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::name::AclName;

/// The body of `PUT /acl/{name}` and of the reply to `GET /acl/{name}`: the lines, without line ends.
pub type AclLines = Vec<String>;

/// `Server-Timing` (W3C): where the time of a change went. Ours has the entries `queue` and `commit`.
pub const SERVER_TIMING: &str = "server-timing";

/// An ETag, with its quotes: the first 128 bits of a SHA-256.
pub fn etag_text(sha256: &[u8; 32]) -> String {
    use fmt::Write as _;
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
pub struct Renewed {
    /// How many leases were renewed.
    pub renewed: usize,
    /// See [`set_etag`].
    pub set_etag: String,
}

/// One element of `GET /acl/?details=true`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclSummary {
    /// The ACL's name.
    pub name: AclName,
    /// The strong validator of its content, with its quotes, as in the `ETag` header of a GET.
    pub etag: String,
    /// Lines in the file, comments and section headers included.
    pub lines: usize,
    /// Lines that are rules.
    pub rules: usize,
}

/// The body of `GET /acl/lasterror`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// Exit status of the tool; null when it was ended by a signal, did not start, or took too long.
    pub returncode: Option<i32>,
    /// What the tool printed, or what is known of why it did not run.
    pub lines: Vec<String>,
}

/// Where the time of one change went, at the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerTiming {
    /// From the body complete to the batch sealed.
    pub queue: Duration,
    /// From the batch sealed to the verdict, tool runs included.
    pub commit: Duration,
}

impl fmt::Display for ServerTiming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        write!(
            f,
            "queue;dur={:.3}, commit;dur={:.3}",
            ms(self.queue),
            ms(self.commit)
        )
    }
}

impl ServerTiming {
    /// Reads the header's value; entries that are missing or not understood stay zero.
    pub fn parse(header: &str) -> Self {
        let mut timing = Self::default();
        for entry in header.split(',') {
            let Some((name, ms)) = entry.trim().split_once(";dur=") else {
                continue;
            };
            let ms = ms.parse::<f64>().unwrap_or(0.0);
            // A day is beyond every time limit; the bound also keeps out infinity and NaN.
            let duration = if (0.0..86_400e3).contains(&ms) {
                Duration::from_secs_f64(ms / 1e3)
            } else {
                Duration::ZERO
            };
            match name {
                "queue" => timing.queue = duration,
                "commit" => timing.commit = duration,
                _ => {}
            }
        }
        timing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_timing_reads_back() {
        let sent = ServerTiming {
            queue: Duration::from_micros(5_250),
            commit: Duration::from_millis(38),
        };
        assert_eq!(ServerTiming::parse(&sent.to_string()), sent);
    }

    #[test]
    fn server_timing_ignores_what_it_does_not_know() {
        let read = ServerTiming::parse("cache;desc=\"x\", commit;dur=1e99, queue;dur=7, proxy;dur=3");
        assert_eq!(
            read,
            ServerTiming {
                queue: Duration::from_millis(7),
                commit: Duration::ZERO
            }
        );
    }
}

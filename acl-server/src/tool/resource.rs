//! What the switch has room for, as `cl-resource-query` says.
//!
//! The tool prints one resource a line: `Ingress ACL entries:   195,  12% of maximum value   1536`. Which lines there are
//! depends on the ASIC: on Broadcom entries have a maximum; on Spectrum they have none, and regions have one. A region
//! is not an entry, so its maximum is no limit for entries. Numbers are of single-wide entries: one rule may take two.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::time::timeout;

use super::output::Output;
use super::process::Process;

/// Where Cumulus Linux has it.
pub const DEFAULT_PROGRAM: &str = "/usr/cumulus/bin/cl-resource-query";

/// How long it may take.
pub const LIMIT: Duration = Duration::from_secs(10);

/// How much of a resource is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Units in use, also by others.
    pub used: u64,
    /// Units there are, if that is known.
    pub limit: Option<u64>,
}

/// The resources that ACLs take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    /// `Ingress ACL entries`: what the limit of `GET /capacity` is about.
    pub ingress_entries: Option<Usage>,
    /// `ACL Regions`, on Spectrum.
    pub regions: Option<Usage>,
}

impl Resources {
    /// Reads what the program printed; what is not understood is passed over. The first line of a name counts.
    pub fn parse<S: AsRef<str>>(lines: &[S]) -> Self {
        let find = |name: &str| lines.iter().find_map(|line| usage(line.as_ref(), name));
        Self {
            ingress_entries: find("Ingress ACL entries"),
            regions: find("ACL Regions"),
        }
    }
}

/// `NAME: N, p% of maximum value M`, or `NAME: N`; the colon may be missing.
fn usage(line: &str, name: &str) -> Option<Usage> {
    let rest = line.trim_start().strip_prefix(name)?;
    let rest = rest
        .strip_prefix(':')
        .or_else(|| rest.strip_prefix([' ', '\t']))?;
    let (used, rest) = number(rest)?;
    let limit = rest
        .split_once("maximum value")
        .and_then(|(_, limit)| number(limit));
    Some(Usage {
        used,
        // A maximum of nothing says that there is no such maximum here.
        limit: limit.map(|(limit, _)| limit).filter(|limit| *limit > 0),
    })
}

/// The decimal number that the text begins with, and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

/// Runs the program. `None` when it is not there, fails or takes longer than `limit`: then nothing is known, and nobody is
/// refused for space.
pub async fn query(program: &Path, limit: Duration) -> Option<Resources> {
    let mut process = match Process::start(program, &[], Stdio::null()) {
        Ok(process) => process,
        Err(error) => {
            tracing::debug!(program = %program.display(), %error, "the limit of ACL entries is not known");
            return None;
        }
    };
    let mut output = Output::default();
    // Dropped unfinished, it is ended.
    match timeout(limit, process.finish(&mut output)).await {
        Ok(Ok(status)) if status.success() => Some(Resources::parse(&output.into_lines())),
        Ok(ended) => {
            tracing::warn!(program = %program.display(), ?ended, "the limit of ACL entries is not known");
            None
        }
        Err(_) => {
            tracing::warn!(program = %program.display(), ?limit, "takes too long: the limit of ACL entries is not known");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Resources {
        Resources::parse(&text.lines().collect::<Vec<_>>())
    }

    fn usage(used: u64, limit: impl Into<Option<u64>>) -> Option<Usage> {
        let limit = limit.into();
        Some(Usage { used, limit })
    }

    #[test]
    fn broadcom_has_a_maximum_of_entries() {
        let found = parse(
            "MAC entries:                   1,   0% of maximum value  40960\n\
             Ingress ACL entries:         195,  12% of maximum value   1536\n\
             Ingress ACL counters:        195,  12% of maximum value   1537\n\
             Egress ACL entries:           58,  11% of maximum value    512\n\
             Ingress ACL ipv4_mac filter table:  36,  14% of maximum value    256 (allocated: 256)\n",
        );
        assert_eq!(found.ingress_entries, usage(195, 1536));
        assert_eq!(found.regions, None);
    }

    #[test]
    fn regions_are_no_entries() {
        let found = parse(
            "Ingress ACL entries:           0\nEgress ACL entries:            0\n\
             ACL Regions:                   4,   1% of maximum value    400\n\
             ACL 18B Rules Key:             1,   0% of maximum value  57476\n",
        );
        assert_eq!(found.ingress_entries, usage(0, None));
        assert_eq!(found.regions, usage(4, 400));
        assert_eq!(
            parse("  ACL Regions 4, 1% of maximum value 400").regions,
            usage(4, 400)
        );
    }

    #[test]
    fn what_is_not_understood_is_not_known() {
        for text in [
            "",
            "Ingress ACL entries",
            "Ingress ACL entries:",
            "Ingress ACL entries: many",
            "Ingress ACL entries: 99999999999999999999999",
            "Ingress ACL entriesX: 4",
            "ACL Regions: -1",
            "Error: cannot connect to switchd",
        ] {
            assert_eq!(parse(text), Resources::default(), "{text}");
        }
        assert_eq!(
            parse("Ingress ACL entries: 3, 0% of maximum value 0").ingress_entries,
            usage(3, None)
        );
        assert_eq!(
            parse("Ingress ACL entries: 3, 0% of maximum value 99999999999999999999").ingress_entries,
            usage(3, None)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_taken(lines in proptest::collection::vec("(Ingress ACL entries|ACL Regions)?[: ]{0,2}\\PC{0,40}", 0..9)) {
            let _ = Resources::parse(&lines);
        }
    }

    async fn run(script: &str) -> Option<Resources> {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("query");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        query(&program, Duration::from_secs(2)).await
    }

    #[tokio::test]
    async fn the_program_is_run_within_its_limit() {
        let found = run("echo 'Ingress ACL entries: 7, 1% of maximum value 512'").await;
        assert_eq!(found.and_then(|found| found.ingress_entries), usage(7, 512));
        assert_eq!(run("echo 'Ingress ACL entries: 7'; exit 1").await, None);
        assert_eq!(run("trap '' TERM; while :; do sleep 1; done").await, None);
        assert_eq!(query(Path::new("/nonexistent"), LIMIT).await, None);
    }
}

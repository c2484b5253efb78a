//! acl-server and its tool, killed, stopped and starved at any moment: what was answered is what is there.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which fail by panics"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "it drives real processes on the real clock"
)]

/// SIGKILL of the daemon at hundreds of random moments.
mod kills;
/// Faults of the tool and of the disk, and an orderly end.
mod faults;
/// The directories of one daemon: what strangers have there, what the tool has seen.
mod site;
/// What may be there after a crash, given who was answered what.
mod history;
/// Chance that can be had again.
mod chance;

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process;

/// What the namespaces and directories of every lab begin with.
pub const PREFIX: &str = "marker-lab";

/// The ends of the names of a lab's namespaces.
pub(super) const ROLES: [&str; 5] = ["leaf", "host-a", "host-b", "controller", "next"];

/// `marker-lab-<pid>-<start time>-<number>`: unique on this machine, and tells whether the owner still lives, even when
/// its process id has been given to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LabName {
    pid: u32,
    start: u64,
    number: u32,
}

impl LabName {
    /// A name for a new lab of this process.
    pub(super) fn next() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let pid = std::process::id();
        Self {
            pid,
            start: process::start_time(pid).unwrap_or_default(),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The lab to which something of this name belongs: a namespace, or a directory.
    pub(super) fn of(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(PREFIX)?.strip_prefix('-')?.splitn(4, '-');
        let (pid, start, number) = (parts.next()?, parts.next()?, parts.next()?);
        parts.next()?;
        Some(Self {
            pid: pid.parse().ok()?,
            start: start.parse().ok()?,
            number: number.parse().ok()?,
        })
    }

    /// The name of its namespace with this role.
    pub(super) fn namespace(&self, role: &str) -> String {
        format!("{self}-{role}")
    }

    /// Whether the process that made it still exists.
    pub(super) fn owner_lives(&self) -> bool {
        process::exists(self.pid) && process::start_time(self.pid) == Some(self.start)
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}-{}-{}-{}", self.pid, self.start, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_owner() {
        let (first, second) = (LabName::next(), LabName::next());
        assert_ne!(first, second);
        assert_eq!(LabName::of(&first.namespace("host-a")), Some(first));
        assert_eq!(LabName::of(&format!("{second}-x1Y2z3")), Some(second));
        assert!(first.owner_lives());
    }

    #[test]
    fn a_process_id_in_new_hands_is_another_owner() {
        let mut name = LabName::next();
        name.start += 1;
        assert!(!name.owner_lives());
    }

    #[test]
    fn strangers_names_are_nobodys() {
        for name in [
            "",
            "l-leaf",
            "marker-lab",
            "marker-lab-1-2-3",
            "marker-lab-1-2-x-leaf",
            "marker-lab-+-2-3-leaf",
        ] {
            assert_eq!(LabName::of(name), None, "{name}");
        }
    }
}

#![expect(
    clippy::disallowed_methods,
    reason = "the harness is blocking by design, and the reaper must outlive it"
)]

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// A shell script, so that it runs on without the program whose end it waits for.
const SCRIPT: &str = include_str!("reaper.sh");

/// The pipe to the reaper of this process; `None` when there is no shell to run it.
static PIPE: OnceLock<Mutex<Option<ChildStdin>>> = OnceLock::new();

/// From now on, the end of this process in whatever way is the end of that process group.
pub fn watch(group: u32) {
    tell(&format!("+ {group}\n"));
}

/// The process group has ended, and its number may soon be somebody else's.
pub fn forget(group: u32) {
    tell(&format!("- {group}\n"));
}

/// From now on, the end of this process in whatever way is the end of that directory.
pub fn watch_directory(directory: &Path) {
    tell(&format!("d {}\n", directory.display()));
}

fn tell(line: &str) {
    let mut pipe = PIPE
        .get_or_init(|| Mutex::new(start()))
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    // Without a reaper there are still the guards' drops: only a killed owner leaves something behind.
    if let Some(pipe) = pipe.as_mut() {
        let _ = pipe.write_all(line.as_bytes());
    }
}

fn start() -> Option<ChildStdin> {
    let child = Command::new("/bin/sh")
        .args(["-c", SCRIPT, "reaper"])
        .current_dir("/")
        // Ctrl-C and a test runner's signals go to the owner's group.
        .process_group(0)
        // Closed on exec, so nothing that the owner starts keeps the reaper waiting.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.ok()?.stdin
}

#![expect(clippy::print_stdout, reason = "the demo is for people: it prints")]

use std::io::Write as _;
use std::time::SystemTime;

/// Prints lines that begin with the seconds since the start.
#[derive(Debug)]
pub(super) struct Timeline {
    start: SystemTime,
}

impl Timeline {
    pub(super) const fn start(now: SystemTime) -> Self {
        Self { start: now }
    }

    /// Something that happened at `at`.
    pub(super) fn at(&self, at: SystemTime, what: &str, how: &str) {
        let seconds = at.duration_since(self.start).unwrap_or_default().as_secs_f64();
        self.line(&format!("{seconds:8.3} s  {what:<22} {how}"));
    }

    /// Something that happens now.
    #[expect(clippy::disallowed_methods, reason = "the timeline is about real time")]
    pub(super) fn now(&self, what: &str, how: &str) {
        self.at(SystemTime::now(), what, how);
    }

    /// More about what happened last.
    pub(super) fn detail(&self, text: &str) {
        self.line(&format!("{:36}{text}", ""));
    }

    /// Something about the whole.
    pub(super) fn note(&self, text: &str) {
        self.line(text);
    }

    fn line(&self, text: &str) {
        println!("{text}");
        // Somebody may read this through a pipe, and a reader who has gone is no reason to end.
        let _ = std::io::stdout().flush();
    }
}

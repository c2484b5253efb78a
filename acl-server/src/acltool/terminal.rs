//! The two streams of the tool.

use std::io::Write;

use super::failure::Failure;

/// Where text goes. A reader that has gone away must not stop an install half way, so failures to write are ignored.
pub(super) struct Terminal<'a> {
    pub(super) out: &'a mut dyn Write,
    pub(super) err: &'a mut dyn Write,
}

impl Terminal<'_> {
    pub(super) fn say(&mut self, text: &str) {
        // Whole lines, at once: whoever reads both streams keeps their order.
        let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
    }

    /// One line for each; a wrong moment is no error.
    pub(super) fn complain(&mut self, failures: &[Failure]) {
        for failure in failures {
            let kind = if failure.is_busy() { "busy" } else { "error" };
            let _ = writeln!(self.err, "{kind}: {failure}");
        }
    }
}

//! From what the system and the tool say to verdicts.

use std::io;

use shared::wire::LastError;

use super::change::Verdict;
use super::isolate::Report;
use crate::tool::{Outcome, Run};

/// The verdict when files or journal could not be written.
pub fn store_failed(error: &io::Error) -> Verdict {
    let full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    );
    Verdict::StoreFailed {
        why: error.to_string(),
        full,
    }
}

/// What a run says about the rules that were in place.
pub fn report(run: Run) -> Report {
    let lines = run.lines.to_vec();
    match run.outcome {
        Outcome::Accepted => Report::Accepted,
        Outcome::Refused { code } => Report::Refused { code, lines },
        Outcome::TimedOut => Report::Broken(Verdict::TimedOut { lines }),
        Outcome::Killed { signal } => Report::Broken(Verdict::ToolFailed {
            why: format!("the tool was ended by signal {signal}"),
            lines,
        }),
        Outcome::NotStarted(why) => Report::Broken(Verdict::ToolFailed { why, lines }),
    }
}

/// What `GET /acl/lasterror` says of a verdict; `None` for a successful one.
pub fn last_error(verdict: &Verdict) -> Option<LastError> {
    let (returncode, lines) = match verdict {
        Verdict::Refused { code, lines }
        | Verdict::BaseRefused { code, lines }
        | Verdict::Undecided { code, lines } => (Some(*code), lines.clone()),
        Verdict::TimedOut { lines } => (
            None,
            [
                lines.as_slice(),
                &["the tool took too long and was ended".to_owned()],
            ]
            .concat(),
        ),
        Verdict::ToolFailed { why, lines } => (None, [lines.as_slice(), std::slice::from_ref(why)].concat()),
        Verdict::StoreFailed { why, .. } => (None, vec![why.clone()]),
        _ => return None,
    };
    Some(LastError { returncode, lines })
}

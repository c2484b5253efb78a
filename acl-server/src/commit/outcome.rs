//! From what the system and the tool say to verdicts.

use std::io;

use shared::wire::LastError;

use super::change::{Effect, Verdict, Words};
use super::isolate::Report;
use crate::metrics::Verdict as Label;
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

/// What a run says about the rules that were in place; `named` finds the members that the words of a refusal name.
pub fn report(run: Run, named: impl FnOnce(&[String]) -> Vec<usize>) -> Report {
    let lines: Words = run.lines;
    match run.outcome {
        Outcome::Accepted => Report::Accepted,
        Outcome::Refused { code } => Report::Refused {
            code,
            named: named(&lines),
            lines,
        },
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
        | Verdict::Undecided { code, lines } => (Some(*code), lines.to_vec()),
        Verdict::TimedOut { lines } => {
            let why = "the tool took too long and was ended".to_owned();
            (None, [lines, [why].as_slice()].concat())
        }
        Verdict::ToolFailed { why, lines } => (None, [lines, std::slice::from_ref(why)].concat()),
        Verdict::StoreFailed { why, .. } => (None, vec![why.clone()]),
        _ => return None,
    };
    Some(LastError { returncode, lines })
}

/// One word for a verdict, for logs and counters.
pub fn label(verdict: &Verdict) -> Label {
    match verdict {
        Verdict::Done {
            unconfirmed: true, ..
        } => Label::Unconfirmed,
        Verdict::Done { effects, .. } => {
            let nothing = |effect: &Effect| matches!(effect, Effect::Unchanged | Effect::Absent);
            if effects.iter().all(nothing) {
                Label::Unchanged
            } else {
                Label::Installed
            }
        }
        Verdict::Refused { .. } => Label::Refused,
        Verdict::BaseRefused { .. } => Label::BaseRefused,
        Verdict::TimedOut { .. } => Label::TimedOut,
        Verdict::ToolFailed { .. } => Label::Failed,
        Verdict::Undecided { .. } => Label::Undecided,
        Verdict::PreconditionFailed { .. } => Label::Precondition,
        Verdict::Drift { .. } => Label::Drift,
        Verdict::Locked { .. } => Label::Locked,
        Verdict::Forbidden { .. } => Label::Forbidden,
        Verdict::NoRoom { .. } => Label::NoRoom,
        Verdict::Duplicate { .. } => Label::Duplicate,
        Verdict::StoreFailed { .. } => Label::StoreFailed,
        Verdict::Moot => Label::Moot,
        Verdict::ShuttingDown => Label::ShuttingDown,
    }
}

/// A verdict as it is kept for those who ask later: of the tool's words the end, since many verdicts are kept.
pub fn remembered(verdict: &Verdict) -> Verdict {
    /// Of a line, and of all.
    const LINE: usize = 400;
    const ALL: usize = 4096;
    let brief = |lines: &Words| -> Words {
        if lines.iter().map(String::len).sum::<usize>() <= ALL {
            return Words::clone(lines);
        }
        let mut left = ALL;
        let mut kept: Vec<String> = Vec::new();
        for line in lines.iter().rev() {
            let line: String = line.chars().take(LINE).collect();
            left = left.saturating_sub(line.len().max(1));
            if left == 0 {
                break;
            }
            kept.push(line);
        }
        kept.reverse();
        kept.into()
    };
    let mut verdict = verdict.clone();
    match &mut verdict {
        Verdict::Refused { lines, .. }
        | Verdict::BaseRefused { lines, .. }
        | Verdict::TimedOut { lines }
        | Verdict::ToolFailed { lines, .. }
        | Verdict::Undecided { lines, .. } => *lines = brief(lines),
        Verdict::Drift { acls } => acls.truncate(16),
        _ => {}
    }
    verdict
}

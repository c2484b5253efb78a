//! What a request wants an ACL to be, judged as far as it can be without the writer.

use std::time::Duration;

use shared::AclName;
use shared::wire::AclLines;

use super::auth::Caller;
use super::error::ApiError;
use super::{ApiState, rights};
use crate::commit::change::{Edit, Wish};
use crate::commit::facts::Facts;
use crate::policy::{MAX_LINE, MAX_LINES};
use crate::rules::{self, Mode, Policy, RuleError};
use crate::store::etag;

/// Names what GET shows after a failed commit, so it is no ACL.
const RESERVED: &str = "lasterror";

/// What one ACL is to be.
#[derive(Debug)]
pub struct Draft {
    /// The ACL.
    pub name: AclName,
    /// `None`: it is to go.
    pub rules: Option<Rules>,
}

/// Lines that are rules.
#[derive(Debug)]
pub struct Rules {
    /// The whole file, with its final line end.
    pub content: Vec<u8>,
    /// What they mean.
    pub policy: Policy,
    /// What is remembered of them.
    pub facts: Facts,
}

impl Draft {
    /// Judges what a caller wants of an ACL; `None`: that it goes.
    ///
    /// # Errors
    /// 403: the caller may not touch this ACL, or its rules would cut off the management. 400 with line and column: a
    /// character that no rule file may have, a line that is no rule.
    pub fn new(
        state: &ApiState,
        caller: &Caller,
        name: AclName,
        lines: Option<&AclLines>,
    ) -> Result<Self, ApiError> {
        check_name(caller, &name)?;
        let rules = lines.map(|lines| Rules::new(state, caller, lines)).transpose();
        match rules {
            Ok(rules) => Ok(Self { name, rules }),
            Err(error) => Err(error.about(&name)),
        }
    }

    /// The validator that the ACL will have; `None`: there will be none.
    pub fn etag(&self) -> Option<String> {
        self.rules.as_ref().map(|rules| etag(&rules.content))
    }

    /// What the writer is told to do. What the rules mean in full is needed no more, and may be ten times their text.
    pub fn into_edit(self, ttl: Option<Duration>) -> Edit {
        let wish = self.rules.map(|rules| Wish {
            content: rules.content,
            facts: rules.facts,
            ttl,
        });
        Edit {
            name: self.name,
            wish,
        }
    }

    /// What the writer would be told to do.
    pub fn edit(&self) -> Edit {
        let wish = self.rules.as_ref().map(|rules| Wish {
            content: rules.content.clone(),
            facts: rules.facts.clone(),
            ttl: None,
        });
        Edit {
            name: self.name.clone(),
            wish,
        }
    }
}

/// Whether the caller may change an ACL of this name, and whether there may be one.
///
/// # Errors
/// 403
pub fn check_name(caller: &Caller, name: &AclName) -> Result<(), ApiError> {
    match name.as_str() == RESERVED {
        true => Err(ApiError::reserved_name().about(name)),
        false => rights::may_touch(caller, name),
    }
}

impl Rules {
    fn new(state: &ApiState, caller: &Caller, lines: &AclLines) -> Result<Self, ApiError> {
        let rules = Self::judge(lines, state.mode)?;
        match state.guard.cut_off(&rules.policy).filter(|_| !caller.is_admin()) {
            Some(error) => Err(ApiError::guard(&error)),
            None => Ok(rules),
        }
    }

    /// The rules that these lines are. The file holds the lines verbatim, each with a line end.
    ///
    /// # Errors
    /// 400 with line and column: a character that no rule file may have, a line that is no rule.
    pub fn judge(lines: &AclLines, mode: Mode) -> Result<Self, ApiError> {
        if lines.len() > MAX_LINES {
            return Err(ApiError::bad_body(format!(
                "an ACL has at most {MAX_LINES} lines, this one has {}",
                lines.len()
            )));
        }
        let judged = (1..)
            .zip(lines)
            .try_for_each(|(number, line)| check_characters(number, line))
            .and_then(|()| rules::parse_with(lines, mode));
        let policy = judged.map_err(|error| ApiError::bad_rule(&error))?;
        let mut content = lines.join("\n").into_bytes();
        content.push(b'\n');
        let facts = Facts::of(&policy);
        Ok(Self {
            content,
            policy,
            facts,
        })
    }
}

/// A line end inside a line would be a rule that nobody has looked at.
fn check_characters(number: u32, line: &str) -> Result<(), RuleError> {
    let refuse = |column: usize, message: String| {
        Err(RuleError {
            line: number,
            column: u32::try_from(column).unwrap_or(u32::MAX),
            message,
        })
    };
    if line.len() > MAX_LINE {
        let message = format!("a line has at most {MAX_LINE} bytes, this one has {}", line.len());
        return refuse(MAX_LINE + 1, message);
    }
    match line.chars().enumerate().find(|(_, c)| !(' '..='~').contains(c)) {
        None => Ok(()),
        Some((index, found)) => refuse(
            index + 1,
            format!("{found:?} found, expected printable ASCII: one array element is one line"),
        ),
    }
}

/// The lines of a file. What was PUT comes back exactly; bytes that somebody else wrote and that are no text are replaced.
pub fn lines_of(content: &[u8]) -> AclLines {
    let text = String::from_utf8_lossy(content);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    text.split('\n').map(str::to_owned).collect()
}

//! Rule files as types.
//!
//! A rule file is a list of statements, one a line: sections, variables, comments, rules. `parse` turns the lines of
//! an ACL into a `Policy`, or says with line, column and expectation what is wrong. `parse_with` takes a `Mode`:
//!
//! * `Strict`: only the matches and targets that the switch's hardware knows are accepted.
//! * `Lenient`: also what is not known here, as words that are kept as they are, as far as they can neither inject
//!   anything nor vanish.
//!
//! In both modes everything that the real tool is known to misread is refused, with the reason. Parsing only validates:
//! the file holds the client's own lines. A policy renders (`Policy::render`) to lines that parse, in the same mode, to
//! the same rules.
//!
//! `read` goes on after a mistake: for whoever wants all of them, and for the files of others, of which what can be
//! understood is worth more than nothing.
//!
//! `Policy::actions` says what its rules do (mark, capture, drop, permit), `Policy::entries` what they take in hardware,
//! `Policy::canonical_rules` which of them are the same.
//!
//! Input is hostile. Work is linear in the input, lists and variables are bounded, nothing here panics, and what is
//! quoted in a message is escaped and cut.

mod action;
mod canonical;
mod draft;
mod eb;
mod eb_options;
mod eb_rule;
mod error;
mod header;
mod interface;
mod lenient;
mod line;
mod matches;
mod mode;
mod opaque;
mod operands;
mod options;
mod policy;
mod reader;
mod rule;
mod section;
mod target;
mod target_options;
mod values;
mod words;

#[cfg(test)]
mod tests;

pub use action::{Action, Actions};
pub use eb_rule::{EbChain, EbCondition, EbRule, EbTable, EbTarget, Verdict};
pub use error::RuleError;
pub use interface::{Interface, MAX_INTERFACES, NoInterface};
pub use matches::{AddrType, Compare, Ecn, Match};
pub use mode::Mode;
pub use policy::{Policy, Statement, count_rules};
pub use reader::{Author, Reading, parse, parse_file, parse_with, read};
pub use rule::{Chain, Family, Rule, Table};
pub use section::Section;
pub use target::{Police, PoliceMode, Target, TriColorPolice};
pub use values::{Cos, Dscp, IcmpType, Mac, PortRange, Protocol, TcpFlags};

//! Rule files as types.
//!
//! A rule file is a list of statements, one a line: sections, variables, comments, rules. `parse` turns the lines of
//! an ACL into a `Policy`, or says with line and column what is wrong. It is strict: only the matches and targets that
//! the switch's hardware knows are accepted, and everything that the real tool is known to misread is refused, with the
//! reason. Parsing only validates: the file holds the client's own lines.
//!
//! A policy renders (`Policy::render`) to lines that parse to the same rules.
//!
//! Input is hostile. Work is linear in the input, lists and variables are bounded, nothing here panics, and what is
//! quoted in a message is escaped and cut.

mod canonical;
mod eb;
mod eb_options;
mod error;
mod header;
mod interface;
mod line;
mod matches;
mod operands;
mod options;
mod policy;
mod rule;
mod section;
mod target;
mod target_options;
mod values;
mod words;

#[cfg(test)]
mod tests;

pub use eb::EbRule;
pub use error::RuleError;
pub use interface::{Interface, MAX_INTERFACES};
pub use matches::{AddrType, Compare, Ecn, Match};
pub use policy::{Policy, Statement, count_rules, parse, parse_file};
pub use rule::{Chain, Family, Rule, Table};
pub use section::Section;
pub use target::{Police, PoliceMode, Target, TriColorPolice};
pub use values::{Cos, Dscp, IcmpType, Mac, PortRange, Protocol, TcpFlags};

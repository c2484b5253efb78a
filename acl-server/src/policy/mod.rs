//! What rules mean beside others: for the switch's own administrators, and for the other files of the policy directory.
//!
//! * `Guard::cut_off` finds the rule of an ACL that could cut off the API itself, or the interfaces by which a switch is
//!   managed. What exactly counts is said at `Guard`.
//! * `Directory` knows all files of the policy directory, says what they take in hardware, and for an ACL which of its
//!   rules never have an effect, which get around somebody's deny, and which are there already.
//! * `lint` finds every mistake of one file, not only the first.
//!
//! All of it is pure: texts and rules in, findings out. What is found is certain, what is uncertain is said to be.

mod cover;
mod guard;
mod index;
mod lint;
mod neighbours;
mod overlap;
mod space;
mod warning;

#[cfg(test)]
mod tests;

pub use guard::Guard;
pub use lint::{Finding, MAX_LINE, MAX_LINES, lint};
pub use neighbours::Directory;
pub use warning::{Warning, WarningKind};

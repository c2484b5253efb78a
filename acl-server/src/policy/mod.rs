//! What rules mean beside others: for the switch's own administrators, and for the other files of the policy directory.
//!
//! * `Guard::cut_off` finds the rule of an ACL that could cut off the API itself, or the interfaces by which a switch is
//!   managed. What exactly counts is said at `Guard`.
//!
//! All of it is pure: texts and rules in, findings out. What is found is certain, what is uncertain is said to be.

mod guard;

#[cfg(test)]
mod tests;

pub use guard::Guard;

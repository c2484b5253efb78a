//! From detected flows to the desired state of every switch, and from there to the switches.
//!
//! Controllers never send a rule: they edit the desired state, and one loop per switch makes the switch agree with it.

/// From events to desired states.
pub mod dispatch;
/// Looks after what controls come to.
pub mod oversight;
/// Fetches blacklists; from what is seen to captures and drops.
pub mod watchman;
/// How others ask it.
pub mod desk;
/// What people want.
pub mod manual;
/// Which conversations are captured.
pub mod capture;
/// Which attacks are dropped.
pub mod defence;
/// What must never be marked.
pub mod guard;
/// From an elephant to its control.
pub mod mark;
/// What controls are called.
mod name;
/// What a controller wants of a switch.
mod edit;
/// One loop per switch.
pub mod reconcile;
/// What is to be asked of a switch next, and when.
pub mod agenda;
/// How often a switch may be changed.
pub mod pace;
/// Modes that people set.
pub mod overrides;
/// Withdraws everything, and lets it come back.
pub mod pause;
/// All switches.
pub mod switches;
/// What controllers, loops and readers share of a switch.
pub mod switch;
/// What was decided.
pub mod journal;
/// Totals of what was decided.
pub mod shadow;
/// What one switch should have.
pub mod desired;
/// What the controllers may do.
pub mod modes;

pub use edit::{Edit, Lasting};

#[cfg(test)]
mod tests;

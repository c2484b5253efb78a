//! The whole daemon without root: real UDP into it, real HTTP out of it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "helpers of tests, which fail by panics and choose their own numbers"
)]

mod hostile;
mod marking;
mod support;

//! Receives datagrams and hands them to whoever keeps what they say.
//!
//! One thread of its own receives; it waits for nobody. It knows nothing of what becomes of the datagrams.

mod sink;
mod socket;
mod worker;

pub use sink::{Received, Sink};
pub use socket::bind;
pub use worker::{Worker, spawn};

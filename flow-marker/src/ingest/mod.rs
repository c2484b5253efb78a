//! Receives datagrams and drives decoding and detection.
//!
//! One thread of its own receives; it waits for nobody. Events go to the controllers through a bounded channel: when
//! that is full, the event is counted as dropped and offered again a tenth of a second later, because the detector is
//! level-triggered.

mod direction;
mod pipeline;
mod socket;
mod worker;

pub use pipeline::{Notice, Pipeline};
pub use socket::bind;
pub use worker::{Worker, spawn};

//! Receives datagrams and hands them to whoever keeps what they say.
//!
//! One thread a core receives, each on a socket of its own in one `SO_REUSEPORT` group. The kernel spreads senders over
//! the sockets by address and port; every *agent* has one owner among the threads all the same, so that its state is in
//! one place without locks: who receives a datagram of somebody else's agent hands it over. Nothing here knows what
//! becomes of the datagrams (`Sink`).
//!
//! A socket that systemd has bound and passed is received from by one thread: several would count the same drops of the
//! kernel several times, and the datagrams of one agent could overtake each other. Several sockets are several threads.
//!
//! What arrives is never lost without being counted: datagrams sent to the port = received + dropped by the kernel, and
//! received = given to sinks + dropped at a handover + too long.

pub mod replay;
mod worker;
mod handover;
mod owners;
mod receiver;
mod pace;
mod drops;
mod socket;
mod sink;
pub mod admission;
pub mod loss;
pub mod places;

pub use sink::{Received, Sink};
pub use socket::{Sockets, adopt, bind};
pub use worker::{Workers, spawn};

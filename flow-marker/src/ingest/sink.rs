//! Who keeps what datagrams say.

use std::net::SocketAddr;

use crate::clock::Time;

/// A datagram as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Who sent it, as far as UDP can tell.
    pub from: SocketAddr,
    /// Its payload.
    pub bytes: &'a [u8],
}

/// Takes the datagrams of the agents that one thread owns.
pub trait Sink: Send {
    /// Takes datagrams that arrived together.
    fn batch(&mut self, now: Time, batch: &[Received<'_>]);

    /// Does what is due: called when the datagrams that waited have been given, at the latest after 2048 of them, and
    /// every few milliseconds when nothing arrives.
    fn rest(&mut self, now: Time);
}

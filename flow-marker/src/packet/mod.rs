//! The headers of sampled packets.
//!
//! A sampled header is cut by design, so reading it cannot fail: `Header::parse` returns what is there, and
//! `Header::stop` says at which layer it ended and why. A field that a shorter cut still yields has the value that
//! the whole header yields.
//!
//! `Header` reads the outer packet up to its ports and is what every sample goes through. `stack` finds all layers, for
//! the flow definitions that ask for them. `view` has the fields of each layer, read from its bytes when asked for.

pub mod stack;
mod parse;
mod link;
mod network;
mod transport;
pub mod view;
mod kind;
mod header;
mod bytes;

pub use header::{
    EtherType, Ethernet, Header, Icmp, Ip, IpProtocol, Layer, MacAddress, Stop, Tcp, TcpFlags, Transport,
    Udp, Vlan,
};
pub use kind::Kind;
pub use stack::Stack;

#[cfg(test)]
mod tests;

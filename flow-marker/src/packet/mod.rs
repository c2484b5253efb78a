//! The headers of sampled packets.
//!
//! A sampled header is cut by design, so reading it cannot fail: `Header::parse` returns what is there, and
//! `Header::stop` says at which layer it ended and why. A field that a shorter cut still yields has the value that
//! the whole header yields.

mod parse;
mod link;
mod network;
mod transport;
mod header;
mod bytes;

pub use header::{
    EtherType, Ethernet, Header, Icmp, Ip, IpProtocol, Layer, MacAddress, Stop, Tcp, TcpFlags, Transport,
    Udp, Vlan,
};

#[cfg(test)]
mod tests;

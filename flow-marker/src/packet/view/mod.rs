//! Layers as they stand in the bytes: nothing is copied, each field is read when it is asked for.
//!
//! A view holds the bytes from the layer's first to the last that belongs to it, payload included. Every field is
//! `None` where the bytes end before it; one that is there has the value that the whole header yields.

use super::kind::Kind;

/// A layer whose bytes have been found.
pub trait View<'a>: Sized {
    /// What it is.
    const KIND: Kind;

    /// The view of a layer that begins with `bytes`, whatever they are.
    fn of(bytes: &'a [u8]) -> Self;
}

/// A view and its kind, which have the same name.
macro_rules! view {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name<'a>(pub(super) &'a [u8]);

        impl<'a> crate::packet::view::View<'a> for $name<'a> {
            const KIND: crate::packet::kind::Kind = crate::packet::kind::Kind::$name;

            #[inline]
            fn of(bytes: &'a [u8]) -> Self {
                Self(bytes)
            }
        }

        impl<'a> $name<'a> {
            /// The layer as far as it was sampled, with what it carries.
            pub const fn bytes(&self) -> &'a [u8] {
                self.0
            }
        }
    };
}

mod icmp;
mod dns;
mod tunnel;
mod transport;
mod network;
mod link;

pub use dns::{Dns, Name};
pub use icmp::{Icmp, Icmp6, Unreachable};
pub use link::{Arp, ControlWord, Ethernet, Hdlc, Llc, Mpls, Ppp, Snap, Vlan};
pub use network::{Ah, DestinationOptions, Esp, Fragment, HopByHop, Ipv4, Ipv6, Routing};
pub use transport::{Igmp, Sctp, Tcp, Timestamps, Udp};
pub use tunnel::{Bth, Erspan, Geneve, Gre, Gtp, Vxlan};

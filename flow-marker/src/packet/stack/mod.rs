//! Every layer of a sampled packet, inner ones of tunnels included.
//!
//! `Header` knows the outer packet and is fast; a `Stack` is built only when a flow definition asks for more. It holds
//! where the layers begin and end, 192 bytes inline, and reads a field when it is asked for. Building it cannot fail: a
//! sampled packet is cut by design, and `Stack::ending` says where reading ended and why. A layer is listed as soon as
//! one of its bytes was sampled; layers and fields that a shorter cut yields are those that the whole packet yields.
//! What a layer carries never exceeds what the lengths of all layers around it say, so padding is nobody's payload.

use std::fmt;

use super::header::EtherType;
use super::kind::Kind;
use super::view::{Ethernet, Llc, Snap, View, Vlan};
use crate::sflow::HeaderProtocol;

mod walk;
mod step;

/// Layers that are told apart in one packet; what stands behind them is not read.
///
/// A provider's packet has Ethernet, two tags, three labels, IPv6 with two extension headers, UDP and VXLAN: 11. Inside
/// it a tenant's has Ethernet, two tags, IPv6 with two extension headers, UDP and a tunnel of its own: 8. The packet in
/// that has Ethernet, a tag, IP, TCP and DNS: 5. Together 24.
pub const MAX_LAYERS: usize = 24;

/// Where a layer is, in bytes from the start of what was sampled.
#[derive(Debug, Clone, Copy)]
struct Place {
    kind: Kind,
    start: u16,
    /// Where its header ends; behind what was sampled, if the header is cut.
    payload: u16,
    /// Where it ends on the wire, by its own length and those around it; [`Place::UNKNOWN`] where none of them says.
    end: u16,
}

impl Place {
    const UNKNOWN: u16 = u16::MAX;
    const NONE: Self = Self {
        kind: Kind::Ethernet,
        start: 0,
        payload: 0,
        end: 0,
    };
}

/// Where reading a packet ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Behind a layer that carries nothing that is told apart.
    Complete,
    /// The sampled bytes end before this layer, inside its header, or where the next one would show its kind.
    Cut(Kind),
    /// This layer contradicts itself or what it is in.
    Malformed(Kind),
    /// What this layer carries is of a kind that is not read.
    Behind(Kind),
    /// Nothing is known of such a link layer.
    Unsupported,
    /// This layer carries a fragment that is not the first: its beginning is in another packet.
    Fragment(Kind),
    /// Behind [`MAX_LAYERS`] layers.
    Full,
}

/// The layers of one sampled packet, from the outermost.
#[derive(Debug, Clone)]
pub struct Stack<'a> {
    bytes: &'a [u8],
    places: [Place; MAX_LAYERS],
    count: usize,
    ending: Ending,
}

/// One layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its first byte, from the start of what was sampled.
    pub offset: u16,
    /// Its header, as far as it was sampled.
    pub header: &'a [u8],
    /// What it carries, as far as that was sampled.
    pub payload: &'a [u8],
    /// Bytes that it carries on the wire; `None` where no length says, or the header is cut.
    pub payload_length: Option<u16>,
}

impl<'a> Stack<'a> {
    /// Reads the layers of a sampled header.
    pub fn parse(protocol: HeaderProtocol, bytes: &'a [u8]) -> Self {
        walk::parse(step::first(protocol, bytes), bytes)
    }

    /// Reads what stands behind `ethertype`: for capture files whose link layer is not Ethernet.
    pub fn parse_ethertype(ethertype: EtherType, bytes: &'a [u8]) -> Self {
        walk::parse(step::behind_type(ethertype), bytes)
    }

    /// Where reading ended, and why.
    pub const fn ending(&self) -> Ending {
        self.ending
    }

    /// Number of layers, at most [`MAX_LAYERS`].
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing was read.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn places(&self) -> &[Place] {
        self.places.get(..self.count).unwrap_or(&[])
    }

    /// The kinds of the layers, from the outermost.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        self.places().iter().map(|place| place.kind)
    }

    /// The layers, from the outermost.
    pub fn layers(&self) -> impl Iterator<Item = Layer<'a>> + '_ {
        self.places().iter().map(|place| self.layer_at(place))
    }

    /// The `n`th layer of `kind`, from 0, the outermost.
    pub fn layer(&self, kind: Kind, n: usize) -> Option<Layer<'a>> {
        self.place(kind, n).map(|place| self.layer_at(place))
    }

    /// The fields of the `n`th layer of a kind, from 0, the outermost: `stack.nth::<view::Ipv4>(1)?.source()`.
    pub fn nth<V: View<'a>>(&self, n: usize) -> Option<V> {
        self.place(V::KIND, n).map(|place| V::of(self.sampled(place)))
    }

    fn place(&self, kind: Kind, n: usize) -> Option<&Place> {
        self.places().iter().filter(|place| place.kind == kind).nth(n)
    }

    /// What was sampled of a layer and of all that it carries.
    fn sampled(&self, place: &Place) -> &'a [u8] {
        let end = usize::from(place.end).min(self.bytes.len());
        self.bytes.get(usize::from(place.start)..end).unwrap_or(&[])
    }

    fn layer_at(&self, place: &Place) -> Layer<'a> {
        let sampled = self.sampled(place);
        let header = usize::from(place.payload.saturating_sub(place.start));
        let (header, payload) = sampled.split_at(header.min(sampled.len()));
        let is_known = place.end != Place::UNKNOWN && usize::from(place.payload) <= self.bytes.len();
        Layer {
            kind: place.kind,
            offset: place.start,
            header,
            payload,
            payload_length: is_known.then(|| place.end.saturating_sub(place.payload)),
        }
    }

    /// What the `n`th Ethernet frame carries, behind all tags and SNAP (flow key `ethernetprotocol`); below 1536 it is a
    /// length (IEEE 802.3 §3.2.6). `None` where that was not sampled.
    pub fn ethertype(&self, n: usize) -> Option<EtherType> {
        let mut frames = 0;
        let mut inside = self.places().iter().skip_while(|place| {
            frames += usize::from(place.kind == Kind::Ethernet);
            frames <= n
        });
        let mut next = |kind: Kind| {
            let place = inside.next().filter(|place| place.kind == kind)?;
            Some(self.sampled(place))
        };
        let mut ethertype = Ethernet::of(next(Kind::Ethernet)?).ethertype()?;
        while ethertype.is_tag() {
            ethertype = Vlan::of(next(Kind::Vlan)?).ethertype()?;
        }
        if !ethertype.is_length() || !Llc::of(next(Kind::Llc)?).is_snap()? {
            return Some(ethertype);
        }
        let snap = Snap::of(next(Kind::Snap)?);
        match (snap.organization()?, snap.protocol()?) {
            ([0, 0, 0], protocol) => Some(EtherType(protocol)),
            _ => Some(ethertype),
        }
    }

    /// The names of all layers, joined by dots (flow key `stack`): `eth.ip.udp.vxlan.eth.ip.tcp`.
    pub const fn names(&self) -> Names<'_, 'a> {
        Names(self)
    }
}

/// Displays the names of all layers.
#[derive(Debug, Clone, Copy)]
pub struct Names<'s, 'a>(&'s Stack<'a>);

impl fmt::Display for Names<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, kind) in self.0.kinds().enumerate() {
            if n > 0 {
                f.write_str(".")?;
            }
            f.write_str(kind.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! pcapng: blocks, in sections that each have a byte order and interfaces of their own.

use std::io::Read;
use std::time::Duration;

use super::input::{Input, Order};
use super::payload::Link;
use super::{Packet, PcapError};

/// The type of a section header block, the same in both byte orders.
pub(super) const SECTION: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// More interfaces than any capture has; packets of those beyond it are skipped.
const MAX_INTERFACES: usize = 4096;

/// The longest interface description that is read: its options name and describe, a few hundred bytes each.
const MAX_DESCRIPTION: u32 = 64 << 10;

/// Type and length in front of a block, and its length behind it.
const FRAME: u32 = 12;

/// Reads a pcapng file.
pub(super) struct Reader {
    order: Order,
    interfaces: Vec<Interface>,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    /// `None`: its packets are skipped.
    link: Option<Link>,
    /// The most that was captured of a packet, in bytes; 0: no limit.
    snap_length: u32,
    resolution: Resolution,
    /// Seconds to add to all times.
    offset: i64,
}

/// What a tick of the clock is (`if_tsresol`): a power of ten or two of a second.
#[derive(Debug, Clone, Copy)]
struct Resolution(u8);

impl Resolution {
    const MICROSECONDS: Self = Self(6);

    fn time(self, ticks: u64, offset: i64) -> Duration {
        let exponent = u32::from(self.0 & 0x7F);
        let per_second = match self.0 & 0x80 {
            0 => 10_u128.checked_pow(exponent),
            _ => 1_u128.checked_shl(exponent),
        };
        // A tick too short for 128 bits: no number of ticks makes a nanosecond.
        let per_second = per_second.unwrap_or(u128::MAX);
        let nanoseconds = u128::from(ticks) * 1_000_000_000 / per_second;
        let seconds = u64::try_from(nanoseconds / 1_000_000_000).unwrap_or(u64::MAX);
        let rest = u32::try_from(nanoseconds % 1_000_000_000).unwrap_or_default();
        Duration::new(seconds.saturating_add_signed(offset), rest)
    }
}

impl Reader {
    /// Reads the rest of the first section header.
    pub(super) fn new<R: Read>(input: &mut Input<R>) -> Result<Self, PcapError> {
        let mut reader = Self {
            order: Order::Little,
            interfaces: Vec::new(),
        };
        reader.section(0, input)?;
        Ok(reader)
    }

    /// Reads the next packet into the buffer.
    pub(super) fn next<R: Read>(&mut self, input: &mut Input<R>) -> Result<Option<Packet>, PcapError> {
        loop {
            let at = input.at();
            let Some(kind) = input.array("block", at)? else {
                return Ok(None);
            };
            if kind == SECTION {
                self.section(at, input)?;
                continue;
            }
            let length = self.order.u32(input.need("block", at)?);
            let body = length
                .checked_sub(FRAME)
                .filter(|body| body.is_multiple_of(4))
                .ok_or(PcapError::Block {
                    at,
                    what: "a block whose length cannot be",
                })?;
            let packet = match self.order.u32(kind) {
                INTERFACE => self.interface(at, body, input).map(|()| None)?,
                ENHANCED_PACKET => self.enhanced(at, body, input).map(Some)?,
                OLD_PACKET => self.old(at, body, input).map(Some)?,
                SIMPLE_PACKET => self.simple(at, body, input).map(Some)?,
                _ => input.skip(body.into(), "block", at).map(|()| None)?,
            };
            if self.order.u32(input.need("block", at)?) != length {
                return Err(PcapError::Block {
                    at,
                    what: "a block whose two lengths differ",
                });
            }
            if packet.is_some() {
                return Ok(packet);
            }
        }
    }

    /// A section header block, behind its type: it sets the byte order and forgets the interfaces.
    fn section<R: Read>(&mut self, at: u64, input: &mut Input<R>) -> Result<(), PcapError> {
        const WHAT: &str = "section header";
        let length = input.need(WHAT, at)?;
        self.order = match input.need(WHAT, at)? {
            [0x1A, 0x2B, 0x3C, 0x4D] => Order::Big,
            [0x4D, 0x3C, 0x2B, 0x1A] => Order::Little,
            _ => {
                return Err(PcapError::Block {
                    at,
                    what: "a section header without a byte order",
                });
            }
        };
        self.interfaces.clear();
        // Type, length and byte order have been read.
        let rest = self.order.u32(length).checked_sub(12).ok_or(PcapError::Block {
            at,
            what: "a section header whose length cannot be",
        })?;
        input.skip(rest.into(), WHAT, at)
    }

    fn interface<R: Read>(&mut self, at: u64, body: u32, input: &mut Input<R>) -> Result<(), PcapError> {
        const WHAT: &str = "interface description";
        let Some(options) = body.checked_sub(8) else {
            return Err(PcapError::Block {
                at,
                what: "an interface description that is too short",
            });
        };
        let [l0, l1, _, _, s0, s1, s2, s3] = input.need(WHAT, at)?;
        let mut interface = Interface {
            link: Link::new(self.order.u16([l0, l1]).into()),
            snap_length: self.order.u32([s0, s1, s2, s3]),
            resolution: Resolution::MICROSECONDS,
            offset: 0,
        };
        if options <= MAX_DESCRIPTION {
            let length = input.load(options, WHAT, at)?;
            interface.options(self.order, input.buffered(length));
        } else {
            input.skip(options.into(), WHAT, at)?;
        }
        if self.interfaces.len() < MAX_INTERFACES {
            self.interfaces.push(interface);
        }
        Ok(())
    }

    /// Interface, time in two halves, captured length, original length, packet, options.
    fn enhanced<R: Read>(&self, at: u64, body: u32, input: &mut Input<R>) -> Result<Packet, PcapError> {
        let [i0, i1, i2, i3, rest @ ..] = input.need::<20>("packet", at)?;
        let interface = self.order.u32([i0, i1, i2, i3]);
        self.timed(at, interface, rest, body, input)
    }

    /// As an enhanced packet, but the interface has 16 bits, and a count of drops follows it.
    fn old<R: Read>(&self, at: u64, body: u32, input: &mut Input<R>) -> Result<Packet, PcapError> {
        let [i0, i1, _, _, rest @ ..] = input.need::<20>("packet", at)?;
        let interface = self.order.u16([i0, i1]);
        self.timed(at, interface.into(), rest, body, input)
    }

    fn timed<R: Read>(
        &self,
        at: u64,
        interface: u32,
        fields: [u8; 16],
        body: u32,
        input: &mut Input<R>,
    ) -> Result<Packet, PcapError> {
        let [h0, h1, h2, h3, l0, l1, l2, l3, c0, c1, c2, c3, _, _, _, _] = fields;
        let high = self.order.u32([h0, h1, h2, h3]);
        let low = self.order.u32([l0, l1, l2, l3]);
        let captured = self.order.u32([c0, c1, c2, c3]);
        let interface = self.find(interface);
        let length = self.load(at, captured, body.checked_sub(20), input)?;
        let ticks = u64::from(high) << 32 | u64::from(low);
        Ok(Packet {
            time: interface.map_or(Duration::ZERO, |i| i.resolution.time(ticks, i.offset)),
            link: interface.and_then(|interface| interface.link),
            length,
        })
    }

    /// Original length and packet; of the first interface, without a time.
    fn simple<R: Read>(&self, at: u64, body: u32, input: &mut Input<R>) -> Result<Packet, PcapError> {
        let original = self.order.u32(input.need("packet", at)?);
        let room = body.checked_sub(4);
        let interface = self.find(0);
        let snap = interface.map_or(0, |interface| interface.snap_length);
        let limit = if snap == 0 { u32::MAX } else { snap };
        let captured = original.min(limit).min(room.unwrap_or_default());
        Ok(Packet {
            time: Duration::ZERO,
            link: interface.and_then(|interface| interface.link),
            length: self.load(at, captured, room, input)?,
        })
    }

    /// Loads a packet and skips what is left of its block's `room` behind it: padding and options.
    fn load<R: Read>(
        &self,
        at: u64,
        captured: u32,
        room: Option<u32>,
        input: &mut Input<R>,
    ) -> Result<usize, PcapError> {
        let Some(behind) = room.and_then(|room| room.checked_sub(captured)) else {
            return Err(PcapError::Block {
                at,
                what: "a packet longer than its block",
            });
        };
        let length = input.load(captured, "packet", at)?;
        input.skip(behind.into(), "packet", at)?;
        Ok(length)
    }

    fn find(&self, interface: u32) -> Option<Interface> {
        self.interfaces.get(usize::try_from(interface).ok()?).copied()
    }
}

impl Interface {
    /// Looks for what concerns the clock: code, length, value padded to four bytes, and so on.
    fn options(&mut self, order: Order, mut bytes: &[u8]) {
        const RESOLUTION: u16 = 9;
        const OFFSET: u16 = 14;
        while let Some((&[c0, c1, l0, l1], rest)) = bytes.split_first_chunk() {
            let length = usize::from(order.u16([l0, l1]));
            let Some(value) = rest.get(..length) else {
                return;
            };
            match (order.u16([c0, c1]), value) {
                (0, _) => return,
                (RESOLUTION, &[resolution]) => self.resolution = Resolution(resolution),
                (OFFSET, value) => {
                    if let Ok(value) = value.try_into() {
                        self.offset = order.i64(value);
                    }
                }
                _ => {}
            }
            bytes = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

//! The classic format.

use std::io::Read;
use std::time::Duration;

use super::input::{Input, Order};
use super::payload::Link;
use super::{Packet, PcapError};

/// Reads a classic file.
pub(super) struct Reader {
    order: Order,
    /// Nanoseconds in the unit of the fractions of a second.
    fraction: u32,
    link: Link,
}

impl Reader {
    /// Reads the rest of the file header.
    pub(super) fn new<R: Read>(magic: [u8; 4], input: &mut Input<R>) -> Result<Self, PcapError> {
        let (order, fraction) = match magic {
            [0xD4, 0xC3, 0xB2, 0xA1] => (Order::Little, 1000),
            [0xA1, 0xB2, 0xC3, 0xD4] => (Order::Big, 1000),
            [0x4D, 0x3C, 0xB2, 0xA1] => (Order::Little, 1),
            [0xA1, 0xB2, 0x3C, 0x4D] => (Order::Big, 1),
            other => return Err(PcapError::Magic(u32::from_be_bytes(other))),
        };
        let [_version @ .., l0, l1, l2, l3] = input.need::<20>("file header", 0)?;
        // The upper bits tell the length of the frame check sequence, which does not matter here.
        let number = order.u32([l0, l1, l2, l3]) & 0xFFFF;
        Ok(Self {
            order,
            fraction,
            link: Link::new(number).ok_or(PcapError::LinkType(number))?,
        })
    }

    /// Reads the next packet into the buffer.
    pub(super) fn next<R: Read>(&mut self, input: &mut Input<R>) -> Result<Option<Packet>, PcapError> {
        let at = input.at();
        let Some(record) = input.array("packet record", at)? else {
            return Ok(None);
        };
        let [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, _, _, _, _] = record;
        let seconds = self.order.u32([s0, s1, s2, s3]);
        let fraction = self.order.u32([f0, f1, f2, f3]);
        let length = input.load(self.order.u32([c0, c1, c2, c3]), "packet", at)?;
        // A damaged fraction may be more than a second; the sum is still a time.
        let nanoseconds = u64::from(fraction) * u64::from(self.fraction);
        Ok(Some(Packet {
            time: Duration::from_secs(u64::from(seconds)) + Duration::from_nanos(nanoseconds),
            link: Some(self.link),
            length,
        }))
    }
}

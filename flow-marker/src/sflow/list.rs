//! Lists inside records: walked over once when the record is decoded, read when somebody asks.

use super::error::DecodeError;
use super::reader::Reader;
use super::record::Records;

/// 32-bit integers, preceded by their number on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Words<'a>(&'a [[u8; 4]]);

impl<'a> Words<'a> {
    /// Reads the number and takes the integers.
    pub(super) fn read(reader: &mut Reader<'a>, reading: &'static str) -> Result<Self, DecodeError> {
        let count = reader.u32(reading)?;
        let bytes = reader.take_items(count, 4, reading)?;
        Ok(Self(bytes.as_chunks().0))
    }

    /// The integers, from the first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + use<'a> {
        self.0.iter().map(|word| u32::from_be_bytes(*word))
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A path of autonomous systems (sFlow v5 §5, `as_path_type`; RFC 4271 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsPath<'a> {
    segments: u32,
    /// Exactly the segments: they have been walked over.
    reader: Reader<'a>,
}

impl<'a> AsPath<'a> {
    /// Reads the number of segments and walks over them.
    pub(super) fn read(reader: &mut Reader<'a>, reading: &'static str) -> Result<Self, DecodeError> {
        let segments = reader.u32(reading)?;
        let start = *reader;
        for _ in 0..segments {
            AsSegment::read(reader, reading)?;
        }
        Ok(Self {
            segments,
            reader: start.until(reader),
        })
    }

    /// The segments, from the one nearest to the router.
    pub fn segments(&self) -> impl Iterator<Item = AsSegment<'a>> + use<'a> {
        let mut reader = self.reader;
        (0..self.segments).map_while(move |_| AsSegment::read(&mut reader, "AS path").ok())
    }
}

/// What a segment of a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AsSegmentType(pub u32);

impl AsSegmentType {
    /// Systems in no order.
    pub const SET: Self = Self(1);
    /// Systems in the order of the way.
    pub const SEQUENCE: Self = Self(2);
}

/// A part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsSegment<'a> {
    /// Ordered or not.
    pub kind: AsSegmentType,
    /// The numbers of the autonomous systems.
    pub systems: Words<'a>,
}

impl<'a> AsSegment<'a> {
    fn read(reader: &mut Reader<'a>, reading: &'static str) -> Result<Self, DecodeError> {
        let kind = AsSegmentType(reader.u32(reading)?);
        let systems = Words::read(reader, reading)?;
        Ok(Self { kind, systems })
    }
}

/// The network adapters of a host (sFlow Host Structures, `host_adapters`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adapters<'a> {
    count: u32,
    /// Exactly the adapters: they have been walked over.
    reader: Reader<'a>,
}

impl<'a> Adapters<'a> {
    /// Reads the number of adapters and walks over them.
    pub(super) fn read(reader: &mut Reader<'a>, reading: &'static str) -> Result<Self, DecodeError> {
        let count = reader.u32(reading)?;
        let start = *reader;
        for _ in 0..count {
            Adapter::read(reader, reading)?;
        }
        Ok(Self {
            count,
            reader: start.until(reader),
        })
    }

    /// The adapters, from the first.
    pub fn iter(&self) -> impl Iterator<Item = Adapter<'a>> + use<'a> {
        let mut reader = self.reader;
        (0..self.count).map_while(move |_| Adapter::read(&mut reader, "host adapter").ok())
    }
}

/// A network adapter of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adapter<'a> {
    /// Its ifIndex.
    pub if_index: u32,
    macs: &'a [[u8; 8]],
}

impl<'a> Adapter<'a> {
    fn read(reader: &mut Reader<'a>, reading: &'static str) -> Result<Self, DecodeError> {
        let [if_index, count] = reader.words(reading)?;
        let macs = reader.take_items(count, 8, reading)?;
        Ok(Self {
            if_index,
            macs: macs.as_chunks().0,
        })
    }

    /// Its Ethernet addresses.
    pub fn macs(&self) -> impl ExactSizeIterator<Item = [u8; 6]> + use<'a> {
        self.macs
            .iter()
            .map(|&[a, b, c, d, e, f, _, _]| [a, b, c, d, e, f])
    }
}

/// The lanes of an optical module (sFlow Optical Interface Structures, `sfp`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes<'a> {
    count: u32,
    /// Exactly the lanes.
    reader: Reader<'a>,
}

impl<'a> Lanes<'a> {
    /// Bytes of a lane.
    const SIZE: u32 = 40;

    /// Reads the number of lanes and takes them.
    pub(super) fn read(reader: &mut Reader<'a>, reading: &'static str) -> Result<Self, DecodeError> {
        let count = reader.u32(reading)?;
        let start = *reader;
        reader.take_items(count, Self::SIZE, reading)?;
        Ok(Self {
            count,
            reader: start.until(reader),
        })
    }

    /// The lanes, from the first.
    pub fn iter(&self) -> impl Iterator<Item = Lane> + use<'a> {
        let mut reader = self.reader;
        (0..self.count).map_while(move |_| reader.words("optical lane").ok().map(Lane::new))
    }

    /// How many lanes there are.
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// A lane of an optical module (sFlow Optical Interface Structures, `lane`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// From 1.
    pub index: u32,
    /// Microamperes.
    pub bias_current_ua: u32,
    /// Microwatts sent.
    pub power_out_uw: u32,
    /// Microwatts, the least.
    pub power_out_min_uw: u32,
    /// Microwatts, the most.
    pub power_out_max_uw: u32,
    /// Nanometres.
    pub wavelength_out_nm: u32,
    /// Microwatts received.
    pub power_in_uw: u32,
    /// Microwatts, the least.
    pub power_in_min_uw: u32,
    /// Microwatts, the most.
    pub power_in_max_uw: u32,
    /// Nanometres.
    pub wavelength_in_nm: u32,
}

impl Lane {
    const fn new(words: [u32; 10]) -> Self {
        let [
            index,
            bias,
            out,
            out_min,
            out_max,
            out_nm,
            r#in,
            in_min,
            in_max,
            in_nm,
        ] = words;
        Self {
            index,
            bias_current_ua: bias,
            power_out_uw: out,
            power_out_min_uw: out_min,
            power_out_max_uw: out_max,
            wavelength_out_nm: out_nm,
            power_in_uw: r#in,
            power_in_min_uw: in_min,
            power_in_max_uw: in_max,
            wavelength_in_nm: in_nm,
        }
    }

    /// The fields in the order of the wire, with their names there. All are amounts.
    pub const fn fields(&self) -> [(&'static str, u32); 10] {
        [
            ("index", self.index),
            ("tx_bias_current_uA", self.bias_current_ua),
            ("tx_power_uW", self.power_out_uw),
            ("tx_power_min_uW", self.power_out_min_uw),
            ("tx_power_max_uW", self.power_out_max_uw),
            ("tx_wavelength_nM", self.wavelength_out_nm),
            ("rx_power_uW", self.power_in_uw),
            ("rx_power_min_uW", self.power_in_min_uw),
            ("rx_power_max_uW", self.power_in_max_uw),
            ("rx_wavelength_nM", self.wavelength_in_nm),
        ]
    }
}

/// The packets of an 802.11 aggregate (sFlow 802.11 Structures, `extended_80211_aggregation`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pdus<'a> {
    count: u32,
    /// Exactly the packets: they have been walked over.
    reader: Reader<'a>,
}

impl<'a> Pdus<'a> {
    /// Reads the number of packets and walks over them.
    pub(super) fn read(reader: &mut Reader<'a>, reading: &'static str) -> Result<Self, DecodeError> {
        let count = reader.u32(reading)?;
        let start = *reader;
        for _ in 0..count {
            Self::pdu::<()>(reader, reading)?;
        }
        Ok(Self {
            count,
            reader: start.until(reader),
        })
    }

    /// The records of each packet: `FlowRecord`s. One of them may be an aggregate again, as deep as the bytes reach:
    /// whoever descends into it must count how far.
    pub fn iter<R>(&self) -> impl Iterator<Item = Records<'a, R>> + use<'a, R> {
        let mut reader = self.reader;
        (0..self.count).map_while(move |_| Self::pdu(&mut reader, "802.11 aggregation").ok())
    }

    /// How many packets there are.
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn pdu<R>(reader: &mut Reader<'a>, reading: &'static str) -> Result<Records<'a, R>, DecodeError> {
        let count = reader.u32(reading)?;
        let start = *reader;
        for _ in 0..count {
            let [_, length] = reader.words(reading)?;
            reader.take(length, reading)?;
        }
        Ok(Records::new(count, start.until(reader)))
    }
}

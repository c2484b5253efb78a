//! The datagram and its samples.

use std::net::IpAddr;

use super::error::{DecodeError, Fault};
use super::reader::Reader;
use super::record::Structures;
use super::sample::Sample;

/// An sFlow datagram (sFlow v5 §5, `sample_datagram_v5`).
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// Address of the agent, as it says itself: the sender chooses it.
    pub agent: IpAddr,
    /// Distinguishes several sources of datagrams behind one agent address.
    pub sub_agent: u32,
    /// Counts the datagrams of this sub-agent; starts again when the agent does.
    pub sequence: u32,
    /// Milliseconds since the agent started, when it sent this datagram.
    pub uptime_ms: u32,
    /// Samples announced. A claim: [`Self::samples`] finds out.
    pub sample_count: u32,
    samples: Reader<'a>,
}

impl<'a> Datagram<'a> {
    /// Reads the head of a datagram; the samples are read as one iterates over them.
    ///
    /// # Errors
    /// [`DecodeError`]: another version, no address, or not even a whole head.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u32("version")?;
        if version != 5 {
            return Err(DecodeError {
                at: 0,
                reading: "version",
                fault: Fault::Version(version),
            });
        }
        let agent = reader.address("agent address")?;
        let [sub_agent, sequence, uptime_ms, sample_count] = reader.words("datagram head")?;
        Ok(Self {
            agent,
            sub_agent,
            sequence,
            uptime_ms,
            sample_count,
            samples: reader,
        })
    }

    /// The samples, from the first.
    pub const fn samples(&self) -> Samples<'a> {
        Samples(Structures::new(self.sample_count, self.samples))
    }
}

/// Iterates over the samples of a datagram.
///
/// A damaged sample is an `Err` item, and the next sample follows it, unless its length leads out of the datagram.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a>(Structures<'a>);

impl<'a> Samples<'a> {
    /// The bytes not walked over yet; after the last sample, what stands behind it.
    pub const fn rest(&self) -> &'a [u8] {
        self.0.rest()
    }
}

impl<'a> Iterator for Samples<'a> {
    type Item = Result<Sample<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next("sample")
    }
}

//! Writes XDR (RFC 4506): big-endian, in units of 4 bytes.

use std::net::IpAddr;

/// Bytes being written.
#[derive(Debug, Default)]
pub(super) struct Xdr(Vec<u8>);

impl Xdr {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend(value.to_be_bytes());
    }

    /// A number of elements or bytes; nothing here is ever near 4 GiB.
    pub(super) fn length(&mut self, length: usize) {
        self.u32(u32::try_from(length).unwrap_or(u32::MAX));
    }

    /// Bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    /// A length, the bytes, and zeros up to the next unit.
    pub(super) fn opaque(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.bytes(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    /// A type and an address (sFlow v5, `address`).
    pub(super) fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => {
                self.u32(1);
                self.bytes(&address.octets());
            }
            IpAddr::V6(address) => {
                self.u32(2);
                self.bytes(&address.octets());
            }
        }
    }

    /// A format, a length, and the body that `write` writes.
    pub(super) fn structure(&mut self, format: u32, write: impl FnOnce(&mut Self)) {
        let mut body = Self::default();
        write(&mut body);
        self.u32(format);
        self.length(body.0.len());
        self.bytes(&body.0);
    }
}

//! Records on disk that know whether they are whole: length (4 bytes, little-endian), the first 8 bytes of the SHA-256
//! of the record, the record (postcard).

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// Length and checksum.
const FRAME: usize = 12;

fn checksum(payload: &[u8]) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::digest(payload).into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// A record with its frame.
///
/// # Errors
/// It is larger than 4 GiB.
pub fn frame(record: &impl Serialize) -> io::Result<Vec<u8>> {
    // Behind the frame, so that a large batch is in memory once.
    let mut framed = postcard::to_extend(record, vec![0; FRAME]).map_err(io::Error::other)?;
    let (frame, payload) = framed
        .split_at_mut_checked(FRAME)
        .ok_or(io::ErrorKind::InvalidData)?;
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let (length_field, sum_field) = frame.split_at_mut_checked(4).ok_or(io::ErrorKind::InvalidData)?;
    length_field.copy_from_slice(&length.to_le_bytes());
    sum_field.copy_from_slice(&checksum(payload));
    Ok(framed)
}

/// The record at the start of `bytes` and how many bytes it takes with its frame; `None` when there is no whole one.
pub fn next<T: DeserializeOwned>(bytes: &[u8]) -> Option<(T, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let payload = rest.get(..length)?;
    if checksum(payload) != *sum {
        return None;
    }
    Some((postcard::from_bytes(payload).ok()?, FRAME + length))
}

//! Takes integers off the front of a slice, or out of its middle.

/// The first `N` bytes, and `bytes` without them.
#[inline]
pub(super) fn array<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(first)
}

/// The next 16-bit integer.
#[inline]
pub(super) fn u16(bytes: &mut &[u8]) -> Option<u16> {
    array(bytes).map(|bytes| u16::from_be_bytes(*bytes))
}

/// Without the first `n` bytes; `None` when there are fewer.
#[inline]
pub(super) fn skip(bytes: &[u8], n: usize) -> Option<&[u8]> {
    bytes.get(n..)
}

/// Where `rest` begins in the `whole` bytes of which it is the end.
#[inline]
pub(super) fn offset_in(whole: usize, rest: &[u8]) -> u16 {
    // A link header, four tags and eight extension headers of 2 KiB end below 64 KiB.
    u16::try_from(whole.saturating_sub(rest.len())).unwrap_or(u16::MAX)
}

/// The `N` bytes at `at`.
#[inline]
pub(super) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The byte at `at`.
#[inline]
pub(super) fn u8_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// The 16-bit integer at `at`.
#[inline]
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_be_bytes)
}

/// The 24-bit integer at `at`.
#[inline]
pub(super) fn u24_at(bytes: &[u8], at: usize) -> Option<u32> {
    let [a, b, c] = array_at(bytes, at)?;
    Some(u32::from_be_bytes([0, a, b, c]))
}

/// The 32-bit integer at `at`.
#[inline]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_be_bytes)
}

//! Takes integers off the front of a slice.

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

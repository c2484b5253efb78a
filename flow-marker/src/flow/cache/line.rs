//! One flow in one cache line, and the memory that holds them.

use std::fmt;

/// What is kept of one flow: 64 bytes.
///
/// Words instead of a struct: memory of zeros comes from the system as it is needed, and a table that is never filled
/// never takes its whole size.
///
/// | word | |
/// |---|---|
/// | 0 | hash of data source and key; 0: free |
/// | 1 | value, scaled (see `Scale`) |
/// | 2 | epoch of the value, data source |
/// | 3 | last sample in sixteenths of a second, place in the list of the largest, length of the key |
/// | 4–7 | the key, or where it is if it is longer |
#[derive(Clone, Copy)]
pub(super) struct Line([u64; Self::WORDS]);

/// Where a flow's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the line.
    Here,
    /// Among the long keys, at this position.
    Long(usize),
}

impl Line {
    const WORDS: usize = 8;
    /// Bytes of a key that fit in the line.
    pub(super) const KEY: usize = 32;
    const LONG: u8 = u8::MAX;
    /// Not in the list of the largest.
    pub(super) const UNLISTED: u16 = u16::MAX;

    pub(super) fn new(hash: u64, source: u32, key: &[u8], long: Option<usize>) -> Self {
        let mut line = Self([0; Self::WORDS]);
        let [first, _, two, three, k0, k1, k2, k3] = &mut line.0;
        *first = hash;
        *two = u64::from(source);
        let length = match long {
            None => u8::try_from(key.len()).unwrap_or(Self::LONG),
            Some(_) => Self::LONG,
        };
        *three = u64::from(Self::UNLISTED) << 8 | u64::from(length);
        if let Some(long) = long {
            *k0 = long as u64;
            return line;
        }
        for (word, bytes) in [k0, k1, k2, k3].into_iter().zip(key.chunks(8)) {
            let mut padded = [0; 8];
            for (to, from) in padded.iter_mut().zip(bytes) {
                *to = *from;
            }
            *word = u64::from_le_bytes(padded);
        }
        line
    }

    pub(super) const fn hash(&self) -> u64 {
        self.0[0]
    }

    pub(super) const fn value(&self) -> f64 {
        f64::from_bits(self.0[1])
    }

    pub(super) const fn epoch(&self) -> u32 {
        high(self.0[2])
    }

    pub(super) const fn set_value(&mut self, value: f64, epoch: u32) {
        self.0[1] = value.to_bits();
        self.0[2] = (epoch as u64) << 32 | self.0[2] & 0xFFFF_FFFF;
    }

    pub(super) const fn source(&self) -> u32 {
        low(self.0[2])
    }

    /// The last sample, in sixteenths of a second.
    pub(super) const fn last(&self) -> u32 {
        high(self.0[3])
    }

    pub(super) const fn set_last(&mut self, last: u32) {
        self.0[3] = (last as u64) << 32 | self.0[3] & 0xFFFF_FFFF;
    }

    /// Its place in its data source's list of the largest flows.
    pub(super) const fn rank(&self) -> u16 {
        (low(self.0[3]) >> 8 & 0xFFFF) as u16
    }

    pub(super) const fn set_rank(&mut self, rank: u16) {
        self.0[3] = self.0[3] & !(0xFFFF << 8) | (rank as u64) << 8;
    }

    pub(super) fn place(&self) -> Place {
        let [.., three, long, _, _, _] = self.0;
        match low(three) & 0xFF {
            length if length == u32::from(Self::LONG) => {
                Place::Long(usize::try_from(long).unwrap_or(usize::MAX))
            }
            _ => Place::Here,
        }
    }

    /// The key's bytes, if they are in the line.
    pub(super) fn key(&self, buffer: &mut [u8; Self::KEY]) -> usize {
        let [.., k0, k1, k2, k3] = self.0;
        for (to, word) in buffer.as_chunks_mut::<8>().0.iter_mut().zip([k0, k1, k2, k3]) {
            *to = word.to_le_bytes();
        }
        (low(self.0[3]) & 0xFF) as usize
    }

    /// Whether this is the flow of a short key, written into a line.
    pub(super) const fn is(&self, other: &Self) -> bool {
        let ([h0, _, t0, r0, a0, b0, c0, d0], [h1, _, t1, r1, a1, b1, c1, d1]) = (self.0, other.0);
        h0 == h1
            && low(t0) == low(t1)
            && low(r0) & 0xFF == low(r1) & 0xFF
            && a0 == a1
            && b0 == b1
            && c0 == c1
            && d0 == d1
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("hash", &self.hash())
            .field("source", &self.source())
            .field("value", &self.value())
            .finish_non_exhaustive()
    }
}

const fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
const fn low(word: u64) -> u32 {
    word as u32
}

/// Memory for a number of lines, each in one cache line.
pub(super) struct Lines {
    words: Vec<u64>,
    /// Words before the first line.
    skip: usize,
}

impl Lines {
    pub(super) fn new(count: usize) -> Self {
        let words = vec![0; (count + 1) * Line::WORDS];
        // The vector is never resized, so that it stays where it is.
        let misaligned = words.as_ptr().addr() % 64;
        Self {
            skip: (64 - misaligned) % 64 / 8,
            words,
        }
    }

    #[inline]
    pub(super) fn all(&self) -> &[[u64; Line::WORDS]] {
        self.words.get(self.skip..).unwrap_or(&[]).as_chunks().0
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<Line> {
        self.all().get(index).map(|words| Line(*words))
    }

    #[inline]
    pub(super) fn set(&mut self, index: usize, line: Line) {
        let all = self
            .words
            .get_mut(self.skip..)
            .unwrap_or(&mut [])
            .as_chunks_mut()
            .0;
        if let Some(place) = all.get_mut(index) {
            *place = line.0;
        }
    }

    #[inline]
    pub(super) fn clear(&mut self, index: usize) {
        self.set(index, Line([0; Line::WORDS]));
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines", self.words.len() / Line::WORDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_disturb_each_other() {
        let mut line = Line::new(7, 0xFFFF_FFFE, &[9; 13], None);
        line.set_value(2.5, 0xFFFF_FFFF);
        line.set_last(0xFFFF_FFFD);
        assert_eq!(line.rank(), Line::UNLISTED);
        line.set_rank(77);
        let mut key = [0; Line::KEY];
        assert_eq!(line.key(&mut key), 13);
        assert_eq!(key[..14], [9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0]);
        assert_eq!(
            (line.hash(), line.source(), line.epoch()),
            (7, 0xFFFF_FFFE, u32::MAX)
        );
        assert_eq!(
            (line.last(), line.rank(), line.place()),
            (0xFFFF_FFFD, 77, Place::Here)
        );
        assert_eq!(line.value().to_bits(), 2.5_f64.to_bits());
        line.set_rank(Line::UNLISTED);
        assert!(line.is(&Line::new(7, 0xFFFF_FFFE, &[9; 13], None)));
        for other in [
            Line::new(8, 0xFFFF_FFFE, &[9; 13], None),
            Line::new(7, 0xFFFF_FFFF, &[9; 13], None),
            Line::new(7, 0xFFFF_FFFE, &[9; 12], None),
            Line::new(7, 0xFFFF_FFFE, &[9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0], None),
        ] {
            assert!(!line.is(&other), "{other:?}");
        }
        assert_eq!(
            Line::new(7, 1, &[9; 33], Some(1 << 33)).place(),
            Place::Long(1 << 33)
        );
    }

    #[test]
    fn a_key_fills_its_line_to_the_last_byte() {
        let key: Vec<u8> = (1..=32).collect();
        let line = Line::new(1, 1, &key, None);
        let mut read = [0; Line::KEY];
        assert_eq!(line.key(&mut read), 32);
        assert_eq!(read, *key);
    }

    #[test]
    fn every_line_is_one_cache_line() {
        let mut lines = Lines::new(1000);
        assert!(lines.all().len() >= 1000);
        assert_eq!(lines.all().as_ptr().addr() % 64, 0);
        lines.set(999, Line::new(5, 6, b"key", None));
        assert_eq!(lines.get(999).unwrap().source(), 6);
        lines.clear(999);
        assert_eq!(lines.get(999).unwrap().hash(), 0);
    }
}

//! The rest of long keys: chains of pieces of 64 bytes.

/// Bytes of a piece that are a key's.
const PIECE: usize = 60;
/// Pieces that are allocated together: 16 KiB.
const SEGMENT: usize = 256;
/// The end of a chain.
const END: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Piece {
    next: u32,
    bytes: [u8; PIECE],
}

/// All pieces, those that are free in a chain of their own.
#[derive(Debug)]
pub(super) struct Tails {
    pieces: Vec<Vec<Piece>>,
    free: u32,
    used: usize,
    most: usize,
}

impl Tails {
    /// At most so many pieces.
    pub(super) const fn new(most: usize) -> Self {
        Self {
            pieces: Vec::new(),
            free: END,
            used: 0,
            most,
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.pieces.len() * SEGMENT * size_of::<Piece>()
    }

    fn get(&self, at: u32) -> Option<&Piece> {
        let at = usize::try_from(at).ok()?;
        self.pieces.get(at / SEGMENT)?.get(at % SEGMENT)
    }

    fn get_mut(&mut self, at: u32) -> Option<&mut Piece> {
        let at = usize::try_from(at).ok()?;
        self.pieces.get_mut(at / SEGMENT)?.get_mut(at % SEGMENT)
    }

    /// Whether a key of so many bytes can be kept.
    pub(super) const fn has_room(&self, length: usize) -> bool {
        length <= super::INLINE || self.used + (length - super::HEAD).div_ceil(PIECE) <= self.most
    }

    /// Keeps bytes; says where.
    pub(super) fn store(&mut self, bytes: &[u8]) -> Option<u32> {
        if self.used + bytes.len().div_ceil(PIECE) > self.most {
            return None;
        }
        // From the last to the first, so that each knows what follows it.
        let mut next = END;
        for part in bytes.chunks(PIECE).rev() {
            let at = self.take()?;
            let piece = self.get_mut(at)?;
            piece.next = next;
            for (place, byte) in piece.bytes.iter_mut().zip(part) {
                *place = *byte;
            }
            next = at;
        }
        Some(next)
    }

    fn take(&mut self) -> Option<u32> {
        self.used += 1;
        if let Some(piece) = self.get(self.free) {
            let at = self.free;
            self.free = piece.next;
            return Some(at);
        }
        if self.pieces.last().is_none_or(|last| last.len() == SEGMENT) {
            self.pieces.push(Vec::with_capacity(SEGMENT));
        }
        let before = (self.pieces.len() - 1) * SEGMENT;
        let last = self.pieces.last_mut()?;
        last.push(Piece {
            next: END,
            bytes: [0; PIECE],
        });
        u32::try_from(before + last.len() - 1).ok()
    }

    /// Whether these are the bytes that are kept there.
    pub(super) fn is(&self, start: u32, bytes: &[u8]) -> bool {
        let mut at = start;
        for part in bytes.chunks(PIECE) {
            let Some(piece) = self.get(at) else { return false };
            if piece.bytes.get(..part.len()) != Some(part) {
                return false;
            }
            at = piece.next;
        }
        true
    }

    /// Adds the bytes that are kept there to `out`.
    pub(super) fn read(&self, start: u32, length: usize, out: &mut Vec<u8>) {
        let (mut at, mut left) = (start, length);
        while left > 0
            && let Some(piece) = self.get(at)
        {
            let part = left.min(PIECE);
            out.extend_from_slice(piece.bytes.get(..part).unwrap_or(&[]));
            (at, left) = (piece.next, left - part);
        }
    }

    /// Forgets the bytes that are kept there.
    pub(super) fn free(&mut self, start: u32) {
        let mut at = start;
        let free = self.free;
        while let Some(piece) = self.get_mut(at) {
            let next = piece.next;
            if next == END {
                piece.next = free;
            }
            self.used -= 1;
            at = next;
        }
        if start != END {
            self.free = start;
        }
    }
}

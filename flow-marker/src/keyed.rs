//! A hash for short keys of integers and addresses that senders choose.
//!
//! Each word is mixed by a multiplication with a secret odd number, whose upper half is folded into the lower. Who does
//! not know the secret cannot prepare keys that fall together; SipHash would take longer than what is then done
//! with the value. The tables behind it are bounded besides.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Makes hashers with one secret.
#[derive(Debug, Clone)]
pub(crate) struct Keyed([u64; 2]);

impl Keyed {
    /// A secret from the system's random source.
    pub(crate) fn random() -> Self {
        let [start, factor] = [(); 2].map(|()| RandomState::new().hash_one(0_u64));
        Self([start, factor | 1])
    }
}

impl Default for Keyed {
    fn default() -> Self {
        Self::random()
    }
}

impl BuildHasher for Keyed {
    type Hasher = Mixer;

    fn build_hasher(&self) -> Mixer {
        let Self([state, factor]) = *self;
        Mixer { state, factor }
    }
}

/// Hashes one key.
#[derive(Debug)]
pub(crate) struct Mixer {
    state: u64,
    factor: u64,
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for bytes in bytes.chunks(8) {
            let mut word = [0; 8];
            for (place, byte) in word.iter_mut().zip(bytes) {
                *place = *byte;
            }
            self.write_u64(u64::from_ne_bytes(word));
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.factor);
        let [low, high] = [product, product >> 64].map(|half| half & u128::from(u64::MAX));
        // The state moves on, so that the order of words matters.
        let mixed = u64::try_from(low ^ high).unwrap_or_default();
        self.state = mixed.rotate_left(23) ^ self.factor;
    }

    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn similar_keys_spread_over_all_places() {
        let keyed = Keyed([0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3211]);
        let mut places: HashMap<u64, u32> = HashMap::new();
        for a in 0..64_u64 {
            for b in 0..64_u64 {
                *places.entry(keyed.hash_one((a, b << 24)) % 1024).or_default() += 1;
            }
        }
        // Four each on average; with chance alone, more than 20 in one of 1024 has a probability of some 10⁻⁶.
        assert!(places.len() > 950, "{}", places.len());
        assert!(places.values().all(|keys| *keys <= 20));
        // A table also takes the top seven bits of a hash.
        let tops: HashSet<u64> = (0..1000_u64).map(|a| keyed.hash_one((a, 0_u64)) >> 57).collect();
        assert_eq!(tops.len(), 128);
    }

    #[test]
    fn another_secret_is_another_order() {
        let order = |keyed: Keyed| {
            let mut keys: Vec<u64> = (0..100).collect();
            keys.sort_by_key(|key| keyed.hash_one(key));
            keys
        };
        assert_ne!(order(Keyed::random()), order(Keyed::random()));
        assert_ne!(Keyed::random().hash_one((1, 2)), Keyed::random().hash_one((1, 2)));
    }
}

//! Keys that do not fit into a line.

/// Long keys by position; freed positions are used again.
#[derive(Debug, Default)]
pub(super) struct LongKeys {
    keys: Vec<Box<[u8]>>,
    free: Vec<usize>,
    bytes: usize,
}

impl LongKeys {
    /// Keeps a key; returns where.
    pub(super) fn keep(&mut self, key: &[u8]) -> usize {
        self.bytes += key.len();
        if let Some(at) = self.free.pop() {
            if let Some(place) = self.keys.get_mut(at) {
                *place = key.into();
            }
            return at;
        }
        self.keys.push(key.into());
        self.keys.len() - 1
    }

    pub(super) fn get(&self, at: usize) -> &[u8] {
        self.keys.get(at).map_or(&[], |key| key)
    }

    pub(super) fn drop_key(&mut self, at: usize) {
        if let Some(key) = self.keys.get_mut(at) {
            self.bytes -= key.len();
            *key = Box::default();
            self.free.push(at);
        }
    }

    /// Bytes of all keys.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

//! What a metric can be. Counting takes no lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(super) const KIND: &'static str = "counter";

    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Adds one where only this thread adds: a load and a store, which cost a twentieth of an atomic addition. With a
    /// second writer counts would be lost.
    #[inline]
    pub fn bump(&self) {
        self.bump_by(1);
    }

    /// Adds `n` where only this thread adds.
    #[inline]
    pub fn bump_by(&self, n: u64) {
        self.0
            .store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// The present value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn shown(&self) -> Option<u64> {
        Some(self.get())
    }
}

/// A number that rises and falls.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    pub(super) const KIND: &'static str = "gauge";

    /// Replaces the value.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds the difference between two values, where only this thread writes: one of several parts of a sum has changed.
    pub fn shift(&self, from: u64, to: u64) {
        self.set(self.get().wrapping_add(to).wrapping_sub(from));
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Takes `n` away, which was added before.
    pub fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    /// Replaces the value by a length.
    pub fn set_len(&self, len: usize) {
        self.set(len as u64);
    }

    /// The present value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn shown(&self) -> Option<u64> {
        Some(self.get())
    }
}

/// A statement that is true or false, or not known yet; then it has no series, since neither 0 nor 1 would be true.
#[derive(Debug, Default)]
pub struct Fact(AtomicU64);

impl Fact {
    pub(super) const KIND: &'static str = "gauge";

    /// It is known now.
    pub fn set(&self, is_true: bool) {
        self.0.store(1 + u64::from(is_true), Ordering::Relaxed);
    }

    /// The present value.
    pub fn get(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            known => Some(known > 1),
        }
    }

    pub(super) fn shown(&self) -> Option<u64> {
        self.get().map(u64::from)
    }
}

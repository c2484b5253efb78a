//! Room that many share: no more is taken in all than there is, however it is spread.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Places that are shared by many, in all threads.
#[derive(Debug)]
pub struct Places {
    taken: AtomicUsize,
    most: usize,
}

impl Places {
    /// So many places, all free.
    pub const fn new(most: usize) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            most,
        }
    }

    /// Takes a place; false when there is none.
    pub fn take(&self) -> bool {
        let one_more = |taken: usize| (taken < self.most).then(|| taken + 1);
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .is_ok()
    }

    /// Frees places that were taken.
    pub fn give_back(&self, count: usize) {
        self.taken.fetch_sub(count, Ordering::Relaxed);
    }

    /// Whether none is free.
    pub fn are_all_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed) >= self.most
    }
}

/// The places that one of many has taken. They are free again when it is dropped.
#[derive(Debug, Default)]
pub struct Share {
    /// `None`: as many as it likes.
    places: Option<Arc<Places>>,
    taken: usize,
}

impl Share {
    /// A share in these places, of which none is taken yet.
    pub const fn of(places: Arc<Places>) -> Self {
        Self {
            places: Some(places),
            taken: 0,
        }
    }

    /// Takes a place; false when there is none.
    pub fn take(&mut self) -> bool {
        let taken = self.places.as_ref().is_none_or(|places| places.take());
        self.taken += usize::from(taken);
        taken
    }

    /// Frees so many of those that were taken.
    pub fn give_back(&mut self, count: usize) {
        let count = count.min(self.taken);
        self.taken -= count;
        if let Some(places) = &self.places {
            places.give_back(count);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back(self.taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_has_no_other_can_take_until_it_is_given_back() {
        let places = Arc::new(Places::new(3));
        let (mut one, mut other) = (Share::of(Arc::clone(&places)), Share::of(Arc::clone(&places)));
        assert!(one.take() && one.take() && other.take());
        assert!(!one.take() && !other.take() && places.are_all_taken());
        one.give_back(1);
        assert!(other.take() && !one.take());
        // More than it has cannot be given back.
        one.give_back(9);
        assert!(one.take() && !one.take());
        drop(other);
        assert!(one.take() && one.take() && !one.take());
        drop(one);
        assert!(!places.are_all_taken());
        let mut free = Share::default();
        assert!((0..10).all(|_| free.take()));
    }
}

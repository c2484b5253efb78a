//! Events that wait: pure.

use std::collections::VecDeque;
use std::sync::Arc;

use super::event::Event;

/// A bounded queue, of which the first few may be under way.
#[derive(Debug)]
pub(super) struct Queue {
    events: VecDeque<Arc<Event>>,
    capacity: usize,
    under_way: usize,
    closed: bool,
}

impl Queue {
    /// An empty queue for at least one event.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            events: VecDeque::new(),
            capacity: capacity.max(1),
            under_way: 0,
            closed: false,
        }
    }

    /// Adds the newest event; false when the oldest had to go for it. What is under way stays: its server may have it
    /// already.
    pub(super) fn push(&mut self, event: Arc<Event>) -> bool {
        self.events.push_back(event);
        let fits = self.events.len() <= self.capacity.max(self.under_way.saturating_add(1));
        if !fits {
            self.events.remove(self.under_way);
        }
        fits
    }

    /// The oldest ones, at most so many. They are under way until they are [`Self::done`] or [`Self::put_back`].
    pub(super) fn take(&mut self, most: usize) -> Vec<Arc<Event>> {
        self.under_way = self.events.len().min(most);
        self.events.iter().take(most).map(Arc::clone).collect()
    }

    /// What was under way has arrived, or never will; how many of it were still here.
    pub(super) fn done(&mut self) -> usize {
        let done = std::mem::take(&mut self.under_way).min(self.events.len());
        self.events.drain(..done);
        done
    }

    /// Whether nobody is told any more.
    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Nobody is told any more; how many waited.
    pub(super) fn close(&mut self) -> usize {
        (self.under_way, self.closed) = (0, true);
        std::mem::take(&mut self.events).len()
    }

    /// What was under way waits again.
    pub(super) const fn put_back(&mut self) {
        self.under_way = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::event;
    use super::*;

    fn ids(events: &[Arc<Event>]) -> Vec<u64> {
        events.iter().map(|event| event.id).collect()
    }

    #[test]
    fn the_oldest_go_but_not_those_under_way() {
        let mut queue = Queue::new(4);
        assert!((0..4).all(|id| queue.push(event(id))));
        assert!(!queue.push(event(4)), "0 goes");
        assert_eq!(ids(&queue.take(2)), [1, 2]);
        assert!(!queue.push(event(5)), "3 goes");
        queue.put_back();
        assert_eq!(ids(&queue.take(2)), [1, 2], "again, in order");
        queue.done();
        assert_eq!(ids(&queue.take(9)), [4, 5]);
        assert!(queue.push(event(6)) && queue.push(event(7)) && !queue.push(event(8)));
        queue.done();
        assert_eq!(ids(&queue.take(9)), [7, 8], "6 went for 8");
        assert_eq!(queue.done(), 2);
        assert!(queue.take(1).is_empty());
        queue.push(event(9));
        queue.take(1);
        assert_eq!((queue.close(), queue.done()), (1, 0), "counted once");
    }

    #[test]
    fn a_queue_that_is_all_under_way_takes_one_more() {
        let mut queue = Queue::new(1);
        assert!(queue.push(event(0)));
        queue.take(1);
        assert!(queue.push(event(1)));
        assert!(!queue.push(event(2)), "1 goes");
        queue.done();
        assert_eq!(ids(&queue.take(9)), [2]);
    }
}

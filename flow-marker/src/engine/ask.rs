//! Questions to a thread that must not wait for anybody.
//!
//! A question is a closure that the thread runs between two batches of datagrams. The queue is bounded, and whoever
//! finds it full is told at once.

use std::fmt;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::clock::Time;

/// Something to be done with the state of a thread.
pub type Job<T> = Box<dyn FnOnce(&mut T, Time) + Send>;

/// Questions that wait for one thread at most. Each is answered within milliseconds, so that more of them are a flood.
const WAITING: usize = 256;

/// Where the questions come from.
pub struct Asker<T>(SyncSender<Job<T>>);

/// Where the thread finds them.
pub struct Inbox<T>(Receiver<Job<T>>);

/// The thread has too many questions already, or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotTaken;

/// Both ends of a queue.
pub fn queue<T>() -> (Asker<T>, Inbox<T>) {
    let (asker, inbox) = sync_channel(WAITING);
    (Asker(asker), Inbox(inbox))
}

impl<T> Asker<T> {
    /// Puts a question; it is run soon, in order.
    ///
    /// # Errors
    /// [`NotTaken`]
    pub fn put(&self, job: Job<T>) -> Result<(), NotTaken> {
        self.0.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => NotTaken,
        })
    }
}

impl<T> Clone for Asker<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Asker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asker")
    }
}

impl<T> fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inbox")
    }
}

impl<T> Inbox<T> {
    /// Runs what waits, but `most` at a time: datagrams wait too.
    pub fn serve(&self, state: &mut T, now: Time, most: usize) {
        for job in self.0.try_iter().take(most) {
            job(state, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_answered_in_order_and_not_all_at_once() {
        let (asker, inbox) = queue::<Vec<usize>>();
        for n in 0..5 {
            asker.put(Box::new(move |seen, _| seen.push(n))).unwrap();
        }
        let mut seen = Vec::new();
        inbox.serve(&mut seen, Time::START, 3);
        assert_eq!(seen, [0, 1, 2]);
        inbox.serve(&mut seen, Time::START, 3);
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_flood_of_questions_is_turned_away_and_so_is_one_to_a_thread_that_has_ended() {
        let (asker, inbox) = queue::<()>();
        for _ in 0..WAITING {
            asker.put(Box::new(|(), _| ())).unwrap();
        }
        assert_eq!(asker.put(Box::new(|(), _| ())), Err(NotTaken));
        drop(inbox);
        assert_eq!(asker.clone().put(Box::new(|(), _| ())), Err(NotTaken));
    }
}

//! Long poll: a request that is answered when there is something to tell, or when its time is over.
//!
//! Each waiting request holds a connection, so there is a bound for them, well below that of connections. The end of the
//! daemon ends the wait, and so does a client that goes.

use std::sync::Arc;
use std::time::Duration;

use shared::life::Shutdown;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::error::ApiError;

/// Most requests that wait at a time: a quarter of the default number of connections.
pub const MAX_WAITERS: usize = 256;
/// Most streams at a time, likewise: each browser that watches has one.
pub const MAX_STREAMS: usize = 256;
/// The longest wait, in seconds: what clients of sFlow-RT usually ask for, and below the idle limits of proxies.
pub const MAX_TIMEOUT: u64 = 60;

/// Places for requests that wait.
#[derive(Debug, Clone)]
pub struct Waiters {
    places: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    shutdown: Shutdown,
}

impl Waiters {
    /// Nobody waits after `shutdown`.
    pub fn new(shutdown: Shutdown) -> Self {
        Self {
            places: Arc::new(Semaphore::new(MAX_WAITERS)),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            shutdown,
        }
    }

    /// How many wait now.
    pub fn waiting(&self) -> usize {
        MAX_WAITERS.saturating_sub(self.places.available_permits())
    }

    /// A place for a stream, for as long as it is kept, and the end of the daemon, with which the stream is to end.
    ///
    /// # Errors
    /// 503 when there are [`MAX_STREAMS`] already.
    pub fn stream(&self) -> Result<(OwnedSemaphorePermit, Shutdown), ApiError> {
        match Arc::clone(&self.streams).try_acquire_owned() {
            Ok(place) => Ok((place, self.shutdown.clone())),
            Err(_) => Err(ApiError::too_many_streams(MAX_STREAMS)),
        }
    }

    /// What `look` finds, at once or after one of the changes that `changed` tells of; `None` when it finds nothing for
    /// as long as `limit`, or the daemon ends. `limit` zero: at once or not at all.
    ///
    /// # Errors
    /// 503 when there are [`MAX_WAITERS`] already.
    pub async fn until<V, T>(
        &self,
        mut changed: watch::Receiver<V>,
        limit: Duration,
        mut look: impl FnMut() -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        // Before the first look: what comes after it is not missed.
        changed.mark_unchanged();
        let found = look();
        if found.is_some() || limit.is_zero() {
            return Ok(found);
        }
        let Ok(_place) = self.places.try_acquire() else {
            return Err(ApiError::too_many_waiters(MAX_WAITERS));
        };
        let waiting = async {
            // Nothing can change any more when nobody is there to change it.
            while changed.changed().await.is_ok() {
                if let found @ Some(_) = look() {
                    return found;
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            found = timeout(limit, waiting) => Ok(found.unwrap_or_default()),
            () = self.shutdown.wait() => Ok(None),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock of the runtime, which is paused"
)]
#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn waiters() -> (Waiters, shared::life::ShutdownTrigger) {
        let (trigger, shutdown) = Shutdown::new();
        (Waiters::new(shutdown), trigger)
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn what_is_there_is_told_at_once_and_nothing_after_the_time() {
        let (waiters, _trigger) = waiters();
        let (_sender, changed) = watch::channel(0);
        let began = tokio::time::Instant::now();
        let at_once = waiters.until(changed.clone(), MINUTE, || Some(7)).await.unwrap();
        assert_eq!((at_once, began.elapsed()), (Some(7), Duration::ZERO));
        let no_wait = waiters
            .until(changed.clone(), Duration::ZERO, || None::<u8>)
            .await;
        assert_eq!((no_wait.unwrap(), began.elapsed()), (None, Duration::ZERO));
        let nothing = waiters.until(changed, MINUTE, || None::<u8>).await.unwrap();
        assert_eq!((nothing, began.elapsed()), (None, MINUTE));
        assert_eq!(waiters.waiting(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_wakes_and_only_the_right_one_answers() {
        let (waiters, _trigger) = waiters();
        let (sender, changed) = watch::channel(0_u64);
        let value = Arc::new(AtomicU64::new(0));
        let asked = tokio::spawn({
            let (waiters, value) = (waiters.clone(), Arc::clone(&value));
            async move {
                let look = || Some(value.load(Ordering::Relaxed)).filter(|value| *value > 1);
                waiters.until(changed, MINUTE, look).await.unwrap()
            }
        });
        for n in 1..=2 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(waiters.waiting(), 1);
            value.store(n, Ordering::Relaxed);
            sender.send_replace(n);
        }
        assert_eq!(asked.await.unwrap(), Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_daemon_ends_all_waits() {
        let (waiters, trigger) = waiters();
        let (_sender, changed) = watch::channel(0);
        let began = tokio::time::Instant::now();
        let asked = tokio::spawn({
            let waiters = waiters.clone();
            async move { waiters.until(changed, MINUTE, || None::<u8>).await.unwrap() }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        trigger.trigger();
        assert_eq!(asked.await.unwrap(), None);
        assert_eq!(began.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_waits_is_turned_away_and_those_who_go_make_room() {
        let (waiters, _trigger) = waiters();
        let (_sender, changed) = watch::channel(0);
        let flood: Vec<_> = (0..MAX_WAITERS)
            .map(|_| {
                let (waiters, changed) = (waiters.clone(), changed.clone());
                tokio::spawn(async move { waiters.until(changed, MINUTE, || None::<u8>).await.is_ok() })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(waiters.waiting(), MAX_WAITERS);
        assert!(
            waiters
                .until(changed.clone(), MINUTE, || None::<u8>)
                .await
                .is_err()
        );
        // Who does not wait is answered all the same.
        assert_eq!(
            waiters.until(changed.clone(), MINUTE, || Some(1)).await.unwrap(),
            Some(1)
        );
        flood[0].abort();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(waiters.waiting(), MAX_WAITERS - 1);
        for asked in flood {
            assert!(asked.await.unwrap_or(true));
        }
    }
}

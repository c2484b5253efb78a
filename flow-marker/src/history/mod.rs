//! Decisions and events of the last days, in an embedded database.
//!
//! One thread follows both logs in memory, as they grow, and writes what it finds four times a second, in one transaction.
//! Nobody waits for it. The history is a handful of files, each a database of its own (redb), of which the newest is
//! written; what is too old or too much goes by the file, so that no file ever has to shrink. Each file is checked as a
//! whole when it is opened, and a damaged one is moved aside: it takes its part of the time along, and nothing else.
//!
//! A record is the document that the API answers, so that a newer version can show what an older one has written.

/// One file.
mod segment;
/// All files.
mod shelf;
/// Ids that are given once.
mod ids;
/// The thread that writes.
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

pub use segment::{Range, Row, Series};
pub use writer::{Feed, Following, Running};

use crate::clock::Clock;
use crate::config;
use crate::metrics::Metrics;
use ids::Ids;
use segment::Trouble;
use shelf::{Limits, Open, Shelf};
use writer::Writer;

/// Questions that are read at a time: one may be long, and the other is answered all the same.
const READERS: usize = 2;

/// How long a question waits for one of these places.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of documents in one answer at most: 10,000 decisions of the usual size.
const ANSWER: usize = 16 << 20;

/// Bytes that are looked through for one answer: a second or so. More than that, and the answer says where to go on.
const LOOKED_THROUGH: usize = 512 << 20;

/// The history before it is followed.
#[derive(Debug)]
pub struct Past {
    place: Option<(PathBuf, Ids)>,
    first: u64,
}

impl Past {
    /// That of the controller `id` in this directory, if there is one; `clock` is that of this run. Reads one small file.
    pub fn open(config: &config::History, directory: Option<&Path>, id: &str, clock: &Clock) -> Self {
        let seconds = clock.unix_ns(clock.now()) / 1_000_000_000;
        let Some(directory) = directory.filter(|_| config.enabled) else {
            return Self {
                place: None,
                first: seconds,
            };
        };
        let (ids, first) = Ids::begin(directory, id, seconds);
        Self {
            place: Some((directory.to_owned(), ids)),
            first,
        }
    }

    /// The first id of this run: above all of the runs before.
    pub const fn first_id(&self) -> u64 {
        self.first
    }

    /// Follows logs whose first ids are [`Self::first_id`], from now on.
    pub fn follow(
        self,
        config: &config::History,
        id: &str,
        feeds: Vec<Box<dyn Feed>>,
        metrics: &Arc<Metrics>,
        clock: Clock,
    ) -> (History, Option<Running>) {
        let Some((directory, ids)) = self.place else {
            return (History::default(), None);
        };
        let limits = Limits {
            age: u64::try_from(config.keep.as_nanos()).unwrap_or(u64::MAX),
            bytes: config.max_size,
        };
        let open = Arc::new(Open::default());
        let shelf = Shelf::new(&directory, id, limits, Arc::clone(&open), Arc::clone(metrics));
        let writer = Writer::new((shelf, ids), feeds, self.first, Arc::clone(metrics), clock);
        match writer.start() {
            Ok(running) => (History::new(open), Some(running)),
            Err(error) => {
                metrics.process.history_failing.set(1);
                tracing::error!(%error, "there is no history: no thread can be started");
                (History::default(), None)
            }
        }
    }
}

/// Reads what was written. Cheap to copy; the default has nothing.
#[derive(Debug, Clone, Default)]
pub struct History(Option<Reading>);

#[derive(Debug, Clone)]
struct Reading {
    open: Arc<Open>,
    places: Arc<Semaphore>,
}

/// Records of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub rows: Vec<Row>,
    /// There may be more, with ids below this one.
    pub next: Option<u64>,
}

/// Too many read at once.
#[derive(Debug, thiserror::Error)]
#[error("too many questions to the history at once")]
pub struct Busy;

impl History {
    fn new(open: Arc<Open>) -> Self {
        Self(Some(Reading {
            open,
            places: Arc::new(Semaphore::new(READERS)),
        }))
    }

    /// The newest records of a range whose documents are `meant`, at most so many.
    ///
    /// # Errors
    /// Too many ask.
    pub async fn read(
        &self,
        series: Series,
        range: Range,
        most: usize,
        meant: impl Fn(&[u8]) -> bool + Send + 'static,
    ) -> Result<Page, Busy> {
        let Some(Reading { open, places }) = self.0.clone().filter(|_| most > 0) else {
            return Ok(Page::default());
        };
        let place = tokio::time::timeout(PATIENCE, places.acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(Busy);
        };
        let reading = tokio::task::spawn_blocking(move || {
            let page = page(&open, series, range, most, meant);
            drop(place);
            page
        });
        // It does not panic, and is not aborted but with the runtime.
        Ok(reading.await.unwrap_or_default())
    }
}

#[cfg(test)]
impl History {
    /// One that has these records.
    pub(crate) fn holding(directory: &Path, rows: &[(Series, Row)]) -> Self {
        let (open, metrics) = (Arc::new(Open::default()), Arc::new(Metrics::new(1)));
        let limits = Limits {
            age: u64::MAX,
            bytes: 1 << 30,
        };
        let mut shelf = Shelf::new(directory, "fm", limits, Arc::clone(&open), metrics);
        assert!(shelf.write(rows).is_ok(), "{}", directory.display());
        Self::new(open)
    }
}

/// Reads files from the newest to the oldest.
fn page(open: &Open, series: Series, mut range: Range, most: usize, meant: impl Fn(&[u8]) -> bool) -> Page {
    let (mut rows, mut answer, mut looked_through) = (Vec::new(), 0_usize, 0_usize);
    let mut next = None;
    for segment in open.all().iter().rev() {
        let read = segment.read(series, &range, |id, time, json| {
            looked_through = looked_through.saturating_add(json.len());
            next = Some(id);
            if range.holds(time) && meant(json) {
                answer = answer.saturating_add(json.len());
                let json = json.to_vec();
                rows.push(Row { id, time, json });
            }
            rows.len() < most && answer < ANSWER && looked_through < LOOKED_THROUGH
        });
        if let Err(Trouble::Damaged(error) | Trouble::Unavailable(error)) = read {
            tracing::debug!(file = %segment.path.display(), error, "a part of the history cannot be read");
        }
        if rows.len() >= most || answer >= ANSWER || looked_through >= LOOKED_THROUGH {
            return Page { rows, next };
        }
        // Ids fall from file to file, too; were they there twice, they would be shown once.
        range.before = next.or(range.before);
    }
    Page { rows, next: None }
}

#[cfg(test)]
mod tests;

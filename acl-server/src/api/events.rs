//! `GET /events`: what happens, as server-sent events (WHATWG HTML §9.2).
//!
//! A stream begins with `hello` and ends when the daemon does. A watcher that reads too slowly loses events and is told
//! how many; it never slows the writer down.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use shared::wire;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ApiState;
use super::commits::status;
use super::error::ApiError;
use super::parameters::Parameters;
use crate::commit::registry::{CommitState, Record};
use crate::commit::{Committer, SyncState, events};
use crate::metrics::{Held, Metrics};

/// Most watchers at a time: each holds a connection, and is woken by every event.
pub const MAX_WATCHERS: usize = 64;
/// How often a stream that has nothing to say says so: below the idle limits of proxies, and of our own server.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Places for watchers.
#[derive(Debug, Clone)]
pub struct Watchers(Arc<Semaphore>);

impl Default for Watchers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_WATCHERS)))
    }
}

/// One watcher.
struct Watcher {
    committer: Committer,
    receiver: Receiver<events::Event>,
    greeted: bool,
    metrics: Arc<Metrics>,
    _counted: Held,
    _place: OwnedSemaphorePermit,
}

/// `GET /events`: everything that happens from now on.
///
/// # Errors
/// 503 when there are [`MAX_WATCHERS`] already.
pub async fn watch(
    State(state): State<ApiState>,
    parameters: Parameters,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    parameters.only(&[])?;
    let place = Arc::clone(&state.watchers.0).try_acquire_owned();
    let watcher = Watcher {
        receiver: state.committer.events().watch(),
        committer: state.committer,
        greeted: false,
        _counted: state.metrics.event_subscriber(),
        metrics: state.metrics,
        _place: place.map_err(|_| ApiError::too_many_watchers(MAX_WATCHERS))?,
    };
    let stream = unfold(watcher, |mut watcher| async {
        let event = watcher.next().await?;
        Some((Ok(event), watcher))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

impl Watcher {
    /// The next event; `None` when the daemon ends and all of them are told.
    async fn next(&mut self) -> Option<Event> {
        if !std::mem::replace(&mut self.greeted, true) {
            let hello = wire::Hello {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                state: sync(self.committer.sync_state()),
            };
            return Some(event("hello", &hello));
        }
        tokio::select! {
            // What has happened comes before the end.
            biased;
            received = self.receiver.recv() => match received {
                Ok(event) => Some(told(event)),
                Err(RecvError::Lagged(events)) => {
                    self.metrics.events_lagged(events);
                    Some(event("missed", &wire::Missed { events }))
                }
                Err(RecvError::Closed) => None,
            },
            () = self.committer.ended() => None,
        }
    }
}

fn told(told: events::Event) -> Event {
    use events::Event as E;
    match told {
        E::Verdict {
            id,
            what,
            who,
            verdict,
        } => {
            let state = CommitState::Decided(verdict);
            event("verdict", &status(id, &Record { state, what, who }))
        }
        E::Expired { name } => event("expired", &wire::Named { acl: name }),
        E::ExpirySkipped { name } => event("expiry-skipped", &wire::Named { acl: name }),
        E::Drift { name, drifted, etag } => {
            let drift = wire::Drift {
                acl: name,
                drift: drifted,
                etag,
            };
            event("drift", &drift)
        }
        E::Confirmed { id } => event("confirmed", &wire::Confirmation { id: id.to_string() }),
        E::Reverted { id } => event("reverted", &wire::Confirmation { id: id.to_string() }),
        E::Sync { state } => event("sync", &wire::Synced { state: sync(state) }),
    }
}

fn event(name: &str, data: &impl Serialize) -> Event {
    let event = Event::default().event(name);
    // Strings and numbers are always JSON; the fallback is never seen.
    event
        .json_data(data)
        .unwrap_or_else(|_| Event::default().comment("an event that cannot be told"))
}

const fn sync(state: SyncState) -> wire::SyncState {
    match state {
        SyncState::Starting => wire::SyncState::Starting,
        SyncState::Synced => wire::SyncState::Synced,
        SyncState::Unsynced => wire::SyncState::Unsynced,
    }
}

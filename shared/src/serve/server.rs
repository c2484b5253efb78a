//! Accepts connections until it is told to stop, and sees the open ones to their end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::admission::Admission;
use super::connection::{self, Common};
use super::counters::{Counters, count};
use super::limits::{Limits, UNIX_CONNECTIONS};
use super::listener::Listener;
use super::tls::Tls;
use crate::backoff::Backoff;
use crate::life::{Shutdown, ShutdownTrigger};

/// Files that a daemon needs for other things than connections: its own, and those of what it runs.
const OTHER_FILES: usize = 128;
/// How long accepting rests when the system has nothing to give.
const REST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// A running server. Dropping it ends all its connections at once.
pub struct Server {
    listeners: JoinSet<()>,
    stop: ShutdownTrigger,
    counters: Arc<Counters>,
    network: Arc<Admission>,
    local: Arc<Admission>,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
#[error("{0} is to be encrypted, and there is no certificate")]
pub struct NoCertificate(String);

impl Server {
    /// Begins to serve `router` on `listeners`. Each request has an `Arc<Peer>` among its extensions.
    ///
    /// The limit of open files is raised as far as `limits` need it and the system lets us; if that is not far enough,
    /// there may be fewer connections, and the log says so.
    ///
    /// # Errors
    /// A listener is to be encrypted and `tls` is absent.
    pub fn start(
        listeners: Vec<Listener>,
        router: Router,
        tls: Option<Arc<Tls>>,
        mut limits: Limits,
    ) -> Result<Self, NoCertificate> {
        if let Some(listener) = listeners
            .iter()
            .find(|listener| listener.is_tls() && tls.is_none())
        {
            return Err(NoCertificate(listener.name()));
        }
        limits.max_connections = fit_open_files(limits.max_connections);
        let counters = Arc::<Counters>::default();
        let network = Admission::new(limits.max_connections, Arc::clone(&counters));
        let local = Admission::new(UNIX_CONNECTIONS, Arc::clone(&counters));
        let (stop, stopping) = Shutdown::new();
        let common = Arc::new(Common {
            router,
            limits,
            tls,
            counters: Arc::clone(&counters),
            stop: stopping,
        });
        let mut tasks = JoinSet::new();
        for listener in listeners {
            let admission = if listener.is_unix() { &local } else { &network };
            tasks.spawn(accept(listener, Arc::clone(&common), Arc::clone(admission)));
        }
        Ok(Self {
            listeners: tasks,
            stop,
            counters,
            network,
            local,
        })
    }

    /// What became of connections.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.network.taken() + self.local.taken()
    }

    /// Accepts no more, lets the open connections answer what they have begun, for `limit` at most, and ends them.
    /// Returns how many had to be cut.
    pub async fn stop(mut self, limit: Duration) -> usize {
        self.stop.trigger();
        let all = async { while self.listeners.join_next().await.is_some() {} };
        if timeout(limit, all).await.is_ok() {
            return 0;
        }
        let cut = self.open();
        self.listeners.shutdown().await;
        cut
    }
}

/// Accepts connections from one socket. It waits for no peer: whatever one does or leaves undone, its task does the waiting.
async fn accept(listener: Listener, common: Arc<Common>, admission: Arc<Admission>) {
    let mut connections = JoinSet::new();
    let mut backoff = Backoff::new(REST.0, REST.1, 1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = common.stop.wait() => break,
        };
        // Those that have ended meanwhile.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                backoff.reset();
                let place = tokio::select! {
                    place = admission.admit(&peer) => place,
                    () = common.stop.wait() => break,
                };
                connections.spawn(connection::serve(Arc::clone(&common), stream, peer, place));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                count(&common.counters.accepts_failed);
                // No descriptors, no memory: idle connections give some back.
                if admission.shortage() {
                    tracing::error!(listener = listener.name(), %error, "no connection can be accepted; trying again");
                }
                let delay = backoff.next_delay();
                tokio::select! {
                    () = sleep(delay) => {}
                    () = common.stop.wait() => break,
                }
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// A connection that broke before it was accepted says nothing about the next one (accept(2), "Error handling").
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkDown,
        NetworkUnreachable, NotConnected, PermissionDenied, TimedOut,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | NotConnected
            | PermissionDenied
            | TimedOut
    )
}

/// How many of `connections` there can be, after the limit of open files has been raised for them.
fn fit_open_files(connections: usize) -> usize {
    let other = OTHER_FILES + UNIX_CONNECTIONS;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return connections;
    };
    let needed = u64::try_from(connections.saturating_add(other)).unwrap_or(u64::MAX);
    if needed <= soft {
        return connections;
    }
    let raised = needed.min(hard);
    let limit = match setrlimit(Resource::RLIMIT_NOFILE, raised, hard) {
        Ok(()) => raised,
        Err(_) => soft,
    };
    let fitting = usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .saturating_sub(other)
        .max(1);
    if fitting < connections {
        tracing::warn!(
            wanted = connections,
            possible = fitting,
            "the system's limit of open files allows fewer connections; raise LimitNOFILE of the service"
        );
    }
    fitting.min(connections)
}

#[cfg(test)]
mod tests;

//! One listing for everybody who asks within a second.
//!
//! Clients that poll counters must not keep the tool busy, nor one another waiting: whoever asks while a listing runs gets
//! that one, and whoever asks soon after gets the last one, failures included. A run that was begun is finished even if
//! nobody waits for it any more. While commits keep the tool busy the last good listing is told, as long as it is not too
//! old; rules that have changed since are not in it, and it says nothing about them.
#![expect(clippy::disallowed_methods, reason = "the age of a listing is read here")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::listing::{Listing, Names};
use super::{ListError, Listed, Tool};
use crate::metrics::{ListingOutcome, Metrics};

/// How old a listing may be that is told while commits keep the tool busy.
const STALE: Duration = Duration::from_secs(60);

/// How listings are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the tool is told.
    pub arguments: Vec<String>,
    /// How long it may take.
    pub limit: Duration,
    /// For how long its answer is used.
    pub fresh: Duration,
}

impl Default for Settings {
    /// `-L all`, at most 10 s, once a second.
    fn default() -> Self {
        Self {
            arguments: vec!["-L".to_owned(), "all".to_owned()],
            limit: Duration::from_secs(10),
            fresh: Duration::from_secs(1),
        }
    }
}

/// Listings for whoever asks. Clones share them.
#[derive(Debug, Clone)]
pub struct Counters {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    tool: Tool,
    settings: Settings,
    metrics: Arc<Metrics>,
    names: Names,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Done>,
    good: Option<Counted>,
    flight: Option<watch::Receiver<Option<Done>>>,
}

/// A run that has ended.
#[derive(Debug, Clone)]
struct Done {
    at: Instant,
    result: Result<Counted, ListError>,
}

/// A listing, and when it was made.
#[derive(Debug, Clone)]
pub struct Counted {
    /// What was listed.
    pub listing: Arc<Listing>,
    at: Instant,
}

impl Counted {
    /// Time since it was made.
    pub fn age(&self) -> Duration {
        self.at.elapsed()
    }
}

impl Counters {
    /// Listings of this tool. Reads the names of services that the machine knows.
    pub fn new(tool: Tool, settings: Settings, metrics: Arc<Metrics>) -> Self {
        let names = Names::of_this_machine();
        let shared = Shared {
            tool,
            settings,
            metrics,
            names,
            state: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The counters as they were a moment ago. To look up many rules in it takes a while: not on a runtime thread.
    ///
    /// # Errors
    /// As [`Tool::list`].
    pub async fn listing(&self) -> Result<Counted, ListError> {
        let mut flight = {
            let mut state = self.shared.state();
            let fresh = self.shared.settings.fresh;
            if let Some(last) = state.last.as_ref().filter(|last| last.at.elapsed() < fresh) {
                return last.result.clone();
            }
            // One whose sender has gone will never land.
            let flight = state.flight.take().filter(|flight| flight.has_changed().is_ok());
            let flight = flight.unwrap_or_else(|| self.take_off());
            state.flight.insert(flight).clone()
        };
        match flight.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(done)) => done.result.clone(),
            _ => Err(ListError::Failed("it was not finished".to_owned())),
        }
    }

    fn take_off(&self) -> watch::Receiver<Option<Done>> {
        let (sender, receiver) = watch::channel(None);
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let result = shared.list().await;
            sender.send_replace(Some(shared.landed(result)));
        });
        receiver
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn list(&self) -> Result<Counted, ListError> {
        let listed = self
            .tool
            .list(&self.settings.arguments, self.settings.limit)
            .await;
        let at = Instant::now();
        self.metrics.listing(match &listed {
            Ok(_) => ListingOutcome::Read,
            Err(ListError::Busy) => ListingOutcome::Busy,
            Err(ListError::TimedOut(_)) => ListingOutcome::TimedOut,
            Err(ListError::NotStarted(_) | ListError::Failed(_)) => ListingOutcome::Failed,
        });
        let Listed { text, cut } = listed?;
        let names = self.names.clone();
        let parsed = tokio::task::spawn_blocking(move || {
            let mut listing = Listing::parse(&String::from_utf8_lossy(&text), names);
            listing.truncated |= cut;
            listing
        });
        let listing = parsed
            .await
            .map_err(|error| ListError::Failed(error.to_string()))?;
        if listing.truncated {
            tracing::warn!(
                rows = listing.rows.len(),
                "the tool lists more than is kept: some counters are unknown"
            );
        }
        Ok(Counted {
            listing: Arc::new(listing),
            at,
        })
    }

    /// Keeps what a run brought, for those who ask soon.
    fn landed(&self, result: Result<Counted, ListError>) -> Done {
        let mut state = self.state();
        let result = match result {
            Ok(counted) => {
                state.good = Some(counted.clone());
                Ok(counted)
            }
            Err(ListError::Busy) => {
                let good = state.good.clone().filter(|good| good.age() < STALE);
                good.ok_or(ListError::Busy)
            }
            Err(error) => {
                tracing::warn!(%error, "counters are unknown");
                Err(error)
            }
        };
        let done = Done {
            at: Instant::now(),
            result,
        };
        (state.last, state.flight) = (Some(done.clone()), None);
        done
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    const LISTING: &str = "Listing rules of type iptables:\\nTABLE filter :\\nChain FORWARD (policy ACCEPT)\\n\
                           3 90 DROP all -- any any anywhere anywhere";

    fn counters(directory: &Path, script: &str, fresh: Duration) -> Counters {
        let program = directory.join("tool");
        let script = format!(
            "#!/bin/sh\n[ $1 = -i ] && sleep 0.5 && exit\necho x >>{0}/runs\n{script}\n",
            directory.display()
        );
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let limit = Duration::from_secs(30);
        let tool = Tool::new(&program, vec!["-i".to_owned()], limit, directory).unwrap();
        let settings = Settings {
            fresh,
            limit,
            ..Settings::default()
        };
        Counters::new(tool, settings, Arc::default())
    }

    fn runs(directory: &Path) -> usize {
        std::fs::read_to_string(directory.join("runs")).map_or(0, |text| text.lines().count())
    }

    fn packets(counted: &Counted) -> Option<u64> {
        let policy = crate::rules::parse(&["[iptables]", "-A FORWARD -j DROP"]).unwrap();
        counted.listing.counters(&"a".parse().unwrap(), &policy)[0].packets
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_hundred_clients_are_one_run() {
        let directory = tempfile::tempdir().unwrap();
        let counters = counters(directory.path(), &format!("sleep 0.3; printf '{LISTING}'"), LONG);
        let clients: Vec<_> = (0..100)
            .map(|_| {
                let counters = counters.clone();
                tokio::spawn(async move { counters.listing().await })
            })
            .collect();
        for client in clients {
            assert_eq!(packets(&client.await.unwrap().unwrap()), Some(3));
        }
        let later = counters.listing().await.unwrap();
        assert!(later.age() < LONG);
        assert_eq!(runs(directory.path()), 1);
        let text = counters.shared.metrics.render();
        assert!(
            text.contains("acl_server_listings_total{outcome=\"read\"} 1"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn an_old_listing_is_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let counters = counters(directory.path(), &format!("printf '{LISTING}'"), Duration::ZERO);
        counters.listing().await.unwrap();
        counters.listing().await.unwrap();
        assert_eq!(runs(directory.path()), 2);
    }

    #[tokio::test]
    async fn a_failure_is_told_to_all_who_ask_soon() {
        let directory = tempfile::tempdir().unwrap();
        let counters = counters(directory.path(), "echo no; exit 1", LONG);
        for _ in 0..5 {
            assert!(matches!(counters.listing().await, Err(ListError::Failed(_))));
        }
        assert_eq!(runs(directory.path()), 1);
    }

    #[tokio::test]
    async fn a_run_is_finished_although_its_callers_have_gone() {
        let directory = tempfile::tempdir().unwrap();
        let counters = counters(directory.path(), &format!("sleep 0.5; printf '{LISTING}'"), LONG);
        for _ in 0..20 {
            let asked = tokio::time::timeout(Duration::from_millis(1), counters.listing());
            assert!(asked.await.is_err());
        }
        assert_eq!(packets(&counters.listing().await.unwrap()), Some(3));
        assert_eq!(runs(directory.path()), 1);
    }

    #[tokio::test]
    async fn during_commits_the_last_good_listing_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let counters = counters(directory.path(), &format!("printf '{LISTING}'"), Duration::ZERO);
        let commit = || {
            let tool = counters.shared.tool.clone();
            tokio::spawn(async move { tool.run().await })
        };
        let committing = commit();
        while *counters.shared.tool.shared.commits.borrow() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(counters.listing().await.unwrap_err(), ListError::Busy);
        committing.await.unwrap();
        counters.listing().await.unwrap();
        let committing = commit();
        while *counters.shared.tool.shared.commits.borrow() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(packets(&counters.listing().await.unwrap()), Some(3));
        assert_eq!(runs(directory.path()), 1);
        committing.await.unwrap();
    }
}

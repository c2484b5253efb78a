//! What happens now, gathered once a second for everybody who watches, and what has happened.
//!
//! One task asks the receiving threads, the desired states and the journal, makes of that the list of flows and the
//! overview, and publishes both; whoever watches shares the same bytes. A watcher who reads slowly misses seconds and holds
//! nobody up. While nobody watches, only history is written.

mod collector;
mod gather;
mod agents;
mod changes;
mod ends;
mod flows;
mod places;
mod history;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::Bytes;
use shared::AclName;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::clock::Time;
use crate::inventory::Roster;
use crate::overview::{Ends, Place};
use places::Places;

pub use collector::{Collector, Sources};
pub use flows::FlowList;
pub use history::{History, Point, Span};

/// An overview this old is none of now.
const FRESH: Duration = Duration::from_millis(1500);

/// The longest that a fresh one is waited for: the receiving threads have 5 s to answer, of which they need milliseconds.
const PATIENCE: Duration = Duration::from_secs(6);

/// An overview, made once.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    at: Option<Time>,
    /// As JSON.
    pub json: Bytes,
    /// The same as a server-sent event (WHATWG HTML §9.2).
    pub event: Bytes,
}

impl Frame {
    fn new(at: Time, json: Vec<u8>) -> Self {
        let mut event = Vec::with_capacity(json.len() + 64);
        // JSON has no line breaks of its own: serde escapes them.
        event.extend_from_slice(b"event: overview\nretry: 1000\ndata: ");
        event.extend_from_slice(&json);
        event.extend_from_slice(b"\n\n");
        Self {
            at: Some(at),
            json: json.into(),
            event: event.into(),
        }
    }

    /// Whether it is of a time before `at`.
    fn is_before(&self, at: Time) -> bool {
        self.at.is_none_or(|mine| mine < at)
    }

    /// Whether it is of this second.
    pub fn is_fresh(&self, now: Time) -> bool {
        self.at.is_some_and(|at| now.since(at) < FRESH)
    }
}

/// When controls end, by the position of their switch, and when that was found out.
#[derive(Debug, Default)]
struct AllEnds {
    at: Time,
    ends: HashMap<(usize, AclName), Ends>,
}

/// What happens now, for readers. Cheap to copy; all copies are the same.
#[derive(Debug, Clone)]
pub struct Live(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    frames: watch::Sender<Frame>,
    /// Somebody waits for a frame.
    wanted: Notify,
    flows: ArcSwap<FlowList>,
    ends: ArcSwap<AllEnds>,
    history: Mutex<History>,
    places: Mutex<Places>,
    roster: Arc<Roster>,
}

impl Live {
    /// Of which nothing is known yet.
    pub fn new(roster: Arc<Roster>) -> Self {
        Self(Arc::new(Shared {
            frames: watch::Sender::new(Frame::default()),
            wanted: Notify::new(),
            flows: ArcSwap::default(),
            ends: ArcSwap::default(),
            history: Mutex::default(),
            places: Mutex::default(),
            roster,
        }))
    }

    /// The overview as it is published. As long as there is a receiver there is one each second.
    pub fn watch(&self) -> watch::Receiver<Frame> {
        let receiver = self.0.frames.subscribe();
        self.0.wanted.notify_one();
        receiver
    }

    /// The overview of this second; `None` when the machine has no time to make one.
    pub async fn frame(&self, now: Time) -> Option<Frame> {
        let mut frames = self.watch();
        let fresh = timeout(PATIENCE, frames.wait_for(|frame| frame.is_fresh(now)));
        Some(fresh.await.ok()?.ok()?.clone())
    }

    /// All flows, as they were within the last second.
    pub fn flows(&self) -> Arc<FlowList> {
        self.0.flows.load_full()
    }

    /// When a control of the switch at this position ends, as far as that is known just now.
    pub fn ends(&self, now: Time, switch: usize, name: &AclName) -> Ends {
        let known = self.0.ends.load();
        let found = known.ends.get(&(switch, name.clone()));
        let fresh = now.since(known.at) < PATIENCE;
        found.filter(|_| fresh).cloned().unwrap_or_default()
    }

    /// What was in the `seconds` before `until`, in seconds since 1970.
    pub fn history(&self, until: u64, seconds: u64) -> Span {
        let history = self.0.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.read(until, seconds)
    }

    /// What people call an agent.
    pub fn name(&self, agent: IpAddr) -> String {
        self.place(agent).name.to_string()
    }

    fn place(&self, agent: IpAddr) -> Arc<Place> {
        self.places().of(&self.0.roster, agent)
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, second: u64, point: &Point) {
        let mut history = self.0.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.add(second, point);
    }
}

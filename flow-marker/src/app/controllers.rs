//! The tasks that decide: what becomes of elephants, of listed hosts and attacks, and whether marks arrive.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use super::base::Base;
use crate::blacklist::watch::Watch;
use crate::control::desk::Desk;
use crate::control::dispatch::Dispatcher;
use crate::control::oversight::Oversight;
use crate::control::watchman::Watchman;
use crate::detect::Event;
use crate::engine::Notice;
use crate::lookout::{Lookout, Sign};
use crate::marked::Marked;
use crate::metrics::Metrics;
use crate::state::State;

/// Events on their way to the controllers: more than all elephants of a large fabric that start in one second. When it
/// is full, events are offered again.
const EVENTS: usize = 1024;

/// Signs of listed hosts and attacks on their way to the controllers, each at most once a second.
const SIGNS: usize = 1024;

/// The tasks that decide.
#[derive(Debug)]
pub(super) struct Controllers(JoinSet<()>);

/// Where receiving threads tell them what they see, and learn what to look out for.
#[derive(Debug)]
pub(super) struct Ears {
    events: mpsc::Sender<Notice>,
    signs: mpsc::Sender<Sign>,
    lists: Arc<ArcSwap<Watch>>,
    marked: Arc<ArcSwap<Marked>>,
    metrics: Arc<Metrics>,
}

impl Controllers {
    /// Starts them with what people wanted before, and where one can ask them. They end with the last of the ears.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub(super) fn start(base: &Base, state: &State) -> anyhow::Result<(Self, Ears, Desk)> {
        let Base { clock, metrics, .. } = base;
        let (newest, switches) = (|| base.newest.clone(), || Arc::clone(&base.switches));
        let mut watchman = Watchman::new(newest(), switches(), Arc::clone(metrics), *clock)?;
        watchman.recall(state.recall_controls(clock, clock.now()), |key| {
            state.recall_list(key)
        });
        let oversight = Oversight::new(switches(), *clock);
        let dispatcher = Dispatcher::new(newest(), switches(), *clock);
        let (events, notices) = mpsc::channel(EVENTS);
        let (signs, told) = mpsc::channel(SIGNS);
        let ears = Ears {
            events,
            signs,
            lists: watchman.watch(),
            marked: oversight.marked(),
            metrics: Arc::clone(metrics),
        };
        let desk = watchman.desk();
        let mut tasks = JoinSet::new();
        tasks.spawn(dispatcher.run(notices));
        tasks.spawn(watchman.run(told));
        tasks.spawn(oversight.run());
        Ok((Self(tasks), ears, desk))
    }

    /// Returns when one of them has ended, which none does as long as there are ears, but by a bug.
    pub(super) async fn ended(&mut self) {
        if let Some(ended) = self.0.join_next().await {
            said(ended);
        }
    }

    /// Ends them at once: what is still on its way to the switches is not wanted any more, however much it is. When this
    /// returns they decide nothing more.
    pub(super) async fn end(mut self) {
        self.0.abort_all();
        while let Some(ended) = self.0.join_next().await {
            said(ended);
        }
    }
}

fn said(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a controller has panicked");
    }
}

impl Ears {
    /// Where one thread tells of elephants; false when nobody has taken it.
    pub(super) fn elephants(&self) -> impl FnMut(Notice) -> bool + Send + use<> {
        let (events, counts) = (self.events.clone(), Arc::clone(&self.metrics));
        move |notice| {
            // How large an elephant is now must not be in the way of one that begins or ends.
            let waits = matches!(notice.event, Event::Progress(_)) && events.capacity() < EVENTS / 2;
            let sent = !waits && events.try_send(notice).is_ok();
            match sent {
                true => counts.process.events_sent.inc(),
                false => counts.process.events_dropped.inc(),
            }
            sent
        }
    }

    /// What one thread looks out for besides, and where it tells that.
    pub(super) fn lookout(&self, drops: &crate::config::Drops) -> Lookout {
        let (signs, counts) = (self.signs.clone(), Arc::clone(&self.metrics));
        let tell = move |sign| {
            let sent = signs.try_send(sign).is_ok();
            if !sent {
                counts.process.signs_dropped.inc();
            }
            sent
        };
        Lookout::new(Arc::clone(&self.lists), Arc::clone(&self.marked), drops, tell)
    }
}

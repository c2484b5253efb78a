//! What all parts work with, and what is remembered of the run before.

use std::sync::Arc;

use tokio::sync::watch;

use crate::api::{DecisionFeed, EventFeed};
use crate::clock::Clock;
use crate::config::Config;
use crate::control::desk::Desk;
use crate::control::journal::Journal;
use crate::control::overrides::Overrides;
use crate::control::pause::Pause;
use crate::control::switches::{self, Switches};
use crate::engine::Engine;
use crate::history::{Feed, History, Past, Running};
use crate::inventory::Roster;
use crate::live;
use crate::metrics::Metrics;
use crate::state::{self, State};
use crate::webhook::{Ready, Webhooks};

/// What all parts work with.
#[derive(Debug)]
pub(super) struct Base {
    /// As it was at the start.
    pub(super) config: Arc<Config>,
    /// As it is in force.
    pub(super) newest: watch::Receiver<Arc<Config>>,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) journal: Arc<Journal>,
    pub(super) switches: Arc<Switches>,
    pub(super) pause: Arc<Pause>,
    pub(super) overrides: Arc<Overrides>,
    /// Ids of events and decisions begin here.
    pub(super) first_id: u64,
}

/// What is remembered of the run before, as far as it was not told to anybody yet.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) state: State,
    pub(super) past: Past,
}

impl Base {
    /// Begins with what people have said and what was learned before, for so many receiving threads. The sender tells
    /// everybody of a newer configuration.
    pub(super) fn new(config: Config, threads: usize) -> (Self, Memory, watch::Sender<Arc<Config>>) {
        let clock = Clock::start();
        let metrics = Arc::new(Metrics::new(threads));
        let roster = Arc::new(Roster::new(&config, &metrics));
        let directory = state::directory(&config);
        let past = Past::open(&config.history, directory.as_deref().ok(), &config.id, &clock);
        let first_id = past.first_id();
        let journal = Arc::new(Journal::new(first_id, config.mark.max_rules));
        let switches = Arc::new(Switches::new(Arc::clone(&roster), &config, Arc::clone(&journal)));
        let state = State::open(directory, &config.id);
        let overrides = Overrides::new(switches::modes(&config));
        let (pause, overrides) = (Arc::<Pause>::default(), Arc::new(overrides));
        state.recall_ports(&roster);
        state.recall_words(clock.now(), &switches, &pause, &overrides);
        state.recall_rests(&clock, clock.now(), &switches);
        metrics.process.paused.set(u64::from(pause.read().is_some()));
        let config = Arc::new(config);
        let (newer, newest) = watch::channel(Arc::clone(&config));
        let base = Self {
            config,
            newest,
            clock,
            metrics,
            journal,
            switches,
            pause,
            overrides,
            first_id,
        };
        (base, Memory { state, past }, newer)
    }

    /// What the overview is made of.
    pub(super) fn gathered(&self, engine: &Engine, desk: &Desk) -> live::Sources {
        live::Sources {
            engine: engine.clone(),
            switches: Arc::clone(&self.switches),
            desk: desk.clone(),
            pause: Arc::clone(&self.pause),
            metrics: Arc::clone(&self.metrics),
            config: self.newest.clone(),
            clock: self.clock,
        }
    }

    /// What is to survive this run.
    pub(super) fn remembered(&self, desk: &Desk) -> state::Sources {
        state::Sources {
            pause: Arc::clone(&self.pause),
            overrides: Arc::clone(&self.overrides),
            desk: desk.clone(),
            switches: Arc::clone(&self.switches),
            clock: self.clock,
        }
    }

    /// Writes down from now on what is decided and happens.
    pub(super) fn record(&self, past: Past, engine: &Engine) -> (History, Option<Running>) {
        let feeds: Vec<Box<dyn Feed>> = vec![
            Box::new(DecisionFeed::new(Arc::clone(&self.journal), self.clock)),
            Box::new(EventFeed::new(engine.clone(), self.clock)),
        ];
        let config = &self.config;
        past.follow(&config.history, &config.id, feeds, &self.metrics, self.clock)
    }

    /// Tells others from now on what is decided and happens.
    pub(super) fn tell(&self, ready: Ready, engine: &Engine) -> Webhooks {
        let logs = (engine, &self.journal);
        Webhooks::start(
            ready,
            &self.config.id,
            logs,
            &self.metrics,
            (self.clock, self.first_id),
        )
    }
}

//! Reads the configuration again: SIGHUP.
//!
//! First everything that can fail is done: the file is read and judged as a whole, and so are all files that it names. Then
//! each part takes its share, which cannot fail. So a file that cannot be used changes nothing at all, and no part ever works
//! by another half of the configuration than the others. What only a restart changes stays, and is named.

use std::sync::Arc;

use anyhow::Context as _;
use shared::life::{self, Shutdown};
use shared::serve::Reload;
use tokio::sync::watch;

use super::base::Base;
use super::clients::{self, Clients};
use super::serving::{Callers, Serving};
use crate::actuator::Kind;
use crate::clock::Clock;
use crate::config::changes::{Changes, Update};
use crate::config::{Blacklist, Config};
use crate::control::desired::{About, Decision, What};
use crate::control::overrides::Overrides;
use crate::control::reconcile::Care;
use crate::control::switches::{self, Switches};
use crate::engine::Engine;
use crate::metrics::Metrics;
use crate::webhook::{Ready, Webhooks};

/// Who asks, for the journal.
const WHO: &str = "SIGHUP";

/// What follows the configuration.
pub(super) struct Reloading {
    /// Where the one in force is, for the dispatcher, the watchman and the API.
    newer: watch::Sender<Arc<Config>>,
    /// For the loops of switches.
    care: watch::Sender<Care>,
    serving: Serving,
    clients: Arc<Clients>,
    engine: Engine,
    switches: Arc<Switches>,
    overrides: Arc<Overrides>,
    webhooks: Webhooks,
    metrics: Arc<Metrics>,
    clock: Clock,
}

/// A newer configuration with all that it names, ready to be followed.
struct Prepared {
    config: Arc<Config>,
    changes: Changes,
    callers: Callers,
    clients: clients::Fresh,
    webhooks: Ready,
}

impl Reloading {
    /// What follows the configuration that all have followed so far.
    pub(super) fn new(
        base: Base,
        (newer, care): (watch::Sender<Arc<Config>>, watch::Sender<Care>),
        (serving, clients): (Serving, Arc<Clients>),
        engine: Engine,
        webhooks: Webhooks,
    ) -> Self {
        Self {
            newer,
            care,
            serving,
            clients,
            engine,
            switches: base.switches,
            overrides: base.overrides,
            webhooks,
            metrics: base.metrics,
            clock: base.clock,
        }
    }

    /// Reads it again whenever that is asked for, until `shutdown`: what is withdrawn then must not be wanted again. Never ends
    /// by itself.
    pub(super) async fn run(mut self, mut reload: Reload, shutdown: Shutdown) {
        self.succeeded();
        loop {
            tokio::select! {
                () = reload.asked() => {}
                () = shutdown.wait() => std::future::pending().await,
            }
            life::notify_reloading();
            // Files are read, and certificates: of a thousand switches that takes a while.
            let status = tokio::task::block_in_place(|| self.reload());
            // It is one line (sd_notify(3)), whatever a file is called.
            life::notify_status(&status.replace('\n', " "));
            life::notify_ready();
        }
    }

    /// Reads it again; what came of it.
    fn reload(&mut self) -> String {
        let before = Arc::clone(&self.newer.borrow());
        let followed = self
            .prepare(&before)
            .and_then(|prepared| self.follow(&before, prepared));
        let is_taken = followed.is_ok();
        let (reason, status) = match followed {
            Ok(changes) => {
                tracing::info!(%changes, "the configuration was read again");
                ("taken", changes.to_string())
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, "the configuration is not taken; nothing is changed");
                ("refused", format!("configuration not taken: {error}"))
            }
        };
        let decision = Decision::new(self.clock.now(), What::Reloaded, About::Switch);
        let decision = decision.because(reason, &status).by(Some(WHO.into()));
        self.switches.journal().record(None, [decision]);
        // Last: whoever sees it counted finds what came of it.
        let m = &self.metrics.process;
        match is_taken {
            true => {
                self.succeeded();
                m.reloads_done.inc();
            }
            false => {
                m.reload_succeeded.set(false);
                m.reloads_refused.inc();
            }
        }
        status
    }

    fn succeeded(&self) {
        let m = &self.metrics.process;
        m.reload_succeeded.set(true);
        m.reload_time
            .set(self.clock.unix_ns(self.clock.now()) / 1_000_000_000);
    }

    /// Does all that can fail, and changes nothing.
    fn prepare(&self, before: &Config) -> anyhow::Result<Prepared> {
        let fresh = before.reread()?;
        fresh.http.check(fresh.file.as_deref())?;
        let Update { config, changes } = Update::new(before, fresh);
        let callers = self.serving.prepare(&before.http, &config)?;
        let mut modes = switches::modes(&config);
        for (kind, set) in self.overrides.read() {
            modes = modes.with(kind, set.mode);
        }
        let clients = self.clients.prepare(&config, modes)?;
        config
            .capture
            .blacklists
            .iter()
            .try_for_each(Blacklist::check_file)?;
        Ok(Prepared {
            callers,
            clients,
            webhooks: Webhooks::prepare(&config)?,
            config: Arc::new(config),
            changes,
        })
    }

    /// Has every part take its share. Fails only before anything has changed.
    fn follow(&mut self, before: &Config, prepared: Prepared) -> anyhow::Result<Changes> {
        let Prepared {
            config,
            mut changes,
            callers,
            clients,
            webhooks,
        } = prepared;
        // Users of the API may have taken the places of its groups a moment ago.
        self.engine.follow(before, &config).context("[group]")?;
        self.serving.follow(callers);
        self.webhooks.follow(webhooks);
        self.switches.follow(&config);
        self.clients.follow(&config, clients);
        self.care.send_replace(Care::of(&config.mark));
        self.newer.send_replace(Arc::clone(&config));
        self.switches.roster().follow(&config);
        // Last: what is not to be marked any more is known before switches are contacted.
        let now = self.clock.now();
        self.overrides
            .follow(&self.switches, now, switches::modes(&config));
        let set = self.overrides.read();
        for kind in Kind::ALL {
            let other = switches::modes(before).of(kind) != switches::modes(&config).of(kind);
            if let Some(set) = set.get(&kind).filter(|_| other) {
                let (name, mode, who) = (kind.name(), format!("{:?}", set.mode), &set.said.caller);
                changes.made.push(format!(
                    "{name} stays in mode {}, as {who} has set it",
                    mode.to_lowercase()
                ));
            }
        }
        Ok(changes)
    }
}

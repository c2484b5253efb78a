//! Puts the daemon together and runs it until it is asked to end.

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use shared::life::{self, Pulse, Readiness, Shutdown};
use shared::serve::listener::Passed;
use shared::serve::{Listener, Reload, Server, Tls};

use crate::api::auth::Access;
use crate::api::{self, ApiState};
use crate::commit::engine::Engine;
use crate::commit::start::Parts;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::policy::Guard;
use crate::store::{Dir, Store, SystemDir};
use crate::tables;
use crate::tool::counters::{Counters, Settings};
use crate::tool::{Tool, resource};

/// Callers and certificates, when settings are read again.
mod reread;
/// Who is let in, and by what certificate they know us.
mod callers;

use callers::Callers;
use reread::Rereading;

/// How long clients may take to read their last replies.
const LAST_REPLIES: Duration = Duration::from_secs(5);

/// The sockets of the API: those that systemd has passed, or else those that are configured.
///
/// # Errors
/// An address is in use or not ours, or it may not be listened on with these settings.
pub async fn bind(config: &Config, passed: Vec<Passed>) -> Result<Vec<Listener>> {
    if !passed.is_empty() {
        let listeners = Listener::all_passed(passed, |address| config.is_passed_for_tls(address));
        return listeners.context("a socket that was passed");
    }
    let mut listeners = Vec::new();
    for (address, tls) in config.endpoints() {
        config.may_listen(address, tls)?;
        let listener = Listener::tcp(address, tls).await;
        listeners.push(listener.with_context(|| format!("cannot listen on {address}"))?);
    }
    if let Some(path) = &config.socket {
        let listener = Listener::unix(path);
        listeners.push(listener.with_context(|| format!("cannot listen on {}", path.display()))?);
    }
    Ok(listeners)
}

/// Reads everything that the settings name, as a start would; changes and contacts nothing.
///
/// # Errors
/// The daemon would not start with these settings.
pub fn check(config: &Config) -> Result<()> {
    config.check()?;
    Callers::read(config).map(drop)
}

/// Runs the daemon on bound listeners until `shutdown`; reads credentials and certificates again at each `reload`.
///
/// # Errors
/// The API would be open by accident; a file of credentials or certificates cannot be used; another daemon owns the state
/// directory; the policy directory, the journal or the lock cannot be used; or the writer ended unexpectedly.
pub async fn run(config: Config, listeners: Vec<Listener>, shutdown: Shutdown, reload: Reload) -> Result<()> {
    config.validate()?;
    let addresses = say_who_may_come(&config, &listeners)?;
    let callers = Callers::read(&config)?;
    let access = Access::new(callers.credentials, callers.required, config.no_auth);
    let access = Arc::new(access);
    let tls = callers.tls.map(|fresh| Arc::new(Tls::new(fresh)));
    let readiness = Readiness::new();
    let starting = readiness.latch("start");

    // Its files are locks too: who can open one can hold it.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.state_dir)
        .with_context(|| format!("cannot make the state directory {}", config.state_dir.display()))?;
    let _only_one = lock_state_dir(&config).await?;
    let store = Store::open(&config.policy_dir)
        .with_context(|| format!("cannot use the policy directory {}", config.policy_dir.display()))?;
    let tool = Tool::new(
        &config.tool,
        config.tool_arguments(),
        config.tool_timeout.0,
        &config.state_dir,
    )
    .with_context(|| format!("cannot use the state directory {}", config.state_dir.display()))?;
    let lister = tool.clone();
    life::notify_status("waiting for an earlier run of the ACL tool");
    let metrics = Arc::new(Metrics::default());
    let parts = Parts {
        store,
        state: private_dir(&config.state_dir)?,
        kept: private_dir(&config.state_dir.join("drift"))?,
        tool,
        boot: tables::name(),
        entries_limit: entries_limit(&config).await,
        metrics: Arc::clone(&metrics),
        readiness: readiness.clone(),
        shutdown: shutdown.clone(),
    };
    let started = tokio::select! {
        started = Engine::start(parts) => started,
        () = shutdown.wait() => return Ok(()),
    };
    let (committer, engine) = started.with_context(|| {
        format!(
            "cannot take over the policy directory {}",
            config.policy_dir.display()
        )
    })?;

    let mut state = ApiState::new(committer, readiness);
    state.mode = config.rules;
    state.guard = Arc::new(Guard {
        api: listeners.iter().filter_map(Listener::address).collect(),
        protect: config.protect.clone(),
    });
    state.counters = Some(Counters::new(lister, listing(&config), Arc::clone(&metrics)));
    let app = api::router(state, Arc::clone(&access));
    // Files, syncs and waits for the tool block: the writer has a thread of its own.
    let pulse = Pulse::default();
    let engine = tokio::task::spawn_blocking({
        let pulse = pulse.clone();
        move || tokio::runtime::Handle::current().block_on(pulse.during(engine.run()))
    });
    let server = Server::start(listeners, app, tls.clone(), config.limits.limits())?;
    tokio::spawn(life::watchdog(move || pulse.answers()));
    drop(starting);
    life::notify_ready();
    let status = format!("listening on {addresses}");
    life::notify_status(&status);
    tracing::info!(listen = %addresses, policy_dir = %config.policy_dir.display(), tool = %config.tool.display(), "acl-server is up");
    let rereading = Rereading {
        config,
        access,
        tls,
        metrics,
        status,
    };
    let rereading = tokio::spawn(rereading.run(reload));
    let ended = serve(server, engine, shutdown).await;
    rereading.abort();
    ended
}

/// Refuses listeners that would let everybody in by accident, and says in the log what is meant and dangerous. Returns
/// where the API listens, for people.
fn say_who_may_come(config: &Config, listeners: &[Listener]) -> Result<String> {
    if listeners.is_empty() {
        return Err(anyhow!("there is nothing to listen on"));
    }
    for listener in listeners {
        let Some(address) = listener.address() else {
            continue;
        };
        config.may_listen(address, listener.is_tls())?;
        if let Some(danger) = config.exposure(address, listener.is_tls()) {
            tracing::warn!(%address, "{danger}");
        }
    }
    let names: Vec<String> = listeners
        .iter()
        .map(|listener| {
            let tls = if listener.is_tls() { " (TLS)" } else { "" };
            format!("{}{tls}", listener.name())
        })
        .collect();
    Ok(names.join(" and "))
}

async fn serve(server: Server, engine: tokio::task::JoinHandle<()>, shutdown: Shutdown) -> Result<()> {
    // The writer first: it still has verdicts for those who wait, and it turns away those who come.
    let announced = tokio::spawn({
        let shutdown = shutdown.clone();
        async move {
            shutdown.wait().await;
            life::notify_stopping();
        }
    });
    let engine_ended = engine.await;
    announced.abort();
    let cut = server.stop(LAST_REPLIES).await;
    if cut > 0 {
        tracing::debug!(cut, "some clients did not read their last reply");
    }
    engine_ended.context("the writer failed")?;
    if shutdown.requested() {
        Ok(())
    } else {
        Err(anyhow!("the writer ended although nobody asked it to"))
    }
}

fn listing(config: &Config) -> Settings {
    Settings {
        arguments: config.list_arguments(),
        ..Settings::default()
    }
}

/// Entries that the switch has: configured, or as its own program says.
async fn entries_limit(config: &Config) -> Option<u64> {
    if config.entries_limit.is_some() {
        return config.entries_limit;
    }
    let program = config.resource_query_program()?;
    let limit = resource::query(&program, resource::LIMIT)
        .await?
        .ingress_entries?
        .limit;
    tracing::info!(program = %program.display(), limit, "entries of the switch");
    limit
}

/// A directory of ours that nobody else reads.
fn private_dir(path: &Path) -> Result<Arc<dyn Dir>> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| SystemDir::open(path))
        .map(|dir| Arc::new(dir) as Arc<dyn Dir>)
        .with_context(|| format!("cannot use {}", path.display()))
}

/// Two daemons on one state directory would roll each other's batches back.
///
/// A daemon that was killed may have left a child that has not become the tool yet; until it does, which takes a moment,
/// it holds all locks of its parent.
async fn lock_state_dir(config: &Config) -> Result<std::fs::File> {
    const POLL: Duration = Duration::from_millis(20);
    /// A busy machine may let a process wait that long for its turn; a second daemon hears of the first soon enough.
    const POLLS: u32 = 100;
    let path = config.state_dir.join("server.lock");
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(&path)
        .with_context(|| format!("cannot use {}", path.display()))?;
    for poll in 0..=POLLS {
        match file.try_lock() {
            Ok(()) => {
                if poll > 0 {
                    // That child is closing its other files, the locks of directories among them, at this moment.
                    tokio::time::sleep(POLL).await;
                }
                return Ok(file);
            }
            Err(std::fs::TryLockError::WouldBlock) => tokio::time::sleep(POLL).await,
            Err(std::fs::TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
    }
    Err(anyhow!(
        "another acl-server runs with the state directory {}",
        config.state_dir.display()
    ))
}

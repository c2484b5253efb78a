//! Puts the daemon together and runs it until it is asked to end.

use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use shared::life::{self, Pulse, Readiness, Shutdown};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::api::{self, ApiState};
use crate::commit::engine::Engine;
use crate::config::Config;
use crate::store::Store;
use crate::tool::Tool;

/// How long clients may take to read their last replies.
const LAST_REPLIES: Duration = Duration::from_secs(5);

/// Binds the API's address.
///
/// # Errors
/// The address is in use or not ours.
pub async fn bind(listen: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}"))
}

/// Runs the daemon on a bound listener until `shutdown`.
///
/// # Errors
/// Another daemon owns the state directory; the policy directory, the journal or the lock cannot be used; or the writer
/// ended unexpectedly.
pub async fn run(config: Config, listener: TcpListener, shutdown: Shutdown) -> Result<()> {
    config.validate()?;
    let listen = listener.local_addr()?;
    let readiness = Readiness::new();
    let starting = readiness.latch("start");

    // Its files are locks too: who can open one can hold it.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.state_dir)
        .with_context(|| format!("cannot make the state directory {}", config.state_dir.display()))?;
    let _only_one = lock_state_dir(&config)?;
    let store = Store::open(&config.policy_dir)
        .with_context(|| format!("cannot use the policy directory {}", config.policy_dir.display()))?;
    let tool = Tool::new(
        &config.tool,
        config.tool_arguments(),
        config.tool_timeout.0,
        &config.state_dir,
    )
    .with_context(|| format!("cannot use the state directory {}", config.state_dir.display()))?;
    life::notify_status("waiting for an earlier run of the ACL tool");
    let journal = config.state_dir.join("journal");
    let started = tokio::select! {
        started = Engine::start(store, tool, &journal, readiness.clone(), shutdown.clone()) => started,
        () = shutdown.wait() => return Ok(()),
    };
    let (committer, engine) = started.with_context(|| {
        format!(
            "cannot take over the policy directory {}",
            config.policy_dir.display()
        )
    })?;

    if config.no_auth && !listen.ip().to_canonical().is_loopback() {
        tracing::warn!(%listen, "everybody who can reach this address can change the ACLs of this machine (--no-auth)");
    }
    let app = api::router(ApiState { committer, readiness }, listen, config.no_auth);
    // Files, syncs and waits for the tool block: the writer has a thread of its own.
    let pulse = Pulse::default();
    let engine = tokio::task::spawn_blocking({
        let pulse = pulse.clone();
        move || tokio::runtime::Handle::current().block_on(pulse.during(engine.run()))
    });
    tokio::spawn(life::watchdog(move || pulse.answers()));
    drop(starting);
    life::notify_ready();
    life::notify_status(&format!("listening on {listen}"));
    tracing::info!(%listen, policy_dir = %config.policy_dir.display(), tool = %config.tool.display(), "acl-server is up");
    serve(listener, app, engine, shutdown).await
}

async fn serve(
    listener: TcpListener,
    app: axum::Router,
    engine: tokio::task::JoinHandle<()>,
    shutdown: Shutdown,
) -> Result<()> {
    let (done_trigger, done) = Shutdown::new();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move { done.wait().await });
    let mut server = tokio::spawn(server.into_future());
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
    done_trigger.trigger();
    if timeout(LAST_REPLIES, &mut server).await.is_err() {
        tracing::debug!("some clients did not read their last reply");
        server.abort();
    }
    engine_ended.context("the writer failed")?;
    if shutdown.requested() {
        Ok(())
    } else {
        Err(anyhow!("the writer ended although nobody asked it to"))
    }
}

/// Two daemons on one state directory would roll each other's batches back.
fn lock_state_dir(config: &Config) -> Result<std::fs::File> {
    let path = config.state_dir.join("server.lock");
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(&path)
        .with_context(|| format!("cannot use {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(anyhow!(
            "another acl-server runs with the state directory {}",
            config.state_dir.display()
        )),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

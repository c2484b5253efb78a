//! What all measurements share.

use std::fs::{self};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::http;
use tests::load::{Connection, Reply, Target, Version};
use tests::local::{Home, LocalAclServer};
use tokio::sync::Barrier;

/// How long the daemon waits for more before it seals a batch, in milliseconds (`acl-server` contract §2.1).
pub(crate) const WINDOW: f64 = 5.0;

pub(crate) const MANY: usize = 1000;

pub(crate) fn fresh(directory: &Path, name: &str) -> Result<Home> {
    let directory = directory.join(name);
    fs::create_dir(&directory)?;
    Home::new(&directory)
}

/// What the service has in its environment.
pub(crate) fn environment() -> impl Iterator<Item = (&'static str, &'static str)> {
    let unit = include_str!("../../../../systemd/acl-server.service");
    let lines = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
    lines.filter_map(|line| line.split_once('='))
}

/// What the daemon has spent on syncs since its start, in milliseconds.
pub(crate) fn synced(address: SocketAddr) -> Result<f64> {
    let page = http::get(address, "/metrics")?;
    let text = page.text();
    let sum = text
        .lines()
        .find_map(|line| line.strip_prefix("acl_server_fsync_seconds_sum "));
    let seconds: f64 = sum.context("no acl_server_fsync_seconds_sum")?.trim().parse()?;
    Ok(seconds * 1e3)
}

/// acl-server with a tool that takes no time.
pub(crate) fn start(home: &Home, name: &str) -> Result<LocalAclServer> {
    let mut command = home.command_with("instant-tool", "-i -P {policy_dir}")?;
    command.args(["--log", "warn,acl_server::app=info"]);
    command.envs(environment());
    let server = home.spawn(name, command)?;
    server.ready()?;
    Ok(server)
}

pub(crate) const fn plain(address: SocketAddr, version: Version) -> Target {
    Target {
        address,
        version,
        certificate: None,
    }
}

/// A body of its own for each change.
pub(crate) fn body(acl: usize, round: usize) -> Vec<u8> {
    let [_, b, c, d] = u32::try_from(acl).unwrap_or(0).to_be_bytes();
    format!(r##"["[iptables]","# round {round}","-A FORWARD -i swp+ -d 10.{b}.{c}.{d}/32 -p udp --dport 53 -j DROP"]"##)
        .into_bytes()
}

pub(crate) fn path(acl: usize) -> String {
    format!("/acl/bench_{acl}")
}

/// At these parts of the values, which are sorted by this.
pub(crate) fn quantiles<const N: usize>(values: &mut [f64], parts: [f64; N]) -> [f64; N] {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index, from a part of a small number"
    )]
    parts.map(|part| {
        let at = (part * last as f64).round() as usize;
        values.get(at).copied().unwrap_or(f64::NAN)
    })
}

pub(crate) fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// All connections send at the same moment; the answers, by connection.
pub(crate) async fn burst(
    connections: Vec<Connection>,
    round: usize,
) -> Result<(Vec<Connection>, Vec<Reply>)> {
    let barrier = Arc::new(Barrier::new(connections.len()));
    let clients = connections.into_iter().enumerate().map(|(acl, mut connection)| {
        let barrier = Arc::clone(&barrier);
        tokio::spawn(async move {
            barrier.wait().await;
            let reply = connection.put(&path(acl), body(acl, round)).await?;
            ensure!([200, 201].contains(&reply.status), "PUT: {}", reply.status);
            anyhow::Ok((connection, reply))
        })
    });
    let (mut back, mut replies) = (Vec::new(), Vec::new());
    for client in clients.collect::<Vec<_>>() {
        let (connection, reply) = client.await??;
        back.push(connection);
        replies.push(reply);
    }
    Ok((back, replies))
}

//! What the daemon takes when nothing happens: memory, the time to start, its size.

use std::fs::{self};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tests::load::Version;
use tests::local::{Home, LocalAclServer};
use tests::{binaries, http, kernel, process};

use crate::common::*;

pub(crate) async fn memory_and_start(home: &Home) -> Result<()> {
    let show = |when: &str, server: &LocalAclServer| -> Result<()> {
        let pid = server.process.pid();
        let figures = ["VmRSS", "VmHWM", "RssAnon", "RssFile"].map(|key| kernel::memory(pid, key));
        let [rss, peak, anon, file] = figures;
        println!("{when:56} {:8.1} {:8.1} {:8.1} {:8.1}", rss?, peak?, anon?, file?);
        Ok(())
    };
    println!(
        "\nmemory, MiB{:45} {:>8} {:>8} {:>8} {:>8}",
        "", "resident", "peak", "its own", "of files"
    );
    let server = start(home, "empty")?;
    show("no ACL", &server)?;
    let target = plain(server.address, Version::Http2);
    burst(target.connections(MANY).await?, 0).await?;
    show("1,000 ACLs, PUT at once", &server)?;
    server.process.terminate(Duration::from_secs(30))?;
    let server = start(home, "thousand")?;
    show("1,000 ACLs, after a start", &server)?;
    let target = plain(server.address, Version::Http1);
    let mut connections = target.connections(100).await?;
    for round in 1..91 {
        (connections, _) = burst(connections, round).await?;
    }
    drop(connections);
    show("… after 9,000 PUTs by 100 clients, HTTP/1.1", &server)?;
    for _ in 0..20 {
        let list = http::get(server.address, "/acl/?details=true")?;
        ensure!(list.status == 200, "list: {}", list.status);
    }
    show("… after 20 lists with details", &server)?;
    let target = plain(server.address, Version::Http2);
    let mut connections = target.connections(MANY).await?;
    for round in 91..100 {
        (connections, _) = burst(connections, round).await?;
    }
    drop(connections);
    show("… after 9,000 more by 1,000 clients, HTTP/2", &server)?;
    server.process.terminate(Duration::from_secs(30))?;
    starts(home)
}

/// From the start of the process to the first 200 of `/readyz`.
pub(crate) fn starts(home: &Home) -> Result<()> {
    let mut starts = Vec::new();
    for _ in 0..20 {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = process::command(binaries::binary("acl-server")?);
        command.args(["--listen", &port.to_string(), "--log", "warn"]);
        command.envs(environment());
        command.args(["--tool-args", "-i -P {policy_dir}", "--tool"]);
        command.arg(binaries::binary("instant-tool")?);
        command.arg("--policy-dir").arg(home.policy_dir());
        command.arg("--state-dir").arg(home.state_dir());
        let begun = Instant::now();
        let server = process::Process::spawn("start", command, &home.state_dir())?;
        while !http::get(port, "/readyz").is_ok_and(|reply| reply.status == 200) {
            ensure!(
                server.is_running() && begun.elapsed() < Duration::from_secs(30),
                "no start"
            );
            std::thread::sleep(Duration::from_micros(200));
        }
        starts.push(ms(begun.elapsed()));
        server.terminate(Duration::from_secs(30))?;
    }
    let [p50, max] = quantiles(&mut starts, [0.5, 1.0]);
    println!(
        "\nfrom start to ready with 1,000 ACLs, in order: p50 {p50:.1} ms, max {max:.1} ms of {}",
        starts.len()
    );
    Ok(())
}

pub(crate) fn size() -> Result<()> {
    let program = binaries::binary("acl-server")?;
    let mib = |path: &Path| -> Result<f64> {
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        Ok(fs::metadata(path)?.len() as f64 / 1_048_576.0)
    };
    print!("\nacl-server: {:.1} MiB, with shared libraries; ", mib(&program)?);
    let built = program
        .parent()
        .and_then(Path::parent)
        .map(|target| target.join("static/acl-server"));
    match built.filter(|path| path.is_file()) {
        Some(path) => println!("static, for switches: {:.1} MiB", mib(&path)?),
        None => println!("static, for switches: `make static` builds it and prints its size"),
    }
    Ok(())
}

//! Measures acl-server on this machine: its own share of a change, changes a second, runs of the tool, memory, start.
//! Prints figures and ratios of one run; what they must be is for who reads them.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints what it measures"
)]
#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use tests::load::{Connection, Reply, Target, Version};
use tests::local::{Home, LocalAclServer};
use tests::{binaries, http, process};
use tokio::sync::Barrier;

/// What acl-server takes on this machine, beside the tool: time, memory, space.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only this one
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Seconds a measurement of changes a second
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Changes a client in the measurement of acl-server's own share
    #[arg(long, default_value_t = 50)]
    rounds: usize,
    /// Where acl-server's directories are made: its disk is what is measured [default: the directory of the programs]
    #[arg(long, value_name = "DIR")]
    dir: Option<std::path::PathBuf>,
}

/// What is measured, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// acl-server's own share of a change, beside the syncs of this disk
    Own,
    /// Changes a second
    Rate,
    /// A thousand changes at once
    Thousand,
    /// Resident memory, and the time from start to ready
    Memory,
    /// The program itself
    Size,
}

/// How long the daemon waits for more before it seals a batch, in milliseconds (`acl-server` contract §2.1).
const WINDOW: f64 = 5.0;
const MANY: usize = 1000;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let measured = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(measure(&Arguments::parse())));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("acl-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let base = match &arguments.dir {
        Some(dir) => dir.clone(),
        None => binaries::directory()?,
    };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of this machine before: {}", load.trim());
    let directory = tempfile::tempdir_in(base)?;
    let wants = |part| arguments.only.is_none_or(|only| only == part);
    if wants(Part::Own) {
        fsync(directory.path())?;
        own_share(&fresh(directory.path(), "own")?, arguments.rounds).await?;
    }
    if wants(Part::Rate) {
        rates(directory.path(), arguments.seconds).await?;
    }
    if wants(Part::Thousand) {
        thousand(&fresh(directory.path(), "thousand")?).await?;
    }
    if wants(Part::Memory) {
        memory_and_start(&fresh(directory.path(), "memory")?).await?;
    }
    if wants(Part::Size) {
        size()?;
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("\nload of this machine after: {}", load.trim());
    Ok(())
}

fn fresh(directory: &Path, name: &str) -> Result<Home> {
    let directory = directory.join(name);
    fs::create_dir(&directory)?;
    Home::new(&directory)
}

/// acl-server with a tool that takes no time.
fn start(home: &Home, name: &str) -> Result<LocalAclServer> {
    let mut command = home.command_with("instant-tool", "-i -P {policy_dir}")?;
    command.args(["--log", "warn,acl_server::app=info"]);
    let server = home.spawn(name, command)?;
    server.ready()?;
    Ok(server)
}

const fn plain(address: SocketAddr, version: Version) -> Target {
    Target {
        address,
        version,
        certificate: None,
    }
}

/// A body of its own for each change.
fn body(acl: usize, round: usize) -> Vec<u8> {
    let [_, b, c, d] = u32::try_from(acl).unwrap_or(0).to_be_bytes();
    format!(r##"["[iptables]","# round {round}","-A FORWARD -i swp+ -d 10.{b}.{c}.{d}/32 -p udp --dport 53 -j DROP"]"##)
        .into_bytes()
}

fn path(acl: usize) -> String {
    format!("/acl/bench_{acl}")
}

/// At these parts of the values, which are sorted by this.
fn quantiles<const N: usize>(values: &mut [f64], parts: [f64; N]) -> [f64; N] {
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

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// What this disk takes to keep a kilobyte: the floor of everything that is kept.
fn fsync(directory: &Path) -> Result<()> {
    println!("\nthis disk, milliseconds                                       p50      p99      max");
    let mut log = File::create(directory.join("log"))?;
    let mut appended = Vec::new();
    let mut files = Vec::new();
    for number in 0..200 {
        let begun = Instant::now();
        log.write_all(&[b'x'; 1024])?;
        log.sync_data()?;
        appended.push(ms(begun.elapsed()));
        let begun = Instant::now();
        let mut file = File::create(directory.join(format!("file{number}")))?;
        file.write_all(&[b'x'; 1024])?;
        file.sync_data()?;
        files.push(ms(begun.elapsed()));
    }
    for (what, values) in [
        ("append 1 KiB, fdatasync", &mut appended),
        ("new file of 1 KiB, fdatasync", &mut files),
    ] {
        let [p50, p99, max] = quantiles(values, [0.5, 0.99, 1.0]);
        println!("{what:56} {p50:8.2} {p99:8.2} {max:8.2}");
    }
    Ok(())
}

/// What one run of the tool takes this machine, when nobody says it: from the start to the end of the process.
fn tool_run() -> Result<f64> {
    let tool = binaries::binary("instant-tool")?;
    let mut runs = Vec::new();
    for _ in 0..50 {
        let begun = Instant::now();
        process::run(process::command(&tool))?;
        runs.push(ms(begun.elapsed()));
    }
    let [p50] = quantiles(&mut runs, [0.5]);
    Ok(p50)
}

/// All connections send at the same moment; the answers, by connection.
async fn burst(connections: Vec<Connection>, round: usize) -> Result<(Vec<Connection>, Vec<Reply>)> {
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

/// The parts of one change, in milliseconds.
struct Parts {
    own: f64,
    late: f64,
    files: f64,
    http: f64,
    whole: f64,
}

/// acl-server's own share of each change of a burst: the batch window and all runs of the tool are taken off. The window
/// of a batch ends so long after its last arrival; who came later waited for a whole batch before.
fn shares(mut replies: Vec<Reply>, tool_run: f64) -> Vec<Parts> {
    let get = |reply: &Reply, name| reply.timing(name).unwrap_or(0.0);
    let tool = |reply: &Reply| reply.timing("tool").unwrap_or(tool_run);
    replies.sort_by_key(|reply| reply.at);
    // When it was sealed tells one batch from another, though each knows that only from its own side: to a millisecond.
    let sealed = |reply: &Reply| {
        reply
            .at
            .checked_sub(Duration::from_secs_f64(get(reply, "commit").max(0.0) / 1e3))
    };
    let first = replies.first().cloned();
    let is_first = |reply: &Reply| {
        let (one, other) = (first.as_ref().and_then(sealed), sealed(reply));
        let apart = one
            .zip(other)
            .map(|(one, other)| other.saturating_duration_since(one));
        // A later batch is sealed after the first one has ended.
        apart.is_some_and(|apart| ms(apart) < first.as_ref().map_or(0.0, |first| get(first, "commit")))
    };
    let queues = replies
        .iter()
        .filter(|reply| is_first(reply))
        .map(|reply| get(reply, "queue"));
    let late = (queues.fold(f64::INFINITY, f64::min) - WINDOW).max(0.0);
    let parts = replies.iter().map(|reply| {
        let (queue, commit) = (get(reply, "queue"), get(reply, "commit"));
        let late = match is_first(reply) {
            true => late,
            false => (queue - first.as_ref().map_or(0.0, tool)).max(0.0),
        };
        let files = (commit - tool(reply)).max(0.0);
        let http = ms(reply.took) - queue - commit;
        Parts {
            own: late + files,
            late,
            files,
            http,
            whole: ms(reply.took),
        }
    });
    parts.collect()
}

async fn own_share(home: &Home, rounds: usize) -> Result<()> {
    let server = start(home, "acl-server")?;
    let target = plain(server.address, Version::Http1);
    let tool = tool_run()?;
    let (connections, probe) = burst(target.connections(1).await?, 0).await?;
    drop(connections);
    let told = probe.first().is_some_and(|reply| reply.timing("tool").is_some());
    println!(
        "\nacl-server's own share of a PUT: body complete to verdict, without the window of {WINDOW} ms and the tool"
    );
    let from = if told {
        "as Server-Timing says"
    } else {
        "estimated, Server-Timing does not say it"
    };
    println!("(a run of the instant tool takes {tool:.2} ms from here; its time: {from})");
    println!(
        "{:8} {:>8} {:>8} {:>8} | {:>17} {:>17} {:>17} {:>17}",
        "clients", "p50", "p99", "max", "window late", "files, journal", "HTTP, client", "all of it"
    );
    for clients in [1, 10, 100] {
        let mut connections = target.connections(clients).await?;
        let (mut own, mut late, mut files, mut http, mut whole) = (vec![], vec![], vec![], vec![], vec![]);
        for round in 0..rounds.max(1) {
            let replies;
            (connections, replies) = burst(connections, round + clients * 1000).await?;
            // The first one makes the ACLs; the others replace them, as a daemon does all day.
            for parts in shares(replies, tool).into_iter().filter(|_| round > 0) {
                own.push(parts.own);
                late.push(parts.late);
                files.push(parts.files);
                http.push(parts.http);
                whole.push(parts.whole);
            }
        }
        let [p50, p99, max] = quantiles(&mut own, [0.5, 0.99, 1.0]);
        print!("{clients:8} {p50:8.2} {p99:8.2} {max:8.2} |");
        for values in [&mut late, &mut files, &mut http, &mut whole] {
            let [p50, p99] = quantiles(values, [0.5, 0.99]);
            print!("  {p50:7.2} {p99:8.2}");
        }
        println!();
    }
    Ok(())
}

/// A server with TLS, and its certificate.
fn start_with_tls(home: &Home) -> Result<(LocalAclServer, Vec<u8>)> {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    let directory = home.policy_dir().with_file_name("tls");
    fs::create_dir(&directory)?;
    let (certificate, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
    fs::write(&certificate, made.cert.pem())?;
    fs::write(&key, made.signing_key.serialize_pem())?;
    fs::set_permissions(&key, Permissions::from_mode(0o600))?;
    let config = directory.join("acl-server.toml");
    let toml = format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n");
    fs::write(&config, toml)?;
    let mut command = home.command_with("instant-tool", "-i -P {policy_dir}")?;
    command.arg("--config").arg(&config);
    command.args(["--log", "warn,acl_server::app=info"]);
    let server = home.spawn("acl-server", command)?;
    Ok((server, made.cert.der().to_vec()))
}

async fn rates(directory: &Path, seconds: u64) -> Result<()> {
    println!(
        "\nPUTs a second with the instant tool, each another content; a client sends the next when it has its answer"
    );
    let plain_home = fresh(directory, "plain")?;
    let plain_server = start(&plain_home, "acl-server")?;
    let tls_home = fresh(directory, "tls")?;
    let (tls_server, certificate) = start_with_tls(&tls_home)?;
    let encrypted = Target {
        address: tls_server.address,
        version: Version::Http2,
        certificate: Some(certificate.clone()),
    };
    // Until its first commit it answers 503.
    while encrypted.connect().await?.put(&path(0), body(0, 0)).await?.status == 503 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("{:24} {:>9} {:>9} {:>9}", "clients", 1, 10, 100);
    for (what, version, tls) in [
        ("HTTP/1.1", Version::Http1, false),
        ("HTTP/2", Version::Http2, false),
        ("HTTP/1.1 with TLS", Version::Http1, true),
        ("HTTP/2 with TLS", Version::Http2, true),
    ] {
        print!("{what:24}");
        for clients in [1, 10, 100] {
            let target = Target {
                address: if tls {
                    tls_server.address
                } else {
                    plain_server.address
                },
                version,
                certificate: tls.then(|| certificate.clone()),
            };
            print!(" {:9.0}", rate(&target, clients, seconds).await?);
            std::io::stdout().flush()?;
        }
        println!();
    }
    Ok(())
}

async fn rate(target: &Target, clients: usize, seconds: u64) -> Result<f64> {
    let begun = Instant::now();
    let end = begun + Duration::from_secs(seconds);
    let connections = target.connections(clients).await?;
    let clients = connections.into_iter().enumerate().map(|(acl, mut connection)| {
        tokio::spawn(async move {
            let mut done: u32 = 0;
            while Instant::now() < end {
                let nonce = begun.elapsed().subsec_nanos();
                let reply = connection
                    .put(&path(acl), body(acl, usize::try_from(nonce)?))
                    .await?;
                ensure!([200, 201].contains(&reply.status), "PUT: {}", reply.status);
                done += 1;
            }
            anyhow::Ok(done)
        })
    });
    let mut done = 0;
    for client in clients.collect::<Vec<_>>() {
        done += client.await??;
    }
    Ok(f64::from(done) / begun.elapsed().as_secs_f64())
}

async fn thousand(home: &Home) -> Result<()> {
    let server = home.start("acl-server", "--delay 500 --refuse-if poison")?;
    server.ready()?;
    let before = home.runs()?.len();
    let connections = plain(server.address, Version::Http2).connections(MANY).await?;
    let begun = Instant::now();
    let (_, replies) = burst(connections, 0).await?;
    let took = begun.elapsed();
    let runs = home.runs()?.len() - before;
    println!(
        "\n{MANY} concurrent PUTs, HTTP/2, a tool of 500 ms: {runs} runs of the tool, {} verdicts of its own, {:.2} s",
        replies.len(),
        took.as_secs_f64()
    );
    Ok(())
}

/// A line of `/proc/PID/status`, in MiB.
fn memory(pid: u32, key: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.context(key.to_owned())?.parse::<f64>()? / 1024.0)
}

async fn memory_and_start(home: &Home) -> Result<()> {
    let show = |when: &str, server: &LocalAclServer| -> Result<()> {
        let pid = server.process.pid();
        let figures = ["VmRSS", "VmHWM", "RssAnon", "RssFile"].map(|key| memory(pid, key));
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
    let target = plain(server.address, Version::Http2);
    let mut connections = target.connections(MANY).await?;
    for round in 1..10 {
        (connections, _) = burst(connections, round).await?;
    }
    show("… after 9,000 PUTs by 1,000 clients, HTTP/2", &server)?;
    drop(connections);
    let target = plain(server.address, Version::Http1);
    let mut connections = target.connections(100).await?;
    for round in 10..50 {
        (connections, _) = burst(connections, round).await?;
    }
    show("… after 4,000 more by 100 clients, HTTP/1.1", &server)?;
    for _ in 0..20 {
        let list = http::get(server.address, "/acl/?details=true")?;
        ensure!(list.status == 200, "list: {}", list.status);
    }
    show("… after 20 lists with details", &server)?;
    server.process.terminate(Duration::from_secs(30))?;
    starts(home)
}

/// From the start of the process to the first 200 of `/readyz`.
fn starts(home: &Home) -> Result<()> {
    let mut starts = Vec::new();
    for _ in 0..20 {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = process::command(binaries::binary("acl-server")?);
        command.args(["--listen", &port.to_string(), "--log", "warn"]);
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

fn size() -> Result<()> {
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

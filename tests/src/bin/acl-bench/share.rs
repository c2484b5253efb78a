//! acl-server's own share of a change, beside the syncs of this disk.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use tests::load::{Reply, Version};
use tests::local::Home;
use tests::{binaries, process};

use crate::common::*;

/// What this disk takes to keep a kilobyte: the floor of everything that is kept.
///
/// Returns the median of a new file, in milliseconds.
pub(crate) fn fsync(directory: &Path) -> Result<f64> {
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
    let [p50] = quantiles(&mut files, [0.5]);
    Ok(p50)
}

/// What one run of the tool takes this machine, when nobody says it: from the start to the end of the process.
pub(crate) fn tool_run() -> Result<f64> {
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

/// The parts of one change, in milliseconds.
pub(crate) struct Parts {
    own: f64,
    late: f64,
    files: f64,
    http: f64,
    whole: f64,
}

/// acl-server's own share of each change of a burst: the batch window and all runs of the tool are taken off. The window
/// of a batch ends so long after its last arrival; who came later waited for a whole batch before.
pub(crate) fn shares(mut replies: Vec<Reply>, tool_run: f64) -> Vec<Parts> {
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

/// Each change of 1, 10 and 100 clients, by parts; `sync` is what this disk takes for one file, in milliseconds.
pub(crate) async fn own_share(home: &Home, rounds: usize, sync: f64) -> Result<()> {
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
        "{:8} {:>8} {:>8} {:>8} {:>8} | {:>17} {:>17} {:>17} {:>17} {:>17}",
        "clients",
        "p50",
        "p99",
        "max",
        "in syncs",
        "window late",
        "files, journal",
        "syncs of a batch",
        "HTTP, client",
        "all of it"
    );
    for clients in [1, 10, 100] {
        let mut connections = target.connections(clients).await?;
        let (mut own, mut late, mut files, mut http, mut whole) = (vec![], vec![], vec![], vec![], vec![]);
        let mut syncs = vec![];
        for round in 0..rounds.max(1) {
            let replies;
            let before = synced(server.address)?;
            (connections, replies) = burst(connections, round + clients * 1000).await?;
            if round > 0 {
                syncs.push(synced(server.address)? - before);
            }
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
        let in_syncs = p50 / sync;
        print!("{clients:8} {p50:8.2} {p99:8.2} {max:8.2} {in_syncs:8.1} |");
        for values in [&mut late, &mut files, &mut syncs, &mut http, &mut whole] {
            let [p50, p99] = quantiles(values, [0.5, 0.99]);
            print!("  {p50:7.2} {p99:8.2}");
        }
        println!();
    }
    Ok(())
}

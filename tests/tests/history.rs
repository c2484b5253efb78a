//! What was decided and has happened, over restarts: a real daemon that is killed, and files that somebody spoils.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panics")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tests::local::LocalFlowMarker;
use tests::random::Random;
use tests::{http, wait};

const PATIENCE: Duration = Duration::from_secs(30);

/// A switch that nobody answers for.
fn config(directory: &Path) -> String {
    let state = directory.join("state-of-marker").display().to_string();
    format!("state_dir = {state:?}\n[[switch]]\nagent = \"10.0.0.233\"\nacl = \"http://127.0.0.1:1\"\n")
}

fn start(directory: &Path, name: &str) -> LocalFlowMarker {
    LocalFlowMarker::start(directory, name, &config(directory)).unwrap()
}

fn get(marker: &LocalFlowMarker, path: &str) -> Value {
    http::get(marker.http, path).unwrap().json().unwrap()
}

fn set_mode(marker: &LocalFlowMarker, reason: &str) {
    let body = json!({"mode": "observe", "reason": reason});
    assert_eq!(http::put(marker.http, "/modes/mark", &body).unwrap().status, 204);
}

/// All decisions, page by page, as the header says.
fn all_decisions(marker: &LocalFlowMarker, query: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut next = Some(query.to_owned());
    while let Some(query) = next {
        let reply = http::get(marker.http, &format!("/decisions/json{query}")).unwrap();
        all.extend(reply.json().unwrap().as_array().unwrap().iter().cloned());
        let link = reply.header("link").map(str::to_owned);
        next = link.map(|link| {
            let query = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"");
            query.unwrap().to_owned()
        });
    }
    let ids: Vec<u64> = all
        .iter()
        .map(|decision| decision["id"].as_u64().unwrap())
        .collect();
    assert!(
        ids.is_sorted_by(|newer, older| newer > older),
        "newest first, none twice"
    );
    all
}

fn reasons(decisions: &[Value]) -> Vec<String> {
    let changes = decisions
        .iter()
        .filter(|decision| decision["decision"] == "mode_changed");
    changes
        .map(|decision| decision["why"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// How many were written in this run.
fn written(marker: &LocalFlowMarker) -> u64 {
    let text = http::get(marker.http, "/metrics").unwrap().text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("flow_marker_history_records_total{result=\"written\"} "));
    line.unwrap().parse().unwrap()
}

fn files(directory: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.join("state-of-marker")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_str().unwrap().ends_with(end));
    paths.sort();
    paths
}

/// The cells of a table (RFC 4180).
fn cells(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => cell.extend(chars.next()),
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\r', false) => {}
            ('\n', false) => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (other, _) => cell.push(other),
        }
    }
    assert!(
        row.is_empty() && cell.is_empty() && !quoted,
        "it ends with a line"
    );
    rows
}

#[test]
fn what_was_decided_is_there_after_a_kill_and_can_be_paged_and_exported() {
    let directory = tempfile::tempdir().unwrap();
    let marker = start(directory.path(), "first");
    assert_eq!(
        http::put(marker.http, "/pause", &json!({"reason": "=1+1, \"so\""}))
            .unwrap()
            .status,
        204
    );
    let wanted = json!({
        "action": "drop", "switch": "10.0.0.233", "protocol": "udp", "destination": "10.1.0.2", "sport": 53, "ttl": 3600,
        "reason": "flood",
    });
    let made = http::request(
        marker.http,
        "POST",
        "/controls",
        Some(wanted.to_string().as_bytes()),
    )
    .unwrap();
    assert_eq!(made.status, 201);
    for n in 0..30 {
        set_mode(&marker, &n.to_string());
    }
    let before = all_decisions(&marker, "?max=1000");
    let control = before
        .iter()
        .find_map(|decision| decision["control"].as_str())
        .unwrap()
        .to_owned();
    wait::until("all is on the disk", PATIENCE, || {
        (written(&marker) >= before.len() as u64).then_some(())
    })
    .unwrap();
    marker.process.crash().unwrap();

    let marker = start(directory.path(), "second");
    set_mode(&marker, "after");
    let found = || {
        let all = all_decisions(&marker, "?max=7&from=-1h");
        (all.len() > before.len()).then_some(all)
    };
    let all = wait::until("the old file is open", PATIENCE, found).unwrap();
    let old = &all[all.len() - before.len()..];
    assert_eq!(old, before, "as they were answered before");
    assert_eq!(reasons(&all)[0], "observe: after");
    // More may have been decided since.
    let last = all[0]["id"].as_u64().unwrap();
    let known = |mut decisions: Vec<Value>| {
        decisions.retain(|decision| decision["id"].as_u64().unwrap() <= last);
        decisions
    };
    assert_eq!(
        known(all_decisions(&marker, "?max=100")),
        all,
        "without a span, too"
    );

    let of_control = all_decisions(&marker, &format!("?control={control}"));
    assert!(of_control.iter().any(|decision| decision["who"] == "127.0.0.1"));
    assert!(
        of_control
            .iter()
            .all(|decision| decision["control"] == control.as_str())
    );
    let newest_old = before[0]["id"].as_u64().unwrap();
    assert_eq!(
        get(&marker, &format!("/decisions/json?before={newest_old}&max=1"))[0],
        before[1]
    );
    let times: Vec<u64> = all
        .iter()
        .map(|decision| decision["time"].as_u64().unwrap())
        .collect();
    let until = times[times.len() / 2] / 1_000_000_000 + 1;
    let earlier = known(all_decisions(&marker, &format!("?until={until}&max=1000")));
    assert_eq!(
        earlier.len(),
        times.iter().filter(|time| **time < until * 1_000_000_000).count()
    );
    // Who waits for what is new is not told what is old.
    let new = get(&marker, &format!("/decisions/json?since={last}&timeout=1"));
    assert_eq!(known(new.as_array().unwrap().clone()), [Value::Null; 0]);

    let table = http::get(
        marker.http,
        &format!("/decisions/csv?max=10000&before={}", last + 1),
    )
    .unwrap();
    assert_eq!(
        table.header("content-type"),
        Some("text/csv; charset=utf-8; header=present")
    );
    let rows = cells(&table.text());
    assert_eq!(
        (rows.len(), &rows[0][..3]),
        (all.len() + 1, &["id", "time", "decision"].map(str::to_owned)[..])
    );
    for (row, decision) in rows[1..].iter().zip(&all) {
        assert_eq!((row.len(), &row[0]), (rows[0].len(), &decision["id"].to_string()));
    }
    let why = rows[0].iter().position(|name| name == "why").unwrap();
    let paused = rows.iter().find(|row| row[2] == "pause_begun").unwrap();
    assert!(
        paused[why].contains("1+1, \"so\"") && !paused[why].starts_with('='),
        "{}",
        paused[why]
    );
    assert_eq!(get(&marker, "/events/json?from=-7d"), json!([]));
    assert_eq!(
        http::get(marker.http, "/events/csv")
            .unwrap()
            .text()
            .lines()
            .count(),
        1
    );
    for bad in ["before=x", "from=yesterday", "until=-x"] {
        assert_eq!(
            http::get(marker.http, &format!("/decisions/csv?{bad}"))
                .unwrap()
                .status,
            400,
            "{bad}"
        );
    }
}

#[test]
fn whenever_it_is_killed_what_was_on_the_disk_stays_and_nothing_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let mut random = Random::new(9);
    let mut kept: Vec<u64> = Vec::new();
    for round in 0..12 {
        let marker = start(directory.path(), &format!("round{round}"));
        let http = marker.http;
        let writers: Vec<_> = ["mark", "capture", "drop"]
            .into_iter()
            .map(|kind| {
                std::thread::spawn(move || {
                    for n in 0.. {
                        let body = json!({"mode": "observe", "reason": n.to_string()});
                        if !http::put(http, &format!("/modes/{kind}"), &body)
                            .is_ok_and(|reply| reply.status == 204)
                        {
                            return;
                        }
                    }
                })
            })
            .collect();
        wait::until("some to be on the disk", PATIENCE, || {
            (written(&marker) >= 10).then_some(())
        })
        .unwrap();
        wait::pause(Duration::from_millis(u64::from(random.below(400))));
        let (done, ids) = (written(&marker), all_decisions(&marker, "?since=-1&max=10000"));
        marker.process.crash().unwrap();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        // The oldest of this run are those that were written.
        let ids = ids.iter().rev().map(|decision| decision["id"].as_u64().unwrap());
        kept.extend(ids.take(usize::try_from(done).unwrap()));
    }
    let marker = start(directory.path(), "last");
    let stored = || {
        let stored = all_decisions(&marker, "?max=10000");
        let stored: Vec<u64> = stored
            .iter()
            .map(|decision| decision["id"].as_u64().unwrap())
            .collect();
        kept.iter().all(|id| stored.contains(id)).then_some(())
    };
    wait::until("all that was written is there", PATIENCE, stored).unwrap();
    assert!(kept.len() > 100, "{}", kept.len());
    assert_eq!(files(directory.path(), ".damaged"), Vec::<PathBuf>::new());
}

#[test]
fn what_somebody_has_spoilt_is_moved_aside_and_the_daemon_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let marker = start(directory.path(), "first");
    for n in 0..50 {
        set_mode(&marker, &n.to_string());
    }
    wait::until("all is on the disk", PATIENCE, || {
        (written(&marker) >= 50).then_some(())
    })
    .unwrap();
    marker.process.crash().unwrap();
    let file = files(directory.path(), ".redb").remove(0);
    let mut bytes = fs::read(&file).unwrap();
    for at in (0..bytes.len()).step_by(997) {
        bytes[at] ^= 0xff;
    }
    fs::write(&file, &bytes).unwrap();
    let marker = start(directory.path(), "second");
    marker
        .process
        .wait_for_output("is moved aside", PATIENCE)
        .unwrap();
    set_mode(&marker, "after");
    wait::until("it is written again", PATIENCE, || {
        (written(&marker) > 0).then_some(())
    })
    .unwrap();
    assert_eq!(reasons(&all_decisions(&marker, "?from=-1d")), ["observe: after"]);
    assert_eq!(files(directory.path(), ".damaged").len(), 1);
    let metrics = http::get(marker.http, "/metrics").unwrap().text();
    assert!(
        metrics.contains("flow_marker_history_files_damaged_total 1\n"),
        "{metrics}"
    );

    // An end as it should be: what was decided last is there, too.
    set_mode(&marker, "last words");
    marker.process.terminate(PATIENCE).unwrap();
    let marker = start(directory.path(), "third");
    let told = || {
        reasons(&all_decisions(&marker, "?from=-1d"))
            .contains(&"observe: last words".to_owned())
            .then_some(())
    };
    wait::until("the last words are there", PATIENCE, told).unwrap();
}

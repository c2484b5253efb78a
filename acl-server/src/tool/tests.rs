//! Against small shell scripts: real processes, real signals.

use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use tokio::process::Command;

use super::*;

struct Fixture {
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn tool(&self, script: &str, limit: Duration) -> Tool {
        let path = self.directory.path().join("tool");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Tool::new(&path, vec!["-i".to_owned()], limit, self.directory.path()).unwrap()
    }

    async fn run(&self, script: &str, limit: Duration) -> Run {
        self.tool(script, limit).run().await
    }

    fn written_pid(&self, file: &str) -> Option<i32> {
        std::fs::read_to_string(self.directory.path().join(file))
            .ok()?
            .trim()
            .parse()
            .ok()
    }
}

const LONG: Duration = Duration::from_secs(30);
/// Long enough for a script to begin.
const SHORT: Duration = Duration::from_secs(1);

fn alive(pid: i32) -> bool {
    // A zombie still has a number; only its state tells that it is gone.
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    !stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .trim()
        .starts_with('Z')
}

#[tokio::test]
async fn success_keeps_both_streams_in_order() {
    let run = Fixture::new()
        .run("echo one; echo two >&2; echo three; echo $1; echo done.", LONG)
        .await;
    assert_eq!(run.outcome, Outcome::Accepted);
    assert_eq!(*run.lines, ["one", "two", "three", "-i", "done."]);
}

#[tokio::test]
async fn exit_status_and_text_both_count() {
    let run = Fixture::new()
        .run("echo 'error: duplicate rule at lineno 4'; exit 3", LONG)
        .await;
    assert_eq!(run.outcome, Outcome::Refused { code: 3 });
    let run = Fixture::new()
        .run("echo 'error: hw sync failed'; exit 0", LONG)
        .await;
    assert_eq!(run.outcome, Outcome::Refused { code: 0 });
}

#[tokio::test]
async fn a_missing_tool_is_named() {
    let state = tempfile::tempdir().unwrap();
    let tool = Tool::new(Path::new("/nonexistent/cl-acltool"), vec![], LONG, state.path()).unwrap();
    let run = tool.run().await;
    assert!(
        matches!(&run.outcome, Outcome::NotStarted(why) if why.contains("/nonexistent/cl-acltool")),
        "{run:?}"
    );
}

#[tokio::test]
async fn a_killed_tool_is_no_refusal() {
    let run = Fixture::new().run("kill -9 $$", LONG).await;
    assert_eq!(run.outcome, Outcome::Killed { signal: 9 });
}

#[tokio::test]
async fn a_hanging_tool_and_its_children_are_ended() {
    let fixture = Fixture::new();
    let dir = fixture.directory.path().display().to_string();
    let run = fixture
        .run(
            &format!("sleep 300 & echo $! > {dir}/child; echo hanging; wait"),
            SHORT,
        )
        .await;
    assert_eq!(run.outcome, Outcome::TimedOut);
    assert_eq!(*run.lines, ["hanging"]);
    gone(fixture.written_pid("child").unwrap()).await;
}

/// Waits until the lock is free. What other tests start meanwhile inherits it for a moment.
async fn nobody_holds(tool: &Tool) {
    let free = timeout(Duration::from_secs(5), tool.wait_for_earlier_run()).await;
    free.expect("somebody holds the lock").unwrap();
}

/// Waits until a process that was killed, and that somebody else reaps, is gone.
async fn gone(pid: i32) {
    for _ in 0..250 {
        if !alive(pid) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the process {pid} outlived the tool");
}

#[tokio::test]
async fn a_tool_that_ignores_sigterm_is_killed() {
    let fixture = Fixture::new();
    let dir = fixture.directory.path().display().to_string();
    let script = format!("trap '' TERM; echo $$ > {dir}/pid; while :; do sleep 1; done");
    let run = fixture.run(&script, SHORT).await;
    assert_eq!(run.outcome, Outcome::TimedOut);
    assert!(!alive(fixture.written_pid("pid").unwrap()));
}

#[tokio::test]
async fn a_flood_of_output_is_read_to_the_end() {
    let run = Fixture::new()
        .run("head -c 20000000 /dev/zero | tr '\\0' x; echo; echo done.", LONG)
        .await;
    assert_eq!(run.outcome, Outcome::Accepted);
    assert_eq!(run.lines.last().unwrap(), "done.");
}

#[tokio::test]
async fn a_child_that_keeps_the_pipe_open_does_not_hold_us() {
    let run = Fixture::new().run("sleep 20 & echo done.", LONG).await;
    assert_eq!(run.outcome, Outcome::Accepted);
    assert_eq!(*run.lines, ["done."]);
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "measures that the second run waited for the first"
)]
async fn an_earlier_run_that_outlives_its_daemon_is_waited_for() {
    let fixture = Fixture::new();
    let dir = fixture.directory.path().display().to_string();
    let tool = fixture.tool(&format!("sleep 0.5; echo x >> {dir}/runs"), LONG);
    // What a killed daemon leaves behind: a tool that runs with the lock as its standard input.
    let locked = tool.shared.lock.acquire(LONG, TERM_GRACE).await.unwrap();
    let mut orphan = Command::new("sleep")
        .arg("0.5")
        .stdin(Stdio::from(locked.file))
        .process_group(0)
        .spawn()
        .unwrap();
    let begun = Instant::now();
    tool.wait_for_earlier_run().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(400));
    orphan.wait().await.unwrap();
    assert_eq!(tool.run().await.outcome, Outcome::Accepted);
}

#[tokio::test]
async fn an_earlier_run_beyond_its_limit_is_ended() {
    let fixture = Fixture::new();
    let tool = fixture.tool("exit 0", SHORT);
    let locked = tool.shared.lock.acquire(LONG, TERM_GRACE).await.unwrap();
    let stdin = Stdio::from(locked.file.try_clone().unwrap());
    let mut orphan = Command::new("sleep")
        .arg("300")
        .stdin(stdin)
        .process_group(0)
        .spawn()
        .unwrap();
    drop(locked);
    tool.wait_for_earlier_run().await.unwrap();
    assert_eq!(orphan.wait().await.unwrap().signal(), Some(15));
}

#[tokio::test]
async fn a_child_that_keeps_the_lock_is_ended_with_its_run() {
    let fixture = Fixture::new();
    let dir = fixture.directory.path().display().to_string();
    // The shell gives its background children another standard input, so the lock goes by another number.
    let script = format!("exec 3<&0; sleep 300 >/dev/null 2>&1 & echo $! > {dir}/child; echo done.");
    let tool = fixture.tool(&script, LONG);
    assert_eq!(tool.run().await.outcome, Outcome::Accepted);
    nobody_holds(&tool).await;
    assert!(!alive(fixture.written_pid("child").unwrap()));
}

#[tokio::test]
async fn one_that_left_the_group_with_the_lock_is_ended_by_the_next_run() {
    let fixture = Fixture::new();
    let dir = fixture.directory.path().display().to_string();
    let script = format!(
        "[ -e {dir}/child ] && echo done. && exit; exec 3<&0; setsid sleep 300 >/dev/null 2>&1 & echo $! > {dir}/child"
    );
    let tool = fixture.tool(&script, SHORT);
    assert_eq!(tool.run().await.outcome, Outcome::Accepted);
    assert_eq!(tool.run().await.outcome, Outcome::Accepted);
    assert!(!alive(fixture.written_pid("child").unwrap()));
}

#[tokio::test]
async fn a_busy_tool_has_refused_nothing() {
    let run = Fixture::new()
        .run("echo 'busy: another acltool is running'; exit 75", LONG)
        .await;
    assert!(matches!(run.outcome, Outcome::NotStarted(_)), "{run:?}");
}

#[tokio::test]
async fn a_tool_that_says_done_and_fails_has_failed() {
    let run = Fixture::new().run("echo done.; exit 1", LONG).await;
    assert_eq!(run.outcome, Outcome::Refused { code: 1 });
    let run = Fixture::new()
        .run(
            "echo 'error: hw sync failed (x) Rolling back .. failed.'; echo done.",
            LONG,
        )
        .await;
    assert_eq!(run.outcome, Outcome::Refused { code: 0 });
    let run = Fixture::new()
        .run("printf 'Installing acl policy... failed'", LONG)
        .await;
    assert_eq!(run.outcome, Outcome::Refused { code: 0 });
}

#[tokio::test]
async fn a_rule_called_failed_does_not_fail() {
    let script = "echo \"-A FORWARD -m comment --comment failed -j DROP\"; echo '# error: none'; echo done.";
    assert_eq!(Fixture::new().run(script, LONG).await.outcome, Outcome::Accepted);
}

#[tokio::test]
async fn a_file_that_is_no_program_is_not_started() {
    let fixture = Fixture::new();
    let tool = fixture.tool("echo done.", LONG);
    let path = fixture.directory.path().join("tool");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let run = tool.run().await;
    assert!(
        matches!(&run.outcome, Outcome::NotStarted(why) if why.contains("denied")),
        "{run:?}"
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(&path, [0x7f, b'E', b'L', b'F', 0, 0]).unwrap();
    let run = tool.run().await;
    assert!(matches!(run.outcome, Outcome::NotStarted(_)), "{run:?}");
    // What did not start keeps nothing.
    nobody_holds(&tool).await;
}

#[tokio::test]
async fn each_signal_is_told() {
    for (name, signal) in [("TERM", 15), ("SEGV", 11), ("HUP", 1)] {
        let run = Fixture::new()
            .run(&format!("echo done.; kill -{name} $$"), LONG)
            .await;
        assert_eq!(run.outcome, Outcome::Killed { signal });
    }
}

#[tokio::test]
async fn a_tool_that_closes_its_output_is_waited_for() {
    let fixture = Fixture::new();
    let dir = fixture.directory.path().display().to_string();
    let script = format!("echo begun; exec >&- 2>&-; sleep 0.3; echo x > {dir}/ended; exit 4");
    let run = fixture.run(&script, LONG).await;
    assert_eq!(run.outcome, Outcome::Refused { code: 4 });
    assert_eq!(*run.lines, ["begun"]);
    assert!(
        fixture.directory.path().join("ended").exists(),
        "it was not cut short"
    );
    let run = fixture.run("exec >&- 2>&-; sleep 300", SHORT).await;
    assert_eq!(run.outcome, Outcome::TimedOut);
}

#[tokio::test]
async fn a_fast_flood_is_read_to_the_end_and_kept_to_a_bound() {
    let script = "echo first; yes 0123456789012345678901234567890123456789 | head -c 100000000; echo; echo last; exit 7";
    let run = Fixture::new().run(script, LONG).await;
    assert_eq!(run.outcome, Outcome::Refused { code: 7 });
    assert_eq!(run.lines.first().unwrap(), "first");
    assert_eq!(run.lines.last().unwrap(), "last");
    assert!(run.lines.iter().map(String::len).sum::<usize>() < 100_000);
}

#[tokio::test]
async fn a_flood_without_end_is_ended() {
    let run = Fixture::new().run("trap '' TERM; yes", SHORT).await;
    assert_eq!(run.outcome, Outcome::TimedOut);
}

#[tokio::test]
async fn what_is_no_text_and_a_line_without_end_are_kept_to_a_bound() {
    let script = "printf 'a\\377\\376b\\n'; head -c 10000000 /dev/zero | tr '\\0' '\\377'";
    let run = Fixture::new().run(script, LONG).await;
    assert_eq!(run.outcome, Outcome::Accepted);
    assert_eq!(run.lines.first().unwrap(), "a\u{fffd}\u{fffd}b");
    assert!(run.lines.iter().map(String::len).sum::<usize>() < 250_000);
}

#[tokio::test]
async fn a_daemon_that_the_tool_leaves_with_its_pipe_is_not_waited_for() {
    let fixture = Fixture::new();
    let dir = fixture.directory.path().display().to_string();
    let script = format!("setsid sh -c 'echo $$ > {dir}/child; exec sleep 300' & echo done.");
    let tool = fixture.tool(&script, LONG);
    let run = timeout(Duration::from_secs(10), tool.run()).await.unwrap();
    assert_eq!(run.outcome, Outcome::Accepted);
    assert_eq!(*run.lines, ["done."]);
    // It left the group with the pipe but not with the lock: nobody has to wait for it.
    nobody_holds(&tool).await;
    signal_pid(fixture.written_pid("child").unwrap());
}

fn signal_pid(pid: i32) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
}

fn all() -> Vec<String> {
    vec!["-L".to_owned(), "all".to_owned()]
}

#[tokio::test]
async fn a_listing_is_what_the_tool_prints() {
    let fixture = Fixture::new();
    let tool = fixture.tool("echo \"$@\"; echo 'error: a comment'", LONG);
    let listed = tool.list(&all(), LONG).await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&listed.text),
        "-L all\nerror: a comment\n"
    );
    assert!(!listed.cut);
    let failed = fixture
        .tool("echo 'error: no such thing'; exit 2", LONG)
        .list(&all(), LONG)
        .await;
    let Err(ListError::Failed(why)) = failed else {
        panic!("{failed:?}")
    };
    assert!(
        why.contains("exit status: 2") && why.contains("no such thing"),
        "{why}"
    );
    let missing = Tool::new(Path::new("/nonexistent"), vec![], LONG, fixture.directory.path()).unwrap();
    assert!(matches!(
        missing.list(&all(), LONG).await,
        Err(ListError::NotStarted(_))
    ));
}

#[tokio::test]
async fn a_listing_beyond_its_bounds_is_cut() {
    let fixture = Fixture::new();
    let tool = fixture.tool("yes | head -c 9000000", LONG);
    let listed = tool.list(&all(), LONG).await.unwrap();
    assert!(listed.cut && listed.text.len() == Listed::KEEP);
    let hanging = Fixture::new();
    let dir = hanging.directory.path().display().to_string();
    let script = format!("trap '' TERM; sleep 300 & echo $! > {dir}/child; while :; do wait; done");
    let tool = hanging.tool(&script, LONG);
    assert_eq!(tool.list(&all(), SHORT).await, Err(ListError::TimedOut(SHORT)));
    gone(hanging.written_pid("child").unwrap()).await;
    nobody_holds(&tool).await;
}

#[tokio::test]
async fn a_listing_does_not_wait_for_a_commit() {
    let fixture = Fixture::new();
    let tool = fixture.tool("sleep 0.5; echo done.", LONG);
    let committing = tokio::spawn({
        let tool = tool.clone();
        async move { tool.run().await }
    });
    while *tool.shared.commits.borrow() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tool.list(&all(), LONG).await, Err(ListError::Busy));
    assert_eq!(committing.await.unwrap().outcome, Outcome::Accepted);
    nobody_holds(&tool).await;
    tool.list(&all(), LONG).await.unwrap();
    // Nor for one of a daemon that has gone.
    let locked = tool.shared.lock.try_acquire().unwrap().unwrap();
    assert_eq!(tool.list(&all(), LONG).await, Err(ListError::Busy));
    drop(locked);
    nobody_holds(&tool).await;
    tool.list(&all(), LONG).await.unwrap();
}

#[tokio::test]
async fn a_commit_ends_a_listing() {
    let fixture = Fixture::new();
    let dir = fixture.directory.path().display().to_string();
    // One that would not end by itself, nor when it is asked to.
    let script = format!(
        "[ $1 = -i ] && echo done. && exit; trap '' TERM; echo $$ > {dir}/pid; while :; do sleep 1; done"
    );
    let tool = fixture.tool(&script, LONG);
    let listing = tokio::spawn({
        let tool = tool.clone();
        async move { tool.list(&all(), LONG).await }
    });
    while fixture.written_pid("pid").is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let run = timeout(Duration::from_secs(10), tool.run()).await.unwrap();
    assert_eq!(run.outcome, Outcome::Accepted);
    assert_eq!(listing.await.unwrap(), Err(ListError::Busy));
    assert!(!alive(fixture.written_pid("pid").unwrap()));
}

#[tokio::test]
async fn a_run_that_nobody_waits_for_any_more_is_ended() {
    let fixture = Fixture::new();
    let dir = fixture.directory.path().display().to_string();
    let tool = fixture.tool(&format!("sleep 300 & echo $! > {dir}/child; wait"), LONG);
    assert!(timeout(SHORT, tool.run()).await.is_err());
    assert_eq!(*tool.shared.commits.borrow(), 0);
    nobody_holds(&tool).await;
    gone(fixture.written_pid("child").unwrap()).await;
}

//! Against small shell scripts: real processes, real signals.

use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

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
const SHORT: Duration = Duration::from_millis(300);

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
    assert_eq!(run.lines, ["one", "two", "three", "-i", "done."]);
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
    assert_eq!(run.lines, ["hanging"]);
    let child = fixture.written_pid("child").unwrap();
    for _ in 0..100 {
        if !alive(child) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the tool's child {child} outlived it");
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
    assert_eq!(run.lines, ["done."]);
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
    let locked = tool.lock.acquire(LONG, TERM_GRACE).await.unwrap();
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
    let locked = tool.lock.acquire(LONG, TERM_GRACE).await.unwrap();
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
    timeout(Duration::from_secs(5), tool.wait_for_earlier_run())
        .await
        .unwrap()
        .unwrap();
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

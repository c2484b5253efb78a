//! `flow-marker top` as a program: what it prints for scripts, and that a real terminal is as it was afterwards, however it
//! ends.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use nix::unistd::{Pid, ttyname};
use serde_json::json;
use tests::stub::{Stub, response, send, silence};
use tests::{binaries, process, wait};

/// For what takes milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn overview() -> String {
    let answer = |question: &str, text: &str| json!({"question": question, "level": "warn", "text": text});
    let answers = ["causing", "believe", "hot", "work", "broken", "changed"];
    json!({
        "time": 1_795_230_245_000_000_000_u64, "version": "0.1.0", "pause": null, "new": ["member"],
        "modes": {"mark": "act", "capture": "observe", "drop": "observe"},
        "answers": answers.map(|question| answer(question, &format!("about {question} \u{1b}[31mthings"))),
        "traffic": {"marked": 1e9, "large": 0, "mice": null},
        "flows": [{"source": "10.0.0.1", "destination": "10.0.0.2", "protocol": "tcp", "rate": 1e9, "state": "found"}],
    })
    .to_string()
}

/// How an instance behaves.
#[derive(Debug, Default)]
struct Behaviour {
    /// It has gone: streams end.
    gone: AtomicBool,
    /// It lets nobody read.
    refuses: AtomicBool,
}

/// An instance that answers as [`Behaviour`] says.
fn instance(address: SocketAddr, behaviour: &Arc<Behaviour>) -> Stub {
    let behaviour = Arc::clone(behaviour);
    let is = |what: &AtomicBool| what.load(Ordering::Relaxed);
    let answer = move |head: &str, stream: &mut TcpStream| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        if is(&behaviour.refuses) {
            let problem = br#"{"detail": "show a token\u001b[2J\u009b2J"}"#;
            return send(stream, &response("401 Unauthorized", &[], problem));
        }
        let has = |what: &str| path.contains(what);
        match path.split('?').next().unwrap_or_default() {
            "/overview/json" => send(stream, &response("200 OK", &[], overview().as_bytes())),
            "/elephants/json" if has("search=long") => {
                let problem = br#"{"detail": "too\u001b[2Jlong"}"#;
                send(stream, &response("400 Bad Request", &[], problem));
            }
            "/elephants/json" => {
                let flow = json!({"source": "10.9.9.9", "destination": "rare", "rate": 1e3, "state": "seen"});
                let found = json!({"total": 5000, "matching": 1, "flows": [flow]}).to_string();
                send(stream, &response("200 OK", &[], found.as_bytes()));
            }
            "/live" => {
                send(
                    stream,
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
                );
                let event = format!("event: overview\ndata: {}\n\n", overview());
                while !is(&behaviour.gone)
                    && !is(&behaviour.refuses)
                    && stream.write_all(event.as_bytes()).is_ok()
                {
                    wait::pause(Duration::from_millis(100));
                }
            }
            _ => send(stream, &response("404 Not Found", &[], b"{}")),
        }
    };
    Stub::start(address, answer).unwrap()
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn arguments(address: SocketAddr) -> Vec<String> {
    let program = binaries::binary("flow-marker").unwrap();
    let program = program.to_str().unwrap().to_owned();
    [program, "top".into(), "--url".into(), format!("http://{address}")].into()
}

/// What it prints without a terminal.
fn printed(address: SocketAddr, more: &[&str]) -> anyhow::Result<String> {
    let arguments = arguments(address);
    let mut command = process::command(arguments.first().unwrap());
    command.args(arguments.iter().skip(1)).args(more);
    process::run(command)
}

#[test]
fn scripts_get_a_screen_or_the_document() {
    let stub = instance(anywhere(), &Arc::default());
    let screen = printed(stub.address, &["--once"]).unwrap();
    let lines: Vec<_> = screen.lines().collect();
    assert_eq!(lines.len(), 24, "{screen}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{screen}");
    assert!(!screen.contains('\u{1b}'), "{screen:?}");
    let header = "03:04:05 UTC  mark act, capture observe, drop observe";
    assert_eq!(lines.first(), Some(&header));
    assert_eq!(lines.get(1), Some(&"Causing WARN about causing ·[31mthings"));
    assert!(
        screen.contains("10.0.0.1 → 10.0.0.2 tcp  1.00 Gb/s  found"),
        "{screen}"
    );
    let wide = printed(stub.address, &["--once", "--width", "120", "--show", "problems"]).unwrap();
    assert!(
        wide.contains("Are we causing this?") && wide.contains("[4 Problems 0]"),
        "{wide}"
    );
    let document = printed(stub.address, &["--once", "--json"]).unwrap();
    assert_eq!(document.trim_end(), overview(), "as it was given");
    let found = printed(stub.address, &["--once", "--filter", "rare"]).unwrap();
    assert!(
        found.contains("[1 Flows 1/5000]") && found.contains("10.9.9.9 → rare"),
        "{found}"
    );
}

#[test]
fn a_filter_sees_all_flows_or_says_that_it_does_not() {
    let stub = instance(anywhere(), &Arc::default());
    let mut terminal = Terminal::run(&arguments(stub.address));
    terminal.wait_for("live", "");
    assert!(!terminal.seen().contains("10.9.9.9"));
    terminal.press(b"/rare\r");
    terminal.wait_for("10.9.9.9", "");
    terminal.forget();
    terminal.press(b"/\x15long\r");
    terminal.wait_for("searched", "");
    terminal.wait_for("·[2Jlong", "");
    terminal.forget();
    terminal.press(b"\x1b");
    terminal.wait_for("10.0.0.1", "");
    terminal.press(b"q");
    assert!(terminal.ended().success(), "{:?}", terminal.seen());
}

#[test]
fn what_a_server_sends_is_bounded_and_not_obeyed() {
    let endless = Stub::start(anywhere(), |_, stream| {
        send(
            stream,
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n",
        );
        while stream.write_all(&[b' '; 1 << 16]).is_ok() {}
    })
    .unwrap();
    let error = |address, more: &[&str]| printed(address, more).unwrap_err().to_string();
    let said = error(endless.address, &["--once", "--json"]);
    assert!(said.contains("longer than 4194304 bytes"), "{said}");
    let escapes = Stub::start(anywhere(), |_, stream| {
        send(stream, &response("200 OK", &[], b"{\"a\": \"\x1b[2J\"}"));
    })
    .unwrap();
    let said = error(escapes.address, &["--once", "--json"]);
    assert!(said.contains("no overview") || said.contains("no JSON"), "{said}");
    let stub = instance(anywhere(), &Arc::default());
    let said = error(stub.address, &["--once", "--filter", "long"]);
    assert!(said.contains("400 Bad Request: too·[2Jlong"), "{said}");
    let mut command = process::command(binaries::binary("flow-marker").unwrap());
    command.args(["top", "--once", "--server", "http://ops:s3cret@127.0.0.1:1"]);
    let said = process::run(command).unwrap_err().to_string();
    assert!(said.contains("without user and password"), "{said}");
}

#[test]
fn what_is_wrong_at_the_first_try_is_said() {
    let behaviour = Arc::<Behaviour>::default();
    let stub = instance(anywhere(), &behaviour);
    let error = |address, more: &[&str]| printed(address, more).unwrap_err().to_string();
    assert!(
        error(stub.address, &[]).contains("no terminal: --once"),
        "nobody could press a key"
    );
    behaviour.refuses.store(true, Ordering::Relaxed);
    let refused = error(stub.address, &["--once"]);
    assert!(
        refused.contains("401 Unauthorized: show a token·[2J·2J"),
        "{refused}"
    );
    // A port that nobody is given by the system.
    let gone = "127.0.0.1:1".parse().unwrap();
    let refused = error(gone, &["--once", "--json"]);
    assert!(
        refused.contains(&gone.to_string()) && refused.contains("refused"),
        "{refused}"
    );
    let nonsense = Stub::start(anywhere(), |_, stream| {
        send(stream, &response("200 OK", &[], b"[1]"));
    })
    .unwrap();
    let refused = error(nonsense.address, &["--once"]);
    assert!(refused.contains("no overview"), "{refused}");
    let slow = Stub::start(anywhere(), |_, stream| silence(stream)).unwrap();
    let refused = error(slow.address, &["--once"]);
    assert!(refused.contains("no answer in 5 s"), "{refused}");
}

/// A terminal with a program in it.
struct Terminal {
    keys: File,
    /// The program's end, which keeps its settings when the program has gone.
    end: OwnedFd,
    before: Termios,
    seen: Arc<Mutex<Vec<u8>>>,
    child: Child,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Terminal {
    /// Runs `arguments` in a session of its own, of which a new terminal of 80 × 24 is the controlling one.
    fn run(arguments: &[String]) -> Self {
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).unwrap();
        let before = tcgetattr(&pty.slave).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut command = process::command(binaries::system("setsid", "util-linux").unwrap());
        command
            .arg("--ctty")
            .args(arguments)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR");
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let seen = Arc::<Mutex<Vec<u8>>>::default();
        let mut output = File::from(pty.master.try_clone().unwrap());
        thread::spawn({
            let seen = Arc::clone(&seen);
            move || {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = output.read(&mut buffer) {
                    seen.lock().unwrap().extend(buffer.iter().take(length));
                }
            }
        });
        Self {
            keys: pty.master.into(),
            end: pty.slave,
            before,
            seen,
            child,
        }
    }

    fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    /// Waits until `text` was written, behind the last `after`. It is one word, since blanks are not written.
    fn wait_for(&self, text: &str, after: &str) {
        let found = wait::until(text, PATIENCE, || {
            after_last(&self.seen(), after).contains(text).then_some(())
        });
        found.unwrap_or_else(|error| panic!("{error:#} in {:?}", self.seen()));
    }

    /// What the instance says is text, and no command to the terminal.
    fn is_harmless(&self) -> bool {
        !self.seen().contains("\u{1b}[31mthings")
    }

    /// Forgets what was written so far.
    fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }

    fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Whether keys arrive at once, without the terminal doing anything with them.
    fn is_raw(&self) -> bool {
        let flags = tcgetattr(self.end.as_fd()).unwrap().local_flags;
        !flags.intersects(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG)
    }

    fn resize(&self, columns: u16, rows: u16) {
        let mut stty = process::command("stty");
        stty.arg("-F").arg(ttyname(&self.end).unwrap());
        stty.args(["cols", &columns.to_string(), "rows", &rows.to_string()]);
        process::run(stty).unwrap();
    }

    /// Waits for the end; the terminal is as it was.
    fn ended(&mut self) -> ExitStatus {
        let status = wait::until_ok("the end", PATIENCE, || Ok(self.child.try_wait()?));
        let status = status.unwrap_or_else(|error| panic!("{error:#} in {:?}", self.seen()));
        assert_eq!(tcgetattr(self.end.as_fd()).unwrap(), self.before);
        for (on, off) in [("\u{1b}[?1049h", "\u{1b}[?1049l"), ("\u{1b}[?25l", "\u{1b}[?25h")] {
            let last = || (self.seen().rfind(off) > self.seen().rfind(on)).then_some(());
            let found = wait::until("the terminal as it was", PATIENCE, last);
            found.unwrap_or_else(|error| panic!("{error:#}: {off:?} in {:?}", self.seen()));
        }
        status
    }
}

fn after_last<'a>(text: &'a str, part: &str) -> &'a str {
    match part {
        "" => text,
        part => text.rsplit_once(part).map_or("", |(_, after)| after),
    }
}

#[test]
fn a_terminal_shows_it_at_every_size_and_is_given_back() {
    let stub = instance(anywhere(), &Arc::default());
    let mut terminal = Terminal::run(&arguments(stub.address));
    terminal.wait_for("Causing", "\u{1b}[?1049h");
    terminal.wait_for("live", "");
    assert!(terminal.is_raw());
    assert!(
        terminal.seen().contains("[31mthings") && terminal.is_harmless(),
        "{:?}",
        terminal.seen()
    );
    terminal.press(b"3");
    terminal.wait_for("nothing", "");
    terminal.forget();
    terminal.resize(150, 40);
    terminal.wait_for("this?", "");
    terminal.forget();
    terminal.resize(20, 5);
    terminal.wait_for("Causing", "");
    terminal.resize(80, 24);
    terminal.press(b" ");
    terminal.wait_for("PAUSED", "");
    terminal.press(b"/q");
    terminal.wait_for("Show", "");
    terminal.press(b"\r");
    terminal.press(b"q");
    assert!(terminal.ended().success(), "{:?}", terminal.seen());
    assert!(terminal.is_harmless(), "{:?}", terminal.seen());
}

#[test]
fn signals_give_the_terminal_back() {
    let stub = instance(anywhere(), &Arc::default());
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let mut terminal = Terminal::run(&arguments(stub.address));
        terminal.wait_for("live", "");
        terminal.signal(signal);
        assert!(terminal.ended().success(), "{signal}: {:?}", terminal.seen());
    }
}

#[test]
fn a_stopped_program_leaves_the_terminal_to_the_shell_and_takes_it_again() {
    let stub = instance(anywhere(), &Arc::default());
    let command = arguments(stub.address).join(" ");
    // Quoted, since the shell may echo what it is told.
    let script = format!("set -m; {command}; echo stop''ped; fg > /dev/null; echo en''ded $?");
    let mut terminal = Terminal::run(&["sh".to_owned(), "-c".to_owned(), script]);
    terminal.wait_for("live", "");
    terminal.forget();
    terminal.press(&[0x1a]);
    terminal.wait_for("stopped", "\u{1b}[?1049l");
    terminal.wait_for("Causing", "\u{1b}[?1049h");
    wait::until("raw mode", PATIENCE, || terminal.is_raw().then_some(())).unwrap();
    terminal.press(b"q");
    terminal.wait_for("ended 0", "\u{1b}[?1049l");
    terminal.ended();
}

#[test]
fn a_lost_connection_is_said_and_comes_back_and_a_lost_right_is_the_end() {
    let behaviour = Arc::<Behaviour>::default();
    // An address of its own, so that nobody else gets its port while it is gone.
    let stub = instance("127.79.0.1:0".parse().unwrap(), &behaviour);
    let address = stub.address;
    let mut terminal = Terminal::run(&arguments(address));
    terminal.wait_for("live", "");
    behaviour.gone.store(true, Ordering::Relaxed);
    drop(stub);
    terminal.wait_for("CONNECTION", "");
    terminal.forget();
    behaviour.gone.store(false, Ordering::Relaxed);
    let _again = instance(address, &behaviour);
    terminal.wait_for("live", "");
    behaviour.refuses.store(true, Ordering::Relaxed);
    assert_eq!(terminal.ended().code(), Some(1));
    let said = terminal.seen();
    let said = after_last(&said, "\u{1b}[?1049l");
    assert!(said.contains("401 Unauthorized: show a token"), "{said:?}");
}

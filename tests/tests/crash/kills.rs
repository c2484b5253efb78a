use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::AddAssign;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use tests::{http, wait};

use super::chance::Chance;
use super::history::{Acls, Change, Heard, check};
use super::site::Site;

/// SIGKILLs, unless `CRASH_KILLS` says otherwise.
const KILLS: u64 = 1000;
/// Daemons side by side: most of the time they wait for a disk or a tool.
const LANES: u64 = 4;
const CLIENTS: usize = 4;
/// The last two are under one prefix.
const NAMES: [&str; 5] = ["a", "b", "big", "p_1", "p_2"];

#[derive(Debug, Default)]
struct Counts {
    kills: u64,
    while_starting: u64,
    while_tool_ran: u64,
    batches_taken_back: u64,
    strays_removed: u64,
    done: u64,
    refused: u64,
    unanswered: u64,
    of_those_there: u64,
    not_sent: u64,
    runs: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.kills += other.kills;
        self.while_starting += other.while_starting;
        self.while_tool_ran += other.while_tool_ran;
        self.batches_taken_back += other.batches_taken_back;
        self.strays_removed += other.strays_removed;
        self.done += other.done;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
        self.of_those_there += other.of_those_there;
        self.not_sent += other.not_sent;
        self.runs += other.runs;
    }
}

fn from_environment(name: &str, otherwise: impl FnOnce() -> u64) -> u64 {
    std::env::var(name).map_or_else(|_| otherwise(), |value| value.parse().unwrap())
}

#[test]
fn killed_at_any_moment_it_has_what_it_answered() {
    let clock = || {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    let seed = from_environment("CRASH_SEED", clock);
    let kills = from_environment("CRASH_KILLS", || KILLS);
    println!("CRASH_SEED={seed} CRASH_KILLS={kills} (moments are the machine's, choices are the seed's)");
    let start = Instant::now();
    let mut chance = Chance(seed);
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let chance = chance.split();
            thread::spawn(move || Lane::new(lane, chance).run(kills.div_ceil(LANES)))
        })
        .collect();
    let mut counts = Counts::default();
    for lane in lanes {
        counts += lane.join().unwrap();
    }
    println!("{counts:#?}\nin {:.1} s", start.elapsed().as_secs_f64());
    assert!(counts.kills >= kills);
    assert!(counts.while_tool_ran > 0 && counts.done > 0 && counts.refused > 0 && counts.unanswered > 0);
}

struct Lane {
    number: u64,
    chance: Chance,
    site: Site,
    acls: Acls,
    counts: Counts,
}

impl Lane {
    fn new(number: u64, chance: Chance) -> Self {
        let mut site = Site::new();
        // A client that does not know yet that its server is dead must not find the next one of another lane.
        let lane = u8::try_from(number).unwrap();
        site.home.listen_on(Ipv4Addr::new(127, 7, 7, lane + 1));
        Self {
            number,
            chance,
            site,
            acls: Acls::new(),
            counts: Counts::default(),
        }
    }

    fn run(mut self, kills: u64) -> Counts {
        let mut changes = Vec::new();
        while self.counts.kills < kills {
            if self.chance.percent(15) {
                self.kill_while_starting();
            } else {
                let more = self.kill_under_load(&changes);
                changes = more;
            }
        }
        // The last word: what is there after one more start.
        let server = self.start();
        server.ready().unwrap();
        self.look(&changes);
        self.counts
    }

    fn start(&self) -> tests::local::LocalAclServer {
        let name = format!("acl-server-{}", self.counts.kills);
        let tool = "--jitter 12 --refuse-if poison";
        self.site.home.start(&name, tool).unwrap()
    }

    /// Kills it somewhere between its first instruction and its first commit.
    fn kill_while_starting(&mut self) {
        let name = format!("acl-server-{}", self.counts.kills);
        let command = self.site.home.command("--jitter 12 --refuse-if poison").unwrap();
        let process = tests::process::Process::spawn(&name, command, self.site.path()).unwrap();
        wait::pause(Duration::from_micros(self.chance.below(12_000)));
        process.crash().unwrap();
        self.counts.while_starting += 1;
        self.killed(&name);
    }

    /// Starts it, looks whether what is there is right after `earlier`, and kills it under load.
    fn kill_under_load(&mut self, earlier: &[Change]) -> Vec<Change> {
        let server = self.start();
        server.ready().unwrap();
        self.look(earlier);
        let address = server.address;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let tag = format!("lane {} kill {} client {client}", self.number, self.counts.kills);
                let chance = self.chance.split();
                thread::spawn(move || talk(address, &tag, chance))
            })
            .collect();
        // Into the first batch, or far enough for refusals and what follows them.
        let longest = *self.chance.pick(&[30_000, 30_000, 200_000]);
        wait::pause(Duration::from_micros(self.chance.below(longest)));
        if self.chance.percent(40) {
            let runs = || self.site.tool_runs().then_some(());
            // With nothing but refusals and removals there may be none for a while.
            let _ = wait::until("a run of the tool", Duration::from_millis(100), runs);
            wait::pause(Duration::from_micros(self.chance.below(8_000)));
        }
        if self.chance.percent(10) {
            self.site.change(&format!("kill {}", self.counts.kills));
        }
        server.process.crash().unwrap();
        let name = format!("acl-server-{}", self.counts.kills);
        self.killed(&name);
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    }

    fn killed(&mut self, name: &str) {
        self.counts.while_tool_ran += u64::from(self.site.tool_runs());
        self.counts.kills += 1;
        let path = self.site.path().join(format!("{name}.log"));
        let log = fs::read_to_string(&path).unwrap();
        assert!(!log.contains("panicked"), "{log}");
        self.counts.batches_taken_back += u64::from(log.contains("rolled back"));
        self.counts.strays_removed += u64::from(log.contains("removed temporary files"));
        fs::remove_file(path).unwrap();
        if self.chance.percent(10) {
            self.site.change(&format!("after kill {}", self.counts.kills));
        }
    }

    /// The files are what the changes can have made of them, and the tool has accepted them.
    fn look(&mut self, changes: &[Change]) {
        let acls = self.site.acls();
        if let Err(error) = check(&self.acls, changes, &acls) {
            let lane = self.number;
            panic!("lane {lane}, after {} kills: {error}", self.counts.kills);
        }
        self.counts.runs += u64::try_from(self.site.assert_installed()).unwrap();
        for change in changes {
            match change.heard {
                Heard::Done(_) => self.counts.done += 1,
                Heard::Refused(_) => self.counts.refused += 1,
                Heard::NotSent => self.counts.not_sent += 1,
                Heard::Nothing => {
                    self.counts.unanswered += 1;
                    let there = |(name, wish): &(String, Option<String>)| acls.get(name) == wish.as_ref();
                    let is_there = !change.wishes.is_empty() && change.wishes.iter().all(there);
                    self.counts.of_those_there += u64::from(is_there);
                }
            }
        }
        self.acls = acls;
    }
}

/// A client that changes one thing after the other until nobody answers.
fn talk(server: SocketAddr, tag: &str, mut chance: Chance) -> Vec<Change> {
    let mut changes = Vec::new();
    for number in 0.. {
        let (method, path, body, wishes) = some_change(&format!("{tag} change {number}"), &mut chance);
        let begun = Instant::now();
        let answer = http::request(server, method, &path, body.as_deref());
        let answered = Instant::now();
        let heard = match &answer {
            Ok(answer) if (200..300).contains(&answer.status) => Heard::Done(answer.status),
            Ok(answer) => Heard::Refused(answer.status),
            Err(error) if is_refused(error) => Heard::NotSent,
            Err(_) => Heard::Nothing,
        };
        if let (Heard::Refused(status), Ok(answer)) = (heard, &answer) {
            let poisoned = body.as_deref().is_some_and(|body| contains(body, b"poison"));
            assert!(status == 422 && poisoned, "{method} {path}: {}", answer.text());
        }
        changes.push(Change {
            wishes,
            begun,
            answered,
            heard,
        });
        if answer.is_err() {
            break;
        }
    }
    changes
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

fn is_refused(error: &anyhow::Error) -> bool {
    let mut causes = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::ConnectionRefused)
}

type Request = (
    &'static str,
    String,
    Option<Vec<u8>>,
    Vec<(String, Option<String>)>,
);

fn some_change(tag: &str, chance: &mut Chance) -> Request {
    let name = *chance.pick(&NAMES);
    let path = format!("/acl/{name}");
    match chance.below(100) {
        0..15 => ("DELETE", path, None, vec![(name.to_owned(), None)]),
        15..20 => {
            let under = NAMES.iter().filter(|name| name.starts_with("p_"));
            let wishes = under.map(|name| ((*name).to_owned(), None));
            ("DELETE", "/acl/?prefix=p_".to_owned(), None, wishes.collect())
        }
        20..30 => put(path, name, &format!("poison {tag}")),
        // The same again: unchanged, if it is there.
        30..40 => put(path, name, "the same"),
        40..60 => {
            let poison = if chance.percent(20) { "poison " } else { "" };
            patch(&format!("{poison}{tag}"), chance)
        }
        60..65 => (
            "POST",
            "/acl/renew?prefix=p_&ttl=7200".to_owned(),
            None,
            Vec::new(),
        ),
        65..75 => put(path + "?ttl=3600", name, tag),
        _ => put(path, name, tag),
    }
}

fn lines(name: &str, tag: &str) -> Vec<String> {
    let position = NAMES.iter().position(|known| *known == name).unwrap();
    let mut lines = vec!["[iptables]".to_owned(), format!("# {tag}")];
    if name == "big" {
        lines.extend((0..400).map(|line| format!("# line {line} of many, of {tag}")));
    }
    // No two ACLs may have the same rule.
    lines.push(format!(
        "-A FORWARD -i swp1 -d 198.51.100.{position}/32 -p udp --dport 53 -j DROP"
    ));
    lines
}

fn content(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

fn put(path: String, name: &str, tag: &str) -> Request {
    let lines = lines(name, tag);
    let body = json!(lines).to_string().into_bytes();
    let wish = (name.to_owned(), Some(content(&lines)));
    ("PUT", path, Some(body), vec![wish])
}

/// Some ACLs written and some removed, all or nothing.
fn patch(tag: &str, chance: &mut Chance) -> Request {
    let (mut body, mut wishes) = (serde_json::Map::new(), Vec::new());
    for name in NAMES {
        if name == "a" || chance.percent(50) {
            let keep = name == "a" || chance.percent(70);
            let lines = keep.then(|| lines(name, tag));
            wishes.push((name.to_owned(), lines.as_deref().map(content)));
            body.insert(name.to_owned(), json!(lines));
        }
    }
    let body = serde_json::Value::Object(body).to_string().into_bytes();
    ("PATCH", "/acl/".to_owned(), Some(body), wishes)
}

//! A configuration that changes while flow-marker runs: under load, and with files that cannot be used. Real daemons, real
//! datagrams, a tool that records each of its runs.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::agent::{
    Agent, CounterSample, FlowSample, Packet, Playing, PortCounters, Timeline, Traffic, play,
};
use tests::flood::Flood;
use tests::local::{Home, LocalAclServer, LocalFlowMarker};
use tests::{kernel, wait};

const PATIENCE: Duration = Duration::from_secs(60);

/// A switch with an elephant of 200 Mbit/s on a port of 1 Gbit/s.
const SWITCH: Ipv4Addr = Ipv4Addr::new(127, 78, 0, 1);

fn elephant(to: SocketAddr) -> Playing {
    let packet = Packet::tcp(
        SocketAddr::new(IpAddr::from([10, 1, 0, 1]), 40_000),
        SocketAddr::new(IpAddr::from([10, 2, 0, 1]), 5001),
    );
    let ports = vec![CounterSample::new(PortCounters::new(3, 1_000_000_000), "swp3")];
    let timeline = Timeline::new()
        .with_ports(ports, Duration::from_secs(1))
        .with_flow(Traffic::new(FlowSample::new(packet, 100, 3, 9), 200_000_000, 7));
    let datagrams = Agent::new(SWITCH.into()).datagrams(timeline, 6, Duration::from_millis(50));
    play(datagrams, SWITCH.into(), to).unwrap()
}

/// flow-marker and the switch that it marks on.
struct World {
    home: Home,
    server: LocalAclServer,
    marker: LocalFlowMarker,
    file: PathBuf,
}

impl World {
    /// With a configuration in which `SWITCH` stands for the table of the switch.
    fn new(path: &Path, toml: &str) -> Self {
        let home = Home::new(&path.join("home")).unwrap();
        let server = home.start("acl-server", "").unwrap();
        server.ready().unwrap();
        let toml = toml.replace("SWITCH", &table(&server));
        let marker = LocalFlowMarker::start(path, "marker", &toml).unwrap();
        Self {
            home,
            server,
            marker,
            file: path.join("marker.toml"),
        }
    }

    /// Puts another configuration in place, as a careful editor does, and has it read; what came of it.
    fn reload(&self, toml: &str) -> Value {
        let new = self.file.with_extension("new");
        fs::write(&new, toml.replace("SWITCH", &table(&self.server))).unwrap();
        fs::rename(new, &self.file).unwrap();
        self.hang_up()
    }

    fn hang_up(&self) -> Value {
        let last = || self.decisions("kind=reloaded").first().cloned();
        let before = last();
        self.marker.process.signal(Signal::SIGHUP).unwrap();
        // The last thing that is done of it.
        let what = "the configuration to be read";
        wait::until(what, PATIENCE, || {
            last().filter(|last| Some(last) != before.as_ref())
        })
        .unwrap()
    }

    fn metric(&self, name: &str, label: &str) -> u64 {
        let value = self.marker.metric(name, label).unwrap();
        value.to_string().parse().unwrap()
    }

    fn decisions(&self, query: &str) -> Vec<Value> {
        let path = format!("/decisions/json?max=1000&{query}");
        self.marker.json(&path).unwrap().as_array().unwrap().clone()
    }

    /// The rules of marks on the switch.
    fn marks(&self) -> Vec<String> {
        let files = self.home.files().unwrap().into_iter();
        let marks = files.filter(|(name, _)| name.starts_with("50rest-fm_mark_") && name.ends_with(".rules"));
        marks.map(|(_, text)| text).collect()
    }

    fn marked(&self, text: &str) {
        let marked = wait::until(text, PATIENCE, || {
            let marks = self.marks();
            (marks.len() == 1 && marks[0].contains(text)).then_some(())
        });
        marked.unwrap_or_else(|error| panic!("{error}: {:?}", self.marks()));
        // The tool has ended, too.
        let in_sync = || self.marker.json("/switches/json").unwrap()[0]["in_sync"] == true;
        wait::until("the switch to be in sync", PATIENCE, || in_sync().then_some(())).unwrap();
    }

    fn unmarked(&self) {
        wait::until("no mark", PATIENCE, || self.marks().is_empty().then_some(())).unwrap();
    }
}

fn table(server: &LocalAclServer) -> String {
    format!(
        "[[switch]]\nagent = \"{SWITCH}\"\nacl = \"http://{}\"\n",
        server.address
    )
}

#[test]
fn fifty_reloads_under_load_lose_no_sample_and_no_mark() {
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("list");
    fs::write(&list, "192.0.2.0/24\n").unwrap();
    // Nearly everything is another thing each time, but for what the mark of the elephant is.
    let one = "SWITCH[sflow]\nthreads = 2\n[mark]\nmode = \"act\"\nthreshold = \"100M\"\n".to_owned();
    let other = format!(
        "SWITCH[[switch]]\nagent = \"10.99.9.9\"\nacl = \"http://127.0.0.1:1\"\n[sflow]\nthreads = 2\n\
         [fabric]\nagents = [\"10.98.0.0/16\"]\nacl = \"http://{{agent}}\"\n\
         [mark]\nmode = \"act\"\nthreshold = \"12%\"\nprofile = \"fast\"\nhold = \"20s\"\nttl = \"90s\"\nmax_rules = 9\n\
         commit_interval = \"500ms\"\nexclude = [\"port:22\", \"group:a\"]\n[group.a]\nb = [\"10.77.0.0/16\"]\n\
         [capture]\nmode = \"act\"\nanalyzer = [\"10.0.0.70\"]\nlocal = [\"10.0.0.0/8\"]\n\
         [[capture.blacklist]]\nname = \"own\"\nfile = \"{}\"\n[drop]\nsyn_rate = 1000\n\
         [[webhook]]\nname = \"a\"\nurl = \"http://127.0.0.1:1/\"\nformat = \"json\"\nevents = [\"threshold\"]\n",
        list.display()
    );
    let world = World::new(directory.path(), &one);
    let marker = &world.marker;
    let playing = elephant(marker.sflow);
    world.marked("-s 10.1.0.1");
    let (runs, rules) = (world.home.runs().unwrap().len(), world.marks());

    let (to, samples) = (marker.sflow, 6);
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let flooding = thread::spawn(move || {
        let mut flood = Flood::new(to, 4, samples).unwrap();
        while stopped.try_recv().is_err() {
            let (more, _) = flood.send(Some(3000.0), Duration::from_millis(20)).unwrap();
            counted.fetch_add(more, Ordering::Relaxed);
        }
    });
    for n in 0..50 {
        // Each comes in the middle of traffic.
        let flowing = || (sent.load(Ordering::Relaxed) >= 100 * (n + 1)).then_some(());
        wait::until("datagrams", PATIENCE, flowing).unwrap();
        let said = world.reload(if n % 2 == 0 { &other } else { &one });
        assert_eq!(
            (&said["reason"], &said["who"]),
            (&"taken".into(), &"SIGHUP".into()),
            "{said}"
        );
        let why = said["why"].as_str().unwrap();
        let expected = match n % 2 {
            0 => {
                "1 switch added, 1 template added, mark.threshold 100M → 12%, mark.profile balanced → fast, "
            }
            _ => "1 switch gone, 1 template gone, mark.threshold 12% → 100M, mark.profile fast → balanced, ",
        };
        assert!(why.starts_with(expected), "{why}");
    }
    stop.send(()).unwrap();
    flooding.join().unwrap();
    let sent = sent.load(Ordering::Relaxed);
    let same = world.hang_up();
    assert_eq!(same["why"], "no setting has changed");

    // The elephant goes on, and nobody has touched its mark.
    assert_eq!((world.home.runs().unwrap().len(), world.marks()), (runs, rules));
    let agent = format!("agent=\"{SWITCH}\"");
    let elephants =
        ["elephants_detected_total", "elephants_ended_total"].map(|name| world.metric(name, &agent));
    assert_eq!(elephants, [1, 0]);
    let switch = format!("switch={SWITCH}");
    let told: Vec<_> = world
        .decisions(&switch)
        .into_iter()
        .map(|said| said["decision"].clone())
        .collect();
    for (what, count) in [
        ("wanted", 1),
        ("installed", 1),
        ("released", 0),
        ("removed", 0),
        ("vacated", 0),
    ] {
        let said = told.iter().filter(|said| **said == what).count();
        assert_eq!(said, count, "{what} {told:?}");
    }

    // To the datagram, and to the sample.
    let own = playing.stop().unwrap().datagrams;
    let received = || world.metric("datagrams_received_total", "");
    let dropped = || world.metric("datagrams_dropped_total", "");
    wait::until("everything to be received", PATIENCE, || {
        (received() + dropped() >= sent + own && world.metric("datagrams_decoded_total", "") >= received())
            .then_some(())
    })
    .unwrap();
    let by_kernel = kernel::udp_drops(marker.sflow.port()).unwrap();
    assert_eq!((received(), dropped(), by_kernel), (sent + own, 0, 0));
    assert_eq!(world.metric("datagrams_decoded_total", ""), sent + own);
    let others = marker
        .metric("samples_total", "agent=\"other\",kind=\"flow\"")
        .unwrap();
    assert_eq!(others.to_string(), (sent * samples as u64).to_string());
    assert_eq!(world.metric("reloads_total", "done"), 51);
    assert!(world.marker.process.terminate(PATIENCE).unwrap().success());
}

#[test]
fn each_policy_takes_its_share_of_a_reload() {
    let directory = tempfile::tempdir().unwrap();
    let with = |mark: &str| format!("SWITCH[mark]\ncommit_interval = \"100ms\"\nhold = \"1s\"\n{mark}\n");
    let (act, observe) = ("mode = \"act\"\n", "mode = \"observe\"\n");
    // Its threshold is beyond the elephant.
    let world = World::new(directory.path(), &with(&format!("{act}threshold = \"900M\"")));
    let playing = elephant(world.marker.sflow);
    wait::until("samples", PATIENCE, || {
        (world.metric("flow_samples_total", "counted") > 500).then_some(())
    })
    .unwrap();
    assert_eq!(world.metric("elephants_detected_total", ""), 0);
    world.reload(&with(&format!("{act}threshold = \"100M\"")));
    world.marked("--set-dscp 10");
    let excluding = with(&format!("{act}threshold = \"100M\"\nexclude = [\"10.2.0.0/16\"]"));
    world.reload(&excluding);
    world.unmarked();
    let plain = with(&format!("{act}threshold = \"100M\""));
    world.reload(&plain);
    world.marked("--set-dscp 10");
    let said = world.reload(&with(&format!("{act}threshold = \"100M\"\ndscp = 12")));
    assert_eq!(said["why"], "mark.dscp 10 → 12");
    world.marked("--set-dscp 12");
    // Its flow was one elephant all the time.
    let said = world.reload(&with(&format!("{observe}threshold = \"100M\"\ndscp = 12")));
    assert_eq!(said["why"], "mark.mode act → observe");
    world.unmarked();
    world.reload(&with(&format!("{act}threshold = \"100M\"\ndscp = 12")));
    world.marked("--set-dscp 12");
    assert_eq!(world.metric("elephants_detected_total", ""), 1);

    // What a person has set stays, and what needs a restart is said.
    let body = serde_json::json!({"mode": "observe", "who": "night shift"});
    let set = tests::http::put(world.marker.http, "/modes/mark", &body).unwrap();
    assert_eq!(set.status, 204);
    world.unmarked();
    world.reload(&with(&format!("{observe}threshold = \"100M\"\ndscp = 12")));
    let said = world.reload(&format!(
        "id = \"other\"\n{}[sflow]\nthreads = 7\n",
        with(&format!("{act}threshold = \"100M\"\ndscp = 12"))
    ));
    let why = said["why"].as_str().unwrap();
    assert!(
        why.starts_with("mark.mode observe → act, mark stays in mode observe, as ")
            && why.ends_with(" has set it; needs a restart: id, sflow.threads"),
        "{why}"
    );
    let counted = || world.metric("flow_samples_total", "counted");
    let before = counted();
    wait::until("samples of the elephant", PATIENCE, || {
        (counted() > before + 200).then_some(())
    })
    .unwrap();
    assert_eq!(world.marks(), Vec::<String>::new());
    let cleared = tests::http::delete(world.marker.http, "/modes/mark").unwrap();
    assert_eq!(cleared.status, 204);
    world.marked("--set-dscp 12");
    playing.stop().unwrap();
}

#[test]
fn a_file_that_cannot_be_used_changes_nothing_and_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let place = |text: &str| text.replace("DIR", path.to_str().unwrap());
    let write = |name: &str, text: &str| fs::write(path.join(name), text).unwrap();
    write("list", "192.0.2.0/24\n");
    write("broken.toml", "[[token]]\nname = 7\n");
    write("no.pem", "nothing\n");
    let good = place(
        "SWITCH[mark]\nmode = \"act\"\nthreshold = \"100M\"\nexclude = [\"group:a\"]\n[group.a]\nb = [\"10.77.0.0/16\"]\n\
         [capture]\nanalyzer = [\"10.0.0.70\"]\nlocal = [\"10.0.0.0/8\"]\n[[capture.blacklist]]\nname = \"own\"\nfile = \"DIR/list\"\n",
    );
    let world = World::new(path, &good);
    let playing = elephant(world.marker.sflow);
    world.marked("-s 10.1.0.1");
    let state = || {
        let paths = ["/modes/json", "/switches/json", "/group/a/json", "/captures/json"];
        let mut state: Vec<Value> = paths.map(|path| world.marker.json(path).unwrap()).into();
        // Of these the rest is what becomes of them from second to second.
        if let Some(list) = state[3].pointer_mut("/lists/0/age") {
            list.take();
        }
        for switch in state[1].as_array_mut().unwrap() {
            let lasting = ["agent", "acl", "mode", "ports"];
            switch
                .as_object_mut()
                .unwrap()
                .retain(|key, _| lasting.contains(&key.as_str()));
        }
        (state, world.home.runs().unwrap().len(), world.marks())
    };
    let listed = || world.marker.json("/captures/json").unwrap()["lists"][0]["entries"] == 1;
    wait::until("the list", PATIENCE, || listed().then_some(())).unwrap();
    let before = state();
    let second =
        |more: &str| format!("{good}[[switch]]\nagent = \"10.0.0.9\"\nacl = \"https://10.0.0.9\"\n{more}\n");
    let hook =
        "[[webhook]]\nname = \"ops\"\nurl = \"https://a/\"\nformat = \"json\"\nevents = [\"reloaded\"]\n";
    let broken = [
        (good.replace("[mark]", "[mark"), "unclosed table, expected `]`"),
        (
            good.replace("threshold =", "treshold ="),
            "unknown key `treshold`; did you mean `threshold`?",
        ),
        (
            good.replace("100M", "100 Mbit"),
            "`threshold`: \"100 Mbit\" is not a rate in bits per second such as \"100M\", \"1.5G\" or \"10G\", or a share such as \
             \"10%\"; did you mean \"100M\"?",
        ),
        (
            good.replace("\"act\"", "\"akt\""),
            "`mode`: \"akt\" is neither \"observe\" nor \"act\"; did you mean \"act\"?",
        ),
        (
            second("token_file = \"DIR/absent\""),
            "switch 10.0.0.9: `token_file` DIR/absent: ",
        ),
        (second("ca_file = \"DIR/no.pem\""), "switch 10.0.0.9: "),
        (format!("{good}SWITCH"), "is the agent of two switches"),
        (good.replace("10.77.0.0/16", "10.77.0.0/61"), "10.77.0.0/61"),
        (
            good.replace("group:a", "group:b"),
            "`exclude`: there is no [group.b]",
        ),
        (
            good.replace("DIR/list", "DIR/other")
                .replace("/list\"", "/other\""),
            "blacklist \"own\": cannot read DIR/other: No such file or directory (os error 2)",
        ),
        (
            format!("{good}[http]\ntokens_file = \"DIR/broken.toml\"\n"),
            "DIR/broken.toml:2:8: ",
        ),
        (
            format!("{good}{hook}token_file = \"DIR/absent\"\n"),
            "webhook \"ops\": `token_file` DIR/absent: ",
        ),
        (
            "\n".to_owned(),
            "DIR/marker.toml:1:1: the file is empty, so that all switches would go; if that is meant, restart",
        ),
    ];
    let mut texts = String::new();
    let mut check = |said: &Value, expected: &str| {
        assert_eq!(said["reason"], "refused", "{said}");
        let why = said["why"].as_str().unwrap().to_owned();
        let _ = writeln!(texts, "{why}");
        assert!(
            why.starts_with("configuration not taken: ") && why.contains(expected),
            "{why}\n{expected}"
        );
        let error = why.trim_start_matches("configuration not taken: ");
        let log = world.marker.process.output();
        // As the log quotes it.
        let quoted = format!("{error:?}");
        assert!(log.contains(quoted.trim_matches('"')), "{error}\n{log}");
        assert!(log.contains("the configuration is not taken; nothing is changed"));
        assert_eq!(world.metric("config_last_reload_successful", ""), 0);
        assert_eq!(state(), before, "{why}");
        why
    };
    let mut different = std::collections::BTreeSet::new();
    for (toml, expected) in &broken {
        let said = world.reload(&place(toml));
        different.insert(check(&said, &place(expected)));
    }
    fs::remove_file(&world.file).unwrap();
    different.insert(check(
        &world.hang_up(),
        &place("cannot read DIR/marker.toml: No such file or directory"),
    ));
    assert_eq!(
        different.len(),
        broken.len() + 1,
        "each has its own text\n{texts}"
    );
    assert_eq!(world.metric("reloads_total", "refused"), broken.len() as u64 + 1);

    let told = || {
        let overview = world.marker.json("/overview/json").ok()?;
        let changes = overview["changes"].to_string();
        changes
            .contains("a reload by SIGHUP changed nothing: configuration not taken: ")
            .then_some(())
    };
    wait::until("the overview to tell of it", PATIENCE, told).unwrap();

    // With a good file it goes on as before, and a list that has lost an address is taken at once.
    write("list", "# nobody\n192.0.2.1\n192.0.2.2\n");
    let said = world.reload(&good);
    assert_eq!(
        (&said["reason"], &said["why"]),
        (&"taken".into(), &"no setting has changed".into())
    );
    assert_eq!(world.metric("config_last_reload_successful", ""), 1);
    let newer = || world.marker.json("/captures/json").unwrap()["lists"][0]["entries"] == 2;
    wait::until("the newer list", PATIENCE, || newer().then_some(())).unwrap();
    world.marked("-s 10.1.0.1");
    assert_eq!(
        world.home.runs().unwrap().len(),
        before.1,
        "no commit in all that"
    );
    playing.stop().unwrap();
}

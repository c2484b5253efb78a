use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use shared::AclName;

use super::*;
use crate::actuator::{Drop, Kind};
use crate::config::Mode;
use crate::control::journal::Journal;
use crate::control::manual::What;
use crate::control::modes::Modes;
use crate::control::overrides::Set;
use crate::control::pause::Said;
use crate::packet::IpProtocol;

const DAY: u64 = 86_400_000_000_000;

fn opened(config: &Config) -> State {
    State::open(directory(config), &config.id)
}

fn config(directory: &Path) -> Config {
    let text = format!(
        "state_dir = {:?}\n[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n\
         [switch.ports.7]\nspeed = \"10G\"\n",
        directory.display().to_string()
    );
    Config::parse(Path::new("t"), &text).unwrap()
}

fn said(reason: &str) -> Said {
    Said {
        since: 1_700_000_000_000_000_000,
        caller: "token:alice".to_owned(),
        who: Some("night shift".to_owned()),
        reason: Some(reason.to_owned()),
    }
}

fn asked(ttl: Duration) -> Asked {
    Asked {
        agent: "10.0.0.1".parse().unwrap(),
        what: What::Drop(Drop {
            destination: "10.1.0.2".parse().unwrap(),
            source: None,
            protocol: IpProtocol::UDP,
            source_port: Some(53),
            destination_port: None,
            opening: false,
        }),
        ttl,
        who: "token:alice".into(),
        reason: Some("flood".into()),
    }
}

/// All there can be, as a clock that has just started sees it.
fn saved(clock: &Clock) -> Saved {
    let at = |seconds| Time::START + Duration::from_secs(seconds);
    let name: AclName = "fm_mark_1".parse().unwrap();
    let pair = ("10.1.0.1".parse().unwrap(), "192.0.2.1".parse().unwrap());
    let kept = Kept {
        wanted: vec![(asked(Duration::from_secs(600)), at(600))],
        captures: vec![(pair, at(300))],
        drops: vec![(name.clone(), at(3600))],
        lists: Vec::new(),
    };
    let modes = [(
        Kind::Mark,
        Set {
            mode: Mode::Act,
            said: said("trial"),
        },
    )];
    let agent = "10.0.0.1".parse().unwrap();
    let ports = vec![(7, Some("swp7".to_owned()), None), (8, None, Some(1_000_000_000))];
    Saved::new(
        clock,
        (Some(said("maintenance")), modes.into()),
        &kept,
        vec![(agent, name, at(60))],
        vec![(agent, ports)],
    )
}

#[test]
fn what_is_kept_is_there_again_with_the_time_that_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    let clock = Clock::start();
    let began = clock.unix_ns(Time::START);
    let files = Files::open(directory.path(), "fm").unwrap();
    files.write(STATE, &saved(&clock).bytes(began).unwrap()).unwrap();

    let state = opened(&config);
    assert_eq!(state.saved.pause, Some(said("maintenance")));
    assert_eq!(state.saved.modes[&Kind::Mark].mode, Mode::Act);
    assert!(state.saved.is_as(&saved(&clock)));
    let seconds = |n: u64| began + n * 1_000_000_000;
    // 30 s later; the clock of the machine went back by a day; and a year later.
    for (now, wanted, captures, drops, rests) in [
        (seconds(30), Some(570), Some(270), Some(3570), true),
        (began - DAY, Some(600), Some(300), Some(3600), true),
        (seconds(200), Some(400), Some(100), Some(3400), false),
        (began + 365 * DAY, None, None, None, false),
    ] {
        let kept = state.saved.kept(now, Time::START);
        let left = |until: &Time| until.since(Time::START).as_secs();
        assert_eq!(kept.wanted.first().map(|(asked, _)| asked.ttl.as_secs()), wanted);
        assert_eq!(kept.captures.first().map(|(_, until)| left(until)), captures);
        assert_eq!(kept.drops.first().map(|(_, until)| left(until)), drops);
        assert_eq!(state.saved.rests(now, Time::START).count() == 1, rests);
    }
    let (again, _) = &state.saved.kept(began, Time::START).wanted[0];
    assert_eq!(*again, asked(Duration::from_secs(600)));

    // Ports: what is configured counts, the rest is remembered.
    let roster = Roster::of(&config);
    state.recall_ports(&roster);
    let ports = roster.get(0).unwrap().ports();
    assert_eq!(
        roster.get(0).unwrap().switch().port(8).unwrap().speed,
        Some("1G".parse().unwrap())
    );
    let shown: Vec<_> = ports
        .iter()
        .map(|(n, port)| (*n, port.name.as_deref(), port.speed.map(BitRate::bits_per_second)))
        .collect();
    assert_eq!(
        shown,
        [
            (7, Some("swp7"), Some(10_000_000_000)),
            (8, None, Some(1_000_000_000))
        ]
    );
    assert_eq!(
        learned(&config.switches[0], &ports).1,
        [(7, Some("swp7".to_owned()), None), (8, None, Some(1_000_000_000))],
        "the configuration may say something else tomorrow"
    );
}

#[test]
fn nothing_lasts_longer_than_it_may_whatever_the_file_says() {
    let clock = Clock::start();
    let began = clock.unix_ns(Time::START);
    let mut json: serde_json::Value = serde_json::from_slice(&saved(&clock).bytes(began).unwrap()).unwrap();
    for list in ["controls", "dismissed", "resting_captures", "resting_drops"] {
        json[list][0]["until"] = u64::MAX.into();
    }
    let saved = Saved::parse(json.to_string().as_bytes()).unwrap();
    let kept = saved.kept(began, Time::START);
    let most = Time::START + Duration::from_secs(86_400);
    assert!(kept.wanted[0].1 <= most && kept.captures[0].1 <= most && kept.drops[0].1 <= most);
    assert!(saved.rests(began, Time::START).all(|(_, _, until)| until <= most));
}

#[test]
fn what_cannot_be_understood_is_moved_aside() {
    let clock = Clock::start();
    let whole = saved(&clock).bytes(1).unwrap();
    let mut other = whole.clone();
    let version = whole
        .windows(12)
        .position(|bytes| bytes == b"\"version\": 1")
        .unwrap();
    other[version + 11] = b'2';
    for bad in [&whole[..whole.len() / 2], b"", b"\0\0\0\0", b"[]", &other] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fm.state.json");
        fs::write(&path, bad).unwrap();
        let state = opened(&config(directory.path()));
        assert_eq!(state.saved, Saved::default());
        assert!(!path.exists());
        assert_eq!(fs::read(directory.path().join("fm.state.json.bad")).unwrap(), bad);
    }
}

#[test]
fn a_blacklist_is_kept_under_a_name_of_ours_and_a_damaged_one_is_moved_aside() {
    let directory = tempfile::tempdir().unwrap();
    let files = Files::open(directory.path(), "fm").unwrap();
    files
        .write(&list_file("0123"), b"192.0.2.1\n2001:db8::/32\n")
        .unwrap();
    files.write(&list_file("4567"), b"<html>").unwrap();
    let state = opened(&config(directory.path()));
    assert_eq!(state.recall_list("0123").unwrap().prefixes.len(), 2);
    assert!(state.recall_list("4567").is_none() && state.recall_list("89").is_none());
    let mut names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["fm.blacklist-0123.txt", "fm.blacklist-4567.txt.bad"]);
}

#[test]
fn without_a_directory_nothing_is_kept_and_nobody_is_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let deep = directory.path().join("no/such");
    assert!(opened(&config(&deep)).files.is_none());
    let file = directory.path().join("file");
    fs::write(&file, b"").unwrap();
    assert!(opened(&config(&file)).files.is_none());
    // Whoever is root may write everywhere but there.
    assert!(opened(&config(Path::new("/proc/self"))).files.is_none());
    let made = directory.path().join("made");
    assert!(opened(&config(&made)).files.is_some() && made.is_dir());
}

fn sources(
    config: &Config,
    clock: Clock,
) -> (Sources, tokio::sync::mpsc::Receiver<crate::control::desk::Order>) {
    let (desk, orders) = crate::control::desk::Desk::new();
    let switches = Switches::new(Roster::of(config), config, Arc::<Journal>::default());
    let sources = Sources {
        pause: Arc::default(),
        overrides: Arc::new(Overrides::new(Modes::default())),
        desk,
        switches: Arc::new(switches),
        clock,
    };
    (sources, orders)
}

#[tokio::test]
async fn whoever_says_something_goes_on_when_it_is_on_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    let clock = Clock::start();
    let (sources, mut orders) = sources(&config, clock);
    let (pause, switches) = (Arc::clone(&sources.pause), Arc::clone(&sources.switches));
    let list: Arc<[ipnet::IpNet]> = ["192.0.2.0/24".parse().unwrap()].into();
    tokio::spawn(async move {
        while let Some(order) = orders.recv().await {
            if let crate::control::desk::Order::Kept(answer) = order {
                let lists = vec![("0123".to_owned(), Arc::clone(&list))];
                let _ = answer.send(Kept {
                    lists,
                    ..Kept::default()
                });
            }
        }
    });
    let (keeper, writer) = opened(&config).keep(sources);
    let (_trigger, shutdown) = shared::life::Shutdown::new();
    tokio::spawn(writer.unwrap().run(shutdown));
    pause.begin(&switches, Time::START, said("maintenance"));
    keeper.keep().await;
    let state = opened(&config);
    assert_eq!(state.saved.pause, Some(said("maintenance")));
    assert_eq!(state.recall_list("0123").unwrap().prefixes.len(), 1);
    let path = directory.path().join("fm.state.json");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // Many at once cost few writes, and the last word counts.
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    keeper.keep().await;
    assert_eq!(
        fs::metadata(&path).unwrap().modified().unwrap(),
        before,
        "nothing new"
    );
    let many = (0..50).map(|n| {
        let (pause, switches, keeper) = (Arc::clone(&pause), Arc::clone(&switches), keeper.clone());
        async move {
            pause.begin(&switches, Time::START, said(&n.to_string()));
            keeper.keep().await;
        }
    });
    let mut all = tokio::task::JoinSet::new();
    many.for_each(|one| drop(all.spawn(one)));
    all.join_all().await;
    assert_eq!(opened(&config).saved.pause, pause.read());
    // A directory that is gone costs a warning, and nobody waits for long.
    drop(directory);
    pause.end(&switches, Time::START);
    keeper.keep().await;
    Keeper::idle().keep().await;
}

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::blacklist::watch::Hit;
use crate::config::Config;
use crate::flow::AgentId;
use crate::inventory::Roster;

fn at(seconds: u64) -> Time {
    Time::START + Duration::from_secs(seconds)
}

fn captures(keys: &str) -> Captures {
    let text = format!(
        "[[switch]]\nagent = \"10.0.0.233\"\nacl = \"http://a\"\n[[switch]]\nagent = \"10.0.0.234\"\nacl = \"http://b\"\n\
         [[switch]]\nagent = \"2001:db8::1\"\nacl = \"http://c\"\n\
         [capture]\nlocal = [\"10.0.0.0/8\"]\n{keys}\n"
    );
    let analyzers = "analyzer = [\"10.0.0.70\"]\n";
    let text = if keys.contains("analyzer") {
        text
    } else {
        text + analyzers
    };
    let config = Config::parse(Path::new("t"), &text).unwrap();
    let roster = Roster::of(&config);
    Captures::new(config.id, config.capture, roster)
}

fn sighting(agent: u32, local: u8, remote: u8) -> Sighting {
    Sighting {
        agent: AgentId(agent),
        port: 3,
        hit: Hit {
            local: [10, 1, 0, local].into(),
            remote: [192, 0, 2, remote].into(),
            list: 0,
        },
        samples: 1,
        bytes: 1500,
        first: at(0),
    }
}

fn see(captures: &mut Captures, seconds: u64, sighting: &Sighting) -> Seen {
    captures.sighted(at(seconds), sighting, &"emerging".into(), None)
}

fn started(seen: Seen) -> Wish {
    match seen {
        Seen::Started(Edit::Want { wish, .. }) => wish,
        other => panic!("{other:?}"),
    }
}

fn not(seen: &Seen) -> Option<NotCaptured> {
    match seen {
        Seen::Not(why) => Some(*why),
        _ => None,
    }
}

#[test]
fn a_pair_is_captured_once_where_it_was_seen_first() {
    let mut captures = captures("");
    let wish = started(see(&mut captures, 1, &sighting(0, 7, 9)));
    assert!(wish.control.name.as_str().starts_with("fm_cap_"));
    assert_eq!(wish.control.interface, "swp+");
    assert_eq!(
        wish.control.action,
        Action::Capture(actuator::Capture {
            local: [10, 1, 0, 7].into(),
            remote: [192, 0, 2, 9].into(),
            source: [10, 0, 0, 233].into(),
            analyzer: [10, 0, 0, 70].into(),
        })
    );
    assert_eq!(
        wish.cause.about.as_deref(),
        Some("192.0.2.9 is in the list emerging")
    );
    for agent in [0, 1] {
        assert!(matches!(
            see(&mut captures, 2, &sighting(agent, 7, 9)),
            Seen::Known
        ));
    }
    let session = captures.sessions().values().next().unwrap();
    assert_eq!((session.samples, session.bytes, session.switch), (2, 3000, 0));
    // After a restart the same conversation has the same name: what is there is taken over.
    let again = started(see(&mut self::captures(""), 50, &sighting(0, 7, 9)));
    assert_eq!(again.control.name, wish.control.name);
}

#[test]
fn it_ends_when_its_switch_sees_nothing_more() {
    let mut captures = captures("");
    let wish = started(see(&mut captures, 1, &sighting(0, 7, 9)));
    see(&mut captures, 100, &sighting(0, 7, 9));
    // Another switch sees it: its way has changed.
    see(&mut captures, 300, &sighting(1, 7, 9));
    assert_eq!(captures.next_end(), Some(at(400)));
    assert!(captures.tick(at(399)).is_empty());
    let [
        Edit::Release {
            switch: 0,
            name,
            last,
            ..
        },
    ] = &captures.tick(at(400))[..]
    else {
        panic!("it is over");
    };
    assert_eq!((name, *last), (&wish.control.name, at(100)));
    assert!(captures.sessions().is_empty());
    assert_ne!(
        started(see(&mut captures, 401, &sighting(1, 7, 9))).control.name,
        wish.control.name
    );
}

#[test]
fn one_that_never_ends_rests_so_that_others_come() {
    let mut captures = captures("per_switch = 1\n");
    started(see(&mut captures, 0, &sighting(0, 7, 9)));
    for second in 1..1800 {
        see(&mut captures, second, &sighting(0, 7, 9));
        assert!(captures.tick(at(second)).is_empty());
        assert_eq!(
            not(&see(&mut captures, second, &sighting(0, 8, 9))),
            Some(NotCaptured::SwitchFull)
        );
    }
    assert_eq!(captures.tick(at(1800)).len(), 1);
    assert_eq!(
        not(&see(&mut captures, 1801, &sighting(0, 7, 9))),
        Some(NotCaptured::Resting)
    );
    started(see(&mut captures, 1801, &sighting(0, 8, 9)));
    assert_eq!(captures.tick(at(2101)).len(), 1, "quiet");
    started(see(&mut captures, 2101, &sighting(0, 7, 9)));
}

#[test]
fn what_cannot_or_must_not_be_captured_says_why() {
    let mut captures = captures("total = 3\n");
    assert_eq!(
        not(&see(&mut captures, 0, &sighting(2, 7, 9))),
        Some(NotCaptured::Agent)
    );
    assert_eq!(
        not(&see(&mut captures, 0, &sighting(9, 7, 9))),
        Some(NotCaptured::Agent)
    );
    let mut six = sighting(0, 7, 9);
    (six.hit.local, six.hit.remote) = ("2001:db8::7".parse().unwrap(), "2001:db8::9".parse().unwrap());
    assert_eq!(not(&see(&mut captures, 0, &six)), Some(NotCaptured::Family));
    for exempt in ["10.0.0.70", "10.0.0.234"] {
        let mut own = sighting(0, 7, 9);
        own.hit.local = exempt.parse().unwrap();
        assert_eq!(not(&see(&mut captures, 0, &own)), Some(NotCaptured::Exempt));
    }
    for (agent, local) in [(0, 1), (0, 2), (1, 3)] {
        started(see(&mut captures, 0, &sighting(agent, local, 9)));
    }
    assert_eq!(
        not(&see(&mut captures, 0, &sighting(1, 4, 9))),
        Some(NotCaptured::AllFull)
    );
}

#[test]
fn somebody_may_end_one() {
    let mut captures = captures("");
    let wish = started(see(&mut captures, 0, &sighting(0, 7, 9)));
    assert!(captures.end(at(1), &"fm_cap_none".parse().unwrap()).is_none());
    assert!(captures.end(at(1), &wish.control.name).is_some());
    assert_eq!(
        not(&see(&mut captures, 2, &sighting(0, 7, 9))),
        Some(NotCaptured::Resting)
    );
    started(see(&mut captures, 302, &sighting(0, 7, 9)));
}

#[test]
fn analyzers_share_the_pairs_and_a_new_one_takes_only_its_part() {
    let analyzer = |captures: &Captures, n: u8| {
        analyzer(
            &captures.config.analyzers,
            [10, 1, 0, n].into(),
            [192, 0, 2, n].into(),
        )
        .unwrap()
    };
    let two = captures("analyzer = [\"10.0.0.70\", \"10.0.0.71\"]\n");
    let three = captures("analyzer = [\"10.0.0.72\", \"10.0.0.71\", \"10.0.0.70\"]\n");
    let mut counts = BTreeMap::<_, u32>::new();
    for n in 0..=255 {
        *counts.entry(analyzer(&two, n)).or_default() += 1;
        let now = analyzer(&three, n);
        assert!(now == analyzer(&two, n) || now == Ipv4Addr::new(10, 0, 0, 72));
    }
    assert!(
        counts.len() == 2 && counts.values().all(|count| *count > 90),
        "{counts:?}"
    );
}

#[test]
fn another_configuration_ends_what_is_not_listed_by_it_and_the_smallest_of_too_many() {
    let mut captures = captures("analyzer = [\"10.0.0.70\"]\nper_switch = 3\n");
    let mut names = BTreeMap::new();
    for (remote, bytes) in [(1, 9000), (2, 1000), (3, 5000)] {
        let sighting = Sighting {
            bytes,
            ..sighting(0, 7, remote)
        };
        let wish = started(see(&mut captures, 1, &sighting));
        names.insert(wish.control.name.clone(), remote);
    }
    let list = |pair: &Pair| (pair.1 != IpAddr::from([192, 0, 2, 1])).then(|| "other".into());
    let all = |_: &Pair| Some("emerging".into());
    let mut config = captures.config.clone();
    assert!(captures.follow(&config, all).is_empty(), "nothing has changed");
    config.per_switch = 2;
    let released = |edits: Vec<Edit>| {
        let names = edits.into_iter().map(|edit| match edit {
            Edit::Release { name, why, .. } => {
                assert_eq!(why, Ending::Configuration);
                names[&name]
            }
            other => panic!("{other:?}"),
        });
        names.collect::<Vec<_>>()
    };
    assert_eq!(released(captures.follow(&config, all)), [2], "the smallest");
    assert_eq!(released(captures.follow(&config, list)), [1], "it is in no list");
    let left = captures.sessions().values().next().unwrap();
    assert_eq!((captures.sessions().len(), &*left.list), (1, "other"));
    config.analyzers = vec![[10, 0, 0, 71].into()];
    match &captures.follow(&config, all)[..] {
        [Edit::Replace { switch: 0, control }] => {
            let Action::Capture(capture) = control.action else {
                panic!("{control:?}")
            };
            assert_eq!(
                (capture.analyzer, names[&control.name]),
                ([10, 0, 0, 71].into(), 3)
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(captures.follow(&config, all).is_empty());
    config.analyzers = vec![[192, 0, 2, 3].into()];
    assert_eq!(
        released(captures.follow(&config, all)),
        [3],
        "an analyzer is never captured"
    );
    // What has ended so may begin again at once.
    config.analyzers = vec![[10, 0, 0, 71].into()];
    captures.follow(&config, all);
    started(see(&mut captures, 2, &sighting(0, 7, 3)));
}

proptest! {
    /// Whatever is seen: never more than the limits, one for a pair, and each that began ends.
    #[test]
    fn limits_hold_and_everything_ends(ops in proptest::collection::vec((0_u32..2, 0_u8..6, 0_u64..200), 1..200)) {
        let mut captures = captures("total = 3\n");
        let (mut now, mut wanted) = (0, BTreeMap::new());
        let carry_out = |wanted: &mut BTreeMap<AclName, usize>, edit: Edit| match edit {
            Edit::Want { switch, wish } => drop(wanted.insert(wish.control.name.clone(), switch)),
            Edit::Release { switch, name, .. } => assert_eq!(wanted.remove(&name), Some(switch)),
            Edit::Replace { control, .. } => assert!(wanted.contains_key(&control.name)),
        };
        for (agent, local, pause) in ops {
            now += pause;
            for edit in captures.tick(at(now)) {
                carry_out(&mut wanted, edit);
            }
            if let Seen::Started(edit) = see(&mut captures, now, &sighting(agent, local, 9)) {
                carry_out(&mut wanted, edit);
            }
            prop_assert_eq!(wanted.len(), captures.sessions().len());
            prop_assert!(wanted.len() <= 3);
            for switch in 0..2 {
                prop_assert!(wanted.values().filter(|s| **s == switch).count() <= 2);
            }
        }
        for edit in captures.tick(at(now + 300)) {
            carry_out(&mut wanted, edit);
        }
        prop_assert!(wanted.is_empty() && captures.next_end().is_none());
    }
}

use std::path::Path;

use super::*;
use crate::inventory::Roster;
use crate::packet::IpProtocol;

fn at(seconds: u64) -> Time {
    Time::START + Duration::from_secs(seconds)
}

fn manual() -> Manual {
    let text = "[[switch]]\nagent = \"10.0.0.233\"\nacl = \"http://a\"\n\
                [mark]\nexclude = [\"10.9.0.0/16\"]\n\
                [capture]\nanalyzer = [\"10.0.0.70\"]\nlocal = [\"10.0.0.0/8\"]\n";
    let config = Arc::new(Config::parse(Path::new("t"), text).unwrap());
    let roster = Roster::of(&config);
    Manual::new(config, roster)
}

fn asked(what: What) -> Asked {
    Asked {
        agent: "10.0.0.233".parse().unwrap(),
        what,
        ttl: Duration::from_secs(600),
        who: "127.0.0.1".into(),
        reason: None,
    }
}

fn flow(source: &str, destination_port: u16) -> FiveTuple {
    FiveTuple {
        source: source.parse().unwrap(),
        destination: "10.1.0.2".parse().unwrap(),
        protocol: IpProtocol::TCP,
        source_port: 1,
        destination_port,
    }
}

fn drop_to(destination: &str) -> What {
    What::Drop(Drop {
        destination: destination.parse().unwrap(),
        source: None,
        protocol: IpProtocol::UDP,
        source_port: Some(53),
        destination_port: None,
        opening: false,
    })
}

#[test]
fn everything_goes_after_its_time_and_asking_again_prolongs_it() {
    let mut manual = manual();
    let [local, remote] = [[10, 1, 0, 7], [192, 0, 2, 9]].map(Ipv4Addr::from);
    let whats = [
        What::Mark(flow("10.1.0.1", 80)),
        What::Capture(local, remote),
        drop_to("10.1.0.2"),
    ];
    let mut names = Vec::new();
    for (what, kind) in whats.into_iter().zip(["fm_mark_", "fm_cap_", "fm_drop_"]) {
        let (name, edit) = manual.ask(at(0), asked(what)).unwrap();
        assert!(name.as_str().starts_with(kind), "{name}");
        assert!(matches!(edit, Edit::Want { switch: 0, wish } if wish.holder == Holder::Person));
        names.push(name);
    }
    let (again, _) = manual.ask(at(300), asked(whats[0])).unwrap();
    assert_eq!(again, names[0], "the same whenever the same is wanted");
    manual.end(&names[1]);
    assert!(manual.tick(at(599)).is_empty());
    assert_eq!(manual.next_end(), Some(at(600)));
    let over = manual.tick(at(600));
    assert!(matches!(&over[..], [Edit::Release { name, holder: Holder::Person, .. }] if *name == names[2]));
    assert_eq!(manual.tick(at(900)).len(), 1);
}

#[test]
fn what_must_not_be_touched_is_not() {
    let mut manual = manual();
    let [host, switch, analyzer] = [[10, 1, 0, 7], [10, 0, 0, 233], [10, 0, 0, 70]].map(Ipv4Addr::from);
    for (what, why) in [
        (
            What::Mark(flow("10.1.0.1", 179)),
            NotMade::Guarded(guard::Guarded::Bgp),
        ),
        (
            What::Mark(flow("10.9.0.1", 80)),
            NotMade::Guarded(guard::Guarded::Excluded),
        ),
        (What::Capture(host, analyzer), NotMade::Exempt),
        (What::Capture(switch, host), NotMade::Exempt),
        (drop_to("10.0.0.233"), NotMade::Needed),
    ] {
        assert_eq!(manual.ask(at(0), asked(what)).unwrap_err(), why);
    }
    let elsewhere = Asked {
        agent: "10.0.0.1".parse().unwrap(),
        ..asked(drop_to("10.1.0.2"))
    };
    assert_eq!(manual.ask(at(0), elsewhere).unwrap_err(), NotMade::Switch);
    assert_eq!(manual.next_end(), None);
}

#[test]
fn people_have_a_limit_too() {
    let mut manual = manual();
    for port in 1000..1100 {
        manual
            .ask(at(0), asked(What::Mark(flow("10.1.0.1", port))))
            .unwrap();
    }
    let mut ask = |port| manual.ask(at(0), asked(What::Mark(flow("10.1.0.1", port))));
    assert_eq!(ask(1100).unwrap_err(), NotMade::Full);
    assert!(ask(1000).is_ok(), "what is there can be prolonged");
}

#[test]
fn another_configuration_changes_what_people_want_and_ends_what_must_not_be() {
    let mut manual = manual();
    let [local, remote] = [[10, 1, 0, 7], [192, 0, 2, 9]].map(Ipv4Addr::from);
    let whats = [
        What::Mark(flow("10.1.0.1", 80)),
        What::Capture(local, remote),
        drop_to("10.1.0.2"),
    ];
    let names = whats.map(|what| manual.ask(at(0), asked(what)).unwrap().0);
    assert!(
        manual.follow(Arc::clone(&manual.config)).is_empty(),
        "nothing has changed"
    );
    let mut config = Config::clone(&manual.config);
    config.mark.dscp = None;
    config.capture.analyzers = vec![[10, 0, 0, 71].into()];
    let replaced: Vec<_> = manual
        .follow(Arc::new(config.clone()))
        .into_iter()
        .map(|edit| match edit {
            Edit::Replace { control, .. } => control.name.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(replaced.len() == 2 && replaced.contains(&names[0]) && replaced.contains(&names[1]));
    assert!(manual.follow(Arc::new(config.clone())).is_empty());
    config.mark.exclude.prefixes.push("10.1.0.1/32".parse().unwrap());
    let edits = manual.follow(Arc::new(config));
    assert!(
        matches!(&edits[..], [Edit::Release { name, holder: Holder::Person, why: Ending::Configuration, .. }] if *name == names[0]),
        "{edits:?}"
    );
    assert_eq!(manual.wanted().count(), 2);
}

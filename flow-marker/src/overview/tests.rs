//! Answers to made-up facts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::actuator::{Action, Control, Drop, Mark};
use crate::clock::Time;
use crate::control::desired::{
    Budget, Cause, Current, Effect, Hits, Person, Proof, State, Tally, Times, View,
};
use crate::control::modes::Modes as Permitted;
use crate::detect::Evidence;
use crate::engine::doctor::{Kind as Complaint, Severity};
use crate::flow::FiveTuple;
use crate::packet::IpProtocol;

const HOUR: Duration = Duration::from_secs(3600);
const EPOCH: u64 = 1_800_000_000_000_000_000;

fn now() -> Time {
    Time::START + HOUR
}

fn ago(seconds: u64) -> Time {
    now().before(Duration::from_secs(seconds))
}

fn place(n: u8) -> Arc<Place> {
    Arc::new(Place {
        agent: [10, 0, 0, n].into(),
        name: format!("leaf{n}").into(),
    })
}

fn port() -> Port {
    Port {
        ifindex: 1,
        name: Some("swp1".into()),
    }
}

fn switch(n: u8) -> SwitchFact {
    SwitchFact {
        place: place(n),
        reachable: Some(true),
        error: None,
        unreachable: None,
        differs: None,
        tally: Tally::default(),
        told: true,
        budget: Budget {
            max_rules: 64,
            rules: 0,
            entries: 0,
            max_entries: None,
            capacity: None,
        },
        shadowed: Vec::new(),
    }
}

fn agent(n: u8, last: Option<Time>) -> AgentFact {
    AgentFact {
        place: place(n),
        expected: true,
        last,
        since: Time::START,
        patience: Duration::from_secs(35),
        received: 1000,
        lost: 0,
    }
}

fn flow(n: u16) -> FiveTuple {
    FiveTuple {
        source: [10, 1, 0, 1].into(),
        destination: [10, 2, 0, 1].into(),
        protocol: IpProtocol::TCP,
        source_port: n,
        destination_port: 80,
    }
}

fn control(n: u16, action: Action, state: State, effect: Effect) -> ControlFact {
    let rate = "1.2G".parse().unwrap();
    let evidence = Evidence::counted(
        (12_100_000, 9),
        (ago(30), ago(30) + Duration::from_millis(410)),
        (rate, "100M".parse().unwrap()),
    );
    let cause = Cause {
        agent: [10, 0, 0, 1].into(),
        port: 1,
        port_name: Some("swp1".into()),
        detected: ago(29),
        evidence,
        hold: None,
        about: None,
        person: None,
    };
    let there = !matches!(state, State::Wanted | State::Observed);
    ControlFact {
        place: place(1),
        port: port(),
        view: View {
            control: Arc::new(Control {
                name: format!("fm_mark_{n}").parse().unwrap(),
                interface: "swp+".to_owned(),
                action,
            }),
            cause: Arc::new(cause),
            state,
            there: if there { There::Yes } else { There::No },
            times: Times {
                put_sent: there.then(|| ago(28)),
                installed: there.then(|| ago(28)),
                ..Times::default()
            },
            timing: None,
            current: Some(Current {
                rate,
                last_sample: ago(1),
            }),
            proof: Proof {
                effect,
                hits: Some(Hits {
                    packets: 1234,
                    bytes: 1_851_000,
                    counted: ago(3),
                }),
                ..Proof::default()
            },
            error: None,
            person: None,
            shadowed: None,
        },
        effect_why: None,
        ends: Ends::never("while its flow lasts"),
    }
}

fn mark(n: u16, state: State, effect: Effect) -> ControlFact {
    let mark = Mark {
        dscp: None,
        cos: None,
    };
    control(n, Action::Mark { flow: flow(n), mark }, state, effect)
}

fn dropped() -> ControlFact {
    let drop = Drop {
        protocol: IpProtocol::UDP,
        source: None,
        source_port: Some(53),
        destination: [10, 1, 0, 1].into(),
        destination_port: None,
        opening: false,
    };
    control(9, Action::Drop(drop), State::Installed, Effect::Hits)
}

fn change(kind: &'static str, seconds: u64, text: &str) -> Change {
    Change {
        time: EPOCH + ago(seconds).as_nanos(),
        kind,
        agent: None,
        switch: None,
        text: text.to_owned(),
        decision: None,
        count: 1,
    }
}

/// Two leaves that are heard, reached, and have what they should have.
fn good() -> Facts {
    let fresh = now().before(Duration::from_millis(200));
    Facts {
        now: now(),
        started: EPOCH,
        switches: vec![switch(1), switch(2)],
        agents: vec![agent(1, Some(fresh)), agent(2, Some(ago(1)))],
        modes: Permitted {
            mark: Mode::Act,
            ..Permitted::default()
        },
        ..Facts::default()
    }
}

/// The answer to a question.
fn answer(facts: &Facts, question: &str) -> (Level, String) {
    let overview = Overview::of(facts);
    let json: serde_json::Value = serde_json::from_slice(&overview.to_json()).unwrap();
    assert_eq!(json["answers"].as_array().unwrap().len(), 6);
    let found = overview
        .answers()
        .iter()
        .find(|answer| answer.question == question)
        .unwrap();
    (found.level, found.text.clone())
}

fn is(facts: &Facts, question: &str, level: Level, text: &str) {
    assert_eq!(answer(facts, question), (level, text.to_owned()));
}

#[test]
fn nothing_is_known_at_first() {
    let facts = Facts {
        now: Time::START + Duration::from_secs(12),
        ..Facts::default()
    };
    is(
        &facts,
        "believe",
        Level::Bad,
        "No: no agent has sent a datagram since the start 12 s ago, so nothing is known of the network.",
    );
    is(
        &facts,
        "broken",
        Level::Ok,
        "Nothing: there is no switch in the inventory.",
    );
    is(&facts, "changed", Level::Ok, "Nothing in the last 15 min.");
    for answer in Overview::of(&facts).answers() {
        assert!(answer.text.ends_with('.'), "{answer:?}");
    }
}

#[test]
fn what_we_cause_is_what_is_on_switches() {
    let mut facts = good();
    is(
        &facts,
        "causing",
        Level::Ok,
        "No: nothing of ours is on any switch; marks are made when they are needed; nothing was changed on a switch in the last 15 min.",
    );
    facts.controls = vec![
        mark(1, State::Installed, Effect::Seen),
        mark(2, State::Installed, Effect::Hits),
        mark(3, State::Wanted, Effect::Unknown),
    ];
    facts.changes = vec![
        change("reachable", 1, "leaf2 answers"),
        change(
            "installed",
            3,
            "mark tcp 10.1.0.1:2 → 10.2.0.1:80 was made on leaf1 swp1",
        ),
    ];
    is(
        &facts,
        "causing",
        Level::Note,
        "2 marks, no capture and no drop on 1 switch; the last change 3 s ago: mark tcp 10.1.0.1:2 → 10.2.0.1:80 was made on leaf1 swp1.",
    );
    facts.controls.push(dropped());
    assert_eq!(
        answer(&facts, "causing").0,
        Level::Warn,
        "somebody's packets are discarded"
    );
}

#[test]
fn a_mode_that_only_observes_says_what_it_would_do() {
    let mut facts = good();
    facts.modes = Permitted::default();
    facts.controls = vec![mark(1, State::Observed, Effect::Unknown)];
    is(
        &facts,
        "causing",
        Level::Ok,
        "No: nothing of ours is on any switch; all controllers only observe; 1 control is only observed; nothing was changed on a switch in the last 15 min.",
    );
}

#[test]
fn a_pause_is_over_when_every_switch_has_confirmed_it() {
    let mut facts = good();
    let mut pause = Paused {
        since: EPOCH + ago(180).as_nanos(),
        who: "alice".to_owned(),
        reason: Some("ticket 7".to_owned()),
        withdrawn: false,
        waiting: vec![[10, 0, 0, 2].into()],
    };
    facts.pause = Some(pause.clone());
    is(
        &facts,
        "causing",
        Level::Warn,
        "Perhaps: leaf2 has not yet confirmed that everything of ours is gone; paused for 3 min by alice (ticket 7).",
    );
    (pause.withdrawn, pause.waiting) = (true, Vec::new());
    facts.pause = Some(pause);
    is(
        &facts,
        "causing",
        Level::Note,
        "Nothing of ours is on any switch: paused for 3 min by alice (ticket 7).",
    );
}

#[test]
fn data_is_believed_as_far_as_agents_are_heard() {
    let mut facts = good();
    is(
        &facts,
        "believe",
        Level::Ok,
        "2 agents report, none is silent; nothing is lost; the data is 0.2 s old.",
    );
    facts.agents.push(agent(3, Some(ago(40))));
    is(
        &facts,
        "believe",
        Level::Warn,
        "leaf3 has been silent for 40 s; 2 of 3 agents report; nothing is lost; the data is 0.2 s old.",
    );
    facts.agents = vec![agent(3, Some(ago(40))), agent(4, None)];
    is(
        &facts,
        "believe",
        Level::Bad,
        "leaf3 and leaf4 have been silent for up to 60 min; 0 of 2 agents report; nothing is lost; the data is 40 s old.",
    );
}

#[test]
fn loss_and_wrong_sampling_rates_are_said() {
    let mut facts = good();
    facts.agents[1].lost = 24;
    facts.findings = vec![
        FindingFact {
            place: place(1),
            expected: true,
            severity: Severity::Critical,
            kind: Complaint::RateDiffers,
            at: Some("swp1".to_owned()),
            sentence: "It says 1:1000, but one packet in 2000 is sampled.".to_owned(),
        },
        FindingFact {
            place: place(2),
            expected: true,
            severity: Severity::Warning,
            kind: Complaint::TooCoarse,
            at: None,
            sentence: "It is too coarse.".to_owned(),
        },
    ];
    is(
        &facts,
        "believe",
        Level::Warn,
        "2 agents report, none is silent; 1.2 % of the last minute's datagrams are missing, most of leaf2; the sampling doctor \
         says of leaf1 swp1: it says 1:1000, but one packet in 2000 is sampled, and 1 other finding; the data is 0.2 s old.",
    );
    facts.agents[1].lost = 1_000_000;
    assert_eq!(answer(&facts, "believe").0, Level::Bad);
}

fn link(utilisation: f64, discards: f64) -> Link {
    let bits = |share: f64| Some(tests_bits(share * 1e9));
    Link {
        place: place(1),
        ifindex: 1,
        port: Some("swp1".into()),
        speed: Some(1_000_000_000),
        input: bits(utilisation),
        output: bits(0.1),
        utilisation: Some(utilisation),
        direction: "in",
        discards,
        errors: 0.0,
        flows: Vec::new(),
    }
}

#[test]
fn the_fullest_link_is_told_with_what_fills_it() {
    let mut facts = good();
    assert_eq!(answer(&facts, "hot").0, Level::Note, "nothing is known");
    facts.links = vec![link(0.12, 0.0)];
    is(
        &facts,
        "hot",
        Level::Ok,
        "leaf1 swp1 is 12 % full (in, 120 Mb/s of 1 Gb/s) and discards nothing; no large flow is known to go in by it.",
    );
    facts.links = vec![link(0.93, 12.2), link(0.85, 0.0), link(0.1, 0.0)];
    facts.links[0].flows = vec![Filling {
        text: "10.1.0.1:2 → 10.2.0.1:80 tcp".to_owned(),
        rate: 450_000_000,
        state: FlowState::Marked,
    }];
    is(
        &facts,
        "hot",
        Level::Bad,
        "leaf1 swp1 is 93 % full (in, 930 Mb/s of 1 Gb/s) and discards 12 packets/s; filled by 10.1.0.1:2 → 10.2.0.1:80 tcp \
         (450 Mb/s); 1 other port is busy or discards.",
    );
}

#[test]
fn controls_work_or_the_reason_is_said() {
    let mut facts = good();
    is(
        &facts,
        "work",
        Level::Ok,
        "There is no control on any switch that could work or not.",
    );
    facts.controls = vec![mark(1, State::Installed, Effect::Unknown)];
    is(
        &facts,
        "work",
        Level::Ok,
        "The one control is not seen to work yet; nothing was seen of it so far.",
    );
    facts.controls = vec![
        mark(1, State::Installed, Effect::Hits),
        mark(2, State::Installed, Effect::Seen),
    ];
    is(
        &facts,
        "work",
        Level::Ok,
        "All 2 controls are seen to work; 1 by rising hit counters and 1 by marked packets seen downstream.",
    );
    let mut failing = mark(3, State::Installed, Effect::None);
    failing.effect_why = Some("its counters have not moved in 3 listings".to_owned());
    facts.controls.push(failing);
    is(
        &facts,
        "work",
        Level::Warn,
        "2 of 3 controls are seen to work; 1 by rising hit counters and 1 by marked packets seen downstream; 1 control without effect, such as “mark \
         tcp 10.1.0.1:3 → 10.2.0.1:80” on leaf1: its counters have not moved in 3 listings.",
    );
    facts.controls.drain(..2);
    assert_eq!(answer(&facts, "work").0, Level::Bad, "none works");
}

#[test]
fn what_is_broken_is_said_in_the_switchs_own_words() {
    let mut facts = good();
    is(
        &facts,
        "broken",
        Level::Ok,
        "Nothing: 2 switches answer and have what is wanted.",
    );
    facts.switches[1].tally.over_budget = 3;
    facts.switches[1].budget.rules = 64;
    is(
        &facts,
        "broken",
        Level::Warn,
        "leaf2 has no place for more (64 of 64 rules): 3 controls wait.",
    );
    let mut refused = mark(3, State::Refused, Effect::Unknown);
    refused.view.error = Some("422 the tool refuses it: error: unknown target SETQOS".to_owned());
    facts.controls = vec![refused];
    is(
        &facts,
        "broken",
        Level::Bad,
        "leaf1 refuses “mark tcp 10.1.0.1:3 → 10.2.0.1:80”: 422 the tool refuses it: error: unknown target SETQOS; 1 other \
         problem is listed.",
    );
    facts = good();
    facts.switches[0].reachable = Some(false);
    facts.switches[0].unreachable = Some(ago(240));
    facts.switches[0].error = Some("connection refused".to_owned());
    is(
        &facts,
        "broken",
        Level::Bad,
        "leaf1 has not answered for 4 min: connection refused.",
    );
    facts = good();
    facts.switches[0].shadowed = vec![(
        "mark tcp a".to_owned(),
        "line 3: shadowed by 10_ops.rules:2".to_owned(),
    )];
    assert!(answer(&facts, "broken").1.contains("shadowed by 10_ops.rules:2"));
    facts = good();
    facts.switches[0].differs = Some(ago(3));
    assert_eq!(answer(&facts, "broken").0, Level::Ok, "a commit takes its time");
    facts.switches[0].differs = Some(ago(30));
    facts.switches[0].tally.wanted = 2;
    is(
        &facts,
        "broken",
        Level::Warn,
        "leaf1 has had something else than it should have for 30 s (0 of 2 controls installed).",
    );
}

#[test]
fn the_gravest_is_told_whatever_it_is_about() {
    let mut facts = good();
    let finding = FindingFact {
        place: place(2),
        expected: true,
        severity: Severity::Warning,
        kind: Complaint::TooCoarse,
        at: None,
        sentence: "It is too coarse.".to_owned(),
    };
    facts.findings = vec![finding];
    is(
        &facts,
        "broken",
        Level::Ok,
        "Nothing: 2 switches answer and have what is wanted; 1 remark is listed.",
    );
    facts.agents.push(agent(3, Some(ago(40))));
    is(
        &facts,
        "broken",
        Level::Warn,
        "leaf3 has been silent for 40 s; 1 other problem is listed; 2 switches answer and have what is wanted.",
    );
    facts.agents[0].lost = 1_000_000;
    let (level, text) = answer(&facts, "broken");
    assert_eq!(level, Level::Bad);
    assert!(
        text.starts_with("100 % of the datagrams of leaf1 are missing; 2 other problems"),
        "{text}"
    );
    facts.switches[0].reachable = Some(false);
    let (level, text) = answer(&facts, "broken");
    assert_eq!(level, Level::Bad);
    assert!(
        text.starts_with("leaf1 has not answered: no answer; 3 other"),
        "{text}"
    );
}

#[test]
fn what_may_be_on_a_switch_is_not_denied() {
    let mut facts = good();
    let causing = |facts: &Facts| {
        let (level, text) = answer(facts, "causing");
        assert_eq!(level, Level::Note, "{text}");
        text
    };
    facts.switches[1].told = false;
    assert!(
        causing(&facts).starts_with("Perhaps: leaf2 has not told yet what it has of ours; marks are made")
    );
    facts.switches[0].tally.orphans = 2;
    let text = causing(&facts);
    let orphans = "2 controls that nobody wants are on leaf1, from before the start or made by hand";
    assert!(
        text.starts_with(&format!("{orphans}; leaf2 has not told yet")),
        "{text}"
    );
    facts = good();
    let mut sent = mark(3, State::Failed, Effect::Unknown);
    (sent.view.times.installed, sent.view.there) = (None, There::Perhaps);
    facts.controls = vec![sent];
    let text = causing(&facts);
    assert!(
        text.starts_with(
            "Perhaps: 1 control was sent and not confirmed, and perhaps is there; 1 control is not"
        ),
        "{text}"
    );
    facts.controls.push(mark(1, State::Installed, Effect::Seen));
    let text = causing(&facts);
    assert!(
        text.starts_with("1 mark, no capture and no drop on 1 switch; 1 control was sent"),
        "{text}"
    );
    // The mode was changed, and the switch has not said that it is gone.
    let mut left = mark(1, State::Observed, Effect::Unknown);
    (left.view.times.installed, left.view.there) = (Some(ago(60)), There::Perhaps);
    facts.controls = vec![left];
    let text = causing(&facts);
    assert!(
        text.starts_with("1 mark, no capture and no drop on 1 switch"),
        "{text}"
    );
    facts.controls[0].view.there = There::No;
    assert!(
        answer(&facts, "causing")
            .1
            .starts_with("No: nothing of ours is on any switch")
    );
}

#[test]
fn a_switch_that_has_just_come_is_not_silent() {
    let mut facts = good();
    let mut new = agent(3, None);
    new.since = ago(20);
    facts.agents.push(new);
    is(
        &facts,
        "believe",
        Level::Ok,
        "2 of 3 agents report so far; nothing is lost; the data is 0.2 s old.",
    );
    facts.agents[2].since = ago(60);
    let (level, text) = answer(&facts, "broken");
    assert_eq!(level, Level::Warn);
    assert!(
        text.starts_with("leaf3 has sent nothing since it came to the inventory 60 s ago"),
        "{text}"
    );
}

#[test]
fn a_clock_that_was_set_is_told_of() {
    let mut facts = good();
    facts.skew = -4_000_000_000;
    assert_eq!(answer(&facts, "broken").0, Level::Ok, "nobody minds");
    facts.skew = 3_600_000_000_000;
    let (level, text) = answer(&facts, "broken");
    assert_eq!(level, Level::Warn);
    assert!(
        text.starts_with("The clock of this machine was set forward, or the machine has slept, since the start: all times here are 60 min behind until"),
        "{text}"
    );
    facts.skew = i64::MIN;
    assert!(
        answer(&facts, "broken")
            .1
            .contains("was set back since the start")
    );
}

#[test]
fn strangers_alarm_nobody_where_there_is_an_inventory() {
    let mut facts = good();
    let stranger = AgentFact {
        expected: false,
        ..agent(9, Some(ago(100)))
    };
    facts.agents.push(stranger);
    facts.findings = vec![FindingFact {
        place: place(9),
        expected: false,
        severity: Severity::Critical,
        kind: Complaint::RateDiffers,
        at: None,
        sentence: "It says anything.".to_owned(),
    }];
    facts.agents[2].lost = 1_000_000;
    for question in ["believe", "broken"] {
        assert!(
            answer(&facts, question).0 <= Level::Note,
            "{:?}",
            answer(&facts, question)
        );
    }
    facts.agents[2].last = Some(ago(1));
    for question in ["believe", "broken"] {
        assert!(
            answer(&facts, question).0 <= Level::Note,
            "{:?}",
            answer(&facts, question)
        );
    }
    facts.switches.clear();
    assert_eq!(answer(&facts, "believe").0, Level::Bad, "they are all there is");
}

#[test]
fn every_kind_of_change_has_words() {
    for what in crate::control::desired::What::ALL {
        let mut facts = good();
        facts.changes = vec![change(what.word(), 3, "something was done")];
        let (_, text) = answer(&facts, "changed");
        assert!(!text.contains(": ;"), "{text}");
        assert!(text.ends_with("last 3 s ago: something was done."), "{text}");
    }
}

#[test]
fn what_has_changed_is_counted_and_the_gravest_is_said() {
    let mut facts = good();
    facts.changes = vec![
        change("installed", 3, "mark tcp a was made on leaf1 swp1"),
        change("changed_by_hand", 240, "mark tcp b was changed by hand on leaf2"),
        change("removed", 300, "mark tcp c was removed"),
    ];
    facts.changes[0].count = 3;
    is(
        &facts,
        "changed",
        Level::Warn,
        "In the last 15 min: 1 control changed by hand, 3 controls made and 1 control removed; the last 3 s ago: mark tcp a was \
         made on leaf1 swp1; 4 min ago: mark tcp b was changed by hand on leaf2.",
    );
}

#[test]
fn lists_are_short_and_what_is_wrong_comes_first() {
    let mut facts = good();
    facts.controls = (0..100)
        .map(|n| mark(n, State::Installed, Effect::Seen))
        .collect();
    let mut person = mark(200, State::Failed, Effect::Unknown);
    person.view.person = Some(Person {
        who: "bob".into(),
        reason: None,
        until: now() + HOUR,
    });
    person.ends = Ends::at(now() + HOUR, "or later, while its flow lasts");
    facts.controls.push(person);
    facts.links = vec![link(0.5, 0.0); 20];
    let json: serde_json::Value = serde_json::from_slice(&Overview::of(&facts).to_json()).unwrap();
    let length = |name: &str| json[name].as_array().unwrap().len();
    assert_eq!((length("controls"), length("links")), (20, 8));
    let first = &json["controls"][0];
    assert_eq!(
        (&first["state"], &first["owner"]),
        (&"failed".into(), &"bob".into())
    );
    assert_eq!(first["until"], EPOCH + (now() + HOUR).as_nanos());
    assert_eq!(first["ends"], "or later, while its flow lasts");
    let second = &json["controls"][1];
    assert_eq!(
        (&second["until"], &second["ends"]),
        (&serde_json::Value::Null, &"while its flow lasts".into()),
        "no time that could be misread"
    );
    assert_eq!(
        json["controls"][1]["why"],
        "12.1 MB in 0.4 s, 1.2 Gb/s, path count"
    );
    assert_eq!(json["controls"][1]["hits"], 1234);
    assert_eq!(json["counts"]["marks"], 101);
    assert_eq!(json["links"][0]["switch"], "leaf1");
    let agent: IpAddr = [10, 0, 0, 1].into();
    assert_eq!(json["links"][0]["agent"], agent.to_string());
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a made-up rate"
)]
const fn tests_bits(rate: f64) -> u64 {
    rate as u64
}

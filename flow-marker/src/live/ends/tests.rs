use std::net::Ipv4Addr;
use std::sync::Arc;

use shared::units::BitRate;

use super::*;
use crate::actuator::{Action, Capture, Control, Drop, Mark};
use crate::control::desired::{Cause, Person, Proof, There, Times};
use crate::detect::Evidence;
use crate::flow::FlowKey;
use crate::packet::IpProtocol;
use crate::sflow::DataSource;

const HOLD: Duration = Duration::from_secs(10);
pub(in crate::live) const FLOW: FiveTuple = FiveTuple {
    source: std::net::IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1)),
    destination: std::net::IpAddr::V4(Ipv4Addr::new(10, 2, 0, 1)),
    protocol: IpProtocol::TCP,
    source_port: 5001,
    destination_port: 80,
};

fn at(milliseconds: u64) -> Time {
    Time::START + Duration::from_millis(milliseconds)
}

fn view(name: &str, action: Action, state: State) -> View {
    let nothing = BitRate::from_bits_per_second(0);
    let cause = Cause {
        agent: [10, 0, 0, 1].into(),
        port: 1,
        port_name: None,
        detected: at(0),
        evidence: Evidence::counted((1, 1), (at(0), at(0)), (nothing, nothing)),
        hold: None,
        about: None,
        person: None,
    };
    View {
        control: Arc::new(Control {
            name: name.parse().unwrap(),
            interface: "swp+".to_owned(),
            action,
        }),
        cause: Arc::new(cause),
        state,
        there: There::Yes,
        times: Times {
            installed: Some(at(0)),
            ..Times::default()
        },
        timing: None,
        current: None,
        proof: Proof::default(),
        error: None,
        person: None,
        shadowed: None,
    }
}

pub(in crate::live) fn mark(state: State) -> View {
    let mark = Mark {
        dscp: None,
        cos: None,
    };
    view("fm_mark_1", Action::Mark { flow: FLOW, mark }, state)
}

fn drops() -> View {
    let drop = Drop {
        protocol: IpProtocol::UDP,
        source: None,
        source_port: Some(53),
        destination: [10, 1, 0, 1].into(),
        destination_port: None,
        opening: false,
    };
    view("fm_drop_1", Action::Drop(drop), State::Installed)
}

fn capture() -> View {
    let capture = Capture {
        local: [10, 1, 0, 1].into(),
        remote: [192, 0, 2, 1].into(),
        source: [10, 0, 0, 1].into(),
        analyzer: [10, 0, 0, 70].into(),
    };
    view("fm_cap_1", Action::Capture(capture), State::Installed)
}

fn until(mut view: View, until: Time) -> View {
    view.person = Some(Person {
        who: "bob".into(),
        reason: None,
        until,
    });
    view
}

/// An elephant of the first switch, sampled last then, and patience of four seconds.
fn elephant(last: Time) -> LiveFlow {
    LiveFlow {
        key: FlowKey {
            agent: AgentId(0),
            source: DataSource::interface(1),
            tuple: FLOW,
        },
        port: 1,
        rate: BitRate::from_bits_per_second(1),
        share: 1.0,
        elephant: None,
        bytes: 1,
        last_sample: Some(last),
        until: Some(last + Duration::from_secs(4)),
        output: None,
    }
}

fn endings() -> Endings {
    let mut endings = Endings::default();
    endings.follow(&[elephant(at(20_000)), elephant(at(12_000))], HOLD);
    endings
}

#[test]
fn a_mark_has_no_end_while_its_flow_is_sampled_and_one_when_it_is_missed() {
    let endings = endings();
    for late in [20_000, 20_900, 21_900] {
        let ends = endings.of(at(late), 0, &mark(State::Installed));
        assert_eq!(ends, Ends::never("while its flow lasts"), "{late}");
    }
    let missed = Ends::at(at(24_000), "unless its flow is seen again");
    assert_eq!(endings.of(at(22_000), 0, &mark(State::Installed)), missed);
    let mut young = mark(State::Installed);
    young.times.installed = Some(at(19_000));
    assert_eq!(
        endings.of(at(22_000), 0, &young).until,
        Some(at(29_000)),
        "it is held"
    );
    let elsewhere = endings.of(at(22_000), 1, &mark(State::Wanted));
    assert_eq!(elsewhere, Ends::never("while its flow lasts"));
    let going = endings.of(at(20_000), 0, &mark(State::Releasing));
    assert_eq!(going, Ends::never("it is being removed"));
}

#[test]
fn what_a_person_wants_ends_when_he_said_so_or_with_what_else_wants_it() {
    let mut endings = endings();
    let wanted = until(mark(State::Installed), at(60_000));
    let ends = endings.of(at(20_000), 0, &wanted);
    assert_eq!(ends, Ends::at(at(60_000), "or later, while its flow lasts"));
    assert_eq!(endings.of(at(22_000), 0, &wanted), Ends::at(at(60_000), ""));
    assert_eq!(endings.of(at(20_000), 1, &wanted), Ends::at(at(60_000), ""));
    let over = endings.of(at(60_000), 1, &wanted);
    assert_eq!(over.until, None, "he wants it no more");
    let lasting = Lasting {
        last: at(0),
        quiet: None,
        until: at(70_000),
    };
    endings.take(vec![(0, drops().control.name.clone(), lasting)]);
    let both = endings.of(at(0), 0, &until(drops(), at(60_000)));
    assert_eq!(
        both,
        Ends::at(at(70_000), "later if the attack still goes on then")
    );
    let both = endings.of(at(0), 0, &until(drops(), at(80_000)));
    assert_eq!(both, Ends::at(at(80_000), ""));
}

#[test]
fn a_capture_ends_after_its_longest_time_or_when_its_hosts_are_missed() {
    let mut endings = endings();
    assert_eq!(endings.of(at(0), 0, &capture()), Ends::default(), "not told yet");
    let lasting = Lasting {
        last: at(100_000),
        quiet: Some(Duration::from_secs(300)),
        until: at(1_800_000),
    };
    endings.take(vec![(0, capture().control.name.clone(), lasting)]);
    let ends = endings.of(at(110_000), 0, &capture());
    assert_eq!(
        (ends.until, &*ends.text),
        (Some(at(1_800_000)), "or 5 min after its hosts were seen last")
    );
    let ends = endings.of(at(250_000), 0, &capture());
    assert_eq!(ends, Ends::at(at(400_000), "unless its hosts are seen again"));
    let last = Lasting {
        last: at(1_700_000),
        ..lasting
    };
    endings.take(vec![(0, capture().control.name.clone(), last)]);
    assert_eq!(
        endings.of(at(1_790_000), 0, &capture()).until,
        Some(at(1_800_000))
    );
}

//! Two switches: one marks, one sees.

use std::path::Path;

use super::*;
use crate::actuator::Hits;
use crate::config::Config;
use crate::control::desired::{Effect, Ending};
use crate::control::switch::tests::{carry_out, wish};
use crate::inventory::Roster;
use crate::packet::{EtherType, Header};

fn at(ms: u64) -> Time {
    Time::START + Duration::from_millis(ms)
}

/// A packet of the flow of `wish(7)`.
fn packet(dscp: u8) -> Header {
    let mut bytes = [0; 40];
    (bytes[0], bytes[1], bytes[3], bytes[8], bytes[9]) = (0x45, dscp << 2, 40, 64, 6);
    bytes[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    (bytes[21], bytes[23], bytes[32]) = (7, 80, 0x50);
    Header::parse_ethertype(EtherType::IPV4, &bytes)
}

#[test]
fn marks_are_looked_out_for_from_the_request_until_they_go() {
    let text =
        "[mark]\nmode = \"act\"\nhold = \"0s\"\n[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n";
    let config = Config::parse(Path::new("t"), text).unwrap();
    let switches = Arc::new(Switches::new(Roster::of(&config), &config, Arc::default()));
    let switch = switches.get(0).unwrap();
    let mut oversight = Oversight::new(switches, Clock::start());
    let newest = oversight.marked();
    let before = newest.load_full();
    oversight.look(at(1));
    assert!(
        Arc::ptr_eq(&before, &newest.load()),
        "nothing new, nothing published"
    );
    switch.edit(|desired| desired.want(wish(7)));
    carry_out(&switch, at(100));
    oversight.look(at(200));
    let marked = newest.load_full();
    // It is seen at another switch, and shown.
    marked.sample(at(300), AgentId(1), &packet(10), None);
    let effect = |switch: &Switch| {
        switch.show();
        let m = &switch.metrics;
        [
            m.effect_unknown.get(),
            m.effect_hits.get(),
            m.effect_seen.get(),
            m.effect_none.get(),
        ]
    };
    oversight.look(at(1100));
    assert_eq!(effect(&switch), [0, 0, 1, 0]);
    assert!(
        Arc::ptr_eq(&marked, &newest.load()),
        "the same marks, the same traces"
    );
    // The next switch has begun to take it away.
    for tenth in 0..100 {
        marked.sample(at(4000 + tenth * 100), AgentId(1), &packet(0), None);
    }
    oversight.look(at(15_000));
    oversight.look(at(17_000));
    assert_eq!(effect(&switch), [0, 0, 0, 1]);
    assert_eq!(switch.metrics.without_effect.get(), 1);
    let name = wish(7).control.name.clone();
    let hits = |packets| Hits {
        name: name.clone(),
        packets,
        bytes: None,
    };
    switch.edit(|desired| desired.counted(at(17_500), &[hits(None), hits(Some(9))]));
    oversight.look(at(18_100));
    let view = switch.read(|desired| desired.views().next()).unwrap();
    assert_eq!(
        view.proof.effect,
        Effect::None,
        "what is hit and not seen has no effect"
    );
    assert_eq!(
        view.proof.hits.map(|hits| (hits.packets, hits.bytes)),
        Some((9, 0))
    );
    // It goes: nobody looks out any more, and the history has what was known.
    switch.edit(|desired| desired.release(at(20_000), &name, wish(7).holder, at(19_000), Ending::Silence));
    carry_out(&switch, at(20_000));
    oversight.look(at(20_100));
    assert!(!Arc::ptr_eq(&marked, &newest.load()));
    assert_eq!(effect(&switch), [0; 4]);
}

use std::path::Path;
use std::time::Duration;

use shared::wire::ServerTiming;

use super::*;
use crate::actuator::Verdict;
use crate::clock::Time;
use crate::config::{Config, Mode};
use crate::control::desired::{self, Ending, Wish};
use crate::control::modes::Modes;
use crate::inventory::Roster;

/// A switch whose acl-server nobody asks.
pub(in crate::control) fn switch(mode: Mode, max_rules: usize) -> Switch {
    let text = "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n";
    let config = Config::parse(Path::new("t"), text).unwrap();
    let limits = Limits {
        hold: Duration::ZERO,
        max_rules,
    };
    let member = Roster::of(&config).get(0).unwrap();
    let modes = Modes::default().with(crate::actuator::Kind::Mark, mode);
    Switch::new(&member, (limits, modes), Arc::default())
}

/// An elephant of 100 Mbit/s, which is its threshold.
pub(crate) fn wish(n: u16) -> Wish {
    desired::tests::wish(n, 100)
}

/// The switch does what is planned for it; the number of changes.
pub(crate) fn carry_out(switch: &Switch, now: Time) -> usize {
    switch.edit(|desired| {
        let plan = desired.plan(now);
        desired.begin(now, &plan);
        for change in &plan.changes {
            let verdict = match change.is_install() {
                true => Verdict::Installed {
                    etag: Some("e".to_owned()),
                    timing: ServerTiming::default(),
                },
                false => Verdict::Removed,
            };
            desired.verdict(now, change, verdict);
        }
        plan.changes.len()
    })
}

/// With a step of work for every pair of elephants this would take minutes, and hours with one for every triple.
#[test]
fn many_elephants_cost_no_more_than_their_number() {
    const MANY: u16 = 20_000;
    for mode in [Mode::Act, Mode::Observe] {
        let switch = switch(mode, 64);
        for n in 0..MANY {
            switch.edit(|desired| desired.want(wish(n)));
        }
        switch.show();
        let (m, many) = (&switch.metrics, u64::from(MANY));
        let shown = [m.wanted.get(), m.over_budget.get(), m.observed.get()];
        assert_eq!(
            shown,
            match mode {
                Mode::Act => [64, many - 64, 0],
                Mode::Observe => [0, 0, many],
            }
        );
        assert_eq!(switch.read(|desired| desired.views().count()), usize::from(MANY));
        for n in 0..MANY {
            let wish = wish(n);
            switch.edit(|desired| {
                desired.release(
                    Time::START,
                    &wish.control.name,
                    wish.holder,
                    Time::START,
                    Ending::Silence,
                );
            });
        }
        switch.show();
        assert_eq!((m.wanted.get(), m.over_budget.get(), m.observed.get()), (0, 0, 0));
    }
}

use proptest::prelude::*;

use super::*;
use crate::config::Mode;
use crate::control::desired::tests::{PORT, act, at, name, wish};
use crate::control::desired::{About, Desired, Ending, Limits};
use crate::control::modes::Modes;

/// Decisions of a desired state, and their totals.
struct World {
    desired: Desired,
    shadow: Shadow,
}

impl World {
    fn new(modes: Modes) -> Self {
        let limits = Limits {
            hold: Duration::ZERO,
            max_rules: 64,
        };
        Self {
            desired: Desired::new(limits, modes),
            shadow: Shadow::default(),
        }
    }

    fn take(&mut self) {
        for decision in self.desired.take_decided() {
            self.shadow.take(&decision, 3, false);
        }
    }

    fn want(&mut self, seconds: u64, n: u16) {
        let mut wish = wish(n, 100);
        let mut cause = (*wish.cause).clone();
        cause.detected = at(seconds);
        wish.cause = std::sync::Arc::new(cause);
        self.desired.want(wish);
        self.take();
    }

    fn release(&mut self, seconds: u64, n: u16) {
        self.desired
            .release(at(seconds), &name(n), PORT, at(seconds), Ending::Silence);
        self.shadow.covered(at(seconds), 1_000_000);
        self.take();
    }
}

#[test]
fn what_observing_would_have_done_is_there_for_any_span() {
    let mut world = World::new(Modes::default());
    world.want(30, 1);
    world.want(90, 2);
    world.want(91, 3);
    world.want(92, 4);
    world.release(95, 2);
    world.release(3600, 1);
    let sum = |from, until| world.shadow.sum(at(from), at(until));
    let all = sum(0, 7200);
    assert_eq!(all.controls(Kind::Mark), (4, 2, 3), "three places");
    assert_eq!(
        all.elephants().collect::<Vec<_>>(),
        [("sequence", 0), ("count", 0), ("average", 4)]
    );
    assert_eq!(all.refused().collect::<Vec<_>>(), [("budget", 1)]);
    assert_eq!((all.changes(), all.bytes()), ((5, 3), 2_000_000));
    let first = sum(0, 59);
    assert_eq!((first.controls(Kind::Mark), first.changes()), ((1, 0, 1), (1, 1)));
    let quiet = sum(200, 3000);
    assert_eq!(
        (quiet.controls(Kind::Mark), quiet.changes(), quiet.bytes()),
        ((0, 0, 3), (0, 0), 0),
        "what goes on is there"
    );
    assert_eq!(sum(4000, 7200).controls(Kind::Mark), (0, 0, 2));
    assert_eq!(world.shadow.past.len(), 2, "quiet minutes take nothing");
}

#[test]
fn what_acting_did_is_counted_where_it_was_done() {
    let mut world = World::new(act());
    world.want(1, 1);
    let plan = world.desired.plan(at(2));
    world.desired.begin(at(2), &plan);
    let installed = crate::actuator::Verdict::Installed {
        etag: None,
        timing: shared::wire::ServerTiming::default(),
    };
    world.desired.verdict(at(2), &plan.changes[0], installed);
    world.take();
    assert_eq!(world.shadow.sum(at(0), at(60)).changes(), (1, 1));
    world.release(3, 1);
    assert_eq!(
        world.shadow.sum(at(0), at(60)).changes(),
        (1, 1),
        "it is there still"
    );
    let plan = world.desired.plan(at(4));
    world.desired.begin(at(4), &plan);
    world
        .desired
        .verdict(at(4), &plan.changes[0], crate::actuator::Verdict::Removed);
    world.take();
    assert_eq!(world.shadow.sum(at(0), at(60)).changes(), (2, 2));
}

#[test]
fn a_busy_week_fits_into_its_share_and_loses_nothing() {
    let mut shadow = Shadow::default();
    let minutes = REACH.as_secs() / 60;
    for minute in 0..minutes {
        for reason in ["dscp", "exempt", "no such reason"] {
            let about = About::Traffic {
                kind: Kind::Mark,
                text: String::new(),
                cause: None,
            };
            let decision = Decision::new(at(60 * minute), What::Guarded, about).because(reason, "");
            shadow.take(&decision.in_mode(Mode::Observe), 64, false);
        }
        shadow.covered(at(60 * minute), 1 << 40);
    }
    assert!(shadow.bytes <= SHARE, "{}", shadow.bytes);
    let sum = shadow.sum(at(0), at(60 * minutes));
    let refused: Vec<_> = sum.refused().collect();
    assert_eq!(
        refused,
        [("dscp", minutes), ("exempt", minutes), ("other", minutes)]
    );
    assert_eq!(sum.bytes(), minutes << 40);
    // The last day is known by the minute.
    let hour = shadow.sum(at(60 * (minutes - 60)), at(60 * minutes));
    assert_eq!(hour.bytes(), 60 << 40);
    shadow.covered(at(3 * REACH.as_secs()), 1);
    assert_eq!(
        shadow.sum(at(0), at(3 * REACH.as_secs())).bytes(),
        1,
        "a week, and no more"
    );
}

proptest! {
    #[test]
    fn what_is_packed_is_the_same_again(totals in proptest::collection::btree_map(0_u8..=255, any::<u64>(), 0..40)) {
        let totals = Totals(totals);
        prop_assert_eq!(Totals::unpack(&totals.pack()), totals);
    }

    #[test]
    fn whatever_bytes_there_are_nothing_breaks(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        Totals::unpack(&bytes);
    }
}

//! Random operations on the desired state, a switch with a will of its own, and what must be true of both.

mod switch;

use std::collections::BTreeSet;

use proptest::prelude::*;

use switch::{Lost, Model, Refuse};

use super::tests::{PORT, act, at, limits, name, wish};
use super::*;
use crate::actuator::Kind;
use crate::config::Mode;

#[derive(Debug, Clone)]
enum Op {
    Want(u16),
    /// A person wants it.
    Ask(u16),
    /// What a person wanted is over.
    AskedEnds(u16),
    /// A person wants it away.
    Dismiss(u16),
    Release(u16),
    Pass(u64),
    /// One round of the loop; the n-th change loses its reply.
    Round(usize, Lost),
    /// The request is given up in the middle.
    Abandon(Lost),
    Compare,
    /// The switch loses all files.
    Wipe,
    /// Somebody writes an ACL under our prefix.
    Tamper(u16),
    /// Somebody removes the file of an ACL.
    Lose(u16),
    /// So many ACLs fit from now on, and the switch says so or not.
    Room(usize, bool),
    /// What may be done.
    Modes(bool, bool),
    /// Leases are renewed, and the sets compared.
    Renew,
    Refuse(u16, bool),
    RefuseRemovals(bool),
}

fn op() -> impl Strategy<Value = Op> {
    let number = 0..6_u16;
    let lost = prop_oneof![3 => Just(Lost::No), 1 => Just(Lost::Before), 1 => Just(Lost::After)];
    prop_oneof![
        4 => number.clone().prop_map(Op::Want),
        2 => number.clone().prop_map(Op::Ask),
        2 => number.clone().prop_map(Op::AskedEnds),
        1 => number.clone().prop_map(Op::Dismiss),
        3 => number.clone().prop_map(Op::Release),
        3 => (0..30_u64).prop_map(Op::Pass),
        6 => (0..4_usize, lost.clone()).prop_map(|(n, lost)| Op::Round(n, lost)),
        1 => lost.prop_map(Op::Abandon),
        3 => Just(Op::Compare),
        1 => Just(Op::Wipe),
        1 => number.clone().prop_map(Op::Tamper),
        1 => number.clone().prop_map(Op::Lose),
        1 => (1..8_usize, any::<bool>()).prop_map(|(room, says)| Op::Room(room, says)),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(act, pause)| Op::Modes(act, pause)),
        2 => Just(Op::Renew),
        1 => (number, any::<bool>()).prop_map(|(n, refuse)| Op::Refuse(n, refuse)),
        1 => any::<bool>().prop_map(Op::RefuseRemovals),
    ]
}

struct World {
    desired: Desired,
    model: Model,
    refuse: Refuse,
    now: u64,
    modes: Modes,
}

impl World {
    fn round(&mut self, loses: usize, lost: Lost) {
        let plan = self.desired.look(at(self.now));
        self.permitted(&plan);
        self.desired.begin(at(self.now), &plan);
        for (n, change) in plan.changes.iter().enumerate() {
            let lost = if n == loses { lost } else { Lost::No };
            let before = self.model.switch.len();
            let verdict = self.model.carry_out(self.now, change, &self.refuse, lost);
            self.desired.verdict(at(self.now), change, verdict);
            let ours = self
                .model
                .switch
                .keys()
                .filter(|name| !self.model.foreign.contains(*name))
                .count();
            let added = self.model.switch.len() > before;
            assert!(!added || ours <= limits().max_rules, "{:?}", self.model.switch);
        }
    }

    fn step(&mut self, op: &Op) {
        match *op {
            Op::Want(n) => {
                let rests = self
                    .model
                    .dismissed
                    .get(&n)
                    .is_some_and(|until| *until > self.now);
                if !rests {
                    self.model.wanted.insert(n);
                }
                self.want(n, PORT);
            }
            Op::Ask(n) => {
                self.model.personal.insert(n);
                self.by_will(n);
                self.want(n, Holder::Person);
            }
            Op::AskedEnds(n) => {
                self.model.personal.remove(&n);
                self.by_will(n);
                let now = at(self.now);
                self.desired
                    .release(now, &name(n), Holder::Person, now, Ending::Expired);
            }
            Op::Dismiss(n) => {
                let wanted = self.model.wanted.remove(&n);
                let known = self.model.personal.remove(&n) || wanted;
                if known {
                    self.model.dismissed.insert(n, self.now + 600);
                }
                self.by_will(n);
                assert_eq!(self.desired.dismiss(at(self.now), &name(n), None), known);
            }
            Op::Release(n) => {
                self.model.wanted.remove(&n);
                self.desired
                    .release(at(self.now), &name(n), PORT, at(self.now), Ending::Silence);
            }
            Op::Pass(seconds) => self.now += seconds,
            Op::Round(loses, lost) => self.round(loses, lost),
            Op::Abandon(lost) => {
                let plan = self.desired.plan(at(self.now));
                self.desired.begin(at(self.now), &plan);
                for change in &plan.changes {
                    self.model.carry_out(self.now, change, &self.refuse, lost);
                }
                self.desired.abandon(at(self.now));
            }
            Op::Compare => self.desired.snapshot(at(self.now), self.model.snapshot()),
            Op::Wipe => {
                self.model.switch.clear();
                self.model.foreign.clear();
                self.model.by_hand.clear();
            }
            Op::Tamper(n) => {
                self.model.switch.insert(name(n), "by hand".to_owned());
                self.model.foreign.insert(name(n));
                self.model.by_hand.insert(name(n));
            }
            Op::Lose(n) => {
                if self.model.switch.remove(&name(n)).is_some() {
                    self.model.by_hand.insert(name(n));
                }
            }
            Op::Room(room, says) => {
                self.refuse.room = room;
                // Whoever must go for others is not held.
                self.model.placed.clear();
                if says {
                    self.step(&Op::Compare);
                    // Such that four fifths are `room`.
                    let (used, limit) = (self.model.switch.len() as u64, room as u64 * 5 / 4);
                    self.desired.set_capacity(Some(Capacity { used, limit }));
                }
            }
            Op::Modes(act, paused) => {
                let mode = if act { Mode::Act } else { Mode::Observe };
                self.modes = Modes {
                    paused,
                    ..Modes::default()
                }
                .with(Kind::Mark, mode);
                self.desired.set_modes(at(self.now), self.modes);
                self.model.placed.clear();
            }
            Op::Renew => {
                let belief = self.desired.belief();
                let present = self.model.snapshot();
                let found = shared::wire::set_etag(present.iter().map(|p| (&p.name, p.etag.clone())));
                // What is believed to the full is what is there, unless somebody else was there.
                let contradicts = self.desired.contradicts(belief.as_ref(), &found);
                if contradicts {
                    self.desired.snapshot(at(self.now), present);
                    let belief = self.desired.belief();
                    assert!(!self.desired.contradicts(belief.as_ref(), &found));
                }
            }
            Op::Refuse(n, true) => drop(self.refuse.installs.insert(n)),
            Op::Refuse(n, false) => drop(self.refuse.installs.remove(&n)),
            Op::RefuseRemovals(refuse) => self.refuse.removals = refuse,
        }
        self.no_flap();
        self.decided();
        // A flow that has not ended is never forgotten, nor what a person wants.
        for n in self.model.wanted.union(&self.model.personal) {
            assert!(self.desired.entries.contains_key(&name(*n)), "{n} is wanted");
        }
        let views: Vec<_> = self.desired.views().collect();
        let over = views
            .iter()
            .filter(|view| view.state == State::OverBudget)
            .count();
        let tally = self.desired.tally();
        assert_eq!(
            (tally.over_budget, tally.desired() + tally.releasing),
            (over, views.len())
        );
    }

    fn want(&mut self, n: u16, holder: Holder) {
        let mut wish = wish(n, 100 + u64::from(n));
        let mut cause = (*wish.cause).clone();
        cause.detected = at(self.now);
        (wish.cause, wish.holder) = (std::sync::Arc::new(cause), holder);
        self.desired.want(wish);
    }

    /// What a person does to a control, he may do as often as he likes.
    fn by_will(&mut self, n: u16) {
        self.model.placed.retain(|(_, placed)| *placed != name(n));
    }

    /// During a pause nothing is installed, and in mode `observe` only what a person wants.
    fn permitted(&self, plan: &Plan) {
        for change in plan.changes.iter().filter(|change| change.is_install()) {
            let personal = self.model.personal.iter().any(|n| name(*n) == change.name);
            let may = !self.modes.paused && (personal || self.modes.mark == Mode::Act);
            assert!(may, "{change:?} in {:?}", self.modes);
        }
    }

    /// What was decided adds up to what is wanted, and nobody observes what a person wants.
    fn decided(&mut self) {
        for decision in self.desired.take_decided() {
            match decision.what {
                What::Wanted | What::WouldHave => self.model.decided += 1,
                What::Released | What::Dismissed => self.model.decided -= 1,
                _ => {}
            }
        }
        let wanted = self.model.wanted.union(&self.model.personal);
        assert_eq!(self.model.decided, wanted.count());
        let observed = self.desired.views().filter(|view| view.state == State::Observed);
        for view in observed {
            assert!(self.model.personal.iter().all(|n| name(*n) != view.control.name));
        }
    }

    /// No control of ours comes more than twice a minute, but for the will of the operator.
    fn no_flap(&mut self) {
        let now = self.now;
        self.model.placed.retain(|(placed, _)| now - placed < 60);
        for n in 0..6 {
            let times = self.model.placed.iter().filter(|(_, placed)| *placed == name(n));
            assert!(times.count() <= 2, "{n} at {now}: {:?}", self.model.placed);
        }
    }

    /// Nothing fails any more, and time passes: the switch must have what is wanted, as far as it fits, and no more.
    fn settle(&mut self) {
        self.refuse = Refuse::default();
        self.step(&Op::Modes(true, false));
        self.desired.set_capacity(None);
        // At last longer than the longest hold.
        for pass in [70, 70, 70, 70, 700, 70] {
            self.now += pass;
            self.step(&Op::Compare);
            for _ in 0..4 {
                self.round(usize::MAX, Lost::No);
            }
        }
        self.step(&Op::Compare);
        assert_eq!(self.desired.plan(at(self.now)).changes, [], "nothing left to do");
        let on_switch: BTreeSet<_> = self.model.switch.keys().cloned().collect();
        let wanted = self.model.wanted.union(&self.model.personal);
        let wanted: BTreeSet<_> = wanted.map(|n| name(*n)).collect();
        assert!(on_switch.is_subset(&wanted), "{on_switch:?} of {wanted:?}");
        assert_eq!(on_switch.len(), wanted.len().min(limits().max_rules));
        let personal: BTreeSet<_> = self.model.personal.iter().map(|n| name(*n)).collect();
        let first = personal.len().min(limits().max_rules);
        assert_eq!(
            on_switch.intersection(&personal).count(),
            first,
            "people come first"
        );
        assert!(
            self.model.switch.values().all(|content| content == "rule"),
            "{:?}",
            self.model.switch
        );
        let missing = self.desired.views().filter(|view| view.state != State::Installed);
        // One that was refused when there was a place says so until it is tried again.
        let missing =
            missing.inspect(|v| assert!(matches!(v.state, State::OverBudget | State::Refused), "{v:?}"));
        assert_eq!(
            missing.count(),
            wanted.len() - on_switch.len(),
            "what did not fit is shown"
        );
    }
}

fn play(ops: &[Op]) {
    let mut world = World {
        desired: Desired::new(limits(), act()),
        model: Model::default(),
        refuse: Refuse::default(),
        now: 1,
        modes: act(),
    };
    for op in ops {
        world.step(op);
    }
    world.settle();
}

/// Found by the test below: four were on the switch where three may be.
#[test]
fn what_a_hand_has_removed_has_no_place() {
    play(&[
        Op::Want(2),
        Op::RefuseRemovals(true),
        Op::Want(3),
        Op::Ask(0),
        Op::Round(0, Lost::After),
        Op::Tamper(5),
        Op::Compare,
        Op::Lose(5),
        Op::Want(5),
        Op::Round(0, Lost::No),
        Op::Round(0, Lost::After),
    ]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_switch_ends_up_with_what_is_wanted(ops in proptest::collection::vec(op(), 1..80)) {
        play(&ops);
    }
}

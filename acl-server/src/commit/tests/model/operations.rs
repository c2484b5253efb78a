//! What may happen, and how often.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::commit::tests::disk::Loss;
use crate::commit::tests::world::Fault;

pub(super) const NAMES: [&str; 4] = ["a", "b", "fm_a", "fm_b"];
/// How a content is chosen: its rule is this name's alone, or one that others may have too, or the tool refuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Own(u8),
    Shared,
    Poison,
}

pub(super) fn content(acl: &str, kind: Kind) -> String {
    let at = NAMES.iter().position(|name| *name == acl).unwrap();
    match kind {
        Kind::Own(n) => format!("[iptables]\n-A FORWARD -d 10.0.{at}.{n} -j DROP\n"),
        Kind::Shared => format!("[iptables]\n# {acl}\n-A FORWARD -d 10.9.9.9 -j DROP\n"),
        Kind::Poison => format!("[iptables]\n# poison\n-A FORWARD -d 10.1.{at}.1 -j DROP\n"),
    }
}

pub(super) fn shares(content: &str) -> bool {
    content.contains("10.9.9.9")
}

/// What a client says that it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    No,
    Current,
    Absent,
}

#[derive(Debug, Clone)]
pub(super) enum Op {
    Edit {
        edits: Vec<(usize, Option<Kind>)>,
        ttl: Option<u64>,
        confirm: bool,
        seen: Seen,
        fault: Option<Fault>,
    },
    /// Several clients at one moment.
    Burst(Vec<(usize, Option<Kind>)>),
    Clear(&'static str),
    Renew(&'static str),
    Confirm,
    Hand(usize, Option<u8>),
    Foreign {
        broken: bool,
    },
    Wait(u64),
    Stop,
    Crash(Loss),
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![6 => (0..3_u8).prop_map(Kind::Own), 1 => Just(Kind::Shared), 1 => Just(Kind::Poison)]
}

fn edits(most: usize) -> impl Strategy<Value = Vec<(usize, Option<Kind>)>> {
    let one = (0..NAMES.len(), prop::option::weighted(0.8, kind()));
    prop::collection::vec(one, 1..=most).prop_map(|edits| {
        let unique: BTreeMap<_, _> = edits.into_iter().collect();
        unique.into_iter().collect()
    })
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let fault = prop_oneof![
        any::<bool>().prop_map(|installs| Fault::Hang { installs }),
        any::<bool>().prop_map(|installs| Fault::Killed { installs }),
        Just(Fault::Missing),
    ];
    let one = (
        edits(1),
        prop::option::weighted(0.4, prop_oneof![Just(20), Just(40)]),
        prop::bool::weighted(0.15),
        prop_oneof![4 => Just(Seen::No), 2 => Just(Seen::Current), 1 => Just(Seen::Absent)],
        prop::option::weighted(0.08, fault),
    );
    let patch = (
        edits(3),
        prop::option::weighted(0.3, Just(40)),
        prop::bool::weighted(0.25),
    );
    prop_oneof![
        10 => one.prop_map(|(edits, ttl, confirm, seen, fault)| Op::Edit { edits, ttl, confirm, seen, fault }),
        3 => patch.prop_map(|(edits, ttl, confirm)| Op::Edit { edits, ttl, confirm, seen: Seen::No, fault: None }),
        2 => edits(4).prop_map(Op::Burst),
        1 => prop_oneof![Just("fm_"), Just("")].prop_map(Op::Clear),
        2 => prop_oneof![Just("fm_"), Just("")].prop_map(Op::Renew),
        2 => Just(Op::Confirm),
        2 => (0..NAMES.len(), prop::option::weighted(0.7, 0..3_u8)).prop_map(|(at, own)| Op::Hand(at, own)),
        2 => prop::bool::weighted(0.4).prop_map(|broken| Op::Foreign { broken }),
        5 => prop_oneof![Just(12), Just(30)].prop_map(Op::Wait),
        1 => Just(Op::Stop),
        2 => prop_oneof![Just(Loss::Nothing), Just(Loss::Everything), any::<u64>().prop_map(Loss::Some)].prop_map(Op::Crash),
    ]
}

pub(super) type Edits = Vec<(usize, Option<Kind>)>;

pub(super) fn new_content((at, kind): &(usize, Option<Kind>)) -> Option<String> {
    kind.map(|kind| content(NAMES[*at], kind))
}

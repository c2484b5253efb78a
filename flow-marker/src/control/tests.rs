//! A day of a fabric in virtual time: flows, restarts of controller and switches, lost replies, full tables, refused rules,
//! partitions, hand edits. The real desired state and the real agenda, against acl-servers made here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::AclName;
use shared::wire::{ServerTiming, set_etag};

use super::agenda::{Agenda, Step};
use super::desired::tests::{PORT, act, name, wish};
use super::desired::{Belief, Desired, Ending, Limits, Noted, State};
use crate::actuator::{Capacity, Change, Failure, Hand, Present, Verdict};
use crate::clock::Time;

mod world;
mod server;

use server::{Acl, Random, Server, ours};
use world::World;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;
const TTL: u64 = 60;
const BUDGET: usize = 6;
/// Flows that come and go; some are larger than others.
const FLOWS: u16 = 24;
/// A healthy switch, with nothing new, is as it should be after this: two refusals, an old lease, a grace, a hold.
const QUIET: u64 = 300 * SECOND;

#[test]
fn every_hour_of_a_day_of_fifty_switches_ends_with_what_is_wanted_part_1() {
    day(0..10);
}

#[test]
fn every_hour_of_a_day_of_fifty_switches_ends_with_what_is_wanted_part_2() {
    day(10..20);
}

#[test]
fn every_hour_of_a_day_of_fifty_switches_ends_with_what_is_wanted_part_3() {
    day(20..30);
}

#[test]
fn every_hour_of_a_day_of_fifty_switches_ends_with_what_is_wanted_part_4() {
    day(30..40);
}

#[test]
fn every_hour_of_a_day_of_fifty_switches_ends_with_what_is_wanted_part_5() {
    day(40..50);
}

fn day(switches: std::ops::Range<u64>) {
    let mut noted: BTreeMap<&str, u64> = BTreeMap::new();
    for switch in switches {
        let mut world = World::new(switch);
        while world.now < DAY {
            let hour = world.now + 3600 * SECOND - QUIET;
            world.run(hour, false);
            world.settle();
        }
        for (what, times) in world.noted {
            *noted.entry(what).or_default() += times;
        }
        *noted.entry("commits").or_default() += world.server.commits;
    }
    // All of it has happened, and often.
    for what in [
        "installed",
        "confirmed",
        "removed",
        "vacated",
        "orphan removed",
        "refused",
        "no room",
        "by hand",
        "failed",
        "contradicted",
        "not compared",
    ] {
        assert!(
            noted.get(what).is_some_and(|times| *times > 100),
            "{what}: {noted:?}"
        );
    }
    println!("{noted:?}");
}

#[test]
fn what_a_dead_controller_leaves_behind_goes_by_itself() {
    let mut world = World::new(1);
    for n in 0..FLOWS {
        world.flows.insert(n, (0, false));
    }
    world.run(60 * SECOND, true);
    assert_eq!(world.server.list(world.now).len(), BUDGET);
    world.run(600 * SECOND, true);
    assert_eq!(world.server.list(world.now).len(), BUDGET, "renewed");
    world.restart(DAY);
    world.run(599 * SECOND + (TTL + 2) * SECOND, true);
    assert!(world.server.list(world.now).is_empty());
}

//! The state machine, against examples and a model.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::clock::Time;
use crate::engine::metric::{Limits, Named, SourceName, Store};

fn at(seconds: f64) -> Time {
    Time::START + Duration::from_secs_f64(seconds)
}

fn agent() -> IpAddr {
    IpAddr::from([10, 0, 0, 1])
}

fn define(json: &serde_json::Value) -> Definition {
    Definition::parse(json).unwrap()
}

struct World {
    store: Store,
    thresholds: Thresholds,
}

impl World {
    fn new(definitions: &[(&str, serde_json::Value)]) -> Self {
        let mut world = Self {
            store: Store::new(Limits::default()),
            thresholds: Thresholds::new(1000),
        };
        world.replace(definitions);
        world
    }

    fn replace(&mut self, definitions: &[(&str, serde_json::Value)]) {
        let definitions: Vec<(Arc<str>, Definition)> = definitions
            .iter()
            .map(|(id, json)| ((*id).into(), define(json)))
            .collect();
        let pairs = definitions.iter().map(|(id, definition)| (id, definition));
        self.thresholds.replace(pairs, self.store.names_mut());
    }

    /// Sets a metric of port 4 that lasts 60 s; returns what fires.
    fn set(&mut self, name: &str, value: f64, seconds: f64) -> Vec<String> {
        let source = SourceName::parse("4");
        let lasts = Duration::from_secs(60);
        let key = (agent(), &source);
        assert!(
            self.store
                .set(key, name, value, lasts, at(seconds), &mut self.thresholds)
        );
        self.fired()
    }

    fn flow(&mut self, key: &str, value: f64, seconds: f64) -> Vec<String> {
        let source = SourceName::parse("4");
        let metric = self.store.names_mut().acquire("flows").unwrap();
        let update = FlowUpdate {
            agent: agent(),
            source: &source,
            value,
            decay: Duration::from_secs(2),
            fingerprint: u128::from(key.as_bytes()[0]),
            key: &key,
        };
        self.thresholds.flow(metric, &update, &self.store, at(seconds));
        self.fired()
    }

    fn fired(&mut self) -> Vec<String> {
        let fired = self.thresholds.take_fired().into_iter();
        fired
            .map(|f| f.threshold_id.to_string() + &f.flow_key.map_or(String::new(), |key| format!(":{key}")))
            .collect()
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_metric_that_stays_above_fires_once() {
    let mut world = World::new(&[("high", json!({"metric": "x", "value": 10, "timeout": 2}))]);
    assert_eq!(world.set("x", 9.99, 0.0), NOTHING);
    assert_eq!(world.set("x", 10.0, 20.0), ["high"], "reached");
    for n in 2..20 {
        assert_eq!(
            world.set("x", 11.0, 20.0 * f64::from(n)),
            NOTHING,
            "updates are rarer than the timeout"
        );
    }
    assert!(
        world
            .thresholds
            .is_triggered("high", agent(), &SourceName::parse("4"), None, at(400.0))
    );
    assert_eq!(world.set("x", 1.0, 400.0), NOTHING);
    assert_eq!(world.set("x", 11.0, 401.9), NOTHING, "not armed yet");
    assert_eq!(world.set("x", 1.0, 420.0), NOTHING);
    assert!(
        !world
            .thresholds
            .is_triggered("high", agent(), &SourceName::parse("4"), None, at(422.0))
    );
    assert_eq!(world.set("x", 11.0, 422.0), ["high"]);
    assert_eq!(world.thresholds.tally().fired, 2);
}

#[test]
fn a_metric_that_went_missing_is_not_above() {
    let mut world = World::new(&[("high", json!({"metric": "x", "value": 10, "timeout": 2}))]);
    assert_eq!(world.set("x", 11.0, 0.0), ["high"]);
    assert_eq!(world.set("x", 11.0, 61.0), NOTHING, "missing for a second");
    assert_eq!(world.set("x", 11.0, 200.0), ["high"], "missing for long");
}

#[test]
fn what_fired_says_everything() {
    let mut world = World::new(&[("high", json!({"metric": "x", "value": 10}))]);
    let source = SourceName::parse("2.1");
    let lasts = Duration::from_secs(60);
    world.store.set(
        (agent(), &source),
        "x",
        12.0,
        lasts,
        at(5.0),
        &mut world.thresholds,
    );
    let fired = world.thresholds.take_fired();
    let [event] = fired.as_slice() else {
        panic!("{fired:?}");
    };
    assert_eq!((&*event.threshold_id, &*event.metric), ("high", "x"));
    assert_eq!((event.threshold, event.value, event.at), (10.0, 12.0, at(5.0)));
    assert_eq!(
        (event.agent, event.source.to_string(), &event.flow_key),
        (agent(), "2.1".to_owned(), &None)
    );
    assert!(world.thresholds.take_fired().is_empty());
}

#[test]
fn a_filter_looks_at_other_metrics_of_the_same_data_source() {
    let filter =
        json!({"metric": "x", "value": 10, "filter": {"ifspeed": [1_000_000_000], "ifname": ["swp*"]}});
    let mut world = World::new(&[("high", filter)]);
    assert_eq!(world.set("x", 11.0, 1.0), NOTHING, "nothing is known");
    world.set("ifspeed", 1e9, 1.0);
    let name = Named::Text(b"swp4");
    assert!(
        world
            .store
            .named((agent(), b"4"), b"ifname", name, at(1.0), &mut world.thresholds)
    );
    assert_eq!(world.flow("a", 11.0, 1.0), NOTHING, "another metric");
    assert_eq!(world.set("x", 11.0, 2.0), ["high"]);
    world.set("ifspeed", 1e10, 3.0);
    assert_eq!(world.set("x", 11.0, 3.0), NOTHING);
    world.set("ifspeed", 1e9, 5.0);
    assert_eq!(
        world.set("x", 11.0, 5.0),
        ["high"],
        "the filter let go for longer than the timeout"
    );
}

#[test]
fn by_flow_each_flow_fires_and_otherwise_the_first() {
    let mut world = World::new(&[
        ("one", json!({"metric": "flows", "value": 10, "timeout": 4})),
        (
            "each",
            json!({"metric": "flows", "value": 10, "timeout": 4, "byFlow": true}),
        ),
    ]);
    assert_eq!(world.flow("a", 12.0, 0.0), ["one:a", "each:a"]);
    assert_eq!(world.flow("b", 12.0, 0.1), ["each:b"]);
    assert_eq!(world.flow("a", 13.0, 0.2), NOTHING);
    assert_eq!(
        world.flow("c", 5.0, 0.3),
        NOTHING,
        "another flow below does not arm it"
    );
    assert_eq!(world.flow("a", 13.0, 0.4), NOTHING);
}

#[test]
fn a_flow_is_armed_again_after_it_has_decayed() {
    // 20 falls below 10 after 2·ln 2 = 1.386 s, and is armed 4 s later.
    let mut world = World::new(&[(
        "each",
        json!({"metric": "flows", "value": 10, "timeout": 4, "byFlow": true}),
    )]);
    assert_eq!(world.flow("a", 20.0, 0.0), ["each:a"]);
    assert_eq!(world.flow("a", 20.0, 5.3), NOTHING);
    assert_eq!(world.flow("a", 20.0, 10.7), ["each:a"]);
    assert_eq!(world.flow("a", f64::NAN, 30.0), NOTHING);
}

#[test]
fn thresholds_that_stay_keep_their_state_and_those_that_change_begin_anew() {
    let one = ("one", json!({"metric": "x", "value": 10}));
    let mut world = World::new(std::slice::from_ref(&one));
    assert_eq!(world.set("x", 11.0, 0.0), ["one"]);
    world.replace(&[one.clone(), ("two", json!({"metric": "x", "value": 5}))]);
    assert_eq!(world.set("x", 11.0, 1.0), ["two"]);
    world.replace(&[("one", json!({"metric": "x", "value": 11}))]);
    assert_eq!(world.set("x", 11.0, 2.0), ["one"]);
    assert_eq!(world.thresholds.len(), 1);
    world.replace(&[]);
    assert!(world.thresholds.is_empty());
    assert_eq!(world.set("x", 11.0, 3.0), NOTHING);
    assert_eq!(world.store.names().len(), 1, "only the value uses the name");
}

#[test]
fn a_flood_of_flows_is_bounded_and_counted() {
    let mut world = World::new(&[("each", json!({"metric": "flows", "value": 10, "byFlow": true}))]);
    world.thresholds = Thresholds::new(10);
    world.replace(&[("each", json!({"metric": "flows", "value": 10, "byFlow": true}))]);
    let source = SourceName::parse("4");
    let metric = world.store.names_mut().acquire("flows").unwrap();
    for n in 0..1000_u128 {
        let update = FlowUpdate {
            agent: agent(),
            source: &source,
            value: 20.0,
            decay: Duration::from_secs(2),
            fingerprint: n,
            key: &n,
        };
        world.thresholds.flow(metric, &update, &world.store, at(1.0));
    }
    assert_eq!(
        (world.thresholds.len(), world.thresholds.tally().refused),
        (10, 990)
    );
    assert_eq!(world.fired().len(), 10);
    assert_eq!(world.flow("a", 20.0, 60.0), ["each:a"], "old places made room");
}

proptest! {
    /// Against a model that walks through time in steps of 0.1 s.
    #[test]
    fn the_one_instant_is_the_whole_state(
        timeout in 0_u32..40,
        updates in prop::collection::vec((1_u32..90, any::<bool>()), 1..40),
    ) {
        let mut world = World::new(&[("t", json!({"metric": "x", "value": 10, "timeout": f64::from(timeout) / 10.0}))]);
        let mut ticks = 0_u32;
        // The model: ticks since the metric was last above, when it was at all; a value lasts 600 ticks.
        let mut last: Option<(u32, bool)> = None;
        let mut below_for: Option<u32> = None;
        for (step, above) in updates {
            for _ in 0..step {
                ticks += 1;
                let is_above = last.is_some_and(|(since, above)| above && ticks - since <= 600);
                below_for = if is_above { Some(0) } else { below_for.map(|n| n + 1) };
            }
            // The tick of the update itself belongs to the old value only if that lasts.
            let held = last.is_some_and(|(since, above)| above && ticks - since <= 600);
            let armed = !held && below_for.is_none_or(|n| n >= timeout);
            let expected = above && armed;
            if above {
                below_for = Some(0);
            }
            last = Some((ticks, above));
            let fired = !world.set("x", if above { 11.0 } else { 1.0 }, f64::from(ticks) / 10.0).is_empty();
            // Where the timeout ends exactly at the update, rounding of the decimal seconds decides.
            let exact = below_for.is_some_and(|n| n == timeout);
            prop_assert!(fired == expected || exact, "tick {}: {} {}", ticks, fired, expected);
            if fired != expected {
                return Ok(());
            }
        }
    }
}

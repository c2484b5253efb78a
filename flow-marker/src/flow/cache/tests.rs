use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const T: Duration = Duration::from_secs(2);

fn shape() -> Shape {
    Shape {
        kind: Kind::Rate,
        t: T,
        listed: 5,
        records: None,
        values: 0,
    }
}

fn ms(n: u64) -> Time {
    Time::from_nanos(n * 1_000_000)
}

type Ended = (u32, Vec<u8>, u64, u64, f64, Vec<f64>);

/// A cache, and what it has handed out.
struct Under {
    cache: Cache,
    gone: Vec<Ended>,
}

impl Under {
    fn new(shape: Shape, capacity: usize) -> Self {
        Self {
            cache: Cache::new(shape, capacity, [1, 2]),
            gone: Vec::new(),
        }
    }

    fn touch(&mut self, now: u64, source: u32, key: &[u8], weight: f64) -> Touched {
        let Self { cache, gone } = self;
        cache.at(ms(now));
        let hash = cache.hash(source, key);
        cache.fetch(hash);
        cache.touch((source, key, hash), weight, &[weight * 2.0], &mut |r| {
            gone.push(ended(&r));
        })
    }

    fn sweep(&mut self, now: u64) {
        let Self { cache, gone } = self;
        cache.at(ms(now));
        cache.sweep(usize::MAX, &mut |r| gone.push(ended(&r)));
    }

    /// Largest flows of a source, largest first.
    fn largest(&self, source: u32) -> Vec<(Vec<u8>, f64)> {
        let mut found = Vec::new();
        self.cache
            .largest(source, &mut |flow| found.push((flow.key.to_vec(), flow.value)));
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found
    }
}

fn ended(record: &Record<'_>) -> Ended {
    let millis = |time: Time| time.as_nanos() / 1_000_000;
    (
        record.source,
        record.key.to_vec(),
        millis(record.start),
        millis(record.end),
        record.value,
        record.values.clone(),
    )
}

#[test]
fn a_flow_of_each_data_source_is_one_of_its_own() {
    let mut under = Under::new(shape(), 64);
    assert_eq!(under.touch(0, 1, b"k", 100.0).outcome, Outcome::Added);
    assert_eq!(under.touch(0, 2, b"k", 100.0).outcome, Outcome::Added);
    let again = under.touch(0, 1, b"k", 100.0);
    assert_eq!((again.outcome, again.value), (Outcome::Known, 100.0));
    assert_eq!(under.largest(2), [(b"k".to_vec(), 50.0)]);
    assert_eq!(under.cache.sources().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(under.cache.len(), 2);
}

#[test]
fn keys_are_compared_as_a_whole_however_long_they_are() {
    let mut under = Under::new(shape(), 1024);
    let keys: Vec<Vec<u8>> = (0..200_usize).map(|n| vec![7; n]).collect();
    for key in &keys {
        assert_eq!(
            under.touch(0, 1, key, 1.0).outcome,
            Outcome::Added,
            "{}",
            key.len()
        );
    }
    for key in &keys {
        assert_eq!(
            under.touch(0, 1, key, 1.0).outcome,
            Outcome::Known,
            "{}",
            key.len()
        );
    }
    assert_eq!(under.cache.len(), 200);
    under.sweep(60_000);
    assert_eq!((under.cache.len(), under.cache.long.bytes()), (0, 0));
}

#[test]
fn long_keys_have_a_bound() {
    let mut under = Under::new(shape(), 64);
    let refused = (0..64_u8)
        .filter(|n| under.touch(0, 1, &[*n; 500], 1.0).outcome == Outcome::Refused)
        .count();
    assert!(refused >= 64 - 64 * Cache::LONG_BYTES / 500, "{refused}");
    assert!(under.cache.long.bytes() <= 64 * Cache::LONG_BYTES);
}

#[test]
fn the_list_shrinks_when_flows_end_and_is_filled_again_from_the_table() {
    let mut under = Under::new(shape(), 256);
    for n in 0..20_u8 {
        under.touch(0, 1, &[n], f64::from(n) * 1000.0);
    }
    // The five largest are silent from now on, the others are not.
    for seconds in 1..25 {
        for n in 0..15_u8 {
            under.touch(seconds * 1000, 1, &[n], f64::from(n));
        }
        under.sweep(seconds * 1000);
    }
    let keys: Vec<_> = under.largest(1).into_iter().map(|(key, _)| key[0]).collect();
    assert_eq!(keys, [14, 13, 12, 11, 10]);
    assert_eq!(under.cache.len(), 15);
}

#[test]
fn a_flood_evicts_no_elephant_and_the_elephant_stays_listed() {
    let mut under = Under::new(shape(), 256);
    let mut state = 1_u64;
    for n in 0..100_000_u64 {
        if n % 500 == 0 {
            assert_ne!(
                under.touch(n / 100, 1, b"elephant", 1.5e6).outcome,
                Outcome::Refused
            );
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        under.touch(n / 100, 1, &state.to_le_bytes(), 600.0);
    }
    under.sweep(1000);
    let largest = under.largest(1);
    assert_eq!(largest[0].0, b"elephant");
    assert!(largest[0].1 > 1.1e8, "{largest:?}");
    assert_eq!(under.cache.capacity(), 256);
}

#[test]
fn a_record_ends_when_the_flow_is_silent_displaced_or_long_enough() {
    let records = Shape {
        records: Some(Duration::from_secs(10)),
        values: 1,
        ..shape()
    };
    let mut under = Under::new(records, 4);
    assert!(under.touch(1000, 3, b"a", 5.0).begins);
    assert!(!under.touch(2000, 3, b"a", 6.0).begins);
    assert!(under.touch(11_500, 3, b"a", 7.0).begins, "ten seconds are over");
    assert_eq!(under.gone, [(3, b"a".to_vec(), 1000, 2000, 11.0, vec![22.0])]);
    under.gone.clear();
    under.sweep(21_400);
    assert_eq!(under.gone, [], "not over yet");
    under.sweep(21_500);
    assert_eq!(under.gone, [(3, b"a".to_vec(), 11_500, 11_500, 7.0, vec![14.0])]);
    under.gone.clear();
    under.sweep(31_600);
    assert_eq!((under.gone.len(), under.cache.len()), (0, 0), "recorded once");
    for n in 0..4_u8 {
        under.touch(40_000, 3, &[n], 1.0);
    }
    assert_eq!(under.touch(40_000, 3, b"large", 9.0).outcome, Outcome::Displaced);
    assert_eq!(under.gone.len(), 1);
    under.cache.finish(&mut |r| under.gone.push(ended(&r)));
    assert_eq!(under.gone.len(), 5);
}

#[test]
fn other_values_than_rates_do_not_decay() {
    for (kind, expected) in [
        (Kind::Average, 20.0),
        (Kind::Minimum, 10.0),
        (Kind::Maximum, 30.0),
    ] {
        let mut under = Under::new(Shape { kind, ..shape() }, 64);
        for (at, weight) in [(0, 20.0), (1000, 10.0), (2000, 30.0)] {
            under.touch(at, 1, b"x", weight);
        }
        under.sweep(5000);
        assert_eq!(under.largest(1), [(b"x".to_vec(), expected)], "{kind:?}");
        under.sweep(30_000);
        assert_eq!(under.largest(1), [], "{kind:?}");
    }
}

#[test]
fn a_list_of_averages_is_right_after_one_has_fallen() {
    let kind = Kind::Average;
    let mut under = Under::new(Shape { kind, ..shape() }, 64);
    for n in 0..8_u8 {
        under.touch(0, 1, &[n], f64::from(n) + 1.0);
    }
    for _ in 0..100 {
        under.touch(100, 1, &[7], 0.0);
    }
    under.sweep(2000);
    let keys: Vec<_> = under.largest(1).into_iter().map(|(key, _)| key[0]).collect();
    assert_eq!(keys, [6, 5, 4, 3, 2]);
}

#[test]
fn forgetting_a_data_source_leaves_the_others() {
    let mut under = Under::new(shape(), 64);
    under.touch(0, 1, b"a", 1.0);
    under.touch(0, 2, b"a", 1.0);
    under.cache.forget(1, &mut |_| ());
    assert_eq!(under.cache.sources().collect::<Vec<_>>(), [2]);
    assert_eq!(under.touch(0, 1, b"a", 1.0).outcome, Outcome::Added);
}

proptest! {
    /// Against a map of the definition's formula, with room for all flows.
    #[test]
    fn values_and_lists_are_those_of_the_definition(
        samples in prop::collection::vec((0_u64..3000, 0_u32..3, 0_u8..12, 1_u32..10_000), 1..300),
        listed in 1_usize..8,
    ) {
        let mut under = Under::new(Shape { listed, ..shape() }, 4096);
        let mut flows: HashMap<(u32, u8), (f64, u64)> = HashMap::new();
        let mut now = 0;
        for (gap, source, key, weight) in samples {
            now += gap;
            let (value, at) = flows.entry((source, key)).or_insert((0.0, now));
            *value = *value * (-((now - *at) as f64) / 2000.0).exp() + f64::from(weight) / 2.0;
            *at = now;
            let touched = under.touch(now, source, &[key; 40][..usize::from(key) * 3 + 1], f64::from(weight));
            prop_assert!((touched.value - *value).abs() <= 1e-9 * *value);
        }
        under.sweep(now);
        for source in 0..3 {
            let mut expected: Vec<(u8, f64)> = flows
                .iter()
                .filter(|((s, _), (_, at))| *s == source && now - at <= 20_000)
                .map(|((_, key), (value, at))| (*key, value * (-((now - at) as f64) / 2000.0).exp()))
                .collect();
            expected.sort_by(|a, b| b.1.total_cmp(&a.1));
            expected.truncate(listed);
            let found = under.largest(source);
            // What is just at the end of its time may be there still.
            let found: Vec<_> = found.iter().filter(|(_, value)| *value > 1.0).collect();
            let expected: Vec<_> = expected.iter().filter(|(_, value)| *value > 1.0).collect();
            prop_assert_eq!(found.len(), expected.len(), "{:?} {:?}", found, expected);
            for ((_, a), (_, b)) in found.iter().zip(&expected) {
                prop_assert!((a - b).abs() <= 1e-9 * b, "{:?} {:?}", found, expected);
            }
        }
    }

    /// Nothing is lost: what was taken is in a record or in the table, and what was refused is known.
    #[test]
    fn records_conserve_what_was_sampled(
        samples in prop::collection::vec((0_u64..2000, 0_u32..2, 0_u8..60, 1_u32..1000), 1..400),
        capacity in 1_usize..32,
        records in 1_u64..20,
    ) {
        let shape = Shape { records: Some(Duration::from_secs(records)), values: 1, ..shape() };
        let mut under = Under::new(shape, capacity);
        let (mut now, mut taken) = (0, 0.0);
        for (at, (gap, source, key, weight)) in samples.into_iter().enumerate() {
            now += gap;
            if under.touch(now, source, &[key; 50][..usize::from(key % 50)], f64::from(weight)).outcome != Outcome::Refused {
                taken += f64::from(weight);
            }
            if at % 7 == 0 {
                under.sweep(now);
            }
        }
        under.cache.finish(&mut |r| under.gone.push(ended(&r)));
        let recorded: f64 = under.gone.iter().map(|ended| ended.4).sum();
        let further: f64 = under.gone.iter().flat_map(|ended| &ended.5).sum();
        prop_assert!((recorded - taken).abs() < 1e-6, "{recorded} {taken}");
        prop_assert!((further - 2.0 * taken).abs() < 1e-6);
        prop_assert_eq!((under.cache.len(), under.cache.long.bytes()), (0, 0));
        for (_, _, start, end, ..) in &under.gone {
            prop_assert!(start <= end && end - start < records * 1000);
        }
    }
}

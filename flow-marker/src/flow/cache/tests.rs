use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;

fn key(source: u32, rest: &[u8]) -> Vec<u8> {
    [&source.to_le_bytes(), rest].concat()
}

/// Keys of many lengths, of which many are alike but for their end.
fn numbered(n: u32) -> Vec<u8> {
    let mut rest = vec![7; usize::try_from(n % 190).unwrap()];
    rest.extend(n.to_be_bytes());
    key(n % 5, &rest)
}

fn add(cache: &mut Cache, key: &[u8], value: f64) -> Option<Slot> {
    let hash = cache.hash(key);
    cache.grow(hash, |_| {});
    let slot = match cache.room(hash, key, |flow| flow.value) {
        Room::Free(slot) => slot,
        Room::Taken(slot) => {
            cache.remove(slot);
            slot
        }
        Room::None => return None,
    };
    if !cache.fill(slot, hash, key) {
        return None;
    }
    cache.get_mut(slot).unwrap().value = value;
    Some(slot)
}

fn value(cache: &Cache, key: &[u8]) -> Option<f64> {
    cache
        .find(cache.hash(key), key)
        .map(|slot| cache.get(slot).unwrap().value)
}

#[test]
fn every_flow_is_found_however_long_its_key_while_the_table_grows() {
    let mut cache = Cache::new(100_000, 3, [1, 2]);
    for n in 0..25_000 {
        let slot = add(&mut cache, &numbered(n), f64::from(n)).unwrap();
        cache.words_mut(slot).copy_from_slice(&[u64::from(n), 1, 2]);
    }
    assert_eq!(cache.len(), 25_000);
    for n in 0..25_000 {
        let key = numbered(n);
        let slot = cache.find(cache.hash(&key), &key).unwrap();
        let flow = cache.get(slot).unwrap();
        assert_eq!(
            (flow.value, cache.words(slot)),
            (f64::from(n), &[u64::from(n), 1, 2][..])
        );
        let mut own = flow.source.to_le_bytes().to_vec();
        cache.key(flow, &mut own);
        assert_eq!(own, key);
    }
    assert_eq!(value(&cache, &numbered(25_000)), None);
    let all: BTreeSet<Slot> = cache.slots().collect();
    assert_eq!(all.len(), 25_000);
}

#[test]
fn growing_displaces_nobody_and_its_memory_keeps_to_its_bound() {
    let mut cache = Cache::new(1 << 16, 0, [3, 4]);
    assert_eq!(cache.memory(), 0);
    let five_tuple = |n: u32| key(1, &[n.to_be_bytes().to_vec(), vec![0; 14]].concat());
    let mut displaced = 0;
    for n in 0..(1_u32 << 16) * 9 / 10 {
        let key = five_tuple(n);
        let hash = cache.hash(&key);
        cache.grow(hash, |_| {});
        match cache.room(hash, &key, |flow| flow.value) {
            Room::Free(slot) => assert!(cache.fill(slot, hash, &key)),
            _ => displaced += 1,
        }
    }
    // Nine tenths of all places are taken before anybody has to go.
    assert_eq!(displaced, 0);
    assert_eq!(cache.capacity(), 1 << 16);
    assert!(
        cache.memory() <= 50 << 16,
        "{} bytes a flow",
        cache.memory() >> 16
    );
}

#[test]
fn an_empty_table_costs_nothing_and_a_small_one_little() {
    let mut cache = Cache::new(MAX_FLOWS * 2, 0, [5, 6]);
    assert_eq!((cache.memory(), cache.capacity()), (0, MAX_FLOWS));
    for n in 0..300 {
        add(
            &mut cache,
            &key(0, &[u8::try_from(n % 256).unwrap(), u8::from(n > 255)]),
            1.0,
        );
    }
    assert!(cache.memory() < 64 << 10);
}

#[test]
fn a_full_table_keeps_the_largest() {
    let mut cache = Cache::new(1024, 0, [7, 8]);
    // So large that they never are the lowest among sixteen.
    for n in 0..100 {
        add(&mut cache, &key(9, &[n]), 1e9 + f64::from(n));
    }
    for n in 0..50_000_u32 {
        add(&mut cache, &key(1, &n.to_be_bytes()), f64::from(n % 1000));
    }
    assert!(cache.len() <= cache.capacity());
    for n in 0..100 {
        assert_eq!(value(&cache, &key(9, &[n])), Some(1e9 + f64::from(n)));
    }
}

#[test]
fn long_keys_are_bounded_and_their_room_is_used_again() {
    let mut cache = Cache::new(64, 0, [1, 1]);
    let long = |n: u32| key(0, &[vec![1; 1000], n.to_be_bytes().to_vec()].concat());
    let before = (0..3)
        .filter(|n| add(&mut cache, &long(*n), 1.0).is_some())
        .count();
    assert_eq!(before, 3);
    let full = cache.memory();
    for n in 3..1000 {
        add(&mut cache, &long(n), 1.0);
    }
    assert!(cache.memory() <= full + 64 * 1024);
    for slot in cache.slots().collect::<Vec<_>>() {
        cache.remove(slot);
    }
    assert_eq!(cache.len(), 0);
    assert!(add(&mut cache, &long(1), 1.0).is_some());
}

#[test]
fn another_seed_makes_other_places() {
    let (one, other) = (Cache::new(64, 0, [1, 2]), Cache::new(64, 0, [1, 3]));
    assert_ne!(one.hash(b"key"), other.hash(b"key"));
}

#[derive(Debug, Clone)]
enum Step {
    Add(u32, f64),
    Remove(u32),
    Find(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u32..3000, 0.0_f64..1e9).prop_map(|(n, value)| Step::Add(n, value)),
        1 => (0_u32..3000).prop_map(Step::Remove),
        2 => (0_u32..3000).prop_map(Step::Find),
    ];
    proptest::collection::vec(step, 1..2000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_table_does_what_a_map_does(steps in steps()) {
        let mut cache = Cache::new(16_384, 1, [1, 2]);
        let mut model: HashMap<u32, f64> = HashMap::new();
        for step in steps {
            match step {
                Step::Add(n, value) => {
                    let key = numbered(n);
                    match cache.find(cache.hash(&key), &key) {
                        Some(slot) => cache.get_mut(slot).unwrap().value = value,
                        None => prop_assert!(add(&mut cache, &key, value).is_some()),
                    }
                    model.insert(n, value);
                }
                Step::Remove(n) => {
                    let key = numbered(n);
                    if let Some(slot) = cache.find(cache.hash(&key), &key) {
                        cache.remove(slot);
                    }
                    model.remove(&n);
                }
                Step::Find(n) => prop_assert_eq!(value(&cache, &numbered(n)), model.get(&n).copied()),
            }
            prop_assert_eq!(cache.len(), model.len());
        }
        for (n, expected) in model {
            prop_assert_eq!(value(&cache, &numbered(n)), Some(expected));
        }
    }
}

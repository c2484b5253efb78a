//! What really happened on a simulated way, beside what the accounts say.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::ingest::places::Places;

fn taken(numbers: &[u32]) -> (Vec<Arrival>, Counts) {
    let (mut sequence, mut counts) = (Sequence::default(), Counts::default());
    let arrivals = numbers
        .iter()
        .map(|number| sequence.take(*number, &mut counts))
        .collect();
    (arrivals, counts)
}

#[test]
fn agents_that_share_room_have_no_more_than_there_is() {
    let places = Arc::new(Places::new(10));
    let sources = |loss: &mut Loss| {
        loss.datagram(0, 1, 1);
        for port in 0..8 {
            loss.sample(Kind::Flow, DataSource::interface(port), 1, None);
        }
        loss.samples(Kind::Flow)
    };
    let mut agents = [(); 2].map(|()| Loss::new(100, Share::of(Arc::clone(&places))));
    assert_eq!(sources(&mut agents[0]).sources, 8);
    let second = sources(&mut agents[1]);
    assert_eq!((second.sources, second.untracked), (2, 6));
    drop(agents);
    assert_eq!(sources(&mut Loss::new(100, Share::of(places))).sources, 8);
}

#[test]
fn a_gap_is_lost_until_what_is_missing_comes_late() {
    use Arrival::{Duplicate, Late, Next};
    let (arrivals, counts) = taken(&[10, 11, 15, 13, 13, 16]);
    assert_eq!(arrivals, [Next, Next, Next, Late, Duplicate, Next]);
    let expected = Counts {
        received: 6,
        lost: 2,
        out_of_order: 1,
        duplicates: 1,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
}

#[test]
fn numbers_wrap() {
    let (_, counts) = taken(&[u32::MAX - 1, u32::MAX, 0, 2, 1, 3]);
    assert_eq!((counts.lost, counts.out_of_order, counts.restarts), (0, 1, 0));
}

#[test]
fn what_came_before_the_first_one_was_never_missed() {
    let (arrivals, counts) = taken(&[5, 4, 4, 6]);
    assert_eq!(arrivals[1..3], [Arrival::Late, Arrival::Duplicate]);
    assert_eq!((counts.lost, counts.out_of_order), (0, 1));
}

#[test]
fn what_is_given_up_only_grows_and_is_in_the_end_what_was_lost() {
    let (mut sequence, mut counts) = (Sequence::default(), Counts::default());
    sequence.take(0, &mut counts);
    sequence.take(10, &mut counts);
    assert_eq!((counts.lost, counts.given_up), (9, 0));
    sequence.take(66, &mut counts);
    assert_eq!(
        (counts.lost, counts.given_up),
        (64, 2),
        "1 and 2 left the window of 64"
    );
    sequence.take(1_000_000, &mut counts);
    assert_eq!((counts.lost, counts.given_up), (999_997, 999_997 - 63));
    sequence.forget(&mut counts);
    assert_eq!(counts.lost, counts.given_up);
}

#[test]
fn one_number_that_does_not_fit_in_is_late_and_two_are_a_new_beginning() {
    use Arrival::{Late, Next, Restart};
    for elsewhere in [1, 4_000_000_000] {
        let (arrivals, counts) = taken(&[1_000_000, elsewhere, 1_000_001]);
        assert_eq!(arrivals, [Next, Late, Next]);
        assert_eq!((counts.lost, counts.out_of_order, counts.restarts), (0, 1, 0));
        let numbers = [1_000_000, elsewhere, elsewhere + 2, elsewhere + 3];
        let (arrivals, counts) = taken(&numbers);
        assert_eq!(arrivals, [Next, Late, Restart, Next]);
        assert_eq!((counts.lost, counts.out_of_order, counts.restarts), (1, 0, 1));
    }
}

#[test]
fn an_uptime_that_went_back_is_a_restart_whatever_the_number() {
    for number in [1, 95, 100, 101, 500, 4_000_000_000] {
        let mut loss = Loss::new(8, Share::default());
        loss.datagram(0, 100, 900_000);
        loss.sample(Kind::Flow, DataSource::interface(1), 50, Some(7));
        assert_eq!(loss.datagram(0, number, 200), Arrival::Restart, "{number}");
        assert_eq!(
            loss.sample(Kind::Flow, DataSource::interface(1), 1, Some(0)),
            Arrival::Next
        );
        let flow = loss.samples(Kind::Flow);
        assert_eq!(
            (flow.counts.lost, flow.counts.received, flow.agent_drops),
            (0, 2, 0)
        );
        assert_eq!((loss.datagrams().restarts, loss.datagrams().lost), (1, 0));
    }
}

#[test]
fn a_late_datagram_and_a_wrapped_uptime_are_no_restarts() {
    let mut loss = Loss::new(8, Share::default());
    loss.datagram(0, 100, u32::MAX - 500);
    loss.datagram(0, 102, 400);
    assert_eq!(loss.datagram(0, 101, u32::MAX - 100), Arrival::Late);
    assert_eq!(loss.datagram(0, 102, 400), Arrival::Duplicate);
    assert_eq!(loss.datagram(0, 103, 900), Arrival::Next);
    assert_eq!((loss.datagrams().lost, loss.datagrams().restarts), (0, 0));
}

#[test]
fn sub_agents_sources_and_kinds_count_for_themselves() {
    let mut loss = Loss::new(64, Share::default());
    for (sub_agent, sequence) in [(0, 1), (1, 1000), (0, 2), (1, 1001)] {
        assert_eq!(loss.datagram(sub_agent, sequence, 5), Arrival::Next);
        for kind in [Kind::Flow, Kind::Counters, Kind::Discard] {
            for index in 0..3 {
                let number = sequence + 10 * index;
                let arrival = loss.sample(kind, DataSource::interface(index), number, None);
                assert_eq!(arrival, Arrival::Next);
            }
        }
    }
    for kind in [Kind::Flow, Kind::Counters, Kind::Discard] {
        let counts = loss.samples(kind);
        assert_eq!(
            (counts.sources, counts.counts.received, counts.counts.lost),
            (6, 12, 0)
        );
    }
    assert_eq!(loss.datagrams().lost, 0);
}

#[test]
fn the_agents_drops_add_up_over_the_wrap_and_late_samples_do_not_count_twice() {
    let mut loss = Loss::new(8, Share::default());
    let source = DataSource::interface(1);
    loss.datagram(0, 1, 0);
    for (sequence, drops) in [
        (1, u32::MAX - 1),
        (2, u32::MAX),
        (4, 3),
        (3, 1),
        (4, 3),
        (5, 3),
        (6, 10),
    ] {
        loss.sample(Kind::Flow, source, sequence, Some(drops));
    }
    assert_eq!(loss.samples(Kind::Flow).agent_drops, 1 + 4 + 7);
    // A count that begins again tells nothing about what was before.
    loss.sample(Kind::Flow, source, 7, Some(2));
    loss.sample(Kind::Flow, source, 8, Some(3));
    assert_eq!(loss.samples(Kind::Flow).agent_drops, 1 + 4 + 7 + 1);
}

#[test]
fn a_flood_of_invented_sources_and_sub_agents_is_bounded_and_counted() {
    let mut loss = Loss::new(100, Share::default());
    for n in 0..10_000 {
        loss.datagram(n, 1, 0);
        // Of the first sub-agent, which is within the limit.
        loss.datagram(0, n + 2, 0);
        loss.sample(Kind::Counters, DataSource::interface(n), 1, None);
    }
    assert_eq!((loss.sources.len(), loss.sub_agents.len()), (100, MAX_SUB_AGENTS));
    let counters = loss.samples(Kind::Counters);
    assert_eq!(
        (counters.counts.received, counters.untracked, counters.sources),
        (10_000, 9900, 100)
    );
    assert_eq!(loss.datagrams().received, 20_000);
    assert_eq!(loss.untracked_datagrams(), 10_000 - MAX_SUB_AGENTS as u64);
    // Those of a sub-agent beyond the limit must not be mixed with those of others.
    loss.datagram(9999, 1, 0);
    loss.sample(Kind::Counters, DataSource::interface(1), 1, None);
    let counters = loss.samples(Kind::Counters);
    assert_eq!((counters.untracked, counters.counts.duplicates), (9901, 0));
}

/// What happens to a datagram on its way.
#[derive(Debug, Clone, Copy)]
struct Fate {
    lost: bool,
    twice: bool,
    /// By how many others it is overtaken.
    delay: u8,
}

fn fate() -> impl Strategy<Value = Fate> {
    (0..10_u8, 0..10_u8, 0..10_u8, 0..30_u8).prop_map(|(lost, twice, late, delay)| Fate {
        lost: lost == 0,
        twice: twice == 0,
        delay: if late < 2 { delay } else { 0 },
    })
}

/// The order in which one life's numbers arrive: each is sent at its place, and is there `delay` places later.
fn arrivals(first: u32, fates: &[Fate]) -> Vec<u32> {
    let mut on_the_way = Vec::new();
    for (place, fate) in fates.iter().enumerate() {
        let number = first.wrapping_add(u32::try_from(place).unwrap());
        if !fate.lost {
            on_the_way.push((place + usize::from(fate.delay), number));
            if fate.twice {
                on_the_way.push((place + usize::from(fate.delay) + 1, number));
            }
        }
    }
    on_the_way.sort_by_key(|(at, _)| *at);
    on_the_way.into_iter().map(|(_, number)| number).collect()
}

/// What is true of numbers that arrived: counted the slow way.
fn truth(first: u32, numbers: &[u32]) -> Counts {
    let places: Vec<u32> = numbers.iter().map(|number| number.wrapping_sub(first)).collect();
    let (mut seen, mut late, mut twice) = (std::collections::BTreeSet::new(), 0, 0);
    for place in &places {
        if seen.contains(place) {
            twice += 1;
        } else if seen.last().is_some_and(|highest| highest > place) {
            late += 1;
        }
        seen.insert(*place);
    }
    let begin = places.first().copied().unwrap_or_default();
    let missed = seen.last().map_or(0, |last| {
        (begin..=*last).filter(|place| !seen.contains(place)).count()
    });
    Counts {
        received: numbers.len() as u64,
        lost: missed as u64,
        out_of_order: late,
        duplicates: twice,
        ..Counts::default()
    }
}

proptest! {
    #[test]
    fn the_accounts_are_what_happened(
        lives in proptest::collection::vec((any::<u32>(), proptest::collection::vec(fate(), 1..200)), 1..4),
    ) {
        let mut loss = Loss::new(4, Share::default());
        let mut sequence = Sequence::default();
        let (mut expected, mut counts, mut given_up) = (Counts::default(), Counts::default(), 0);
        let mut begun = 0_u64;
        for (first, fates) in &lives {
            let numbers = arrivals(*first, fates);
            let life = truth(*first, &numbers);
            if !numbers.is_empty() {
                begun += 1;
            }
            expected.received += life.received;
            expected.lost += life.lost;
            expected.out_of_order += life.out_of_order;
            expected.duplicates += life.duplicates;
            for (place, number) in numbers.iter().enumerate() {
                // Milliseconds since this life's start; an old life ended after a long time.
                let uptime = number.wrapping_sub(*first) * 10 + if place == 0 { 0 } else { 1 };
                if place == 0 && begun > 1 {
                    prop_assert_eq!(sequence.restart(*number, &mut counts), Arrival::Restart);
                    prop_assert_eq!(loss.datagram(0, *number, uptime), Arrival::Restart);
                } else {
                    prop_assert_eq!(sequence.take(*number, &mut counts), loss.datagram(0, *number, uptime));
                }
                prop_assert!(counts.given_up >= given_up && counts.given_up <= counts.lost);
                given_up = counts.given_up;
            }
            // Until the agent starts again, hours pass.
            if let Some(known) = loss.sub_agents.get_mut(&0) {
                known.uptime_ms = 100_000_000;
            }
        }
        expected.restarts = begun.saturating_sub(1);
        prop_assert_eq!(Counts { given_up: 0, ..counts }, expected);
        prop_assert_eq!(*loss.datagrams(), counts);
    }

    #[test]
    fn no_numbers_break_it(numbers in proptest::collection::vec((0..3_u32, any::<u32>(), any::<u32>(), any::<bool>()), 0..300)) {
        let mut loss = Loss::new(2, Share::default());
        for (sub_agent, number, uptime, near) in &numbers {
            let number = if *near { number % 200 } else { *number };
            loss.datagram(*sub_agent, number, *uptime);
            loss.sample(Kind::Flow, DataSource::interface(*uptime), number, Some(*uptime));
        }
        let counts = loss.datagrams();
        prop_assert_eq!(counts.received, numbers.len() as u64);
        prop_assert!(counts.given_up <= counts.lost);
        prop_assert!(counts.duplicates + counts.out_of_order <= counts.received);
    }
}

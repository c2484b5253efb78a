use super::*;
use crate::actuator::Kind;
use crate::control::desired::About;
use crate::control::desired::tests::{at, name, wish};
use crate::control::desired::{Desired, Ending};
use crate::control::modes::Modes;

const PLACE: Place = Place {
    index: 0,
    agent: IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)),
};

fn guarded(seconds: u64, text: &str) -> Decision {
    let about = About::Traffic {
        kind: Kind::Capture,
        text: text.to_owned(),
        cause: None,
    };
    Decision::new(at(seconds), What::Guarded, about).because("exempt", "no")
}

fn words(journal: &Journal, question: &Question) -> Vec<&'static str> {
    let question = Question {
        max: 100,
        ..question.clone()
    };
    let found = journal.ask(&question).entries.into_iter();
    found.map(|(_, record)| record.decision.what.word()).collect()
}

#[test]
fn what_repeats_itself_is_one_record_with_a_count() {
    let journal = Journal::new(100, 64);
    for second in 0..600 {
        journal.record(Some(PLACE), [guarded(second, "capture a and b")]);
    }
    journal.record(Some(PLACE), [guarded(600, "capture a and c")]);
    let found = journal.ask(&Question {
        max: 10,
        ..Question::default()
    });
    let found: Vec<_> = found
        .entries
        .iter()
        .map(|(id, record)| (*id, record.count, record.decision.at, record.last))
        .collect();
    assert_eq!(found, [(101, 1, at(600), at(600)), (100, 600, at(0), at(599))]);
    journal.record(Some(PLACE), [guarded(3600, "capture a and b")]);
    assert_eq!(words(&journal, &Question::default()).len(), 3, "another hour");
}

#[test]
fn questions_pick_what_they_mean() {
    let journal = Journal::new(0, 64);
    let mut desired = Desired::new(
        crate::control::desired::Limits {
            hold: Duration::ZERO,
            max_rules: 3,
        },
        Modes::default(),
    );
    for n in 1..=2 {
        desired.want(wish(n, 100));
    }
    let holder = crate::control::desired::tests::PORT;
    desired.release(at(9), &name(1), holder, at(8), Ending::Goodbye);
    journal.record(Some(PLACE), desired.take_decided());
    journal.record(None, [Decision::new(at(10), What::PauseBegun, About::Switch)]);
    assert_eq!(
        words(&journal, &Question::default()),
        ["pause_begun", "released", "would_have", "would_have"]
    );
    let of_control = Question {
        control: Some(name(1).to_string()),
        ..Question::default()
    };
    assert_eq!(words(&journal, &of_control), ["released", "would_have"]);
    let of_switch = Question {
        switch: Some(PLACE.agent),
        kinds: vec!["released".to_owned(), "pause_begun".to_owned()],
        ..Question::default()
    };
    assert_eq!(words(&journal, &of_switch), ["released"]);
    let after = Question {
        after: Some(1),
        ..Question::default()
    };
    assert_eq!(words(&journal, &after), ["pause_begun", "released"]);
    let released = &journal
        .ask(&Question {
            max: 100,
            ..of_switch
        })
        .entries[0]
        .1;
    assert_eq!(released.decision.reason, Some("fin"));
    assert_eq!(journal.finished().len(), 1);
}

#[test]
fn neither_a_flood_nor_long_words_take_more_than_there_is() {
    let journal = Journal::new(0, 64);
    for n in 0..3 * RECORDS {
        journal.record(Some(PLACE), [guarded(1, &format!("capture {n}"))]);
    }
    let kept = journal.kept();
    assert_eq!((kept.log.len(), kept.same.len()), (RECORDS, RECORDS));
    drop(kept);
    let long = "ü".repeat(100_000);
    for n in 0..3 * RECORDS {
        journal.record(
            Some(PLACE),
            [guarded(2, &format!("capture {n} again")).why(&long)],
        );
    }
    let kept = journal.kept();
    assert!(
        kept.log.len() < RECORDS && kept.bytes <= BYTES + 4000,
        "{}",
        kept.bytes
    );
    assert_eq!(kept.log.len(), kept.same.len());
    let sum: usize = kept.log.iter().map(|record| size(&record.decision)).sum();
    assert_eq!(sum, kept.bytes);
}

#[tokio::test]
async fn whoever_waits_hears_of_what_is_new_and_not_of_repetitions() {
    let journal = Journal::default();
    journal.record(None, [guarded(0, "a")]);
    let mut changed = journal.changed();
    changed.mark_unchanged();
    journal.record(None, [guarded(1, "a")]);
    assert!(!changed.has_changed().unwrap());
    journal.record(None, [guarded(1, "b")]);
    changed.changed().await.unwrap();
}

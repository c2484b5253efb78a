use super::super::id::CommitId;
use super::super::tests::disk::{Disk, Loss};
use std::sync::Arc;

use super::*;

fn change(name: &str, old: Option<&[u8]>, new: Option<&[u8]>) -> FileChange {
    FileChange {
        name: name.parse().unwrap(),
        old: old.map(Arc::from),
        new: new.map(Arc::from),
    }
}

fn accepted(byte: u8) -> AcceptedState {
    AcceptedState {
        fingerprint: [byte; 32],
        boot: "b".to_owned(),
    }
}

fn delta(number: u64) -> Delta {
    Delta {
        closed: vec![CommitId { start: 1, number }],
        ..Delta::default()
    }
}

fn note() -> Note {
    Note::Renew {
        prefix: "fm_".to_owned(),
        ttl: 1000,
    }
}

fn open(disk: &Disk) -> (Journal, Recovered) {
    Journal::open(&*disk.dir("state")).unwrap()
}

#[test]
fn an_ended_batch_is_over_and_an_open_one_is_found() {
    let disk = Disk::default();
    let (mut journal, recovered) = open(&disk);
    assert_eq!(recovered, Recovered::default());
    journal.begin(&[change("a", None, Some(b"x"))], 100).unwrap();
    journal.note(&note()).unwrap();
    journal.end(Some(accepted(1)), &delta(1)).unwrap();
    let happened = vec![(1, Happened::Note(note())), (2, Happened::Batch(delta(1)))];
    let (mut journal, recovered) = open(&disk);
    let expected = Recovered {
        open: None,
        accepted: Some(accepted(1)),
        happened: happened.clone(),
    };
    assert_eq!(recovered, expected);
    let batch = vec![
        change("a", Some(&[0, 255, b'\n']), None),
        change("b", None, Some(b"")),
    ];
    journal.begin(&batch, 100).unwrap();
    let (mut journal, recovered) = open(&disk);
    let expected = Recovered {
        open: Some(batch),
        accepted: None,
        happened,
    };
    assert_eq!(recovered, expected);
    journal.end(None, &Delta::default()).unwrap();
    let (journal, recovered) = open(&disk);
    assert_eq!(
        (recovered.open, recovered.accepted, journal.sequence()),
        (None, None, 3)
    );
}

#[test]
fn a_journal_cut_anywhere_is_a_journal_of_fewer_records() {
    let disk = Disk::default();
    let (mut journal, _) = open(&disk);
    let mut ends = vec![journal.length];
    journal.begin(&[change("a", None, Some(b"one"))], 100).unwrap();
    ends.push(journal.length);
    journal.end(Some(accepted(1)), &delta(1)).unwrap();
    ends.push(journal.length);
    let whole = disk.dir("state").log(FILE).unwrap().read().unwrap();
    for length in 0..=whole.len() {
        let disk = Disk::default();
        disk.dir("state")
            .log(FILE)
            .unwrap()
            .append(&whole[..length])
            .unwrap();
        let (mut journal, recovered) = open(&disk);
        let records = ends.iter().filter(|end| **end <= length as u64).count();
        assert_eq!(recovered.open.is_some(), records == 2, "cut at {length}");
        assert_eq!(recovered.accepted.is_some(), records == 3, "cut at {length}");
        journal.end(Some(accepted(9)), &delta(2)).unwrap();
        assert_eq!(open(&disk).1.accepted, Some(accepted(9)), "cut at {length}");
    }
}

#[test]
fn a_damaged_byte_never_invents_a_record() {
    let disk = Disk::default();
    let (mut journal, _) = open(&disk);
    journal.begin(&[change("a", None, Some(b"one"))], 100).unwrap();
    let whole = disk.dir("state").log(FILE).unwrap().read().unwrap();
    for index in MAGIC.len()..whole.len() {
        let mut damaged = whole.clone();
        damaged[index] ^= 0x40;
        let disk = Disk::default();
        disk.dir("state").log(FILE).unwrap().append(&damaged).unwrap();
        assert_eq!(open(&disk).1, Recovered::default(), "byte {index}");
    }
}

#[test]
fn it_begins_anew_and_remembers_what_was_accepted_and_where_it_was() {
    let disk = Disk::default();
    let (mut journal, _) = open(&disk);
    let body = vec![b'x'; 100_000];
    journal
        .begin(&[change("a", Some(&body), Some(&body))], 100)
        .unwrap();
    journal.begin_anew().unwrap();
    assert!(journal.length() > 200_000, "not while a batch is open");
    journal.end(Some(accepted(2)), &delta(1)).unwrap();
    journal.begin_anew().unwrap();
    assert!(journal.length() < 200);
    let (journal, recovered) = open(&disk.after(Loss::Everything));
    assert_eq!(recovered.accepted, Some(accepted(2)));
    assert_eq!(
        (journal.sequence(), recovered.happened),
        (1, vec![(1, Happened::Batch(Delta::default()))])
    );
}

#[test]
fn what_cannot_be_written_has_not_happened() {
    let disk = Disk::default();
    let (mut journal, _) = open(&disk);
    journal.end(Some(accepted(1)), &delta(1)).unwrap();
    disk.set_full(true);
    assert!(journal.begin(&[change("a", None, Some(b"one"))], 100).is_err());
    assert!(journal.note(&note()).is_err());
    disk.set_full(false);
    let (journal, recovered) = open(&disk);
    assert_eq!((recovered.open, recovered.accepted), (None, Some(accepted(1))));
    assert_eq!(journal.sequence(), 1);
}

#[test]
fn somebody_elses_file_is_not_overwritten() {
    let disk = Disk::default();
    disk.by_hand("state", FILE, Some("not a journal at all"));
    let error = Journal::open(&*disk.dir("state")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let content = disk.dir("state").read(FILE, 100, false).unwrap().unwrap();
    assert_eq!(content, b"not a journal at all");
}

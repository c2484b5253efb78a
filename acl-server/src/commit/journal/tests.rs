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

#[test]
fn an_ended_batch_is_over_and_an_open_one_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let (mut journal, recovered) = Journal::open(&path).unwrap();
    assert_eq!(recovered, Recovered::default());
    journal.begin(&[change("a", None, Some(b"x"))]).unwrap();
    journal.end(Some(accepted(1))).unwrap();
    drop(journal);
    let (mut journal, recovered) = Journal::open(&path).unwrap();
    assert_eq!(
        recovered,
        Recovered {
            open: None,
            accepted: Some(accepted(1))
        }
    );
    let open = vec![
        change("a", Some(&[0, 255, b'\n']), None),
        change("b", None, Some(b"")),
    ];
    journal.begin(&open).unwrap();
    drop(journal);
    let (mut journal, recovered) = Journal::open(&path).unwrap();
    assert_eq!(
        recovered,
        Recovered {
            open: Some(open),
            accepted: None
        }
    );
    journal.end(None).unwrap();
    assert_eq!(Journal::open(&path).unwrap().1, Recovered::default());
}

#[test]
fn a_journal_cut_anywhere_is_a_journal_of_fewer_records() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let (mut journal, _) = Journal::open(&path).unwrap();
    let mut ends = vec![journal.length];
    journal.begin(&[change("a", None, Some(b"one"))]).unwrap();
    ends.push(journal.length);
    journal.end(Some(accepted(1))).unwrap();
    ends.push(journal.length);
    let whole = std::fs::read(&path).unwrap();
    for length in 0..=whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let (mut journal, recovered) = Journal::open(&path).unwrap();
        let records = ends.iter().filter(|end| **end <= length as u64).count();
        assert_eq!(recovered.open.is_some(), records == 2, "cut at {length}");
        assert_eq!(recovered.accepted.is_some(), records == 3, "cut at {length}");
        journal.end(Some(accepted(9))).unwrap();
        assert_eq!(
            Journal::open(&path).unwrap().1.accepted,
            Some(accepted(9)),
            "cut at {length}"
        );
    }
}

#[test]
fn a_damaged_byte_never_invents_a_record() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let (mut journal, _) = Journal::open(&path).unwrap();
    journal.begin(&[change("a", None, Some(b"one"))]).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for index in MAGIC.len()..whole.len() {
        let mut damaged = whole.clone();
        damaged[index] ^= 0x40;
        std::fs::write(&path, &damaged).unwrap();
        assert_eq!(
            Journal::open(&path).unwrap().1,
            Recovered::default(),
            "byte {index}"
        );
    }
}

#[test]
fn it_does_not_grow_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let (mut journal, _) = Journal::open(&path).unwrap();
    let body = vec![b'x'; 100_000];
    for _ in 0..50 {
        journal.begin(&[change("a", Some(&body), Some(&body))]).unwrap();
        journal.end(Some(accepted(2))).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < 201_000);
        // Without a batch, too: a base commit that fails again and again.
        journal.end(None).unwrap();
        journal.end(Some(accepted(2))).unwrap();
    }
    assert_eq!(Journal::open(&path).unwrap().1.accepted, Some(accepted(2)));
}

#[test]
fn somebody_elses_file_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    std::fs::write(&path, "not a journal at all").unwrap();
    assert_eq!(
        Journal::open(&path).unwrap_err().kind(),
        io::ErrorKind::InvalidData
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "not a journal at all");
}

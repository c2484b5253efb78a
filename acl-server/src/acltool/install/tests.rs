use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use super::super::compile::compile;
use super::super::origin::PolicyFile;
use super::*;
use crate::rules::parse_file;

/// A kernel that holds whatever text it was last given, and fails when told to.
#[derive(Default)]
struct Fake {
    saved: BTreeMap<Family, String>,
    /// Inputs that were really restored.
    restored: Vec<(Family, String)>,
    fail_save: Option<Family>,
    save_error: Option<RunError>,
    fail_test: Option<Family>,
    /// Real restores that fail, by their number.
    fail_restore: Vec<usize>,
    restore_error: Option<RunError>,
    calls: usize,
    held: Rc<Cell<bool>>,
}

struct Held(Rc<Cell<bool>>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

fn refusal(line: usize) -> RunError {
    RunError::Refused {
        program: "ip6tables-restore".to_owned(),
        text: format!("line {line}: RULE_APPEND failed"),
    }
}

impl Netfilter for Fake {
    type Held = Held;

    fn save(&mut self, family: Family) -> Result<String, RunError> {
        if self.fail_save == Some(family) {
            return Err(self.save_error.clone().unwrap_or_else(|| refusal(0)));
        }
        Ok(self.saved.get(&family).cloned().unwrap_or_default())
    }

    fn restore(&mut self, family: Family, input: &str, test: bool) -> Result<(), RunError> {
        if test {
            return if self.fail_test == Some(family) {
                Err(refusal(3))
            } else {
                Ok(())
            };
        }
        assert!(self.held.get(), "a signal could end the install half way");
        self.calls += 1;
        if self.fail_restore.contains(&(self.calls - 1)) {
            return Err(self.restore_error.clone().unwrap_or_else(|| refusal(3)));
        }
        self.restored.push((family, input.to_owned()));
        self.saved.insert(family, input.to_owned());
        Ok(())
    }

    fn hold_signals(&self) -> Held {
        self.held.set(true);
        Held(Rc::clone(&self.held))
    }
}

fn plan(rules: &[&str], dry_run: bool) -> Plan {
    let file = PolicyFile::new(
        Path::new("/p/a.rules"),
        rules.iter().map(|line| (*line).to_owned()).collect(),
    );
    let policy = parse_file(&file.lines).expect("rules that parse");
    let compiled = compile(&[(&file, policy)]).expect("rules that compile");
    Plan {
        families: vec![(Family::V4, compiled.v4), (Family::V6, compiled.v6)],
        dry_run,
    }
}

const BOTH: [&str; 4] = [
    "[iptables]",
    "-A FORWARD -j DROP",
    "[ip6tables]",
    "-A FORWARD -j DROP",
];

#[test]
fn both_families_are_installed_v4_first() {
    let mut kernel = Fake::default();
    let report = install(&plan(&BOTH, false), &mut kernel).expect("installs");
    let order: Vec<_> = kernel.restored.iter().map(|(family, _)| *family).collect();
    assert_eq!((order, report.inputs.len()), (vec![Family::V4, Family::V6], 2));
    assert!(!kernel.held.get(), "signals are let through again");
}

#[test]
fn a_dry_run_checks_and_changes_nothing() {
    let mut kernel = Fake::default();
    assert!(install(&plan(&BOTH, true), &mut kernel).is_ok());
    assert!(kernel.restored.is_empty());
    kernel.fail_test = Some(Family::V6);
    let failure = install(&plan(&BOTH, true), &mut kernel).expect_err("refused")[0].to_string();
    assert_eq!(
        failure,
        "line 4 : ip6tables-restore: line 3: RULE_APPEND failed error processing rule '-A FORWARD -j DROP' in file \
         /p/a.rules"
    );
}

#[test]
fn what_the_check_finds_changes_nothing() {
    let mut kernel = Fake {
        fail_test: Some(Family::V6),
        ..Fake::default()
    };
    assert!(install(&plan(&BOTH, false), &mut kernel).is_err());
    assert!(kernel.restored.is_empty());
}

#[test]
fn when_v6_fails_v4_goes_back() {
    let mut kernel = Fake {
        fail_restore: vec![1],
        ..Fake::default()
    };
    let failures = install(&plan(&BOTH, false), &mut kernel).expect_err("refused");
    let text = failures[0].to_string();
    assert!(
        text.starts_with("hw sync failed (line 4 : ") && text.ends_with("Rolling back .. done."),
        "{text}"
    );
    let (family, undo) = kernel.restored.last().expect("an undo");
    assert_eq!(*family, Family::V4);
    assert!(undo.contains("-F acltool-FORWARD\n-X acltool-FORWARD"), "{undo}");
    assert!(!kernel.held.get());
}

#[test]
fn a_failed_way_back_is_reported_beside_the_cause() {
    let mut kernel = Fake {
        fail_restore: vec![1, 2],
        ..Fake::default()
    };
    let text = install(&plan(&BOTH, false), &mut kernel).expect_err("refused")[0].to_string();
    assert!(
        text.contains("Rolling back .. failed. (ip6tables-restore: line 3"),
        "{text}"
    );
}

#[test]
fn a_lock_of_others_is_no_error_once_everything_is_as_before() {
    let locked = || RunError::Locked {
        program: "ip6tables-restore".to_owned(),
    };
    let run = |fail_restore: Vec<usize>| {
        let mut kernel = Fake {
            fail_restore,
            restore_error: Some(locked()),
            ..Fake::default()
        };
        install(&plan(&BOTH, false), &mut kernel).expect_err("locked")
    };
    // Before anything was changed, and after IPv4 was changed and led back.
    for failures in [run(vec![0]), run(vec![1])] {
        assert_eq!(failures, [Failure::Run(locked())]);
        assert!(failures[0].is_busy());
    }
    let stuck = run(vec![1, 2]);
    assert!(!stuck[0].is_busy(), "IPv4 is not as before: {}", stuck[0]);
}

#[test]
fn a_family_that_is_not_there_matters_only_if_it_has_rules() {
    let absent = RunError::Missing {
        program: "ip6tables-save".to_owned(),
    };
    let mut kernel = Fake {
        fail_save: Some(Family::V6),
        save_error: Some(absent),
        ..Fake::default()
    };
    let report = install(&plan(&BOTH[..2], false), &mut kernel).expect("IPv4 alone");
    assert!(report.notes[0].contains("ip6tables does not exist") && !report.notes[0].contains("fail"));
    assert_eq!(kernel.restored.len(), 1);
    assert!(install(&plan(&BOTH, false), &mut kernel).is_err());
    assert_eq!(kernel.restored.len(), 1, "nothing was changed by the refused one");
}

#[test]
fn a_family_that_cannot_be_read_is_not_taken_for_empty() {
    let mut kernel = Fake {
        fail_save: Some(Family::V6),
        ..Fake::default()
    };
    assert!(
        install(&plan(&BOTH[..2], false), &mut kernel).is_err(),
        "old rules of ours may be there"
    );
    assert!(kernel.restored.is_empty());
}

//! Finds the changes that the tool refuses among those that it accepts. Pure: says what to try, is told what came of it.
//!
//! The last run is always a success with exactly the accepted changes in place, or the isolation says that there was none.

use std::collections::BTreeSet;

use super::change::{Verdict, Words};

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Put exactly these members in place, by their position in the batch, and run the tool.
    Try(Vec<usize>),
    /// All is decided.
    Finished {
        /// The last run succeeded with exactly the accepted members; the switch is what we believe it is.
        synced: bool,
    },
}

/// What a run said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The rules are installed.
    Accepted,
    /// The tool refused.
    Refused {
        /// Its exit status.
        code: i32,
        /// Its words.
        lines: Words,
        /// The members that its words name, by their position in the batch.
        named: Vec<usize>,
    },
    /// The run says nothing about the rules: it timed out, died or did not start. The verdict is for every member that is
    /// not refused already.
    Broken(Verdict),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// All members at once.
    All,
    /// None: is it the batch, or what was there before?
    Base,
    /// A group on top of what is accepted.
    Group(Vec<usize>),
    /// What is accepted, since the last run was a refusal.
    Final,
    Done {
        synced: bool,
    },
}

/// The search, over the members of one batch.
#[derive(Debug)]
pub struct Isolation {
    verdicts: Vec<Option<Verdict>>,
    accepted: Vec<usize>,
    pending: Vec<Vec<usize>>,
    phase: Phase,
    out_of_time: bool,
    /// Whom the last refusal names.
    named: Vec<usize>,
    /// What the last refusal said.
    refusal: (i32, Words),
}

impl Isolation {
    /// A search over `members` changes.
    pub fn new(members: usize) -> Self {
        Self {
            verdicts: vec![None; members],
            accepted: Vec::new(),
            pending: Vec::new(),
            phase: Phase::All,
            out_of_time: false,
            named: Vec::new(),
            refusal: (0, Words::default()),
        }
    }

    /// What to do next.
    pub fn step(&self) -> Step {
        match &self.phase {
            Phase::All => Step::Try((0..self.verdicts.len()).collect()),
            Phase::Base => Step::Try(Vec::new()),
            Phase::Group(group) => Step::Try(self.accepted.iter().chain(group).copied().collect()),
            Phase::Final => Step::Try(self.accepted.clone()),
            Phase::Done { synced } => Step::Finished { synced: *synced },
        }
    }

    /// The time for searching is over: what is not decided by now gets [`Verdict::Undecided`].
    pub const fn give_up(&mut self) {
        self.out_of_time = true;
    }

    /// Takes in what the run of the last [`Self::step`] said.
    pub fn report(&mut self, report: Report) {
        self.phase = match (
            std::mem::replace(&mut self.phase, Phase::Done { synced: false }),
            report,
        ) {
            (done @ Phase::Done { .. }, _) => done,
            (_, Report::Broken(verdict)) => self.end_with(&verdict),
            (Phase::All, Report::Accepted) => {
                self.accepted = (0..self.verdicts.len()).collect();
                Phase::Done { synced: true }
            }
            (Phase::All, Report::Refused { code, lines, named }) => {
                (self.refusal, self.named) = ((code, lines), named);
                Phase::Base
            }
            (Phase::Base, Report::Accepted) => self.search(),
            (Phase::Base | Phase::Final, Report::Refused { code, lines, .. }) => {
                self.end_with(&Verdict::BaseRefused { code, lines })
            }
            (Phase::Group(group), Report::Accepted) => {
                self.accepted.extend(group);
                self.next_group(true)
            }
            (Phase::Group(group), Report::Refused { code, lines, named }) => {
                (self.refusal, self.named) = ((code, lines), named);
                self.split(group);
                self.next_group(false)
            }
            (Phase::Final, Report::Accepted) => Phase::Done { synced: true },
        };
    }

    /// The base is fine, so at least one member is not.
    fn search(&mut self) -> Phase {
        self.split((0..self.verdicts.len()).collect());
        // The base run has just succeeded, and nothing is accepted yet.
        self.next_group(true)
    }

    /// A refused group: one member is the offender; of more, those that the tool names go first, then halves.
    fn split(&mut self, mut group: Vec<usize>) {
        let named: BTreeSet<usize> = std::mem::take(&mut self.named).into_iter().collect();
        let (named, others): (Vec<usize>, Vec<usize>) =
            group.iter().copied().partition(|member| named.contains(member));
        if !named.is_empty() && !others.is_empty() {
            self.pending.extend([others, named]);
            return;
        }
        match group.as_slice() {
            [offender] => {
                let (code, lines) = self.refusal.clone();
                if let Some(verdict) = self.verdicts.get_mut(*offender) {
                    *verdict = Some(Verdict::Refused { code, lines });
                }
            }
            _ => {
                let second = group.split_off(group.len() / 2);
                self.pending.extend([second, group]);
            }
        }
    }

    /// `in_place`: the last run succeeded with exactly what is accepted.
    fn next_group(&mut self, in_place: bool) -> Phase {
        if self.out_of_time {
            let (code, lines) = self.refusal.clone();
            let undecided = Verdict::Undecided { code, lines };
            for member in self.pending.drain(..).flatten() {
                if let Some(verdict) = self.verdicts.get_mut(member) {
                    *verdict = Some(undecided.clone());
                }
            }
        }
        match self.pending.pop() {
            Some(group) => Phase::Group(group),
            None if in_place => Phase::Done { synced: true },
            None => Phase::Final,
        }
    }

    /// Nothing stays in place; who is not refused already gets this verdict.
    fn end_with(&mut self, verdict: &Verdict) -> Phase {
        self.accepted.clear();
        self.pending.clear();
        for undecided in self.verdicts.iter_mut().filter(|verdict| verdict.is_none()) {
            *undecided = Some(verdict.clone());
        }
        Phase::Done { synced: false }
    }

    /// The members that are in place, in the order of acceptance.
    pub fn accepted(&self) -> &[usize] {
        &self.accepted
    }

    /// One verdict a member; `None` for the accepted ones.
    pub fn into_verdicts(self) -> Vec<Option<Verdict>> {
        self.verdicts
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn refused() -> Report {
        Report::Refused {
            code: 1,
            lines: Words::from(["error: x".to_owned()]),
            named: Vec::new(),
        }
    }

    /// Runs a search where the tool refuses any set that holds one of `bad`; returns the runs and the end.
    fn search(members: usize, bad: &BTreeSet<usize>, base_fine: bool) -> (Vec<Vec<usize>>, Isolation, bool) {
        let mut isolation = Isolation::new(members);
        let mut runs: Vec<Vec<usize>> = Vec::new();
        loop {
            match isolation.step() {
                Step::Finished { synced } => return (runs, isolation, synced),
                Step::Try(set) => {
                    let fine = base_fine && set.iter().all(|member| !bad.contains(member));
                    runs.push(set);
                    isolation.report(if fine { Report::Accepted } else { refused() });
                }
            }
        }
    }

    #[test]
    fn a_good_batch_is_one_run() {
        let (runs, isolation, synced) = search(200, &BTreeSet::new(), true);
        assert_eq!((runs.len(), synced, isolation.accepted().len()), (1, true, 200));
    }

    #[test]
    fn a_single_offender_costs_its_run_and_the_restored_base() {
        let (runs, isolation, synced) = search(1, &BTreeSet::from([0]), true);
        assert_eq!(runs, [vec![0], vec![]]);
        assert!(synced);
        assert!(matches!(
            isolation.into_verdicts()[0],
            Some(Verdict::Refused { code: 1, .. })
        ));
    }

    #[test]
    fn a_broken_base_is_nobodys_fault() {
        let (runs, isolation, synced) = search(3, &BTreeSet::new(), false);
        assert_eq!(runs, [vec![0, 1, 2], vec![]]);
        assert!(!synced && isolation.accepted().is_empty());
        for verdict in isolation.into_verdicts() {
            assert!(matches!(verdict, Some(Verdict::BaseRefused { .. })));
        }
    }

    #[test]
    fn a_tool_that_breaks_decides_nothing() {
        let mut isolation = Isolation::new(2);
        isolation.report(Report::Broken(Verdict::TimedOut {
            lines: Words::default(),
        }));
        assert_eq!(isolation.step(), Step::Finished { synced: false });
        assert_eq!(
            isolation.into_verdicts(),
            vec![
                Some(Verdict::TimedOut {
                    lines: Words::default()
                });
                2
            ]
        );
    }

    #[test]
    fn out_of_time_leaves_the_rest_undecided_and_the_switch_right() {
        let mut isolation = Isolation::new(8);
        isolation.report(refused());
        isolation.report(Report::Accepted);
        assert_eq!(isolation.step(), Step::Try(vec![0, 1, 2, 3]));
        isolation.report(Report::Accepted);
        isolation.give_up();
        isolation.report(refused());
        assert_eq!(isolation.step(), Step::Try(vec![0, 1, 2, 3]));
        isolation.report(Report::Accepted);
        assert_eq!(isolation.step(), Step::Finished { synced: true });
        let undecided = isolation.into_verdicts();
        let undecided = undecided
            .iter()
            .filter(|v| matches!(v, Some(Verdict::Undecided { code: 1, .. })))
            .count();
        assert_eq!(undecided, 4);
    }

    proptest! {
        #[test]
        fn exactly_the_offenders_are_refused(members in 1_usize..64, bad in proptest::collection::btree_set(0_usize..64, 0..6)) {
            let bad: BTreeSet<usize> = bad.into_iter().filter(|member| *member < members).collect();
            let (runs, isolation, synced) = search(members, &bad, true);
            prop_assert!(synced);
            let accepted: BTreeSet<usize> = isolation.accepted().iter().copied().collect();
            prop_assert_eq!(&accepted, &(0..members).filter(|member| !bad.contains(member)).collect());
            // The last run is the state that stays.
            prop_assert_eq!(&runs.last().unwrap().iter().copied().collect::<BTreeSet<_>>(), &accepted);
            // Halving: two runs a level and offender, and four around it.
            prop_assert!(runs.len() <= 4 + 2 * bad.len() * 7, "{} runs", runs.len());
            for (member, verdict) in isolation.into_verdicts().into_iter().enumerate() {
                let is_refused = matches!(verdict, Some(Verdict::Refused { .. }));
                prop_assert_eq!(is_refused, bad.contains(&member));
            }
        }
    }
}

//! Both families or neither.
//!
//! The old state is read, everything is checked, then the families are changed one after the other. Each table is one
//! transaction of the kernel. When one fails, what was changed is led back to the old state, from whatever state it is in
//! now. Signals that would end the process wait until that is finished. After SIGKILL or a loss of power in between, IPv4
//! may be new and IPv6 old; running again heals it.

use super::compile::Chains;
use super::failure::Failure;
use super::netfilter::{Netfilter, RunError};
use super::state::{Input, State, transition};
use crate::rules::Family;

/// What to install.
pub(super) struct Plan {
    /// The families to change, in order, each with all its rules.
    pub(super) families: Vec<(Family, Chains)>,
    /// Check only.
    pub(super) dry_run: bool,
}

/// What an install has to tell.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) notes: Vec<String>,
    /// What went to iptables-restore.
    pub(super) inputs: Vec<String>,
}

/// One family that is going to change.
struct Step {
    family: Family,
    old: State,
    input: Input,
}

/// Carries a plan out.
pub(super) fn install(plan: &Plan, kernel: &mut impl Netfilter) -> Result<Report, Vec<Failure>> {
    let mut report = Report::default();
    let mut steps = Vec::new();
    for (family, chains) in &plan.families {
        match kernel.save(*family) {
            Ok(save) => {
                let old = State::parse(&save);
                let input = transition(&old, &old.wanted_from(chains));
                if !input.is_empty() {
                    steps.push(Step {
                        family: *family,
                        old,
                        input,
                    });
                }
            }
            // A family that does not exist holds nothing of ours that would have to go.
            Err(error) if chains.is_empty() && error.is_absent() => report.notes.push(absent(*family)),
            Err(error) => return Err(vec![error.into()]),
        }
    }
    for step in &steps {
        let checked = kernel.restore(step.family, &step.input.text, true);
        checked.map_err(|error| vec![explained(&step.input, error)])?;
    }
    if !plan.dry_run {
        let _held = kernel.hold_signals();
        for (n, step) in steps.iter().enumerate() {
            if let Err(error) = kernel.restore(step.family, &step.input.text, false) {
                let cause = explained(&step.input, error);
                let touched = steps.get(..=n).unwrap_or(&steps);
                return Err(vec![undone(cause, roll_back(touched, kernel))]);
            }
        }
    }
    report.inputs = steps.into_iter().map(|step| step.input.text).collect();
    Ok(report)
}

/// Leads every family that was touched back, the last one first, and returns what did not work.
fn roll_back(touched: &[Step], kernel: &mut impl Netfilter) -> Vec<RunError> {
    let mut back = |step: &Step| {
        // Not from what was planned: of a failed restore some tables may be done.
        let now = State::parse(&kernel.save(step.family)?);
        if now.same_rules(&step.old) {
            return Ok(());
        }
        kernel.restore(step.family, &transition(&now, &step.old.wanted()).text, false)
    };
    touched.iter().rev().filter_map(|step| back(step).err()).collect()
}

/// What to say once the way back has been tried.
fn undone(cause: Failure, undo: Vec<RunError>) -> Failure {
    if !undo.is_empty() {
        let cause = Box::new(cause);
        return Failure::Stuck { cause, undo };
    }
    // Everything is as before and nobody refused anything.
    if cause.is_busy() {
        return cause;
    }
    let cause = Box::new(cause);
    Failure::RolledBack { cause }
}

/// The failure of the rule that iptables-restore complains about, if it is one.
fn explained(input: &Input, error: RunError) -> Failure {
    match error.line().and_then(|line| input.origin(line)) {
        Some(origin) => Failure::Rule {
            origin: origin.clone(),
            message: error.to_string(),
        },
        None => error.into(),
    }
}

fn absent(family: Family) -> String {
    let (program, section) = match family {
        Family::V4 => ("iptables", "[iptables]"),
        Family::V6 => ("ip6tables", "[ip6tables]"),
    };
    format!("note: {program} does not exist here and there are no {section} rules: nothing to install")
}

#[cfg(test)]
mod tests;

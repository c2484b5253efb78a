//! `dry_run=true`: what a change would do. Everything is judged as for the change itself but for the tool, which does not
//! run, and the queue, which is not waited for.

use std::collections::HashMap;

use shared::AclName;
use shared::wire::{AclLines, Capacity, DryRun};

use super::ApiState;
use super::commits::effect;
use super::draft::{Draft, Rules, lines_of};
use super::error::ApiError;
use super::neighbours::{Neighbours, Turn};
use crate::commit::change::{Caller, Precondition, Verdict};
use crate::commit::facts::Facts;
use crate::rules;
use crate::store::etag;

/// Bytes of lines that would go, in one answer: what would come is bounded by the request, this by nothing else.
const REMOVED: usize = 1 << 20;

/// What one change of all these ACLs would do, in their order. Blocks.
///
/// # Errors
/// What the change would be refused with.
pub fn together(
    state: &ApiState,
    turn: Turn,
    drafts: Vec<Draft>,
    precondition: Precondition,
    caller: Caller,
) -> Result<Vec<DryRun>, ApiError> {
    let mut neighbours = Neighbours::read(&state.committer, turn);
    for Draft { name, rules } in &drafts {
        neighbours.would_have(name, rules.as_ref().map(|rules| rules.content.as_slice()));
    }
    rehearse(state, &neighbours, drafts, precondition, caller)
}

/// What a change of each of these ACLs alone would do, in their order, or what it would be refused with. Blocks.
pub fn apart(
    state: &ApiState,
    turn: Turn,
    drafts: Vec<Result<Draft, ApiError>>,
    precondition: &Precondition,
    caller: &Caller,
) -> Vec<Result<DryRun, ApiError>> {
    let neighbours = Neighbours::read(&state.committer, turn);
    let runs = drafts.into_iter().map(|draft| {
        let draft = draft?;
        let name = draft.name.clone();
        let runs = rehearse(
            state,
            &neighbours,
            vec![draft],
            precondition.clone(),
            caller.clone(),
        )?;
        // One draft, one element.
        runs.into_iter()
            .next()
            .ok_or_else(|| ApiError::no_such_acl(&name))
    });
    runs.collect()
}

fn rehearse(
    state: &ApiState,
    neighbours: &Neighbours,
    drafts: Vec<Draft>,
    precondition: Precondition,
    caller: Caller,
) -> Result<Vec<DryRun>, ApiError> {
    let edits = drafts.iter().map(Draft::edit).collect();
    let rehearsal = state.committer.rehearse(edits, precondition, caller);
    let effects = match &rehearsal.verdict {
        Verdict::Done { effects, .. } => effects.as_slice(),
        verdict => match ApiError::from_verdict(verdict) {
            Some(error) => return Err(error),
            None => &[],
        },
    };
    let before: Vec<AclLines> = rehearsal
        .before
        .iter()
        .map(|content| content.as_deref().map(lines_of).unwrap_or_default())
        .collect();
    let capacity = capacity_after(state, &drafts, &rehearsal.before);
    let mut room = REMOVED;
    let runs = drafts.into_iter().zip(before).zip(effects);
    Ok(runs
        .map(|((draft, before), done)| {
            let mut after = After::of(&draft.name, draft.rules.as_ref(), neighbours);
            let (removed, left_out) = within(&mut room, without(&before, &after.lines));
            if left_out > 0 {
                after.warnings.push(format!("{left_out} more lines would go"));
            }
            DryRun {
                acl: draft.name,
                effect: effect(*done),
                etag: after.etag,
                lines: after.lines.len(),
                rules: after.rules,
                entries: after.entries,
                capacity,
                added: without(&after.lines, &before),
                removed,
                warnings: after.warnings,
            }
        })
        .collect())
}

#[derive(Default)]
struct After {
    etag: Option<String>,
    lines: AclLines,
    rules: usize,
    entries: u64,
    warnings: Vec<String>,
}

impl After {
    fn of(name: &AclName, rules: Option<&Rules>, neighbours: &Neighbours) -> Self {
        let Some(rules) = rules else {
            return Self::default();
        };
        let lines = lines_of(&rules.content);
        Self {
            etag: Some(etag(&rules.content)),
            rules: rules::count_rules(&lines),
            entries: rules.facts.entries,
            warnings: neighbours.warnings(name, &rules.policy),
            lines,
        }
    }
}

fn capacity_after(state: &ApiState, drafts: &[Draft], before: &[Option<Vec<u8>>]) -> Capacity {
    let (used, entries_limit) = state.committer.capacity();
    let old = before
        .iter()
        .flatten()
        .map(|content| Facts::of_file(content).entries);
    let new = drafts.iter().filter_map(|draft| draft.rules.as_ref());
    let entries_used = new.map(|rules| rules.facts.entries).fold(
        used.saturating_sub(old.fold(0, u64::saturating_add)),
        u64::saturating_add,
    );
    Capacity {
        entries_used,
        entries_limit,
    }
}

/// The lines of `these` that are not among `those`, each as often as it is there more often, in order.
fn without(these: &AclLines, those: &AclLines) -> AclLines {
    // The default hasher is seeded, so that nobody can choose lines that collide.
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for line in those {
        *counts.entry(line).or_default() += 1;
    }
    let mut left = |line: &&String| match counts.get_mut(line.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    these.iter().filter(|line| left(line)).cloned().collect()
}

/// As many lines as there is room for, and how many there are besides.
fn within(room: &mut usize, mut lines: AclLines) -> (AclLines, usize) {
    let fit = lines.iter().take_while(|line| {
        let fits = line.len() <= *room;
        *room = room.saturating_sub(line.len());
        fits
    });
    let (fit, all) = (fit.count(), lines.len());
    lines.truncate(fit);
    (lines, all - fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_counts_lines_and_keeps_their_order() {
        let lines = |text: &str| -> AclLines { text.split(' ').map(str::to_owned).collect() };
        assert_eq!(without(&lines("a b c a"), &lines("a d")), lines("b c a"));
        assert_eq!(without(&lines("a d"), &lines("a b c a")), lines("d"));
        assert_eq!(without(&lines("b a"), &lines("a b")), AclLines::new());
    }

    #[test]
    fn an_answer_has_room_for_so_much() {
        let lines = || vec!["12345".to_owned(), "6".to_owned(), "7".to_owned()];
        let mut room = 6;
        assert_eq!(within(&mut room, lines()), (lines()[..2].to_vec(), 1));
        assert_eq!(within(&mut room, lines()), (vec![], 3));
        assert_eq!(within(&mut 100, lines()).1, 0);
    }
}

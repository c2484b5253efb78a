//! Finds the changes that the tool's words are about: where to look first for an offender. A wrong guess costs a run, never
//! a verdict.

use super::change::{Action, Edit};
use super::plan::Member;
use crate::tool::output::mentions;

/// The members of a batch that the words name, by position: by the text of one of their rules, or by their file.
pub fn named(members: &[Member], words: &[String]) -> Vec<usize> {
    let mentions = mentions(words);
    if mentions.each.is_empty() {
        return Vec::new();
    }
    let is_named = |Edit { name, wish }: &Edit| {
        let content = wish.as_ref().map(|wish| String::from_utf8_lossy(&wish.content));
        let lines: Vec<&str> = content.as_deref().unwrap_or_default().lines().collect();
        mentions.points_at(name, &lines)
    };
    let named = members
        .iter()
        .enumerate()
        .filter(|(_, member)| match &member.change.action {
            Action::Edit { edits, .. } => edits.iter().any(is_named),
            _ => false,
        });
    named.map(|(position, _)| position).collect()
}

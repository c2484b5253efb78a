//! Finds the changes that the tool's words are about: where to look first for an offender. A wrong guess costs a run, never
//! a verdict.

use std::collections::HashMap;

use super::change::{Action, Edit};
use super::plan::Member;
use crate::store::file_name;

/// Text of rules and names of files in the tool's words are compared up to so many bytes of each line.
const LONGEST: usize = 4096;

/// The members of a batch that the words name, by position: by the text of one of their rules, or by their file.
pub fn named(members: &[Member], words: &[String]) -> Vec<usize> {
    let mut rules: HashMap<String, usize> = HashMap::new();
    let mut files: HashMap<String, usize> = HashMap::new();
    for (position, member) in members.iter().enumerate() {
        let Action::Edit { edits, .. } = &member.change.action else {
            continue;
        };
        for Edit { name, wish } in edits {
            files.insert(file_name(name), position);
            let content = wish.as_ref().map(|wish| String::from_utf8_lossy(&wish.content));
            for line in content.as_deref().unwrap_or_default().lines() {
                rules.insert(squeezed(line), position);
            }
        }
    }
    let mut named: Vec<usize> = Vec::new();
    for line in words {
        let line: String = line.chars().take(LONGEST).collect();
        // The tool quotes the rule as it was written.
        let quoted = line.split('\'').filter_map(|part| rules.get(&squeezed(part)));
        let words = line.split(|c: char| !c.is_ascii_alphanumeric() && !"_-.".contains(c));
        let mentioned = words.filter_map(|word| files.get(word));
        named.extend(quoted.chain(mentioned));
    }
    named.sort_unstable();
    named.dedup();
    named
}

/// White space does not matter to the tool.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

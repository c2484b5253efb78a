//! What is remembered of an ACL's rules, so that deciding about changes does not parse them again.

use std::sync::Arc;

use crate::rules::{self, Actions, Policy};
use crate::store::fingerprint;

/// The content of a file, which the plan, the journal and the readers of a batch share.
pub type Content = Arc<[u8]>;

/// Tells rules apart by what they mean, within their section: the beginning of a SHA-256.
pub type RuleId = [u8; 16];

/// What the rules of one ACL come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Each rule with its line, counted from 1.
    pub rules: Vec<(u32, RuleId)>,
    /// Entries in hardware, after lists are multiplied out.
    pub entries: u64,
    /// What they do.
    pub actions: Actions,
}

impl Facts {
    /// The facts of a policy.
    pub fn of(policy: &Policy) -> Self {
        let id = |rule: String| {
            fingerprint(rule.as_bytes())
                .first_chunk()
                .copied()
                .unwrap_or_default()
        };
        Self {
            rules: policy
                .canonical_rules()
                .map(|(line, rule)| (line, id(rule)))
                .collect(),
            entries: policy.entries(),
            actions: policy.actions(),
        }
    }

    /// The facts of a file. One that cannot be understood, as one made by hand may be, has no rules, may do anything, and
    /// counts its lines.
    pub fn of_file(content: &[u8]) -> Self {
        let text = String::from_utf8_lossy(content);
        let lines: Vec<&str> = text.lines().collect();
        match rules::parse_with(&lines, rules::Mode::Lenient) {
            Ok(policy) => Self::of(&policy),
            Err(_) => Self {
                rules: Vec::new(),
                entries: u64::try_from(rules::count_rules(&lines)).unwrap_or(u64::MAX),
                actions: Actions::ALL,
            },
        }
    }
}

//! What the switch has of ours, as far as the files say: enough to decide about changes without reading everything.

use std::collections::{BTreeMap, HashMap};

use shared::AclName;

use crate::rules::{self, Policy};
use crate::store::{Fingerprint, fingerprint};

/// Tells rules apart by what they mean, within their section: the beginning of a SHA-256.
pub type RuleId = [u8; 16];

/// The rules of one ACL, each with its line, counted from 1.
pub type RuleIds = Vec<(u32, RuleId)>;

/// The committed ACLs.
#[derive(Debug, Clone, Default)]
pub struct Committed {
    acls: BTreeMap<AclName, Known>,
    rules: HashMap<RuleId, AclName>,
    bytes: usize,
}

#[derive(Debug, Clone)]
struct Known {
    fingerprint: Fingerprint,
    bytes: usize,
    rules: Vec<RuleId>,
}

impl Committed {
    /// The ACL's file has this content now, and so the rules that can be read in it; `None`: there is none.
    pub fn set(&mut self, name: &AclName, content: Option<&[u8]>) {
        match content {
            Some(content) => self.put(name, content, rule_ids(content).into_iter().map(|(_, rule)| rule)),
            None => self.remove(name),
        }
    }

    /// There is no such ACL any more.
    pub fn remove(&mut self, name: &AclName) {
        if let Some(known) = self.acls.remove(name) {
            self.bytes -= known.bytes;
            for rule in known.rules {
                if self.rules.get(&rule) == Some(name) {
                    self.rules.remove(&rule);
                }
            }
        }
    }

    /// The ACL's file has this content now, with these rules in it.
    pub fn put(&mut self, name: &AclName, content: &[u8], rules: impl Iterator<Item = RuleId>) {
        self.remove(name);
        let rules: Vec<RuleId> = rules.collect();
        for rule in &rules {
            self.rules.insert(*rule, name.clone());
        }
        self.bytes += content.len();
        self.acls.insert(
            name.clone(),
            Known {
                fingerprint: fingerprint(content),
                bytes: content.len(),
                rules,
            },
        );
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.acls.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.acls.is_empty()
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &AclName> {
        self.acls.keys()
    }

    /// Bytes of all their files.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The fingerprint of an ACL's file.
    pub fn fingerprint(&self, name: &AclName) -> Option<Fingerprint> {
        self.acls.get(name).map(|known| known.fingerprint)
    }

    /// The ACL that has this rule.
    pub fn owner(&self, rule: &RuleId) -> Option<&AclName> {
        self.rules.get(rule)
    }

    /// A fingerprint of all names and contents, begun with `seed`.
    pub fn overall(&self, seed: Fingerprint) -> Fingerprint {
        let mut bytes = seed.to_vec();
        for (name, known) in &self.acls {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(&known.fingerprint);
        }
        fingerprint(&bytes)
    }
}

/// The rules of a file with their lines, counted from 1; none when it cannot be understood, as one made by hand may be.
pub fn rule_ids(content: &[u8]) -> RuleIds {
    let text = String::from_utf8_lossy(content);
    let lines: Vec<&str> = text.lines().collect();
    rules::parse(&lines)
        .map(|policy| ids_of(&policy))
        .unwrap_or_default()
}

/// The rules of a policy with their lines, counted from 1.
pub fn ids_of(policy: &Policy) -> RuleIds {
    let id = |rule: String| {
        fingerprint(rule.as_bytes())
            .first_chunk()
            .copied()
            .unwrap_or_default()
    };
    policy
        .canonical_rules()
        .map(|(line, rule)| (line, id(rule)))
        .collect()
}

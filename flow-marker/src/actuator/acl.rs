//! Controls as ACLs of an acl-server.

use std::time::Duration;

use anyhow::Context as _;
use shared::AclName;
use shared::client::{AclClient, ClientConfig, ClientError, Condition, Token};
use shared::problem::Problem;
use shared::wire::{AclCounters, AclPatch, PatchResult, RuleCounters, ServerTiming};

use super::rule::lines;
use super::{Actuator, Capacity, Change, Counted, Failure, Hand, Hits, Present, Verdict};
use crate::config::{Platform, Switch};

/// The acl-server of one switch.
#[derive(Debug)]
pub struct AclActuator {
    client: AclClient,
    platform: Platform,
    prefix: String,
}

impl AclActuator {
    /// For a switch of the inventory; touches only ACLs whose name begins with `prefix`. Contacts nobody yet.
    ///
    /// # Errors
    /// The token or the certificates cannot be read, or the token may not travel to that URL.
    pub fn new(switch: &Switch, prefix: String) -> anyhow::Result<Self> {
        let mut config = ClientConfig::new(switch.acl.clone());
        config.ca_file.clone_from(&switch.ca_file);
        config.cleartext_token = switch.cleartext_token;
        if let Some(path) = &switch.token_file {
            let token = Token::read(path);
            let context = || format!("switch {}: `token_file` {}", switch.agent, path.display());
            config.token = Some(token.with_context(context)?);
        }
        let client = AclClient::new(config).with_context(|| format!("switch {}", switch.agent))?;
        Ok(Self {
            client,
            platform: switch.platform,
            prefix,
        })
    }
}

/// What a warning of the server says when an earlier rule hides one (docs/API.md, Reading).
const SHADOWED: &str = "shadowed by";

impl Actuator for AclActuator {
    async fn snapshot(&self) -> Result<Vec<Present>, Failure> {
        let list = self.client.list(&self.prefix).await.map_err(|e| failure(&e))?;
        // A server that does not filter must not make us responsible for what others own.
        let ours = list
            .into_iter()
            .filter(|acl| acl.name.as_str().starts_with(&self.prefix));
        Ok(ours
            .map(|acl| Present {
                name: acl.name,
                etag: acl.etag,
                entries: acl.entries,
                shadowed: acl
                    .warnings
                    .into_iter()
                    .find(|warning| warning.contains(SHADOWED)),
            })
            .collect())
    }

    /// In one request, but for what replaces the work of a hand: conditions are the same for everything in a request.
    async fn apply(&self, changes: Vec<Change>, ttl: Duration) -> Vec<(Change, Verdict)> {
        let (plain, by_hand): (Vec<_>, Vec<_>) = changes.into_iter().partition(|c| c.hand.is_none());
        let (removed, changed): (Vec<_>, Vec<_>) =
            by_hand.into_iter().partition(|c| c.hand == Some(Hand::Removed));
        let (mut verdicts, changed, removed) = tokio::join!(
            self.patch(plain, ttl),
            self.patch(changed, ttl),
            self.patch(removed, ttl)
        );
        verdicts.extend(changed.into_iter().chain(removed));
        verdicts
    }

    async fn renew(&self, ttl: Duration) -> Result<String, Failure> {
        let renewed = self.client.renew(&self.prefix, ttl).await;
        renewed.map(|r| r.set_etag).map_err(|e| failure(&e))
    }

    async fn capacity(&self) -> Result<Option<Capacity>, Failure> {
        match self.client.capacity().await {
            Ok(capacity) => Ok(capacity.entries_limit.map(|limit| Capacity {
                used: capacity.entries_used,
                limit,
            })),
            // Such a server cannot say.
            Err(ClientError::Refused { problem, .. }) if problem.status == 404 => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }

    async fn counters(&self) -> Result<Option<Counted>, Failure> {
        match self.client.counters(&self.prefix).await {
            Ok((acls, age)) => {
                let ours = acls
                    .into_iter()
                    .filter(|acl| acl.name.as_str().starts_with(&self.prefix));
                Ok(Some(Counted {
                    age,
                    hits: ours.map(hits).collect(),
                }))
            }
            // A server from before this question was known.
            Err(ClientError::Refused { problem, .. }) if matches!(problem.status, 400 | 404) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }
}

/// What the rules of an ACL have matched together; nobody knows it when it is not known of one of them.
fn hits(acl: AclCounters) -> Hits {
    let sum = |of: fn(&RuleCounters) -> Option<u64>| {
        let add = |sum: u64, rule: &RuleCounters| Some(sum.saturating_add(of(rule)?));
        acl.counters.iter().try_fold(0, add)
    };
    Hits {
        packets: sum(|rule| rule.packets),
        bytes: sum(|rule| rule.bytes),
        name: acl.name,
    }
}

impl AclActuator {
    /// Makes changes of the same kind of condition in one request.
    async fn patch(&self, changes: Vec<Change>, ttl: Duration) -> Vec<(Change, Verdict)> {
        if changes.is_empty() {
            return Vec::new();
        }
        let acl = |change: &Change| {
            let lines = change.control.as_ref().map(|c| lines(self.platform, c));
            (change.name.clone(), lines)
        };
        let patch: AclPatch = changes.iter().map(acl).collect();
        let reply = self.client.patch(&patch, Some(ttl), &condition(&changes)).await;
        let mut results = reply.map(|reply| (reply.results, reply.timing));
        let verdict = |change: Change| {
            let verdict = match &mut results {
                Ok((results, timing)) => match results.remove(&change.name) {
                    Some(result) => judge(&change.name, result, *timing),
                    None => Verdict::Failed(Failure::new("the answer does not tell of this ACL")),
                },
                Err(error) => refusal(&change.name, error),
            };
            (change, verdict)
        };
        changes.into_iter().map(verdict).collect()
    }
}

/// What changes of one request may replace. That one of them finds what another one expects is no danger: all of that
/// was seen, and is ours to replace.
fn condition(changes: &[Change]) -> Condition {
    let mut etags = Vec::new();
    for change in changes {
        match &change.hand {
            None => return Condition::None,
            Some(Hand::Removed) => return Condition::Absent,
            Some(Hand::Changed(etag)) => etags.push(etag.clone()),
        }
    }
    Condition::Match(etags)
}

/// What the answer for one ACL means.
fn judge(name: &AclName, result: PatchResult, timing: ServerTiming) -> Verdict {
    match (result.status, result.problem) {
        (204, _) => Verdict::Removed,
        (200..=299, _) => Verdict::Installed {
            etag: result.etag,
            timing,
        },
        (status, problem) => {
            let problem = Problem {
                status,
                ..problem.unwrap_or_else(|| Problem::from_reply(status, b""))
            };
            let refused = ClientError::Refused {
                problem: Box::new(problem),
                retry_after: None,
            };
            refusal(name, &refused)
        }
    }
}

/// What an error means for a change of `name`.
fn refusal(name: &AclName, error: &ClientError) -> Verdict {
    match error {
        ClientError::Refused { problem, .. } if problem.status == 507 => Verdict::NoRoom {
            why: error.to_string(),
        },
        // Whatever it was that we meant to replace, somebody has been faster: the next comparison shows what is there.
        ClientError::Refused { problem, .. } if problem.status == 412 => Verdict::Failed(failure(error)),
        ClientError::Refused { problem, .. } => match problem.drifted.get(name.as_str()) {
            Some(Some(etag)) => Verdict::ByHand(Hand::Changed(etag.clone())),
            Some(None) => Verdict::ByHand(Hand::Removed),
            None if error.is_transient() => Verdict::Failed(failure(error)),
            None => Verdict::Refused {
                why: error.to_string(),
            },
        },
        ClientError::Timeout(_) | ClientError::Unreachable(_) | ClientError::Protocol(_) => {
            Verdict::Failed(failure(error))
        }
    }
}

fn failure(error: &ClientError) -> Failure {
    let retry_after = match error {
        ClientError::Refused { retry_after, .. } => *retry_after,
        _ => None,
    };
    Failure {
        why: error.to_string(),
        retry_after,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn name() -> AclName {
        "fm_mark_1".parse().unwrap()
    }

    fn answer(status: u16, problem: &str) -> Verdict {
        let problem = serde_json::from_str(problem).ok();
        let result = PatchResult {
            status,
            etag: Some("\"a\"".to_owned()),
            commit: None,
            problem,
        };
        judge(&name(), result, ServerTiming::default())
    }

    #[test]
    fn every_answer_has_its_meaning() {
        assert!(matches!(answer(201, ""), Verdict::Installed { etag: Some(etag), .. } if etag == "\"a\""));
        assert!(matches!(answer(200, ""), Verdict::Installed { .. }));
        assert_eq!(answer(204, ""), Verdict::Removed);
        assert!(
            matches!(answer(422, r#"{"title":"refused"}"#), Verdict::Refused { why } if why.contains("refused"))
        );
        assert!(matches!(
            answer(409, r#"{"title":"duplicate"}"#),
            Verdict::Refused { .. }
        ));
        assert!(
            matches!(answer(507, r#"{"title":"no room"}"#), Verdict::NoRoom { why } if why.contains("no room"))
        );
        for status in [412, 429, 500, 503, 504] {
            assert!(matches!(answer(status, ""), Verdict::Failed(_)), "{status}");
        }
        let drift = |disk: &str| answer(409, &format!(r#"{{"drifted":{{"fm_mark_1":{disk}}}}}"#));
        assert_eq!(
            drift(r#""\"x\"""#),
            Verdict::ByHand(Hand::Changed("\"x\"".to_owned()))
        );
        assert_eq!(drift("null"), Verdict::ByHand(Hand::Removed));
    }

    #[test]
    fn a_request_replaces_what_it_was_told_of() {
        let change = |hand| Change {
            name: name(),
            control: None,
            hand,
        };
        let changed = |etag: &str| change(Some(Hand::Changed(etag.to_owned())));
        assert_eq!(condition(&[change(None)]), Condition::None);
        assert_eq!(condition(&[change(Some(Hand::Removed))]), Condition::Absent);
        assert_eq!(
            condition(&[changed("a"), changed("b")]),
            Condition::Match(vec!["a".to_owned(), "b".to_owned()])
        );
    }

    #[test]
    fn a_token_that_cannot_be_used_is_told_with_its_switch_and_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let try_it = || {
            let text = format!(
                "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"https://a\"\ntoken_file = {:?}\n",
                path.display()
            );
            let config = Config::parse(Path::new("t"), &text).unwrap();
            AclActuator::new(&config.switches[0], String::new()).map_err(|e| format!("{e:#}"))
        };
        let where_it_is = format!("switch 10.0.0.1: `token_file` {}: ", path.display());
        let missing = try_it().unwrap_err();
        assert!(
            missing.starts_with(&where_it_is) && missing.contains("No such file"),
            "{missing}"
        );
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(try_it().unwrap_err(), format!("{where_it_is}the file is empty"));
        std::fs::write(&path, "secret\n").unwrap();
        assert!(try_it().is_ok());
    }
}

//! Somebody who has been let in, and what he may.

use std::sync::Arc;

use shared::AclName;
use shared::serve::Peer;
use shared::serve::access::Identity;

use crate::commit::change;
use crate::config::access::{Action, Actions, Scopes};

/// Who is calling, from where, and what he may. Each of its questions is answered by `Ok`, or by why not.
#[derive(Debug, Clone)]
pub struct Caller {
    identity: Identity<Scopes>,
    /// The connection, for audit records: `192.0.2.7:50123`.
    from: Arc<str>,
}

/// What a caller may not, and why, for the caller: 403.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Denied(pub String);

impl Caller {
    /// Somebody on a connection.
    pub fn new(identity: Identity<Scopes>, peer: &Peer) -> Self {
        Self {
            identity,
            from: peer.to_string().into(),
        }
    }

    /// The same for the same caller, on whatever connection, for audit records and for fairness between callers:
    /// `token:flow-marker`, `cert:CN=x`, `uid:1000`, `127.0.0.1`.
    pub fn id(&self) -> String {
        self.identity.to_string()
    }

    /// The caller as the writer knows it: it asks again what the rules do, when it knows which ones a change replaces.
    pub fn of_change(&self) -> change::Caller {
        let scopes = self.scopes().filter(|scopes| !scopes.admin);
        change::Caller {
            who: self.id().into(),
            from: Arc::clone(&self.from),
            may: scopes.and_then(|scopes| scopes.actions),
        }
    }

    /// The connection that the request came over, for audit records: `192.0.2.7:50123`, or `unix:pid=77,uid=1000`.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// What is configured for the caller; `None` when nothing is, who may read and write then.
    fn scopes(&self) -> Option<&Scopes> {
        self.identity.may()
    }

    /// Whether the guard does not apply, and nothing else either.
    pub fn is_admin(&self) -> bool {
        matches!(self.identity, Identity::Root) || self.scopes().is_some_and(|scopes| scopes.admin)
    }

    fn allow(&self, may: bool, what: impl FnOnce() -> String) -> Result<(), Denied> {
        if may {
            Ok(())
        } else {
            Err(Denied(format!("{} {}", self.id(), what())))
        }
    }

    /// Whether the caller may see ACLs, all of them.
    ///
    /// # Errors
    /// Not with these scopes.
    pub fn may_read(&self) -> Result<(), Denied> {
        let may = self.scopes().is_none_or(|scopes| scopes.read || scopes.admin);
        self.allow(may, || "may not read: it has no scope `read`".to_owned())
    }

    /// Whether the caller may change anything at all.
    ///
    /// # Errors
    /// Not with these scopes.
    pub fn may_write(&self) -> Result<(), Denied> {
        let may = self.scopes().is_none_or(|scopes| scopes.write || scopes.admin);
        self.allow(may, || {
            "may not change anything: it has no scope `write`".to_owned()
        })
    }

    /// Whether the caller may change this ACL.
    ///
    /// # Errors
    /// Not with these scopes, or not one of this name.
    pub fn may_touch(&self, name: &AclName) -> Result<(), Denied> {
        self.may_write()?;
        let may = self.is_within(name.as_str());
        self.allow(may, || {
            format!("may not change the ACL `{name}`, only {}", self.own_names())
        })
    }

    /// Whether the caller may change an ACL whose rules do these things; to be asked for the union of what the old rules do
    /// and what the new ones will.
    ///
    /// # Errors
    /// Not with these scopes, or one of the actions is not among the caller's.
    pub fn may_act(&self, actions: Actions) -> Result<(), Denied> {
        self.may_write()?;
        let Some(own) = self
            .scopes()
            .filter(|scopes| !scopes.admin)
            .and_then(|scopes| scopes.actions)
        else {
            return Ok(());
        };
        let missing = names(actions.without(own));
        self.allow(missing.is_empty(), || {
            format!(
                "may not change rules that {missing}, only those that {}",
                names(own)
            )
        })
    }

    /// Whether the caller may change all ACLs whose names start with `prefix`, or all there are. Nobody whose names or
    /// powers are limited may do the latter, and nothing is quietly limited to what he may.
    ///
    /// # Errors
    /// Not with these scopes, or not so many.
    pub fn may_clear(&self, prefix: Option<&str>) -> Result<(), Denied> {
        self.may_write()?;
        match prefix.filter(|prefix| !prefix.is_empty()) {
            None => {
                let may = self.scopes().is_none_or(|scopes| scopes.admin);
                self.allow(may, || {
                    format!("may not remove all ACLs; say ?prefix= with {}", self.own_names())
                })
            }
            Some(prefix) => {
                let may = self.is_within(prefix);
                self.allow(may, || {
                    format!(
                        "may not change all ACLs that start with `{prefix}`, only {}",
                        self.own_names()
                    )
                })
            }
        }
    }

    /// Whether all names that start with `text` are the caller's.
    fn is_within(&self, text: &str) -> bool {
        self.scopes().is_none_or(|scopes| {
            let own = &scopes.prefixes;
            scopes.admin || own.is_empty() || own.iter().any(|prefix| text.starts_with(prefix))
        })
    }

    fn own_names(&self) -> String {
        match self.scopes().map(|scopes| scopes.prefixes.as_slice()) {
            None | Some([]) => "some beginning of their names".to_owned(),
            Some(prefixes) => format!("names that start with {}", prefixes.join(" or ")),
        }
    }
}

fn names(actions: Actions) -> String {
    let names: Vec<&str> = actions.iter().map(Action::name).collect();
    names.join(" or ")
}

#[cfg(test)]
mod tests;

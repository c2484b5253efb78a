//! Marks as ACLs of an acl-server. Rule text is made here and nowhere else.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use shared::client::{AclClient, ClientConfig, ClientError, Token};
use shared::wire::AclLines;
use tokio::task::JoinSet;

use super::{Actuator, Capacity, Change, Control, Failure, Present, Verdict};
use crate::config::{Platform, Switch};
use crate::packet::IpProtocol;

/// The ACL that carries out a control: a section, a comment, a rule.
pub fn lines(platform: Platform, control: &Control) -> AclLines {
    let Control {
        flow,
        interface,
        mark,
        ..
    } = control;
    let section = if flow.source.is_ipv4() {
        "[iptables]"
    } else {
        "[ip6tables]"
    };
    let chain = match platform {
        Platform::Cumulus | Platform::Linux => "FORWARD",
        Platform::Cumulus5 => "PREROUTING",
    };
    let protocol = match flow.protocol {
        IpProtocol::UDP => "udp",
        _ => "tcp",
    };
    let mut rule = format!(
        "-t mangle -A {chain} --in-interface {interface} -s {} -d {} -p {protocol} --sport {} --dport {} -j SETQOS",
        flow.source, flow.destination, flow.source_port, flow.destination_port
    );
    // Writing into a String cannot fail.
    if let Some(dscp) = mark.dscp {
        let _ = write!(rule, " --set-dscp {dscp}");
    }
    if let Some(cos) = mark.cos {
        let _ = write!(rule, " --set-cos {cos}");
    }
    vec![section.to_owned(), "# mark Elephant".to_owned(), rule]
}

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
            let token = std::fs::read_to_string(path)
                .map_err(anyhow::Error::from)
                .and_then(|text| token(&text));
            let token =
                token.with_context(|| format!("switch {}: `token_file` {}", switch.agent, path.display()))?;
            config.token = Some(token);
        }
        let client = AclClient::new(config).with_context(|| format!("switch {}", switch.agent))?;
        Ok(Self {
            client,
            platform: switch.platform,
            prefix,
        })
    }
}

/// The token that a file holds.
fn token(text: &str) -> anyhow::Result<Token> {
    // Nothing after `Bearer` would look to the server like a wrong token, and to people like a mistake at the server.
    anyhow::ensure!(!text.trim().is_empty(), "the file is empty");
    Ok(Token::new(text))
}

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
            })
            .collect())
    }

    async fn apply(&self, changes: Vec<Change>) -> Vec<(Change, Verdict)> {
        let mut verdicts = Vec::with_capacity(changes.len());
        // Dropping the set, when the caller gives up, abandons what is under way.
        let mut tasks = JoinSet::new();
        for change in changes {
            let (client, platform) = (self.client.clone(), self.platform);
            tasks.spawn(async move {
                let verdict = change_one(&client, platform, &change).await;
                (change, verdict)
            });
        }
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok(verdict) => verdicts.push(verdict),
                Err(error) => tracing::error!(%error, "a request has panicked"),
            }
        }
        verdicts
    }

    async fn renew(&self, _: Duration) -> Option<Result<(), Failure>> {
        None
    }

    async fn capacity(&self) -> Result<Option<Capacity>, Failure> {
        Ok(None)
    }
}

async fn change_one(client: &AclClient, platform: Platform, change: &Change) -> Verdict {
    let done = match change {
        Change::Install(control) => client
            .put(&control.name, &lines(platform, control))
            .await
            .map(|reply| Verdict::Installed {
                etag: reply.etag,
                timing: reply.timing,
            }),
        Change::Remove(name) => client.delete(name).await.map(|()| Verdict::Removed),
    };
    done.unwrap_or_else(|error| {
        if error.is_transient() {
            Verdict::Failed(failure(&error))
        } else {
            Verdict::Refused {
                why: error.to_string(),
            }
        }
    })
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
    use crate::actuator::Mark;
    use crate::config::{Config, Cos, Dscp};
    use crate::flow::FiveTuple;

    fn control(source: &str, destination: &str) -> Control {
        Control {
            name: "fm_mark_1".parse().unwrap(),
            flow: FiveTuple {
                source: source.parse().unwrap(),
                destination: destination.parse().unwrap(),
                protocol: IpProtocol::TCP,
                source_port: 40_000,
                destination_port: 5001,
            },
            interface: "swp+".to_owned(),
            mark: Mark {
                dscp: Some(Dscp::ELEPHANT),
                cos: Some(Cos::ELEPHANT),
            },
        }
    }

    #[test]
    fn the_mark_is_the_seeds_rule() {
        assert_eq!(
            lines(Platform::Cumulus, &control("10.100.10.151", "10.100.10.152")),
            [
                "[iptables]",
                "# mark Elephant",
                "-t mangle -A FORWARD --in-interface swp+ -s 10.100.10.151 -d 10.100.10.152 -p tcp --sport 40000 --dport 5001 -j SETQOS --set-dscp 10 --set-cos 5",
            ]
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

    #[test]
    fn family_platform_protocol_and_values_vary_it() {
        let mut control = control("2001:db8::1", "2001:db8::2");
        control.flow.protocol = IpProtocol::UDP;
        control.interface = "swp3".to_owned();
        control.mark.cos = None;
        assert_eq!(
            lines(Platform::Cumulus5, &control),
            [
                "[ip6tables]",
                "# mark Elephant",
                "-t mangle -A PREROUTING --in-interface swp3 -s 2001:db8::1 -d 2001:db8::2 -p udp --sport 40000 --dport 5001 -j SETQOS --set-dscp 10",
            ]
        );
        control.mark = Mark {
            dscp: None,
            cos: Some(Cos::ELEPHANT),
        };
        assert!(lines(Platform::Linux, &control)[2].ends_with("-A FORWARD --in-interface swp3 -s 2001:db8::1 -d 2001:db8::2 -p udp --sport 40000 --dport 5001 -j SETQOS --set-cos 5".trim_start_matches("-A FORWARD ")));
    }
}

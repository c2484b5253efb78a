//! The section `[fabric]`: many switches by one template.
//!
//! The agent address in a datagram is its sender's to choose. So an agent that a template allows for becomes a switch of the
//! inventory only when its datagram comes from the agent itself, or from an address that the configuration names for it; and
//! a token goes to none of them but over verified TLS.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use reqwest::Url;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use shared::config::FileName;
use toml::Spanned;

use super::address::{AclUrl, Agent};
use super::switch::{Switch, no_certificate};
use super::values::{Interface, Platform, whole_number};
use super::{Mistake, mistake};

/// What stands for the address of the agent.
const AGENT: &str = "{agent}";

/// A template for switches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fabric {
    /// Agents in these prefixes are allowed for.
    pub agents: Vec<IpNet>,
    /// Base URL of their acl-servers, with `{agent}`.
    pub acl: String,
    /// Switches that become part of the inventory by this template, at most.
    pub max_switches: usize,
    /// File with the bearer token; with `{agent}`, one for each switch.
    pub token_file: Option<String>,
    /// As for a switch.
    pub ca_file: Option<PathBuf>,
    /// As for a switch.
    pub platform: Platform,
    /// As for a switch.
    pub interface: Interface,
    /// Addresses that datagrams of an agent come from, besides its own.
    pub aliases: BTreeMap<IpAddr, Vec<IpAddr>>,
}

impl Fabric {
    /// As many as the contract's example: a thousand switches are a large fabric.
    pub const MAX_SWITCHES: usize = 1024;

    /// Whether it allows for an agent.
    pub fn allows(&self, agent: IpAddr) -> bool {
        let is_one = !agent.is_unspecified() && !agent.is_multicast();
        is_one && self.agents.iter().any(|prefix| prefix.contains(&agent))
    }

    /// Whether datagrams from `source` may be those of `agent`.
    pub fn may_send_from(&self, agent: IpAddr, source: IpAddr) -> bool {
        let mut aliases = self.aliases.get(&agent).into_iter().flatten();
        source == agent || aliases.any(|alias| *alias == source)
    }

    /// Whether each switch has a token of its own.
    pub fn has_token_each(&self) -> bool {
        self.token_file.as_ref().is_some_and(|file| file.contains(AGENT))
    }

    /// The switch of an agent; `None` when its URL would be none.
    pub fn switch(&self, agent: IpAddr) -> Option<Switch> {
        let aliases = self.aliases.get(&agent).into_iter().flatten();
        let token_file = self.token_file.as_ref();
        Some(Switch {
            agent,
            name: None,
            acl: url(&self.acl, agent).ok()?,
            token_file: token_file.map(|file| file.replace(AGENT, &agent.to_string()).into()),
            ca_file: self.ca_file.clone(),
            cleartext_token: false,
            source: Some(std::iter::once(agent).chain(aliases.copied()).collect()),
            platform: self.platform,
            interface: self.interface.clone(),
            ports: BTreeMap::new(),
        })
    }
}

/// The URL of an agent's acl-server.
fn url(template: &str, agent: IpAddr) -> Result<Url, String> {
    let host = match agent {
        IpAddr::V4(agent) => agent.to_string(),
        // RFC 3986 §3.2.2
        IpAddr::V6(agent) => format!("[{agent}]"),
    };
    AclUrl::try_from(template.replace(AGENT, &host)).map(|url| url.0)
}

/// One table `[fabric]`, or several `[[fabric]]`.
#[derive(Debug, Default)]
pub(super) struct Tables(Vec<Table>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    agents: Spanned<Vec<IpNet>>,
    acl: Spanned<String>,
    #[serde(default)]
    max_switches: MaxSwitches,
    token_file: Option<Spanned<FileName>>,
    ca_file: Option<Spanned<FileName>>,
    #[serde(default)]
    platform: Platform,
    #[serde(default)]
    interface: Interface,
    #[serde(default)]
    aliases: HashMap<Agent, Vec<Agent>>,
}

#[derive(Debug)]
struct MaxSwitches(usize);

impl Default for MaxSwitches {
    fn default() -> Self {
        Self(Fabric::MAX_SWITCHES)
    }
}

impl<'de> Deserialize<'de> for MaxSwitches {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// As `max_agents` of the section `[sflow]`.
        const MOST: usize = 16_384;
        let number = whole_number(deserializer)?;
        let most = usize::try_from(number).ok().filter(|n| (1..=MOST).contains(n));
        most.map(Self)
            .ok_or_else(|| serde::de::Error::custom(format_args!("{number} is not 1 to {MOST}")))
    }
}

impl<'de> Deserialize<'de> for Tables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Tables;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table [fabric], or several [[fabric]]")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Tables, A::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Tables(vec![table]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Tables, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Tables)
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

impl Tables {
    /// The templates that they are.
    pub(super) fn check(self) -> Result<Vec<Fabric>, Mistake> {
        self.0.into_iter().map(one).collect()
    }
}

fn one(table: Table) -> Result<Fabric, Mistake> {
    let agents = table.agents.get_ref();
    if agents.is_empty() {
        return Err(mistake(
            &table.agents,
            "`agents`: without a prefix no agent is allowed for",
        ));
    }
    let acl = table.acl.get_ref();
    if !acl.contains(AGENT) {
        let message = format!(
            "`acl`: {acl:?} is the same for all agents; `{AGENT}` stands for the address of each, as in \"https://{AGENT}:8443\""
        );
        return Err(mistake(&table.acl, message));
    }
    for prefix in agents {
        url(acl, prefix.addr()).map_err(|error| mistake(&table.acl, format!("`acl`: {error}")))?;
    }
    let is_clear = acl.trim_start().to_ascii_lowercase().starts_with("http:");
    if let Some(token) = &table.token_file
        && is_clear
    {
        let message = "`token_file`: the token would travel in clear text to whoever has an address of the template; \
                       use https, or write a [[switch]] with `cleartext_token = true`";
        return Err(mistake(token, message));
    }
    if let Some(ca_file) = &table.ca_file
        && is_clear
    {
        return Err(mistake(ca_file, no_certificate(acl)));
    }
    let aliases = table.aliases.into_iter();
    Ok(Fabric {
        agents: table.agents.into_inner(),
        acl: table.acl.into_inner(),
        max_switches: table.max_switches.0,
        token_file: table.token_file.map(|file| file.into_inner().into_text()),
        ca_file: table.ca_file.map(|file| file.into_inner().0),
        platform: table.platform,
        interface: table.interface,
        aliases: aliases
            .map(|(agent, sources)| (agent.0, sources.into_iter().map(|source| source.0).collect()))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<Vec<Fabric>, String> {
        Config::parse(Path::new("t"), text)
            .map(|config| config.fabrics)
            .map_err(|error| error.to_string())
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_template_makes_the_switch_of_an_agent() {
        let [fabric]: [_; 1] = parse(
            "[fabric]\nagents = [\"10.0.0.0/24\", \"2001:db8::/64\"]\nacl = \"https://{agent}:8443\"\n\
             token_file = \"/etc/tokens/{agent}\"\nca_file = \"/ca.pem\"\ninterface = \"ingress\"\n\
             aliases = { \"10.0.0.7\" = [\"192.0.2.7\", \"::ffff:192.0.2.8\"] }\n",
        )
        .unwrap()
        .try_into()
        .unwrap();
        assert_eq!(fabric.max_switches, 1024);
        let switch = fabric.switch(address("10.0.0.7")).unwrap();
        assert_eq!(switch.acl.as_str(), "https://10.0.0.7:8443/");
        assert_eq!(switch.token_file, Some("/etc/tokens/10.0.0.7".into()));
        assert_eq!(
            (switch.ca_file, switch.interface),
            (Some("/ca.pem".into()), Interface::Ingress)
        );
        assert!(!switch.cleartext_token);
        let sources = ["10.0.0.7", "192.0.2.7", "192.0.2.8"].map(address);
        assert_eq!(switch.source, Some(sources.to_vec()));
        for source in sources {
            assert!(fabric.may_send_from(address("10.0.0.7"), source));
        }
        assert!(
            !fabric.may_send_from(address("10.0.0.8"), address("192.0.2.7")),
            "another's alias"
        );
        let switch = fabric.switch(address("2001:db8::9")).unwrap();
        assert_eq!(switch.acl.as_str(), "https://[2001:db8::9]:8443/");
        for (agent, allowed) in [
            ("10.0.0.255", true),
            ("10.0.1.0", false),
            ("2001:db8::1", true),
            ("2001:db8:0:1::1", false),
        ] {
            assert_eq!(fabric.allows(address(agent)), allowed, "{agent}");
        }
    }

    #[test]
    fn no_template_allows_for_what_is_no_switch() {
        let fabrics =
            parse("[[fabric]]\nagents = [\"0.0.0.0/0\", \"::/0\"]\nacl = \"http://{agent}\"\n").unwrap();
        for agent in ["0.0.0.0", "224.0.0.1", "::", "ff02::1"] {
            assert!(!fabrics[0].allows(address(agent)), "{agent}");
        }
    }

    #[test]
    fn there_may_be_several() {
        let one = |acl: &str| {
            format!("[[fabric]]\nagents = [\"10.0.0.0/24\"]\nacl = \"{acl}\"\nmax_switches = 2\n")
        };
        let fabrics = parse(&(one("http://{agent}:1") + &one("http://{agent}:2"))).unwrap();
        assert_eq!((fabrics.len(), fabrics[1].max_switches), (2, 2));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_at_its_place() {
        const HEAD: &str = "[fabric]\nagents = [\"10.0.0.0/24\"]\n";
        for (text, place, expected) in [
            (
                format!("{HEAD}acl = \"https://10.0.0.1\"\n"),
                "t:3:7",
                "the same for all",
            ),
            (
                format!("{HEAD}acl = \"ftp://{{agent}}\"\n"),
                "t:3:7",
                "http://HOST:PORT",
            ),
            (
                format!("{HEAD}acl = \"https://a:s3cret@{{agent}}\"\n"),
                "t:3:7",
                "credentials do not",
            ),
            (
                format!("{HEAD}acl = \"http://{{agent}}\"\ntoken_file = \"/t\"\n"),
                "t:4:14",
                "in clear text",
            ),
            (
                format!("{HEAD}acl = \"HTTP://{{agent}}\"\ntoken_file = \"/t\"\n"),
                "t:4:14",
                "in clear text",
            ),
            (
                format!("{HEAD}acl = \"http://{{agent}}\"\nca_file = \"/ca\"\n"),
                "t:4:11",
                "no certificate",
            ),
            (
                format!("{HEAD}acl = \"https://{{agent}}\"\ncleartext_token = true\n"),
                "t:4:1",
                "unknown key `cleartext_token`",
            ),
            (
                format!("{HEAD}acl = \"https://{{agent}}\"\nmax_switches = 0\n"),
                "t:4:16",
                "0 is not 1 to 16384",
            ),
            (
                "[fabric]\nagents = []\nacl = \"http://{agent}\"\n".to_owned(),
                "t:2:10",
                "no agent",
            ),
            ("fabric = 1\n".to_owned(), "t:1:10", "[[fabric]]"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(
                error.starts_with(place) && error.contains(expected),
                "{text}\n{error}"
            );
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}

//! The tables `[[switch]]`: switches, one by one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;

use reqwest::Url;
use serde::Deserialize;
use shared::config::FileName;
use shared::units::BitRate;
use toml::Spanned;

use super::address::{AclUrl, Agent, SwitchName};
use super::values::{Interface, Platform, Role, is_interface_name};
use super::{Mistake, mistake};

/// One switch that may be contacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// The agent address in its datagrams.
    pub agent: IpAddr,
    /// What people call it.
    pub name: Option<String>,
    /// Base URL of its acl-server.
    pub acl: Url,
    /// File with the bearer token.
    pub token_file: Option<PathBuf>,
    /// PEM file with the authorities that its certificate is checked against, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The token may travel over plain HTTP.
    pub cleartext_token: bool,
    /// The addresses that its datagrams come from; `None`: from anywhere.
    pub source: Option<Vec<IpAddr>>,
    /// Which table and chain marks are made in.
    pub platform: Platform,
    /// What stands after `--in-interface`.
    pub interface: Interface,
    /// What is known of ports, by ifIndex; it overrides what is learned.
    pub ports: BTreeMap<u32, Port>,
}

/// What the configuration says of a port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The name that rules use, such as `swp1`.
    pub name: Option<String>,
    /// Bits per second.
    pub speed: Option<BitRate>,
    /// What it is connected to; `None`: that is decided by speed or topology.
    pub role: Option<Role>,
    /// The ifIndex of the LAG that it is a member of.
    pub lag: Option<u32>,
}

/// Which ports are edge of those whose `role` the configuration does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Edge {
    /// All.
    #[default]
    All,
    /// None.
    Configured,
    /// Those that are in no link of the topology.
    Topology,
}

impl Switch {
    /// What matches whatever port packets enter by, for controls that are about more than one.
    pub fn any_interface(&self) -> &str {
        match &self.interface {
            Interface::Pattern(pattern) => pattern,
            Interface::Ingress => "swp+",
        }
    }

    /// Whether it is the same switch, contacted in the same way, whatever people call it.
    pub fn is_contacted_as(&self, other: &Self) -> bool {
        let renamed = Self {
            name: other.name.clone(),
            ..self.clone()
        };
        renamed == *other
    }

    /// Whether datagrams from this address may be its own.
    pub fn may_send_from(&self, source: IpAddr) -> bool {
        let sources = self.source.as_ref();
        sources.is_none_or(|sources| sources.contains(&source))
    }
}

/// A table as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    agent: Spanned<Agent>,
    name: Option<SwitchName>,
    acl: Spanned<AclUrl>,
    token_file: Option<Spanned<FileName>>,
    ca_file: Option<Spanned<FileName>>,
    cleartext_token: Option<Spanned<bool>>,
    source: Option<Vec<Agent>>,
    #[serde(default)]
    platform: Platform,
    #[serde(default)]
    interface: Interface,
    #[serde(default)]
    ports: HashMap<Spanned<String>, Port>,
}

/// All of them.
pub(super) fn all(tables: Vec<Table>) -> Result<Vec<Switch>, Mistake> {
    let mut switches: Vec<Switch> = Vec::with_capacity(tables.len());
    for table in tables {
        let agent = table.agent.get_ref().0;
        if let Some(other) = switches.iter().find(|s| s.agent == agent) {
            let message = format!(
                "`agent`: {agent} is the agent of two switches, {} and {}",
                other.acl,
                table.acl.get_ref().0
            );
            return Err(mistake(&table.agent, message));
        }
        if let Some(other) = switches.iter().find(|s| s.acl == table.acl.get_ref().0) {
            let message = format!(
                "`acl`: {} is the acl-server of two agents, {} and {agent}; one loop per server may change it",
                other.acl, other.agent
            );
            return Err(mistake(&table.acl, message));
        }
        switches.push(one(table, agent)?);
    }
    Ok(switches)
}

fn one(table: Table, agent: IpAddr) -> Result<Switch, Mistake> {
    let acl = table.acl.get_ref().0.clone();
    let cleartext_token = table.cleartext_token.as_ref().is_some_and(|c| *c.get_ref());
    if let Some(cleartext) = &table.cleartext_token
        && cleartext_token
        && table.token_file.is_none()
    {
        let message = "`cleartext_token`: there is no `token_file`, so no token would travel at all";
        return Err(mistake(cleartext, message));
    }
    if let Some(ca_file) = &table.ca_file
        && acl.scheme() == "http"
    {
        return Err(mistake(ca_file, no_certificate(acl.as_str())));
    }
    if let Some(token) = &table.token_file
        && acl.scheme() == "http"
        && !cleartext_token
    {
        let message = format!(
            "`token_file`: the token would travel to {acl} in clear text; use https, or say `cleartext_token = true`"
        );
        return Err(mistake(token, message));
    }
    let ports = ports(table.ports)?;
    let source = table.source;
    Ok(Switch {
        agent,
        name: table.name.map(|name| name.0),
        acl,
        token_file: table.token_file.map(|file| file.into_inner().0),
        ca_file: table.ca_file.map(|file| file.into_inner().0),
        cleartext_token,
        source: source.map(|sources| sources.into_iter().map(|source| source.0).collect()),
        platform: table.platform,
        interface: table.interface,
        ports,
    })
}

/// Why `ca_file` is of no use.
pub(super) fn no_certificate(acl: &str) -> String {
    format!("`ca_file`: no certificate is checked at {acl}; use https, or leave it out")
}

fn ports(table: HashMap<Spanned<String>, Port>) -> Result<BTreeMap<u32, Port>, Mistake> {
    /// What an sFlow interface says when it means the device itself (sFlow v5 §5).
    const INTERNAL: u32 = 0x3FFF_FFFF;
    let is_port = |number: &u32| *number != 0 && *number != INTERNAL;
    let members: BTreeSet<String> = table
        .iter()
        .filter(|(_, port)| port.lag.is_some())
        .map(|(key, _)| key.get_ref().clone())
        .collect();
    let mut ports = BTreeMap::new();
    for (key, port) in table {
        let text = key.get_ref();
        // Written in one way only, so that no two keys are the same port: TOML sees to the rest.
        let number = text
            .parse()
            .ok()
            .filter(|n: &u32| is_port(n) && n.to_string() == *text);
        let Some(number) = number else {
            let message = format!(
                "`{text}`: the key of a port is its ifIndex in plain digits, 1 to {}, but not {INTERNAL}",
                u32::MAX
            );
            return Err(mistake(&key, message));
        };
        if let Some(name) = &port.name
            && !is_interface_name(name)
        {
            let message = format!("`name`: {name:?} is not the name of an interface, such as \"swp1\"");
            return Err(mistake(&key, message));
        }
        if let Some(lag) = port.lag
            && (!is_port(&lag) || members.contains(&lag.to_string()))
        {
            let message = format!("`lag`: {lag} is not the ifIndex of a LAG, which is no member itself");
            return Err(mistake(&key, message));
        }
        ports.insert(number, port);
    }
    Ok(ports)
}

//! Settings and their defaults: a TOML file in the form of the contract.
//!
//! Rates are bits per second. Every mistake is an error with file, line and column; a key of the contract whose part
//! does not exist yet is refused with that reason and never ignored.

/// Where the API is served, and to whom.
pub mod http;
mod capture;
mod drops;
mod sflow;
mod values;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use reqwest::Url;
use serde::Deserialize;
use shared::config::{ConfigError, Reason, Unbuilt};
use shared::units::{BitRate, TimeSpan};
use toml::Spanned;

pub use capture::{Blacklist, Capture, Origin};
pub use drops::Drops;
use http::Http;
pub use sflow::Sflow;
use values::{AclUrl, Agent, CommitInterval, Id, Lease, MaxRules, Optional};
pub use values::{Cos, Dscp, Interface, Mode, Platform, Profile, Role, Threshold, is_interface_name};

/// Where the configuration is unless `--config` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/flow-marker/flow-marker.toml";

/// A whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the names of all our ACLs start with, followed by `_`.
    pub id: String,
    /// The inventory, in the file's order; no two have the same agent address.
    pub switches: Vec<Switch>,
    /// How elephants are found and marked.
    pub mark: Mark,
    /// Whose traffic is copied to analyzers.
    pub capture: Capture,
    /// Which attacks are dropped.
    pub drop: Drops,
    /// Where the API is served, and to whom.
    pub http: Http,
    /// Where this was read from, to be read again on SIGHUP.
    pub file: Option<PathBuf>,
    /// How datagrams are received, and from whom.
    pub sflow: Sflow,
}

/// One switch that may be contacted.
#[derive(Debug, Clone)]
pub struct Switch {
    /// The agent address in its datagrams.
    pub agent: IpAddr,
    /// Base URL of its acl-server.
    pub acl: Url,
    /// File with the bearer token.
    pub token_file: Option<PathBuf>,
    /// PEM file with the authorities that its certificate is checked against, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The token may travel over plain HTTP.
    pub cleartext_token: bool,
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
    /// What it is connected to.
    #[serde(default)]
    pub role: Role,
    /// The ifIndex of the LAG that it is a member of.
    pub lag: Option<u32>,
}

/// How elephants are found and marked.
#[derive(Debug, Clone)]
pub struct Mark {
    /// Whether switches are contacted.
    pub mode: Mode,
    /// The rate that makes an elephant.
    pub threshold: Threshold,
    /// The most that a share of a port's speed can come to.
    pub threshold_max: BitRate,
    /// How the rate is estimated.
    pub profile: Profile,
    /// The DSCP that is set; `None` sets none. Never both `None` with `cos`.
    pub dscp: Option<Dscp>,
    /// The class of service that is set; `None` sets none.
    pub cos: Option<Cos>,
    /// How long a mark stays at least.
    pub hold: Duration,
    /// How long a switch keeps what we do not renew: everything of ours, not only marks.
    pub ttl: Duration,
    /// Our ACLs on one switch at most.
    pub max_rules: usize,
    /// Between changes to one switch, after a burst of three.
    pub commit_interval: Duration,
    /// UDP flows are marked too.
    pub udp: bool,
    /// Only flows that carry this DSCP are marked.
    pub only_dscp: Dscp,
    /// Flows from or to these prefixes are never marked.
    pub exclude: Vec<IpNet>,
}

impl Switch {
    /// What matches whatever port packets enter by, for controls that are about more than one.
    pub fn any_interface(&self) -> &str {
        match &self.interface {
            Interface::Pattern(pattern) => pattern,
            Interface::Ingress => "swp+",
        }
    }
}

/// The file as it is written, before the checks that need more than one key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    id: Id,
    #[serde(default)]
    switch: Vec<SwitchTable>,
    #[serde(default)]
    mark: MarkTable,
    #[serde(default)]
    http: Http,
    #[serde(default)]
    sflow: sflow::Table,
    #[serde(rename = "fabric")]
    _fabric: Option<Unbuilt<Fabric>>,
    #[serde(default)]
    capture: capture::Table,
    #[serde(default)]
    drop: drops::Table,
}

struct Fabric;
impl Reason for Fabric {
    const WHY: &'static str = "templates for many switches; write one [[switch]] for each";
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SwitchTable {
    agent: Spanned<Agent>,
    acl: Spanned<AclUrl>,
    token_file: Option<Spanned<PathBuf>>,
    ca_file: Option<Spanned<PathBuf>>,
    cleartext_token: Option<Spanned<bool>>,
    #[serde(default)]
    platform: Platform,
    #[serde(default)]
    interface: Interface,
    #[serde(default)]
    ports: HashMap<Spanned<String>, Port>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MarkTable {
    mode: Mode,
    threshold: Threshold,
    threshold_max: BitRate,
    profile: Profile,
    dscp: Optional<Dscp>,
    cos: Spanned<Optional<Cos>>,
    hold: TimeSpan,
    ttl: Lease,
    max_rules: MaxRules,
    commit_interval: CommitInterval,
    udp: bool,
    only_dscp: Spanned<Dscp>,
    exclude: Vec<values::Prefix>,
}

impl Default for MarkTable {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            threshold: Threshold::default(),
            threshold_max: BitRate::from_bits_per_second(10_000_000_000),
            profile: Profile::default(),
            dscp: Optional(Some(Dscp::ELEPHANT)),
            cos: Spanned::new(0..0, Optional(Some(Cos::ELEPHANT))),
            hold: TimeSpan(Duration::from_secs(10)),
            ttl: Lease(TimeSpan(Duration::from_secs(60))),
            max_rules: MaxRules(64),
            commit_interval: CommitInterval(TimeSpan(Duration::from_secs(1))),
            udp: false,
            only_dscp: Spanned::new(0..0, Dscp::BEST_EFFORT),
            exclude: Vec::new(),
        }
    }
}

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, is no TOML, or says something that cannot be meant; the error names file, line and column.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut config = Self::parse(path, &text)?;
        config.file = Some(path.to_owned());
        Ok(config)
    }

    /// Reads and checks a configuration; `path` is only named in errors.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file: File = shared::config::parse(path, text)?;
        check(file).map_err(|mistake| ConfigError::at(path, text, mistake.span.start, mistake.message))
    }
}

/// A mistake that shows only when keys are seen together.
struct Mistake {
    span: Range<usize>,
    message: String,
}

fn mistake<T>(at: &Spanned<T>, message: impl Into<String>) -> Mistake {
    Mistake {
        span: at.span(),
        message: message.into(),
    }
}

fn check(file: File) -> Result<Config, Mistake> {
    let mut switches: Vec<Switch> = Vec::with_capacity(file.switch.len());
    for table in file.switch {
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
        switches.push(switch(table, agent)?);
    }
    let capture = file.capture.check()?;
    Ok(Config {
        id: file.id.0,
        switches,
        mark: mark(file.mark)?,
        drop: file.drop.check(&capture.local)?,
        capture,
        http: file.http,
        file: None,
        sflow: file.sflow.into(),
    })
}

fn switch(table: SwitchTable, agent: IpAddr) -> Result<Switch, Mistake> {
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
        let message = format!("`ca_file`: no certificate is checked at {acl}; use https, or leave it out");
        return Err(mistake(ca_file, message));
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
    Ok(Switch {
        agent,
        acl,
        token_file: table.token_file.map(Spanned::into_inner),
        ca_file: table.ca_file.map(Spanned::into_inner),
        cleartext_token,
        platform: table.platform,
        interface: table.interface,
        ports,
    })
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

fn mark(table: MarkTable) -> Result<Mark, Mistake> {
    let (dscp, cos) = (table.dscp.0, table.cos.get_ref().0);
    if dscp.is_none() && cos.is_none() {
        let message = "`cos`: with `dscp = \"off\"` and `cos = \"off\"` a mark would set nothing";
        return Err(mistake(&table.cos, message));
    }
    let only_dscp = *table.only_dscp.get_ref();
    if dscp == Some(only_dscp) {
        let message = format!(
            "`only_dscp`: flows that carry DSCP {only_dscp} already have the mark, so nothing would change"
        );
        return Err(mistake(&table.only_dscp, message));
    }
    Ok(Mark {
        mode: table.mode,
        threshold: table.threshold,
        threshold_max: table.threshold_max,
        profile: table.profile,
        dscp,
        cos,
        hold: table.hold.0,
        ttl: table.ttl.0.0,
        max_rules: table.max_rules.0,
        commit_interval: table.commit_interval.0.0,
        udp: table.udp,
        only_dscp,
        exclude: table.exclude.into_iter().map(|e| e.0).collect(),
    })
}

#[cfg(test)]
mod tests;

//! Settings and their defaults: a TOML file in the form of the contract.
//!
//! Rates are bits per second. Every mistake is an error with file, line and column; a key of the contract whose part
//! does not exist yet is refused with that reason and never ignored.

/// What a newer configuration says.
pub mod changes;
/// Where the API is served, and to whom.
pub mod http;
mod capture;
mod history;
mod drops;
mod exclude;
mod sflow;
mod fabric;
mod size;
mod switch;
mod values;
mod address;
mod webhook;

use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use shared::config::ConfigError;
use shared::units::{BitRate, TimeSpan};
use toml::Spanned;

pub use capture::{Blacklist, Capture, Origin};
pub use drops::Drops;
pub use exclude::{Exclude, Groups};
pub use fabric::Fabric;
pub use history::History;
use http::Http;
pub use sflow::Sflow;
pub use switch::{Edge, Port, Switch};
use values::{CommitInterval, Id, Lease, MaxRules, Optional};
pub use values::{Cos, Dscp, Interface, Mode, Platform, Profile, Role, Threshold, is_interface_name};
pub use webhook::{EventKind, Format, Webhook};

/// Where the configuration is unless `--config` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/flow-marker/flow-marker.toml";

/// A whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the names of all our ACLs start with, followed by `_`.
    pub id: String,
    /// The inventory, in the file's order; no two have the same agent address.
    pub switches: Vec<Switch>,
    /// Templates for many switches; the first that allows for an agent decides.
    pub fabrics: Vec<Fabric>,
    /// Names of address ranges.
    pub groups: Groups,
    /// How elephants are found and marked.
    pub mark: Mark,
    /// Whose traffic is copied to analyzers.
    pub capture: Capture,
    /// Which attacks are dropped.
    pub drop: Drops,
    /// Who is told what happens.
    pub webhooks: Vec<Webhook>,
    /// How much of what was decided and has happened is kept on the disk.
    pub history: History,
    /// Where the API is served, and to whom.
    pub http: Http,
    /// Where this was read from, to be read again on SIGHUP.
    pub file: Option<PathBuf>,
    /// How datagrams are received, and from whom.
    pub sflow: Sflow,
    /// Where is kept what survives a restart; `None`: in the usual directory, if it is there.
    pub state_dir: Option<PathBuf>,
    /// What the command line says instead.
    pub flags: Flags,
}

/// What the command line says instead of the file, also when the file is read again.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// Where the API is served.
    pub listen: Option<SocketAddr>,
    /// The API is served to everybody.
    pub no_auth: bool,
    /// Where is kept what survives a restart.
    pub state_dir: Option<PathBuf>,
}

/// How elephants are found and marked.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Whether switches are contacted.
    pub mode: Mode,
    /// The rate that makes an elephant.
    pub threshold: Threshold,
    /// The most that a share of a port's speed can come to.
    pub threshold_max: BitRate,
    /// How the rate is estimated.
    pub profile: Profile,
    /// Which ports flows enter the fabric by.
    pub edge: Edge,
    /// Only ports of these speeds are edge, in bits per second; empty: of any.
    pub edge_speeds: Vec<BitRate>,
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
    /// What is never marked.
    pub exclude: Exclude,
}

/// The file as it is written, before the checks that need more than one key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    id: Id,
    state_dir: Option<PathBuf>,
    #[serde(default)]
    switch: Vec<switch::Table>,
    #[serde(default)]
    mark: MarkTable,
    #[serde(default)]
    history: history::Table,
    #[serde(default)]
    http: Http,
    #[serde(default)]
    sflow: sflow::Table,
    #[serde(default)]
    fabric: fabric::Tables,
    #[serde(default)]
    capture: capture::Table,
    #[serde(default)]
    drop: drops::Table,
    #[serde(default)]
    webhook: Vec<webhook::Table>,
    #[serde(default)]
    group: exclude::GroupTables,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MarkTable {
    mode: Mode,
    threshold: Threshold,
    threshold_max: BitRate,
    profile: Profile,
    edge: Edge,
    edge_speeds: Vec<BitRate>,
    dscp: Optional<Dscp>,
    cos: Spanned<Optional<Cos>>,
    hold: TimeSpan,
    ttl: Lease,
    max_rules: MaxRules,
    commit_interval: CommitInterval,
    udp: bool,
    only_dscp: Spanned<Dscp>,
    exclude: Vec<Spanned<exclude::Entry>>,
}

impl Default for MarkTable {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            threshold: Threshold::default(),
            threshold_max: BitRate::from_bits_per_second(10_000_000_000),
            profile: Profile::default(),
            edge: Edge::default(),
            edge_speeds: Vec::new(),
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
        let mut config = Self::parse(path, &read(path)?)?;
        config.file = Some(path.to_owned());
        Ok(config)
    }

    /// The same file as it is now, under the same command line; itself when it is from no file.
    ///
    /// # Errors
    /// As [`Self::load`]; and when the file is empty, as it is while somebody writes it: that would be a configuration
    /// without switches.
    pub fn reread(&self) -> Result<Self, ConfigError> {
        let Some(path) = &self.file else {
            return Ok(self.clone());
        };
        let text = read(path)?;
        if text.trim().is_empty() {
            let message = "the file is empty, so that all switches would go; if that is meant, restart";
            return Err(ConfigError::at(path, &text, 0, message.to_owned()));
        }
        let mut config = Self::parse(path, &text)?;
        config.file = Some(path.clone());
        Ok(config.under(self.flags.clone()))
    }

    /// What it is under a command line.
    #[must_use]
    pub fn under(mut self, flags: Flags) -> Self {
        if let Some(listen) = flags.listen {
            self.http.listen = listen;
        }
        self.http.no_auth |= flags.no_auth;
        if let Some(directory) = &flags.state_dir {
            self.state_dir = Some(directory.clone());
        }
        self.flags = flags;
        self
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

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })
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
    let capture = file.capture.check()?;
    let groups = exclude::groups(file.group);
    Ok(Config {
        id: file.id.0,
        switches: switch::all(file.switch)?,
        fabrics: file.fabric.check()?,
        mark: mark(file.mark, &groups)?,
        groups,
        drop: file.drop.check(&capture.local)?,
        capture,
        webhooks: webhook::check(file.webhook)?,
        history: file.history.into(),
        http: file.http,
        file: None,
        state_dir: file.state_dir,
        sflow: file.sflow.into(),
        flags: Flags::default(),
    })
}

fn mark(table: MarkTable, groups: &Groups) -> Result<Mark, Mistake> {
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
        edge: table.edge,
        edge_speeds: table.edge_speeds,
        dscp,
        cos,
        hold: table.hold.0,
        ttl: table.ttl.0.0,
        max_rules: table.max_rules.0,
        commit_interval: table.commit_interval.0.0,
        udp: table.udp,
        only_dscp,
        exclude: exclude::exclude(table.exclude, groups)?,
    })
}

#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod tests;

//! Section `[capture]`: whose traffic is copied to analyzers.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use ipnet::IpNet;
use reqwest::Url;
use serde::{Deserialize, Deserializer};
use shared::units::TimeSpan;
use toml::Spanned;

use super::address::Prefix;
use super::values::{Mode, whole_number};
use super::{Mistake, mistake};

/// Whose traffic is copied to analyzers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// Whether switches are contacted.
    pub mode: Mode,
    /// Where copies go; each conversation to one of them.
    pub analyzers: Vec<Ipv4Addr>,
    /// Our hosts.
    pub local: Vec<IpNet>,
    /// Never capture what is from or to these.
    pub exclude: Vec<IpNet>,
    /// Captures on one switch at most.
    pub per_switch: usize,
    /// Captures in all at most.
    pub total: usize,
    /// A capture ends when nothing of it was sampled for so long.
    pub quiet: Duration,
    /// A capture lasts no longer, whatever is sampled.
    pub max_age: Duration,
    /// Whose traffic is suspicious.
    pub blacklists: Vec<Blacklist>,
}

/// A list of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blacklist {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub origin: Origin,
    /// How often it is looked for a newer one.
    pub refresh: Duration,
}

impl Blacklist {
    /// Whether its file can be read; a list on a server is fetched when it can be.
    ///
    /// # Errors
    /// It cannot.
    pub fn check_file(&self) -> anyhow::Result<()> {
        let Origin::File(path) = &self.origin else {
            return Ok(());
        };
        let context = || format!("blacklist {:?}: cannot read {}", self.name, path.display());
        let file = std::fs::File::open(path).and_then(|file| file.metadata());
        anyhow::ensure!(
            file.with_context(context)?.is_file(),
            "{}: it is no file",
            context()
        );
        Ok(())
    }
}

/// Where a list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// On a web server.
    Url(Url),
    /// On this machine.
    File(PathBuf),
}

/// Lists at most: more than anybody publishes for one purpose.
const MAX_LISTS: usize = 16;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Table {
    mode: Spanned<Mode>,
    analyzer: Vec<Ipv4Addr>,
    local: Vec<Prefix>,
    exclude: Vec<Prefix>,
    per_switch: Count,
    total: Count,
    quiet: Span,
    max_age: Span,
    blacklist: Vec<ListTable>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            mode: Spanned::new(0..0, Mode::default()),
            analyzer: Vec::new(),
            local: Vec::new(),
            exclude: Vec::new(),
            per_switch: Count(2),
            total: Count(20),
            quiet: Span(Duration::from_secs(300)),
            max_age: Span(Duration::from_secs(1800)),
            blacklist: Vec::new(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListTable {
    name: Spanned<String>,
    url: Option<Spanned<String>>,
    file: Option<PathBuf>,
    #[serde(default = "hourly")]
    refresh: Span,
}

const fn hourly() -> Span {
    Span(Duration::from_secs(3600))
}

/// How many captures.
#[derive(Debug, Clone, Copy)]
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// An analyzer that is sent more drowns.
        const MOST: usize = 1000;
        let number = whole_number(deserializer)?;
        let count = usize::try_from(number).ok().filter(|n| (1..=MOST).contains(n));
        let error = || serde::de::Error::custom(format_args!("{number} is not 1 to {MOST}"));
        count.map(Self).ok_or_else(error)
    }
}

/// A time of at least ten seconds: what samples tell is no finer, and a server of lists is asked no more often.
#[derive(Debug, Clone, Copy)]
struct Span(Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let span = TimeSpan::deserialize(deserializer)?;
        if span.0 < Duration::from_secs(10) {
            return Err(serde::de::Error::custom(format_args!("{span} is less than 10s")));
        }
        Ok(Self(span.0))
    }
}

impl Table {
    pub(super) fn check(self) -> Result<Capture, Mistake> {
        let mut names = BTreeSet::new();
        let mut blacklists = Vec::with_capacity(self.blacklist.len());
        for list in self.blacklist {
            if blacklists.len() == MAX_LISTS {
                return Err(mistake(&list.name, format!("`blacklist`: more than {MAX_LISTS}")));
            }
            if !names.insert(list.name.get_ref().clone()) {
                let message = format!("`name`: two lists are called {:?}", list.name.get_ref());
                return Err(mistake(&list.name, message));
            }
            blacklists.push(blacklist(list)?);
        }
        let act = *self.mode.get_ref() == Mode::Act;
        if (act || !blacklists.is_empty()) && (self.analyzer.is_empty() || self.local.is_empty()) {
            let message = "`mode`: captures need `analyzer`, where the copies go, and `local`, the prefixes of our hosts";
            return Err(mistake(&self.mode, message));
        }
        let prefixes = |prefixes: Vec<Prefix>| prefixes.into_iter().map(|prefix| prefix.0).collect();
        Ok(Capture {
            mode: self.mode.into_inner(),
            analyzers: self.analyzer,
            local: prefixes(self.local),
            exclude: prefixes(self.exclude),
            per_switch: self.per_switch.0,
            total: self.total.0,
            quiet: self.quiet.0,
            max_age: self.max_age.0,
            blacklists,
        })
    }
}

fn blacklist(list: ListTable) -> Result<Blacklist, Mistake> {
    let origin = match (list.url, list.file) {
        (Some(url), None) => match url.get_ref().parse::<Url>() {
            Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => Origin::Url(parsed),
            // Not repeated: it may hold a key.
            _ => {
                let message =
                    "`url`: a list is at http://HOST/PATH or https://HOST/PATH; for a file there is `file`";
                return Err(mistake(&url, message));
            }
        },
        (None, Some(file)) => Origin::File(file),
        _ => {
            let message = format!("`name`: {:?} needs either `url` or `file`", list.name.get_ref());
            return Err(mistake(&list.name, message));
        }
    };
    Ok(Blacklist {
        name: list.name.into_inner(),
        origin,
        refresh: list.refresh.0,
    })
}

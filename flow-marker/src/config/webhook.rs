//! Sections `[[webhook]]`: who is told what happens.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Deserializer};
use shared::config::FileName;
use shared::units::TimeSpan;
use toml::Spanned;

use super::{Mistake, mistake};

/// Somebody who is told what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// What it is called in the log. Its URL may be a secret.
    pub name: String,
    /// Where it is.
    pub url: Url,
    /// How it is told.
    pub format: Format,
    /// What it is told.
    pub events: Vec<EventKind>,
    /// File with the bearer token.
    pub token_file: Option<PathBuf>,
    /// PEM file with the authorities that its certificate is checked against, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take.
    pub timeout: Duration,
}

/// How events are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// As Alertmanager takes alerts (`POST /api/v2/alerts`).
    Alertmanager,
    /// An object with a list of events.
    Json,
}

/// What can happen, by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventKind(&'static str);

impl EventKind {
    /// A metric has passed a threshold, as in `/events/json`.
    pub const THRESHOLD: Self = Self("threshold");

    /// All words: that one, and those of the decisions in `/decisions/json`.
    pub const WORDS: &[&str] = &[
        "threshold",
        "wanted",
        "would_have",
        "prolonged",
        "guarded",
        "installed",
        "refused",
        "no_room",
        "over_budget",
        "displaced",
        "hold_doubled",
        "released",
        "removed",
        "vacated",
        "dismissed",
        "orphan_adopted",
        "orphan_removed",
        "mark_arrives",
        "no_effect",
        "changed_by_hand",
        "pause_begun",
        "pause_ended",
        "mode_changed",
        "reloaded",
        "list_loaded",
        "list_failed",
        "unreachable",
        "reachable",
    ];

    /// The kind with this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|known| **known == word)
            .map(|known| Self(known))
    }

    /// Its word in settings and events.
    pub const fn word(self) -> &'static str {
        self.0
    }
}

impl<'de> Deserialize<'de> for EventKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::of(&word).ok_or_else(|| serde::de::Error::unknown_variant(&word, Self::WORDS))
    }
}

/// Webhooks at most: each is a queue and a connection.
const MAX_WEBHOOKS: usize = 8;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    name: Spanned<String>,
    url: Spanned<String>,
    format: Format,
    events: Spanned<Vec<EventKind>>,
    token_file: Option<Spanned<FileName>>,
    ca_file: Option<Spanned<FileName>>,
    #[serde(default)]
    timeout: Timeout,
}

/// For one request.
#[derive(Debug, Clone, Copy)]
struct Timeout(Duration);

impl Default for Timeout {
    fn default() -> Self {
        Self(Duration::from_secs(10))
    }
}

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let span = TimeSpan::deserialize(deserializer)?;
        // Less is no time for a handshake; who takes longer than a minute will not answer.
        match (Duration::from_millis(100)..=Duration::from_secs(60)).contains(&span.0) {
            true => Ok(Self(span.0)),
            false => Err(serde::de::Error::custom(format_args!(
                "{span} is not 100ms to 1m"
            ))),
        }
    }
}

pub(super) fn check(tables: Vec<Table>) -> Result<Vec<Webhook>, Mistake> {
    let (mut names, mut webhooks) = (BTreeSet::new(), Vec::with_capacity(tables.len()));
    for table in tables {
        if webhooks.len() == MAX_WEBHOOKS {
            return Err(mistake(
                &table.name,
                format!("`webhook`: more than {MAX_WEBHOOKS}"),
            ));
        }
        if !names.insert(table.name.get_ref().clone()) {
            let message = format!("`name`: two webhooks are called {:?}", table.name.get_ref());
            return Err(mistake(&table.name, message));
        }
        webhooks.push(webhook(table)?);
    }
    Ok(webhooks)
}

fn webhook(table: Table) -> Result<Webhook, Mistake> {
    // Not repeated: it may hold a key.
    let Some(url) = address(table.url.get_ref()) else {
        let message =
            "`url`: a webhook is at http://HOST/PATH or https://HOST/PATH, without user and password";
        return Err(mistake(&table.url, message));
    };
    if table.format == Format::Alertmanager && !url.path().ends_with("/api/v2/alerts") {
        let message = "`url`: Alertmanager takes alerts at http://HOST:9093/api/v2/alerts";
        return Err(mistake(&table.url, message));
    }
    let near = shared::host::is_local(
        url.host_str().unwrap_or_default(),
        std::net::Ipv4Addr::LOCALHOST.into(),
    );
    if let Some(token) = &table.token_file
        && url.scheme() == "http"
        && !near
    {
        let message = "`token_file`: the token would travel in clear text; use https";
        return Err(mistake(token, message));
    }
    if let Some(ca_file) = &table.ca_file
        && url.scheme() == "http"
    {
        let message = "`ca_file`: no certificate is checked with http; use https, or leave it out";
        return Err(mistake(ca_file, message));
    }
    if table.events.get_ref().is_empty() {
        return Err(mistake(
            &table.events,
            "`events`: an empty list would tell nothing",
        ));
    }
    Ok(Webhook {
        name: table.name.into_inner(),
        url,
        format: table.format,
        events: table.events.into_inner(),
        token_file: table.token_file.map(|file| file.into_inner().0),
        ca_file: table.ca_file.map(|file| file.into_inner().0),
        timeout: table.timeout.0,
    })
}

fn address(text: &str) -> Option<Url> {
    let url = text.parse::<Url>().ok()?;
    let plain = url.has_host() && url.username().is_empty() && url.password().is_none();
    (plain && matches!(url.scheme(), "http" | "https")).then_some(url)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn parse(keys: &str) -> Result<Webhook, String> {
        let events = if keys.contains("events") {
            ""
        } else {
            "events = [\"threshold\"]"
        };
        let text = format!("[[webhook]]\nname = \"ops\"\n{keys}\n{events}\n");
        let mut config = Config::parse(Path::new("t"), &text).map_err(|error| error.to_string())?;
        Ok(config.webhooks.remove(0))
    }

    #[test]
    fn a_webhook_is_an_address_and_a_format() {
        let webhook = parse("url = \"https://hooks.example/T0/s3cret\"\nformat = \"json\"").unwrap();
        assert_eq!(
            (webhook.format, &webhook.events[..], webhook.timeout),
            (Format::Json, &[EventKind::THRESHOLD][..], Duration::from_secs(10))
        );
        let webhook = parse(
            "url = \"https://alerts.example/api/v2/alerts\"\nformat = \"alertmanager\"\nevents = [\"threshold\"]\n\
             token_file = \"/t\"\nca_file = \"/ca\"\ntimeout = \"3s\"",
        );
        assert_eq!(webhook.unwrap().timeout, Duration::from_secs(3));
        // On this machine nobody is on the way.
        parse("url = \"http://127.0.0.1/\"\nformat = \"json\"\ntoken_file = \"/t\"").unwrap();
    }

    #[test]
    fn what_cannot_be_meant_is_refused_and_no_secret_repeated() {
        for (keys, says) in [
            (
                "url = \"ftp://a/s3cret\"\nformat = \"json\"",
                "t:3:7: `url`: a webhook",
            ),
            (
                "url = \"https://u:s3cret@a/\"\nformat = \"json\"",
                "t:3:7: `url`: a webhook",
            ),
            (
                "url = \"http://a/s3cret\"\nformat = \"alertmanager\"",
                "t:3:7: `url`: Alertmanager takes",
            ),
            (
                "url = \"http://a/\"\nformat = \"json\"\ntoken_file = \"/t\"",
                "t:5:14: `token_file`: the token",
            ),
            (
                "url = \"http://a/\"\nformat = \"json\"\nca_file = \"/t\"",
                "t:5:11: `ca_file`: no certificate",
            ),
            (
                "url = \"http://a/\"\nformat = \"json\"\nevents = []",
                "t:5:10: `events`: an empty list",
            ),
            (
                "url = \"http://a/\"\nformat = \"json\"\ntimeout = \"2m\"",
                "t:5:11: `timeout`: 2m is not 100ms to 1m",
            ),
            (
                "url = \"http://a/\"\nformat = \"json\"\nevents = [\"threshold\"]\n[[webhook]]\nname = \"ops\"\n\
                 url = \"http://a/\"\nformat = \"json\"\nevents = [\"no_room\"]",
                "t:7:8: `name`: two webhooks",
            ),
            (
                "url = \"http://a/\"\nformat = \"json\"\nevents = [\"unreachabel\"]",
                "t:5:10: `events`: \"unreachabel\" is none of \"threshold\", \"wanted\", ",
            ),
        ] {
            let error = parse(keys).unwrap_err();
            assert!(
                error.starts_with(says) && !error.contains("s3cret"),
                "{keys}: {error}"
            );
        }
    }
}

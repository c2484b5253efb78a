//! What a page says on the console, and whom it asks.

use anyhow::{Context, Result};
use serde_json::Value;

/// A line of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `SEVERE`, `WARNING`, `INFO` or `DEBUG`.
    pub level: String,
    /// Who says it: `console-api`, `javascript`, `network`, `security`, …
    pub source: String,
    /// What it says.
    pub text: String,
}

/// What has happened since the last look.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Lines of the console, the oldest first.
    pub console: Vec<Entry>,
    /// Addresses (URLs) that were asked, the oldest first.
    pub asked: Vec<String>,
}

impl Seen {
    /// Warnings and errors of the console, but for those that contain one of `expected`.
    pub fn complaints(&self, expected: &[&str]) -> Vec<&Entry> {
        let is_expected = |entry: &&Entry| expected.iter().any(|text| entry.text.contains(text));
        self.console
            .iter()
            .filter(|entry| ["SEVERE", "WARNING"].contains(&entry.level.as_str()))
            .filter(|entry| !is_expected(entry))
            .collect()
    }

    /// What was asked of anybody else than the server at this origin, such as `http://127.0.0.1:8080`.
    pub fn outside(&self, origin: &str) -> Vec<&str> {
        let inside = |url: &str| {
            url.strip_prefix(origin)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        // A page that is blank or made by itself asks nobody.
        let nobody = |url: &str| {
            ["about:", "blob:", "data:"]
                .iter()
                .any(|scheme| url.starts_with(scheme))
        };
        self.asked
            .iter()
            .map(String::as_str)
            .filter(|&url| !inside(url) && !nobody(url))
            .collect()
    }
}

/// Reads chromedriver's logs `browser` and `performance`.
pub(super) fn seen(console: &Value, performance: &Value) -> Result<Seen> {
    let mut seen = Seen::default();
    for entry in console.as_array().context("no log of the console")? {
        let text = |key| {
            entry
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        seen.console.push(Entry {
            level: text("level"),
            source: text("source"),
            text: text("message"),
        });
    }
    for entry in performance.as_array().context("no log of the network")? {
        // An event of the DevTools protocol, as text within JSON.
        let text = entry.get("message").and_then(Value::as_str).unwrap_or_default();
        let event: Value = serde_json::from_str(text).context("an entry that is no JSON")?;
        let asked = match event.pointer("/message/method").and_then(Value::as_str) {
            Some("Network.requestWillBeSent") => event.pointer("/message/params/request/url"),
            Some("Network.webSocketCreated") => event.pointer("/message/params/url"),
            _ => None,
        };
        seen.asked
            .extend(asked.and_then(Value::as_str).map(str::to_owned));
    }
    Ok(seen)
}

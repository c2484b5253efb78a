//! What is to be counted of a capture, and what is to be told: flow definitions and thresholds in the JSON of the API.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;

use crate::api::parameters::is_name;
use crate::api::relaxed;
use crate::engine::{Plan, threshold};
use crate::flow::Definition;

/// The longest file of definitions: 100 flows and 1,000 thresholds with room to spare.
const MAX_FILE: u64 = 4 * 1024 * 1024;

#[derive(Debug, Clone, Args)]
pub(super) struct WantedArgs {
    /// A flow definition, as `PUT /flow/NAME/json` takes it, such as "pair={keys:'ipsource,ipdestination',value:'bytes'}".
    #[arg(long = "flow", value_name = "NAME={…}")]
    flows: Vec<Entry>,
    /// A threshold, as `PUT /threshold/NAME/json` takes it, such as "big={metric:'pair',value:1250000,byFlow:true}".
    #[arg(long = "threshold", value_name = "NAME={…}")]
    thresholds: Vec<Entry>,
    /// A file with both, `{flow: {NAME: …}, threshold: {NAME: …}}`: what `GET /flow/json` and `/threshold/json` answer.
    #[arg(long, value_name = "FILE")]
    define: Option<PathBuf>,
}

/// A definition and its name.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    name: String,
    json: Value,
}

impl FromStr for Entry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, json)) = text.split_once('=') else {
            return Err(
                "a name, `=` and a definition are expected, such as pair={keys:'ipsource'}".to_owned(),
            );
        };
        let json = read(json.as_bytes())?;
        Ok(Self {
            name: name.trim().to_owned(),
            json,
        })
    }
}

fn read(text: &[u8]) -> Result<Value, String> {
    relaxed::read(text).map_err(|wrong| format!("character {}: {}", wrong.at, wrong.error))
}

impl WantedArgs {
    /// What all of them ask for. Of two with the same name the command line's counts, and the last one there.
    ///
    /// # Errors
    /// A file that cannot be read, or a definition that makes no sense.
    pub(super) fn plan(&self) -> anyhow::Result<Plan> {
        let mut plan = Plan::default();
        if let Some(path) = &self.define {
            add_file(&mut plan, path).with_context(|| path.display().to_string())?;
        }
        for entry in &self.flows {
            add_flow(&mut plan, &entry.name, &entry.json).context("--flow")?;
        }
        for entry in &self.thresholds {
            add_threshold(&mut plan, &entry.name, &entry.json).context("--threshold")?;
        }
        Ok(plan)
    }
}

fn add_file(plan: &mut Plan, path: &Path) -> anyhow::Result<()> {
    let mut text = Vec::new();
    let mut file = File::open(path)?.take(MAX_FILE + 1);
    if file.read_to_end(&mut text)? as u64 > MAX_FILE {
        bail!("more than {MAX_FILE} bytes are not read");
    }
    add_all(plan, &read(&text).map_err(anyhow::Error::msg)?)
}

fn add_all(plan: &mut Plan, json: &Value) -> anyhow::Result<()> {
    let Value::Object(sections) = json else {
        bail!("an object is expected: {{flow: {{NAME: …}}, threshold: {{NAME: …}}}}");
    };
    for (section, entries) in sections {
        let add = match section.as_str() {
            "flow" => add_flow,
            "threshold" => add_threshold,
            _ => bail!("{section:?} is neither \"flow\" nor \"threshold\""),
        };
        let Value::Object(entries) = entries else {
            bail!("{section}: an object is expected: {{NAME: …}}");
        };
        for (name, json) in entries {
            add(plan, name, json).with_context(|| section.clone())?;
        }
    }
    Ok(())
}

fn add_flow(plan: &mut Plan, name: &str, json: &Value) -> anyhow::Result<()> {
    check_name(name)?;
    let definition = Definition::from_json(json).with_context(|| name.to_owned())?;
    plan.flows.put(name, definition)?;
    Ok(())
}

fn add_threshold(plan: &mut Plan, name: &str, json: &Value) -> anyhow::Result<()> {
    check_name(name)?;
    let definition = threshold::Definition::parse(json).with_context(|| name.to_owned())?;
    plan.thresholds.put(name, definition)?;
    Ok(())
}

fn check_name(name: &str) -> anyhow::Result<()> {
    if !is_name(name) {
        bail!("{name:?} is no name: letters, digits, `_`, `-` and `.`, at first none of `-` and `.`");
    }
    Ok(())
}

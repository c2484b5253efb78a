//! Flow definitions: what is counted, by which keys, and how it is shown (sFlow-RT, `/flow/{name}/json`).

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::language::{self, Expression, Fault, Filter, closest};
use super::measure::Measure;
use super::program::Program;

/// What is wrong with a definition: which attribute, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{attribute}: {fault}")]
pub struct Wrong {
    /// The attribute's name.
    pub attribute: String,
    /// The text of the attribute, as far as it is one.
    pub text: String,
    /// Where and why.
    #[source]
    pub fault: Box<Fault>,
}

impl Wrong {
    fn new(attribute: &str, text: &str, fault: Fault) -> Self {
        Self {
            attribute: attribute.to_owned(),
            text: text.to_owned(),
            fault: Box::new(fault),
        }
    }

    fn value(attribute: &str, value: &Value, reason: &str) -> Self {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Self::new(attribute, &text, Fault::new(0, text.as_str(), reason))
    }
}

/// A flow definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// What makes a flow; none: everything is one flow, the total.
    pub keys: Vec<Expression>,
    /// What is counted.
    pub value: Measure,
    /// What is counted beside.
    pub values: Vec<Measure>,
    /// Which samples are counted.
    pub filter: Option<Filter>,
    /// Largest flows that are shown of a data source, 1 to 1,000.
    pub n: usize,
    /// Time constant of the smoothing in seconds, 0.2 to 600.
    pub t: f64,
    /// What separates the values of a key where it is shown.
    pub separator: String,
    /// Whether completed flows are reported.
    pub log: bool,
    /// Whether they are reported when they start, instead of when they end.
    pub flow_start: bool,
    /// After how many seconds a flow that goes on is reported as completed, 1 to 86,400.
    pub active_timeout: f64,
    /// Whether notifications of discarded packets are counted instead of packets.
    pub dropped: bool,
    /// How flows of several data sources are joined, where nothing else is said.
    pub aggregation: Option<Aggregation>,
    /// Attributes that sFlow-RT knows and that have no effect here.
    pub ignored: Vec<String>,
}

/// How flows of several data sources are joined (sFlow-RT, `aggMode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregation {
    /// The largest of the values that data sources have for a key.
    Max,
    /// Their sum.
    Sum,
    /// Their sum, of data sources at the edge of the topology.
    Edge,
    /// Their sum, of data sources inside the topology.
    Core,
}

impl Aggregation {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Max, "max"),
        (Self::Sum, "sum"),
        (Self::Edge, "edge"),
        (Self::Core, "core"),
    ];

    /// The mode of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, text)| *text == name)
            .map(|(mode, _)| *mode)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(mode, _)| *mode == self)
            .map_or("max", |(_, name)| *name)
    }
}

/// Attributes of sFlow-RT's that have no effect here: the name is in the path, and IPFIX is not sent.
const IGNORED: [&str; 2] = ["name", "ipfixCollectors"];

const KNOWN: [&str; 14] = [
    "keys",
    "value",
    "values",
    "filter",
    "n",
    "t",
    "fs",
    "log",
    "flowStart",
    "activeTimeout",
    "dropped",
    "aggMode",
    "name",
    "ipfixCollectors",
];

impl Default for Definition {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            value: Measure::BYTES,
            values: Vec::new(),
            filter: None,
            n: 5,
            t: 2.0,
            separator: ",".to_owned(),
            log: false,
            flow_start: false,
            active_timeout: 60.0,
            dropped: false,
            aggregation: None,
            ignored: Vec::new(),
        }
    }
}

impl Definition {
    /// Bounds of `n`: sFlow-RT's are 5 and 20.
    pub const N: (f64, f64) = (1.0, 1000.0);
    /// Bounds of `t` in seconds.
    pub const T: (f64, f64) = (0.2, 600.0);
    /// Bounds of `activeTimeout` in seconds.
    pub const ACTIVE_TIMEOUT: (f64, f64) = (1.0, 86_400.0);
    /// Longest separator in bytes.
    const MAX_SEPARATOR: usize = 32;

    /// Reads a definition. Numbers outside their bounds are put at the bound, as sFlow-RT does; numbers and truth values
    /// may be texts.
    ///
    /// # Errors
    /// An attribute that is not known, or is not what it must be.
    pub fn from_json(value: &Value) -> Result<Self, Wrong> {
        let Value::Object(attributes) = value else {
            return Err(Wrong::value("definition", value, "an object must stand here"));
        };
        for name in attributes.keys() {
            if !KNOWN.contains(&name.as_str()) {
                let fault = Fault::new(0, name.as_str(), "there is no such attribute");
                let text = name.as_str();
                return Err(Wrong::new(name, text, fault.meant(KNOWN)));
            }
        }
        let mut definition = Self::default();
        definition.read_language(attributes)?;
        definition.n = bounded(attributes, "n", Self::N)?.map_or(definition.n, |n| {
            // Between the bounds, which are whole.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "1 to 1,000"
            )]
            let n = n as usize;
            n
        });
        definition.t = bounded(attributes, "t", Self::T)?.unwrap_or(definition.t);
        let timeout = bounded(attributes, "activeTimeout", Self::ACTIVE_TIMEOUT)?;
        definition.active_timeout = timeout.unwrap_or(definition.active_timeout);
        definition.log = truth(attributes, "log")?;
        definition.flow_start = truth(attributes, "flowStart")?;
        definition.dropped = truth(attributes, "dropped")?;
        if let Some(separator) = text(attributes, "fs")? {
            if separator.len() > Self::MAX_SEPARATOR || separator.chars().any(char::is_control) {
                let reason = "a separator has at most 32 bytes and no control characters";
                return Err(Wrong::new("fs", separator, Fault::new(0, separator, reason)));
            }
            definition.separator = separator.to_owned();
        }
        if let Some(mode) = text(attributes, "aggMode")? {
            let names = Aggregation::ALL.iter().map(|(_, name)| *name);
            let fault = || Fault::new(0, mode, "there is no such mode").meant(names);
            let found = Aggregation::of(mode).ok_or_else(|| Wrong::new("aggMode", mode, fault()))?;
            definition.aggregation = Some(found);
        }
        let ignored = IGNORED.iter().filter(|name| attributes.contains_key(**name));
        definition.ignored = ignored.map(|name| (*name).to_owned()).collect();
        Ok(definition)
    }

    fn read_language(&mut self, attributes: &Map<String, Value>) -> Result<(), Wrong> {
        if let Some(keys) = list(attributes, "keys")? {
            self.keys = language::keys(&keys).map_err(|fault| Wrong::new("keys", &keys, fault))?;
        }
        if let Some(value) = text(attributes, "value")? {
            self.value = Measure::parse(value).map_err(|fault| Wrong::new("value", value, fault))?;
        }
        if let Some(values) = list(attributes, "values")?.filter(|values| !values.trim().is_empty()) {
            self.values = Measure::list(&values).map_err(|fault| Wrong::new("values", &values, fault))?;
        }
        if let Some(filter) = text(attributes, "filter")? {
            self.filter = Filter::parse(filter).map_err(|fault| Wrong::new("filter", filter, fault))?;
        }
        // What the filter compares is only known to fit when it is compiled.
        let compiled = self.compile().map(drop);
        compiled.map_err(|wrong| Wrong {
            text: text(attributes, "filter")
                .ok()
                .flatten()
                .unwrap_or_default()
                .to_owned(),
            ..wrong
        })
    }

    /// Compiles it.
    ///
    /// # Errors
    /// A value in the filter that its key can never have, or that is no pattern.
    pub fn compile(&self) -> Result<Program, Wrong> {
        let amounts: Vec<&Expression> = std::iter::once(&self.value)
            .chain(&self.values)
            .map(|measure| &measure.of)
            .collect();
        Program::new(&self.keys, &amounts, self.filter.as_ref()).map_err(|fault| {
            let text = self.filter.as_ref().map_or_else(String::new, ToString::to_string);
            Wrong::new("filter", &text, fault)
        })
    }

    /// The keys as they are written.
    pub fn keys_text(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        keys.join(",")
    }
}

impl Serialize for Definition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = Map::new();
        let mut put = |name: &str, value: Value| json.insert(name.to_owned(), value);
        if !self.keys.is_empty() {
            put("keys", self.keys_text().into());
        }
        put("value", self.value.to_string().into());
        if !self.values.is_empty() {
            let values: Vec<String> = self.values.iter().map(ToString::to_string).collect();
            put("values", values.join(",").into());
        }
        if let Some(filter) = &self.filter {
            put("filter", filter.to_string().into());
        }
        put("n", self.n.into());
        put("t", number(self.t));
        put("fs", self.separator.as_str().into());
        put("log", self.log.into());
        put("flowStart", self.flow_start.into());
        put("activeTimeout", number(self.active_timeout));
        put("dropped", self.dropped.into());
        if let Some(mode) = self.aggregation {
            put("aggMode", mode.name().into());
        }
        json.serialize(serializer)
    }
}

/// A number without a fraction as a whole one.
fn number(number: f64) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and within the bounds of attributes"
    )]
    match number.fract() == 0.0 {
        true => (number as u64).into(),
        false => number.into(),
    }
}

fn text<'a>(attributes: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Wrong> {
    match attributes.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(Wrong::value(name, other, "a text must stand here")),
    }
}

/// A list as one text with commas, or as an array of texts.
fn list(attributes: &Map<String, Value>, name: &str) -> Result<Option<String>, Wrong> {
    let Some(Value::Array(elements)) = attributes.get(name) else {
        return Ok(text(attributes, name)?.map(str::to_owned));
    };
    let mut joined = String::new();
    for (n, element) in elements.iter().enumerate() {
        let Value::String(element) = element else {
            return Err(Wrong::value(name, element, "a text must stand here"));
        };
        if n > 0 {
            joined.push(',');
        }
        joined.push_str(element);
    }
    Ok(Some(joined))
}

fn bounded(
    attributes: &Map<String, Value>,
    name: &str,
    (least, most): (f64, f64),
) -> Result<Option<f64>, Wrong> {
    let value = match attributes.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value,
    };
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    match number.filter(|number| number.is_finite()) {
        Some(number) => Ok(Some(number.clamp(least, most))),
        None => Err(Wrong::value(name, value, "a number must stand here")),
    }
}

fn truth(attributes: &Map<String, Value>, name: &str) -> Result<bool, Wrong> {
    match attributes.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(truth)) => Ok(*truth),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(other) => {
            let mut wrong = Wrong::value(name, other, "true or false must stand here");
            wrong.fault.meant = closest(&wrong.text, ["true", "false"]).map(str::to_owned);
            Err(wrong)
        }
    }
}

#[cfg(test)]
mod tests;

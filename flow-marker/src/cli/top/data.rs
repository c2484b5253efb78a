//! The overview, as far as a terminal shows it.
//!
//! It is read by name and never refused: what is missing or of another kind is empty, what is new is left out, so that this
//! program shows what it can of an older or a newer instance. Every text is made harmless here, where it comes in.

use std::net::IpAddr;

use serde_json::Value;

use super::text::clean;

/// Members of a list that are read: more than an instance sends.
const MOST: usize = 1000;

/// How bad something is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// As it should be.
    #[default]
    Ok,
    /// Worth knowing.
    Note,
    /// To be looked at.
    Warn,
    /// To be acted upon.
    Bad,
}

impl Level {
    fn read(value: &Value) -> Self {
        match value.as_str() {
            Some("ok") => Self::Ok,
            Some("warn") => Self::Warn,
            Some("bad") => Self::Bad,
            _ => Self::Note,
        }
    }

    /// The word for it, since colours are not for everybody.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warn => "WARN",
            Self::Bad => "BAD",
        }
    }
}

/// An answer to one of the six questions.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) question: String,
    pub(super) level: Level,
    pub(super) text: String,
}

/// Bits per second that enter the fabric.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Traffic {
    /// Elephants whose mark is installed.
    pub(super) marked: f64,
    /// Large flows without.
    pub(super) large: f64,
    /// All else.
    pub(super) mice: f64,
}

impl Traffic {
    fn read(value: &Value) -> Self {
        Self {
            marked: number(value, "marked"),
            large: number(value, "large"),
            mice: number(value, "mice"),
        }
    }
}

/// Traffic at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Point {
    /// Nanoseconds since 1970.
    pub(super) time: u64,
    pub(super) traffic: Traffic,
}

/// A switch and a port of it, by name if there is one.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub(super) switch: String,
    pub(super) port: String,
}

impl Place {
    /// Of something with `agent`, `switch` and its port as `port`.
    fn read(value: &Value, port: &Value) -> Self {
        let named = [text(value, "switch"), text(value, "agent")];
        let port = match (text(port, "name"), number(port, "ifindex")) {
            (name, _) if !name.is_empty() => name,
            (_, index) if index > 0.0 => format!("port {index}"),
            _ => String::new(),
        };
        Self {
            switch: named
                .into_iter()
                .find(|name| !name.is_empty())
                .unwrap_or_default(),
            port,
        }
    }

    /// Both, in one word if possible.
    pub(super) fn shown(&self) -> String {
        match self.port.as_str() {
            "" => self.switch.clone(),
            port => format!("{} {port}", self.switch),
        }
    }
}

/// A flow.
#[derive(Debug, Clone, Default)]
pub(super) struct Flow {
    /// `10.0.0.1:5001 → 10.0.0.2:80 tcp`.
    pub(super) flow: String,
    pub(super) place: Place,
    /// Bits per second.
    pub(super) rate: f64,
    pub(super) state: String,
    /// Of what is asked for, 0 to 1.
    pub(super) evidence: f64,
    /// When the state began.
    pub(super) since: u64,
    pub(super) control: String,
    pub(super) why: String,
}

impl Flow {
    fn read(value: &Value) -> Self {
        let end = |address: &str, port: &str| {
            let (address, port) = (text(value, address), number(value, port));
            match address.parse() {
                _ if port <= 0.0 => address,
                Ok(IpAddr::V6(_)) => format!("[{address}]:{port}"),
                _ => format!("{address}:{port}"),
            }
        };
        let (source, destination) = (end("source", "sport"), end("destination", "dport"));
        Self {
            flow: format!("{source} → {destination} {}", text(value, "protocol")),
            place: Place::read(value, member(value, "port")),
            rate: number(value, "rate"),
            state: text(value, "state"),
            evidence: number(value, "evidence").clamp(0.0, 1.0),
            since: moment(value, "since").unwrap_or_default(),
            control: text(value, "control"),
            why: text(value, "why"),
        }
    }
}

/// A link between switches or to a host.
#[derive(Debug, Clone, Default)]
pub(super) struct Link {
    pub(super) place: Place,
    /// Bits per second.
    pub(super) speed: Option<f64>,
    pub(super) received: Option<f64>,
    pub(super) sent: Option<f64>,
    /// Of the fuller direction, 0 to 1.
    pub(super) utilisation: Option<f64>,
    pub(super) direction: String,
    /// A second.
    pub(super) discards: f64,
    pub(super) errors: f64,
    /// What fills it: each with its rate and its state.
    pub(super) flows: Vec<(String, f64, String)>,
}

impl Link {
    fn read(value: &Value) -> Self {
        let optional = |name| member(value, name).as_f64();
        Self {
            // Of a link, `port` is the name itself.
            place: Place {
                port: match text(value, "port") {
                    name if !name.is_empty() => name,
                    _ => Place::read(value, value).port,
                },
                ..Place::read(value, &Value::Null)
            },
            speed: optional("speed"),
            received: optional("in"),
            sent: optional("out"),
            utilisation: optional("utilisation"),
            direction: text(value, "direction"),
            discards: number(value, "discards"),
            errors: number(value, "errors"),
            flows: list(value, "flows", |flow| {
                (text(flow, "text"), number(flow, "rate"), text(flow, "state"))
            }),
        }
    }
}

/// A mark, a capture or a drop.
#[derive(Debug, Clone, Default)]
pub(super) struct Control {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) place: Place,
    pub(super) what: String,
    pub(super) state: String,
    pub(super) effect: String,
    pub(super) effect_why: String,
    /// The evidence, in words.
    pub(super) why: String,
    pub(super) owner: String,
    pub(super) since: u64,
    /// When it ends, if a time is set.
    pub(super) until: Option<u64>,
    /// What that depends on, or why there is none.
    pub(super) ends: String,
    /// Packets.
    pub(super) hits: Option<f64>,
    /// Bits per second.
    pub(super) rate: Option<f64>,
    pub(super) error: String,
}

impl Control {
    fn read(value: &Value) -> Self {
        Self {
            name: text(value, "name"),
            kind: text(value, "kind"),
            place: Place::read(value, member(value, "port")),
            what: text(value, "what"),
            state: text(value, "state"),
            effect: text(value, "effect"),
            effect_why: text(value, "effect_why"),
            why: text(value, "why"),
            owner: text(value, "owner"),
            since: moment(value, "since").unwrap_or_default(),
            until: moment(value, "until"),
            ends: text(value, "ends"),
            hits: member(value, "hits").as_f64(),
            rate: member(value, "rate").as_f64(),
            error: text(value, "error"),
        }
    }
}

/// What is broken.
#[derive(Debug, Clone, Default)]
pub(super) struct Problem {
    pub(super) kind: String,
    pub(super) level: Level,
    pub(super) place: Place,
    pub(super) text: String,
    pub(super) since: Option<u64>,
}

impl Problem {
    fn read(value: &Value) -> Self {
        Self {
            kind: text(value, "kind"),
            level: Level::read(member(value, "level")),
            place: Place::read(value, &Value::Null),
            text: text(value, "text"),
            since: moment(value, "since"),
        }
    }
}

/// What changed.
#[derive(Debug, Clone, Default)]
pub(super) struct Change {
    pub(super) time: u64,
    pub(super) kind: String,
    pub(super) place: Place,
    pub(super) text: String,
    pub(super) decision: Option<f64>,
    /// How many of the kind.
    pub(super) count: f64,
}

impl Change {
    fn read(value: &Value) -> Self {
        Self {
            time: moment(value, "time").unwrap_or_default(),
            kind: text(value, "kind"),
            place: Place::read(value, &Value::Null),
            text: text(value, "text"),
            decision: member(value, "decision").as_f64(),
            count: number(value, "count"),
        }
    }
}

/// Who stopped all control, and why.
#[derive(Debug, Clone, Default)]
pub(super) struct Pause {
    pub(super) who: String,
    pub(super) reason: String,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Overview {
    /// When it was made, in nanoseconds since 1970.
    pub(super) time: u64,
    pub(super) version: String,
    pub(super) pause: Option<Pause>,
    /// Of marks, captures and drops.
    pub(super) modes: [String; 3],
    pub(super) answers: Vec<Answer>,
    pub(super) traffic: Traffic,
    pub(super) switches: f64,
    pub(super) agents: f64,
    /// A second.
    pub(super) samples: f64,
    pub(super) links: Vec<Link>,
    pub(super) flows: Vec<Flow>,
    pub(super) controls: Vec<Control>,
    pub(super) problems: Vec<Problem>,
    pub(super) changes: Vec<Change>,
}

impl Overview {
    /// Reads what can be read of it.
    pub(super) fn read(value: &Value) -> Self {
        let (counts, modes) = (member(value, "counts"), member(value, "modes"));
        Self {
            time: moment(value, "time").unwrap_or_default(),
            version: text(value, "version"),
            pause: member(value, "pause").is_object().then(|| {
                let pause = member(value, "pause");
                Pause {
                    who: text(pause, "who"),
                    reason: text(pause, "reason"),
                }
            }),
            modes: ["mark", "capture", "drop"].map(|kind| text(modes, kind)),
            answers: list(value, "answers", |answer| Answer {
                question: text(answer, "question"),
                level: Level::read(member(answer, "level")),
                text: text(answer, "text"),
            }),
            traffic: Traffic::read(member(value, "traffic")),
            switches: number(counts, "switches"),
            agents: number(counts, "agents"),
            samples: number(counts, "samples_per_second"),
            links: list(value, "links", Link::read),
            flows: list(value, "flows", Flow::read),
            controls: list(value, "controls", Control::read),
            problems: list(value, "problems", Problem::read),
            changes: list(value, "changes", Change::read),
        }
    }

    /// Its traffic, for a history of it.
    pub(super) const fn point(&self) -> Point {
        Point {
            time: self.time,
            traffic: self.traffic,
        }
    }
}

/// What was found among all flows: an answer of `/elephants/json`.
#[derive(Debug, Clone, Default)]
pub(super) struct Search {
    /// Flows that there are.
    pub(super) total: usize,
    /// Those of them that match.
    pub(super) matching: usize,
    /// The largest that match.
    pub(super) flows: Vec<Flow>,
}

impl Search {
    /// Reads what can be read of it.
    pub(super) fn read(value: &Value) -> Self {
        let count = |name| usize::try_from(moment(value, name).unwrap_or_default()).unwrap_or(usize::MAX);
        Self {
            total: count("total"),
            matching: count("matching"),
            flows: list(value, "flows", Flow::read),
        }
    }
}

/// The points of an answer of `/history/json`, oldest first.
pub(super) fn history(value: &Value) -> Vec<Point> {
    list(value, "points", |point| Point {
        time: moment(point, "time").unwrap_or_default(),
        traffic: Traffic::read(point),
    })
}

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

fn text(value: &Value, name: &str) -> String {
    clean(member(value, name).as_str().unwrap_or_default())
}

fn number(value: &Value, name: &str) -> f64 {
    member(value, name).as_f64().unwrap_or_default()
}

fn moment(value: &Value, name: &str) -> Option<u64> {
    member(value, name).as_u64()
}

fn list<T>(value: &Value, name: &str, read: impl Fn(&Value) -> T) -> Vec<T> {
    let members = member(value, name).as_array();
    members.into_iter().flatten().take(MOST).map(read).collect()
}

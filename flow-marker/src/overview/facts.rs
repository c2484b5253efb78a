//! What was gathered of everything, for the overview to be made of.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Time;
use crate::control::desired::{Budget, Tally, View};
use crate::control::modes::Modes;
use crate::engine::doctor::{Kind as Complaint, Severity};

/// How much an answer matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Good to know.
    Note,
    /// Somebody should look.
    Warn,
    /// Somebody should look now.
    Bad,
}

/// A switch, or an agent, as people know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The agent address.
    pub agent: IpAddr,
    /// Its name: that of the configuration, what it calls itself, or else its address.
    #[serde(rename = "switch")]
    pub name: Arc<str>,
}

/// A port as people know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Its ifIndex.
    pub ifindex: u32,
    /// Its name, if that is known.
    pub name: Option<Arc<str>>,
}

impl Port {
    /// Its name, or else its number.
    pub fn text(&self) -> String {
        match &self.name {
            Some(name) => name.to_string(),
            None => format!("port {}", self.ifindex),
        }
    }
}

/// How far a flow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowState {
    /// Among the larger ones, with little evidence.
    Seen,
    /// A third of the evidence or more.
    Evidence,
    /// An elephant without an installed mark.
    Found,
    /// Its mark is installed.
    Marked,
    /// It has ended within the last minute.
    Released,
}

impl FlowState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Seen,
        Self::Evidence,
        Self::Found,
        Self::Marked,
        Self::Released,
    ];

    /// What programs call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Evidence => "evidence",
            Self::Found => "found",
            Self::Marked => "marked",
            Self::Released => "released",
        }
    }
}

/// A flow as people see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flow {
    /// From whom.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// From which port.
    pub sport: u16,
    /// To which port.
    pub dport: u16,
    /// Who sees it.
    #[serde(flatten)]
    pub place: Arc<Place>,
    /// Where it enters.
    pub port: Port,
    /// Where it leaves the switch, as its samples say; `None` where they do not.
    pub exit: Option<Port>,
    /// Bits per second.
    pub rate: u64,
    /// How far it is.
    pub state: FlowState,
    /// The share of the evidence that there is.
    pub evidence: f64,
    /// Since when it is in this state; nanoseconds since 1970 (UTC).
    pub since: u64,
    /// The name of its mark.
    pub control: Option<String>,
    /// Why it was found and is not marked.
    pub why: Option<String>,
}

impl Flow {
    /// `10.0.0.1:5001 → 10.0.0.2:80 tcp`
    pub fn text(&self) -> String {
        let source = std::net::SocketAddr::new(self.source, self.sport);
        let destination = std::net::SocketAddr::new(self.destination, self.dport);
        format!("{source} → {destination} {}", self.protocol)
    }
}

/// How much enters the fabric, in bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Traffic {
    /// Elephants whose mark is installed.
    pub marked: u64,
    /// Elephants without.
    pub large: u64,
    /// All else.
    pub mice: u64,
}

/// A port and how full it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Link {
    /// Whose.
    #[serde(flatten)]
    pub place: Arc<Place>,
    /// Its ifIndex.
    pub ifindex: u32,
    /// Its name.
    pub port: Option<Arc<str>>,
    /// Bits per second.
    pub speed: Option<u64>,
    /// Bits per second that come in.
    #[serde(rename = "in")]
    pub input: Option<u64>,
    /// Bits per second that go out.
    #[serde(rename = "out")]
    pub output: Option<u64>,
    /// The share of the speed that the fuller direction has.
    pub utilisation: Option<f64>,
    /// The fuller direction, `in` or `out`.
    pub direction: &'static str,
    /// Packets per second.
    pub discards: f64,
    /// Packets per second.
    pub errors: f64,
    /// The largest flows that fill it.
    pub flows: Vec<Filling>,
}

/// A flow that fills a link.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Filling {
    /// The flow.
    pub text: String,
    /// Bits per second.
    pub rate: u64,
    /// How far it is.
    pub state: FlowState,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paused {
    /// Since when; nanoseconds since 1970 (UTC).
    pub since: u64,
    /// Who said so.
    pub who: String,
    /// Why.
    pub reason: Option<String>,
    /// Whether nothing of ours is on any switch, as far as is known.
    pub withdrawn: bool,
    /// The agents of switches that may still have something.
    pub waiting: Vec<IpAddr>,
}

/// A switch of the inventory.
#[derive(Debug, Clone, PartialEq)]
pub struct SwitchFact {
    /// Which one.
    pub place: Arc<Place>,
    /// Whether its last request was answered; `None` before the first.
    pub reachable: Option<bool>,
    /// What went wrong last.
    pub error: Option<String>,
    /// Since when it does not answer.
    pub unreachable: Option<Time>,
    /// Since when it has something else than it should have, as far as is known.
    pub differs: Option<Time>,
    /// Its controls by state.
    pub tally: Tally,
    /// Whether it has told what it has of ours since that may be something.
    pub told: bool,
    /// Its places.
    pub budget: Budget,
    /// Controls whose rules are hidden by others, and what the switch says of that.
    pub shadowed: Vec<(String, String)>,
}

impl SwitchFact {
    /// What went wrong, when it does not answer.
    pub fn unreached(&self) -> Option<String> {
        let error = self.error.as_deref().unwrap_or("no answer");
        (self.reachable == Some(false)).then(|| error.to_owned())
    }
}

/// An agent that is heard, or should be.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentFact {
    /// Which one.
    pub place: Arc<Place>,
    /// Whether it is a switch of the inventory. Who is not may be anybody.
    pub expected: bool,
    /// Its last datagram; `None`: nothing ever came.
    pub last: Option<Time>,
    /// Since when it should be heard: the start, or when it came to the inventory.
    pub since: Time,
    /// How long it may be silent.
    pub patience: Duration,
    /// Datagrams that have come in the last minute or two.
    pub received: u64,
    /// Datagrams that are missing of these.
    pub lost: u64,
}

impl AgentFact {
    /// How long it has been silent, if that is too long.
    pub fn silent(&self, now: Time) -> Option<Duration> {
        let silent = now.since(self.last.unwrap_or(self.since));
        (silent >= self.patience).then_some(silent)
    }
}

/// What the sampling doctor has found.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingFact {
    /// Where.
    pub place: Arc<Place>,
    /// Whether that is a switch of the inventory.
    pub expected: bool,
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub kind: Complaint,
    /// The port, or the data source, if it is about one.
    pub at: Option<String>,
    /// In words.
    pub sentence: String,
}

impl FindingFact {
    /// `leaf1 swp1: it says 1:100, but …`
    pub fn text(&self) -> String {
        let at = self.at.as_ref().map_or_else(String::new, |at| format!(" {at}"));
        let mut letters = self.sentence.trim_end_matches('.').chars();
        let first = letters.next().map(|first| first.to_ascii_lowercase());
        let first = first.map_or_else(String::new, String::from);
        format!("{}{at}: {first}{}", self.place.name, letters.as_str())
    }
}

/// A control that is wanted, or not known to be gone.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlFact {
    /// On which switch.
    pub place: Arc<Place>,
    /// Where its traffic enters.
    pub port: Port,
    /// What is known of it.
    pub view: View,
    /// Why no effect is seen, in words.
    pub effect_why: Option<String>,
    /// When it ends.
    pub ends: Ends,
}

/// When a control ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ends {
    /// Then, as it stands; `None`: no time is set for it.
    pub until: Option<Time>,
    /// What that depends on, or why there is none; empty where there is nothing to say.
    pub text: Cow<'static, str>,
}

impl Ends {
    /// At a time.
    pub const fn at(until: Time, text: &'static str) -> Self {
        Self {
            until: Some(until),
            text: Cow::Borrowed(text),
        }
    }

    /// At none that is known.
    pub const fn never(text: &'static str) -> Self {
        Self {
            until: None,
            text: Cow::Borrowed(text),
        }
    }
}

/// Something that has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// When, the last time; nanoseconds since 1970 (UTC).
    pub time: u64,
    /// What, for programs: the word of a decision, or `agent_restarted`, `started`.
    pub kind: &'static str,
    /// Where.
    pub agent: Option<IpAddr>,
    /// The name of that.
    pub switch: Option<Arc<str>>,
    /// In words.
    pub text: String,
    /// The decision, or the last one.
    pub decision: Option<u64>,
    /// How often.
    pub count: u64,
}

/// Flows by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlowCounts {
    /// All that are listed.
    pub all: usize,
    /// Those that may become elephants soon.
    pub evidence: usize,
    /// Elephants.
    pub elephants: usize,
}

/// Everything that the overview is made of.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The present.
    pub now: Time,
    /// When the process started; nanoseconds since 1970 (UTC).
    pub started: u64,
    /// The pause, if there is one.
    pub pause: Option<Paused>,
    /// What the controllers may do.
    pub modes: Modes,
    /// The switches of the inventory.
    pub switches: Vec<SwitchFact>,
    /// Who is heard, or should be.
    pub agents: Vec<AgentFact>,
    /// What the sampling doctor has found.
    pub findings: Vec<FindingFact>,
    /// What is on switches, or should be.
    pub controls: Vec<ControlFact>,
    /// The fullest ports, the fullest first.
    pub links: Vec<Link>,
    /// All flows, the largest first.
    pub flows: Arc<[Flow]>,
    /// How many of them there are.
    pub counts: FlowCounts,
    /// What has changed in the last quarter of an hour, the newest first.
    pub changes: Vec<Change>,
    /// How much enters the fabric.
    pub traffic: Traffic,
    /// Flow samples.
    pub samples_per_second: f64,
    /// By how many nanoseconds the clock of this machine was set since the start.
    pub skew: i64,
    /// Blacklists of which there is no newer version.
    pub stale_lists: u64,
}

impl Facts {
    /// What switches and agents are called.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let switches = self.switches.iter().map(|switch| &switch.place);
        let agents = self.agents.iter().map(|agent| &agent.place);
        let links = self.links.iter().map(|link| &link.place);
        switches.chain(agents).chain(links).map(|place| &*place.name)
    }

    /// Whether it matters how an agent is: whoever is not in the inventory, where there is one, may be anybody, and say anything.
    pub(super) fn matters(&self, expected: bool) -> bool {
        expected || self.switches.is_empty()
    }

    /// An instant in nanoseconds since 1970 (UTC).
    pub const fn unix(&self, time: Time) -> u64 {
        self.started.saturating_add(time.as_nanos())
    }
}

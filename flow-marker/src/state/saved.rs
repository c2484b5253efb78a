//! What the file says.
//!
//! Moments are nanoseconds since 1970 (UTC). What was to last for some time when the file was written lasts for what is left
//! of that now: time goes on while nobody runs, never backwards, and no file makes anything last longer than it may.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::AclName;

use super::{Learned, RestingPairs, Wanted};
use crate::actuator::{Drop, Kind};
use crate::clock::{Clock, Time};
use crate::control::desired::Limits;
use crate::control::desk::Kept;
use crate::control::manual::{Asked, LONGEST, What};
use crate::control::overrides::Set;
use crate::control::pause::Said;
use crate::flow::FiveTuple;
use crate::inventory::{PortFacts, Switch};
use crate::packet::IpProtocol;

/// The version of the form.
const VERSION: u32 = 1;

/// Entries of any list in it: more than there can be is no file of ours.
const MOST: usize = 10_000;

/// The longest rest: that of a drop.
const LONGEST_REST: Duration = Duration::from_secs(86_400);

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    version: u32,
    /// When it was written.
    saved: u64,
    #[serde(default)]
    pub(super) pause: Option<Said>,
    #[serde(default)]
    pub(super) modes: BTreeMap<Kind, Set>,
    #[serde(default)]
    controls: Vec<Control>,
    /// What data sources do not get.
    #[serde(default)]
    dismissed: Vec<Dismissed>,
    #[serde(default)]
    resting_captures: Vec<RestingCapture>,
    #[serde(default)]
    resting_drops: Vec<RestingDrop>,
    /// By agent and ifIndex.
    #[serde(default)]
    ports: BTreeMap<IpAddr, BTreeMap<u32, Port>>,
}

/// A control that a person wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Control {
    action: Kind,
    switch: IpAddr,
    source: Option<IpAddr>,
    destination: IpAddr,
    /// The number of the protocol.
    protocol: Option<u8>,
    sport: Option<u16>,
    dport: Option<u16>,
    until: u64,
    who: String,
    reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Dismissed {
    switch: IpAddr,
    name: AclName,
    until: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RestingCapture {
    local: IpAddr,
    remote: IpAddr,
    until: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RestingDrop {
    name: AclName,
    until: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Port {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed_bps: Option<u64>,
}

impl Control {
    fn new(asked: &Asked, until: u64) -> Self {
        let blank = |action, destination| Self {
            action,
            switch: asked.agent,
            source: None,
            destination,
            protocol: None,
            sport: None,
            dport: None,
            until,
            who: asked.who.to_string(),
            reason: asked.reason.as_deref().map(str::to_owned),
        };
        match asked.what {
            What::Mark(flow) => Self {
                source: Some(flow.source),
                protocol: Some(flow.protocol.0),
                sport: Some(flow.source_port),
                dport: Some(flow.destination_port),
                ..blank(Kind::Mark, flow.destination)
            },
            What::Capture(local, remote) => Self {
                source: Some(local.into()),
                ..blank(Kind::Capture, remote.into())
            },
            What::Drop(drop) => Self {
                source: drop.source,
                protocol: Some(drop.protocol.0),
                sport: drop.source_port,
                dport: drop.destination_port,
                ..blank(Kind::Drop, drop.destination)
            },
        }
    }

    /// `None` when it makes no sense.
    fn asked(&self, ttl: Duration) -> Option<Asked> {
        let protocol = self.protocol.map(IpProtocol);
        let protocol = protocol.filter(|protocol| [IpProtocol::TCP, IpProtocol::UDP].contains(protocol));
        let what = match self.action {
            Kind::Mark => What::Mark(FiveTuple {
                source: self.source?,
                destination: self.destination,
                protocol: protocol?,
                source_port: self.sport?,
                destination_port: self.dport?,
            }),
            Kind::Capture => match (self.source?, self.destination) {
                (IpAddr::V4(local), IpAddr::V4(remote)) => What::Capture(local, remote),
                _ => return None,
            },
            Kind::Drop => What::Drop(Drop {
                destination: self.destination,
                source: self.source,
                protocol: protocol?,
                source_port: self.sport,
                destination_port: self.dport,
                // People are not asked.
                opening: false,
            }),
        };
        Some(Asked {
            agent: self.switch,
            what,
            ttl,
            who: self.who.as_str().into(),
            reason: self.reason.as_deref().map(Into::into),
        })
    }
}

impl Saved {
    /// What is to be kept now.
    pub(super) fn new(
        clock: &Clock,
        (pause, modes): (Option<Said>, BTreeMap<Kind, Set>),
        kept: &Kept,
        dismissed: Vec<(IpAddr, AclName, Time)>,
        ports: Vec<Learned>,
    ) -> Self {
        let unix = |time| clock.unix_ns(time);
        let ports = ports.into_iter().filter(|(_, ports)| !ports.is_empty());
        Self {
            version: VERSION,
            saved: 0,
            pause,
            modes,
            controls: kept
                .wanted
                .iter()
                .map(|(asked, until)| Control::new(asked, unix(*until)))
                .collect(),
            dismissed: dismissed
                .into_iter()
                .map(|(switch, name, until)| Dismissed {
                    switch,
                    name,
                    until: unix(until),
                })
                .collect(),
            resting_captures: kept
                .captures
                .iter()
                .map(|((local, remote), until)| RestingCapture {
                    local: *local,
                    remote: *remote,
                    until: unix(*until),
                })
                .collect(),
            resting_drops: kept
                .drops
                .iter()
                .map(|(name, until)| RestingDrop {
                    name: name.clone(),
                    until: unix(*until),
                })
                .collect(),
            ports: ports
                .map(|(agent, ports)| {
                    let ports = ports
                        .into_iter()
                        .map(|(if_index, name, speed_bps)| (if_index, Port { name, speed_bps }));
                    (agent, ports.collect())
                })
                .collect(),
        }
    }

    /// Reads a file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let saved: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if saved.version != VERSION {
            return Err(format!("version {} is not known", saved.version));
        }
        let lists = [
            saved.controls.len(),
            saved.dismissed.len(),
            saved.resting_captures.len(),
            saved.resting_drops.len(),
        ];
        let most_ports = saved.ports.values().map(BTreeMap::len).max().unwrap_or_default();
        if lists.into_iter().any(|length| length > MOST) || most_ports > Switch::MAX_PORTS {
            return Err("it holds more than there can be".to_owned());
        }
        Ok(saved)
    }

    /// Whether both say the same, whenever they were written.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        let of = |saved| Self {
            saved,
            ..self.clone()
        };
        of(other.saved) == *other
    }

    /// The bytes of a file that is written now.
    pub(super) fn bytes(&self, unix_ns: u64) -> serde_json::Result<Vec<u8>> {
        let mut written = self.clone();
        written.saved = unix_ns;
        serde_json::to_vec_pretty(&written)
    }

    /// What is left now of what lasts until then; `None`: nothing.
    fn left(&self, now: u64, until: u64, longest: Duration) -> Option<Duration> {
        let passed = now.saturating_sub(self.saved);
        let left = until.saturating_sub(self.saved).saturating_sub(passed);
        (left > 0).then(|| Duration::from_nanos(left).min(longest))
    }

    /// What was known of ports, by agent.
    pub(super) fn learned(&self) -> HashMap<IpAddr, Vec<PortFacts>> {
        let facts = |(if_index, port): (&u32, &Port)| (*if_index, port.name.clone(), port.speed_bps);
        let agents = self.ports.iter();
        agents
            .map(|(agent, ports)| (*agent, ports.iter().map(facts).collect()))
            .collect()
    }

    /// What people want and what rests, as it is now.
    pub(super) fn kept(&self, unix_ns: u64, now: Time) -> Kept {
        let until = |until| Some(now + self.left(unix_ns, until, LONGEST_REST)?);
        let captures: RestingPairs = self
            .resting_captures
            .iter()
            .filter_map(|rest| Some(((rest.local, rest.remote), until(rest.until)?)))
            .collect();
        let drops = self.resting_drops.iter();
        Kept {
            wanted: self
                .wanted(unix_ns)
                .into_iter()
                .map(|asked| {
                    let until = now + asked.ttl;
                    (asked, until)
                })
                .collect(),
            captures,
            drops: drops
                .filter_map(|rest| Some((rest.name.clone(), until(rest.until)?)))
                .collect(),
            lists: Vec::new(),
        }
    }

    fn wanted(&self, unix_ns: u64) -> Wanted {
        let controls = self.controls.iter();
        controls
            .filter_map(|control| control.asked(self.left(unix_ns, control.until, LONGEST)?))
            .collect()
    }

    /// What data sources do not get.
    pub(super) fn rests(&self, unix_ns: u64, now: Time) -> impl Iterator<Item = (IpAddr, AclName, Time)> {
        self.dismissed.iter().filter_map(move |rest| {
            let left = self.left(unix_ns, rest.until, Limits::DISMISSED)?;
            Some((rest.switch, rest.name.clone(), now + left))
        })
    }
}

//! What a switch shall do.

use std::fmt;
use std::net::Ipv4Addr;

use shared::AclName;

pub use crate::attack::Drop;
use crate::config::{Cos, Dscp};
use crate::flow::FiveTuple;
use crate::packet::IpProtocol;

/// What a switch shall do with some packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Its name on the switch: the same whenever the same is wanted.
    pub name: AclName,
    /// The interface, or pattern of interfaces, that the packets enter by.
    pub interface: String,
    /// Which packets, and what is done with them.
    pub action: Action,
}

/// Which packets, and what is done with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The packets of a flow are marked.
    Mark {
        /// The flow.
        flow: FiveTuple,
        /// How.
        mark: Mark,
    },
    /// Copies of the packets of two hosts, in both directions, go to an analyzer.
    Capture(Capture),
    /// Packets are discarded.
    Drop(Drop),
}

/// What a mark sets. At least one of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The code point in the packet.
    pub dscp: Option<Dscp>,
    /// The switch's internal priority.
    pub cos: Option<Cos>,
}

/// Whose packets are copied, and where to. ERSPAN mirrors IPv4 only, on every platform that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture {
    /// Our host.
    pub local: Ipv4Addr,
    /// The other one.
    pub remote: Ipv4Addr,
    /// The source of the tunnel: the switch.
    pub source: Ipv4Addr,
    /// The end of the tunnel.
    pub analyzer: Ipv4Addr,
}

/// Which controller a control comes from. Where there is no room for all, the later ones matter more: a mark makes
/// traffic better, a capture is evidence, a drop protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Marks of elephants.
    Mark,
    /// Captures of listed traffic.
    Capture,
    /// Drops of attacks.
    Drop,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mark, Self::Capture, Self::Drop];

    /// What people and programs call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mark => "mark",
            Self::Capture => "capture",
            Self::Drop => "drop",
        }
    }

    /// What stands in names after the id of the controller.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mark => "mark",
            Self::Capture => "cap",
            Self::Drop => "drop",
        }
    }
}

impl Control {
    /// Which controller it comes from.
    pub const fn kind(&self) -> Kind {
        match self.action {
            Action::Mark { .. } => Kind::Mark,
            Action::Capture(_) => Kind::Capture,
            Action::Drop(_) => Kind::Drop,
        }
    }

    /// The flow that it is about, if it is about one.
    pub const fn flow(&self) -> Option<&FiveTuple> {
        match &self.action {
            Action::Mark { flow, .. } => Some(flow),
            Action::Capture(_) | Action::Drop(_) => None,
        }
    }

    /// Hardware entries that it takes at least: one for each rule. Lists of interfaces multiply it, which only the switch
    /// can tell.
    pub const fn entries(&self) -> u64 {
        match self.action {
            Action::Capture(_) => 2,
            Action::Mark { .. } | Action::Drop(_) => 1,
        }
    }
}

/// The word that rules have for the protocol of a flow that can be marked, captured or dropped: `tcp` or `udp`.
pub const fn protocol(protocol: IpProtocol) -> &'static str {
    match protocol {
        IpProtocol::UDP => "udp",
        _ => "tcp",
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mark { flow, .. } => write!(f, "mark {flow}"),
            Self::Capture(Capture { local, remote, .. }) => write!(f, "capture {local} and {remote}"),
            Self::Drop(drop) => {
                write!(f, "drop {}", protocol(drop.protocol))?;
                if let Some(source) = drop.source {
                    write!(f, " from {source}")?;
                }
                if let Some(port) = drop.source_port {
                    write!(f, " from port {port}")?;
                }
                write!(f, " to {}", drop.destination)?;
                if let Some(port) = drop.destination_port {
                    write!(f, " port {port}")?;
                }
                if drop.opening {
                    write!(f, ", only what opens connections")?;
                }
                Ok(())
            }
        }
    }
}

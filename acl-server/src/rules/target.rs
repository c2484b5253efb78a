//! What happens to a packet that a rule matches.

use std::fmt;
use std::net::Ipv4Addr;

use super::interface::Interface;
use super::values::{Cos, Dscp};

/// `-j` and its options.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// Forward it; no later rule of the table sees it.
    Accept,
    /// Discard it.
    Drop,
    /// Rewrite DSCP, class of service or both; one of them is there.
    SetQos {
        /// `--set-dscp`.
        dscp: Option<Dscp>,
        /// `--set-cos`.
        cos: Option<Cos>,
    },
    /// Rewrite DSCP.
    Dscp(Dscp),
    /// Put it in an egress queue; does not terminate.
    SetClass(Cos),
    /// Discard what is above a rate; the rest goes on.
    Police(Police),
    /// Two rates, three colours (RFC 2698).
    TriColorPolice(TriColorPolice),
    /// Copy it to another port of the switch.
    Span(Interface),
    /// Copy it, encapsulated in GRE, to an analyzer.
    ErSpan {
        /// Source address of the outer header.
        source: Ipv4Addr,
        /// The analyzer.
        destination: Ipv4Addr,
    },
    /// Log it; the rule is followed by the same one with DROP.
    Log {
        /// `--log-prefix`, one word.
        prefix: Option<String>,
    },
    /// A target, or options of one, that are not known here: the words after `-j`, unchanged, the first its name. There
    /// in [`Mode::Lenient`](super::Mode) only. It may do anything to a packet.
    Opaque(Vec<String>),
}

/// `-j POLICE`: one token bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Police {
    /// Unit of `rate` and `burst`.
    pub mode: PoliceMode,
    /// Per second, at least 1.
    pub rate: u32,
    /// Depth of the bucket, at least 1.
    pub burst: u32,
    /// Egress queue of everything that matches.
    pub class: Option<Cos>,
}

/// What a policer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoliceMode {
    /// Packets.
    Packets,
    /// Kilobytes.
    KiloBytes,
}

/// `-j TRICOLORPOLICE`: rates in kbit/s, bursts in kB.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TriColorPolice {
    /// Whether a colour that an earlier hop gave counts.
    pub aware: bool,
    /// Committed information rate.
    pub cir: u32,
    /// Committed burst size.
    pub cbs: u32,
    /// Peak information rate.
    pub pir: u32,
    /// Excess burst size.
    pub ebs: u32,
    /// DSCP of what conforms.
    pub conform_dscp: Option<Dscp>,
    /// DSCP of what exceeds.
    pub exceed_dscp: Option<Dscp>,
    /// Whether what violates is discarded.
    pub violate_drop: bool,
    /// DSCP of what violates.
    pub violate_dscp: Option<Dscp>,
}

impl Target {
    /// Whether the next rule must be the same with DROP.
    pub(super) fn is_log(&self) -> bool {
        self.name() == "LOG"
    }

    /// The word after `-j`.
    pub fn name(&self) -> &str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Drop => "DROP",
            Self::SetQos { .. } => "SETQOS",
            Self::Dscp(_) => "DSCP",
            Self::SetClass(_) => "SETCLASS",
            Self::Police(_) => "POLICE",
            Self::TriColorPolice(_) => "TRICOLORPOLICE",
            Self::Span(_) => "SPAN",
            Self::ErSpan { .. } => "ERSPAN",
            Self::Log { .. } => "LOG",
            Self::Opaque(words) => words.first().map_or("", String::as_str),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-j {}", self.name())?;
        match self {
            Self::Accept | Self::Drop => Ok(()),
            Self::Opaque(words) => words.iter().skip(1).try_for_each(|word| write!(f, " {word}")),
            Self::SetQos { dscp, cos } => {
                option(f, "set-dscp", dscp.map(Dscp::get))?;
                option(f, "set-cos", cos.map(Cos::get))
            }
            Self::Dscp(dscp) => write!(f, " --set-dscp {}", dscp.get()),
            Self::SetClass(class) => write!(f, " --class {}", class.get()),
            Self::Police(police) => police.fmt(f),
            Self::TriColorPolice(police) => police.fmt(f),
            Self::Span(port) => write!(f, " --dport {port}"),
            Self::ErSpan { source, destination } => write!(f, " --src-ip {source} --dst-ip {destination}"),
            Self::Log { prefix } => option(f, "log-prefix", prefix.as_ref()),
        }
    }
}

impl Police {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            PoliceMode::Packets => "pkt",
            PoliceMode::KiloBytes => "KB",
        };
        write!(
            f,
            " --set-mode {mode} --set-rate {} --set-burst {}",
            self.rate, self.burst
        )?;
        option(f, "set-class", self.class.map(Cos::get))
    }
}

impl TriColorPolice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.aware { "aware" } else { "blind" };
        write!(
            f,
            " --set-color-mode {mode} --set-cir {} --set-cbs {}",
            self.cir, self.cbs
        )?;
        write!(f, " --set-pir {} --set-ebs {}", self.pir, self.ebs)?;
        option(f, "set-conform-action-dscp", self.conform_dscp.map(Dscp::get))?;
        option(f, "set-exceed-action-dscp", self.exceed_dscp.map(Dscp::get))?;
        write!(
            f,
            " --set-violate-action {}",
            if self.violate_drop { "drop" } else { "accept" }
        )?;
        option(f, "set-violate-action-dscp", self.violate_dscp.map(Dscp::get))
    }
}

fn option(f: &mut fmt::Formatter<'_>, name: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, " --{name} {value}"))
}

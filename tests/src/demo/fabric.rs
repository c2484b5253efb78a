//! What the demo needs of a fabric, and what it sees of it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use serde_json::Value;

/// Which of the two elephants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elephant {
    /// Over IPv4.
    V4,
    /// Over IPv6.
    V6,
}

impl Elephant {
    /// The name of its address family.
    pub const fn family(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// The rate of an elephant in bits per second.
pub const RATE: u64 = 200_000_000;

/// The two ends of a TCP flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowEnds {
    /// Who sends.
    pub source: SocketAddr,
    /// Who receives.
    pub destination: SocketAddr,
}

impl fmt::Display for FlowEnds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {} tcp", self.source, self.destination)
    }
}

/// Which packets were marked so far.
#[derive(Debug)]
pub struct Tally {
    /// For people.
    pub text: String,
    /// Nothing was marked that should not have been.
    pub fine: bool,
}

/// A place where the loop can be shown.
pub trait Fabric {
    /// What it is, a line each.
    fn description(&self) -> Vec<String>;
    /// Where marked packets are looked for; `None` where there are no packets.
    fn far_end(&self) -> Option<&'static str>;
    /// Starts an elephant; the questions below are about the last one.
    ///
    /// # Errors
    /// It cannot be started.
    fn start(&mut self, elephant: Elephant, seconds: u32) -> Result<FlowEnds>;
    /// When it sent its first packet.
    fn first_packet(&self) -> Option<SystemTime>;
    /// When its first packet with this DSCP arrived.
    fn first_marked(&self, dscp: u8) -> Option<SystemTime>;
    /// Whether it has sent everything.
    fn flow_has_ended(&self) -> bool;
    /// When its last packet so far was sent.
    fn last_packet(&self) -> Option<SystemTime>;
    /// What flow-marker says about its controls.
    ///
    /// # Errors
    /// It does not answer, or not what is expected.
    fn controls(&self) -> Result<Vec<Control>>;
    /// Which packets were marked.
    ///
    /// # Errors
    /// That cannot be found out.
    fn tally(&self, dscp: u8) -> Result<Tally>;
    /// What is true at the end, for instance that nothing of ours is left on the switch.
    ///
    /// # Errors
    /// It is not.
    fn closing(&self) -> Result<String>;
    /// What the daemons have said, for when the loop did not close.
    fn logs(&self) -> String;
}

/// A control, as flow-marker's API shows it.
#[derive(Debug, Clone)]
pub struct Control {
    /// The flow that it marks.
    pub flow: FlowEnds,
    /// The ACL's lines.
    pub rule: Vec<String>,
    /// Why, for people.
    pub evidence: String,
    /// Where the time of its installation went, for people.
    pub took: String,
    /// At the server: from the body complete to the batch sealed, in milliseconds.
    pub queue_ms: f64,
    /// At the server: from the batch sealed to the verdict, in milliseconds.
    pub commit_ms: f64,
    /// When the first sample of the flow arrived.
    pub first_sample: Option<SystemTime>,
    /// When the flow was found.
    pub detected: SystemTime,
    /// When the request was sent.
    pub put_sent: Option<SystemTime>,
    /// When the switch had it.
    pub installed: Option<SystemTime>,
    /// When the flow was found to have ended.
    pub ended: Option<SystemTime>,
    /// When the switch no longer had it.
    pub removed: Option<SystemTime>,
}

impl Control {
    /// Reads the body of `GET /controls/json`.
    ///
    /// # Errors
    /// A member is missing or of another type.
    pub fn read_all(body: &Value) -> Result<Vec<Self>> {
        body.as_array()
            .context("no array of controls")?
            .iter()
            .map(|one| Self::read(one).with_context(|| one.to_string()))
            .collect()
    }

    fn read(control: &Value) -> Result<Self> {
        let at = |pointer: &str| control.pointer(pointer).unwrap_or(&Value::Null);
        let time = |name: &str| {
            let ns = at(&format!("/times/{name}")).as_u64()?;
            Some(SystemTime::UNIX_EPOCH + Duration::from_nanos(ns))
        };
        let end = |address: &str, port: &str| -> Result<SocketAddr> {
            let flow = &control["flow"];
            let address: IpAddr = flow[address].as_str().context("no address")?.parse()?;
            Ok(SocketAddr::new(
                address,
                u16::try_from(flow[port].as_u64().context("no port")?)?,
            ))
        };
        let number = |group: &str, name: &str| at(&format!("/{group}/{name}")).as_f64().unwrap_or_default();
        let mega = |name: &str| number("evidence", name) / 1e6;
        let evidence = format!(
            "{:.0} Mb/s ≥ {:.0} Mb/s, {} samples in {:.2} s",
            mega("rate_bps"),
            mega("threshold_bps"),
            number("evidence", "samples"),
            number("evidence", "seconds"),
        );
        let took = match (time("put_sent"), time("installed")) {
            (Some(sent), Some(installed)) => {
                let request = installed.duration_since(sent).unwrap_or_default().as_secs_f64() * 1e3;
                let commit = number("server", "commit_ms");
                format!(
                    "PUT /acl/{} took {request:.0} ms, {commit:.0} ms of it the commit",
                    control["name"].as_str().unwrap_or("?")
                )
            }
            _ => String::new(),
        };
        let rule = control["rule"].as_array().map(|lines| {
            lines
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        });
        Ok(Self {
            flow: FlowEnds {
                source: end("source", "sport")?,
                destination: end("destination", "dport")?,
            },
            rule: rule.context("no rule")?,
            evidence,
            took,
            queue_ms: number("server", "queue_ms"),
            commit_ms: number("server", "commit_ms"),
            first_sample: time("first_sample"),
            detected: time("detected").context("never detected")?,
            put_sent: time("put_sent"),
            installed: time("installed"),
            ended: time("ended"),
            removed: time("removed"),
        })
    }
}

//! What replay prints: one line for each thing, as a text or as a JSON object with its `type`.

use std::fmt;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::Serialize;

use crate::clock::Time;
use crate::engine::metric::SourceName;

/// A moment of the capture.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(into = "u64")]
pub(super) struct Moment {
    /// When the capture starts, since 1970-01-01 UTC.
    pub(super) start: Duration,
    pub(super) at: Time,
}

impl From<Moment> for u64 {
    /// Milliseconds since 1970-01-01 UTC, as everywhere in the API.
    fn from(moment: Moment) -> Self {
        let since_1970 = moment.start + moment.at.since(Time::START);
        Self::try_from(since_1970.as_millis()).unwrap_or(Self::MAX)
    }
}

impl fmt::Display for Moment {
    /// Seconds since the capture starts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at.since(Time::START).as_secs_f64();
        write!(f, "{seconds:10.3} s")
    }
}

/// A flow between two ports.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Flow {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    /// IP protocol.
    pub(super) protocol: u8,
    pub(super) agent: IpAddr,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            destination,
            protocol,
            agent,
        } = self;
        write!(
            f,
            "{source} → {destination} (IP protocol {protocol}) at agent {agent}"
        )
    }
}

/// What an agent sent of one kind of samples.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Samples {
    pub(super) received: u64,
    pub(super) lost: u64,
    /// What the agent itself could not sample.
    pub(super) agent_drops: u64,
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} lost)", self.received, self.lost)
    }
}

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Line<'a> {
    /// A flow is an elephant.
    Elephant {
        timestamp: Moment,
        #[serde(flatten)]
        flow: Flow,
        port: u32,
        port_name: Option<&'a str>,
        /// Bits per second.
        rate: u64,
        /// Bits per second.
        threshold: u64,
    },
    /// It is none any more; the time is that of its last sample.
    ElephantEnd {
        timestamp: Moment,
        #[serde(flatten)]
        flow: Flow,
    },
    /// A threshold was passed.
    Event {
        timestamp: Moment,
        #[serde(rename = "thresholdID")]
        threshold_id: &'a str,
        metric: &'a str,
        threshold: f64,
        value: f64,
        agent: IpAddr,
        data_source: &'a SourceName,
        #[serde(skip_serializing_if = "Option::is_none")]
        flow_key: Option<&'a str>,
    },
    /// A flow of a definition with `log` is over.
    Flow {
        name: &'a str,
        flow_keys: &'a str,
        value: f64,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        values: &'a [Option<f64>],
        start: Moment,
        end: Moment,
        agent: IpAddr,
        data_source: &'a SourceName,
    },
    /// One of the largest flows of a definition.
    Top {
        name: &'a str,
        agent: IpAddr,
        data_source: &'a SourceName,
        key: &'a str,
        /// At most.
        value: f64,
        /// When that was.
        timestamp: Moment,
        /// When the capture ends.
        last: f64,
        unit: &'a str,
    },
    /// What an agent sent, and what of it is missing.
    Agent {
        agent: IpAddr,
        datagrams: u64,
        lost: u64,
        out_of_order: u64,
        duplicates: u64,
        restarts: u64,
        flow_samples: Samples,
        counter_samples: Samples,
        discard_samples: Samples,
    },
    /// What was made of all of it.
    Total {
        rejected: u64,
        unknown_agent: u64,
        flow_samples: u64,
        counter_samples: u64,
        discard_samples: u64,
        other_samples: u64,
        damaged_samples: u64,
        elephants: u64,
        /// How long that took here.
        seconds: f64,
    },
    /// What the capture holds.
    Capture {
        /// When the first datagram was captured.
        timestamp: Moment,
        /// From the first datagram to the last.
        seconds: f64,
        packets: u64,
        not_udp: u64,
        other_port: u64,
        datagrams: u64,
        /// Datagrams whose end the capture has cut off.
        cut: u64,
        /// Datagrams with a time before that of an earlier one.
        backwards: u64,
    },
}

impl Line<'_> {
    /// Writes it.
    pub(super) fn write(&self, json: bool, out: &mut impl Write) -> std::io::Result<()> {
        if json {
            serde_json::to_writer(&mut *out, self)?;
            writeln!(out)
        } else {
            writeln!(out, "{self}")
        }
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elephant {
                timestamp,
                flow,
                port,
                port_name,
                ..
            } => {
                let name = port_name.unwrap_or("no name");
                write!(f, "{timestamp} elephant {flow}, port {port} ({name})")
            }
            Self::ElephantEnd { timestamp, flow } => write!(f, "{timestamp} the last sample of {flow}"),
            Self::Event {
                timestamp,
                threshold_id,
                metric,
                threshold,
                value,
                agent,
                data_source,
                flow_key,
            } => {
                let key = flow_key.unwrap_or_default();
                write!(
                    f,
                    "{timestamp} threshold {threshold_id}: {metric} {value} ≥ {threshold} at agent {agent}, {data_source} {key}"
                )
            }
            Self::Flow {
                name,
                flow_keys,
                value,
                values,
                start,
                end,
                agent,
                data_source,
            } => {
                write!(f, "{end} flow {name} {flow_keys}: {value}")?;
                for value in *values {
                    match value {
                        Some(value) => write!(f, ", {value}")?,
                        None => f.write_str(", null")?,
                    }
                }
                let start = start.to_string();
                write!(f, " since {} at agent {agent}, {data_source}", start.trim())
            }
            Self::Top {
                name,
                agent,
                data_source,
                key,
                value,
                timestamp,
                last,
                unit,
            } => {
                let timestamp = timestamp.to_string();
                let at = timestamp.trim();
                write!(
                    f,
                    "top {name} at agent {agent}, {data_source}: {key} {value} {unit} at {at}, {last} at the end"
                )
            }
            Self::Agent { .. } | Self::Total { .. } | Self::Capture { .. } => self.summary(f),
        }
    }
}

impl Line<'_> {
    fn summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent {
                agent,
                datagrams,
                lost,
                out_of_order,
                duplicates,
                restarts,
                flow_samples,
                counter_samples,
                discard_samples,
            } => write!(
                f,
                "agent {agent}: {datagrams} datagrams ({lost} lost, {out_of_order} late, {duplicates} twice, {restarts} restarts), \
                 samples: {flow_samples}, {} dropped by the agent; counters: {counter_samples}; discards: {discard_samples}",
                flow_samples.agent_drops
            ),
            Self::Total {
                rejected,
                unknown_agent,
                flow_samples,
                counter_samples,
                discard_samples,
                other_samples,
                damaged_samples,
                elephants,
                seconds,
            } => write!(
                f,
                "total: {flow_samples} flow samples, {counter_samples} counter samples, {discard_samples} discards, \
                 {other_samples} other, {damaged_samples} damaged; {elephants} elephants; datagrams rejected: {rejected}; \
                 of agents that are not listened to: {unknown_agent}; took {seconds:.3} s"
            ),
            Self::Capture {
                timestamp,
                seconds,
                packets,
                not_udp,
                other_port,
                datagrams,
                cut,
                backwards,
            } => {
                let start = timestamp.start.as_secs_f64();
                write!(
                    f,
                    "capture: {packets} packets ({not_udp} no whole UDP datagrams, {other_port} to other ports), \
                     {datagrams} datagrams over {seconds:.3} s from Unix time {start:.3}"
                )?;
                for (count, what) in [
                    (cut, "cut by the capture"),
                    (backwards, "with a time before that of an earlier one"),
                ] {
                    if *count > 0 {
                        write!(f, "; {count} of them {what}")?;
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

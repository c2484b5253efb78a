//! Prints the sFlow datagrams of a capture: what `flow-marker decode` does.
//!
//! Damage is reported where it is, and printing goes on with what follows it.

mod text;
mod json;
mod packet;
mod vocabulary;
mod writer;
mod shown;

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use anyhow::Context as _;

use crate::pcap::{Capture, UdpPayload};
use crate::sflow::{CounterRecord, Datagram, DecodeError, FlowRecord, Sample};

/// What was seen in a capture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Packets in the file.
    pub packets: u64,
    /// Packets that were not whole UDP datagrams.
    pub not_udp: u64,
    /// Fragments of UDP datagrams among these.
    pub fragments: u64,
    /// UDP datagrams to another port.
    pub other_port: u64,
    /// Datagrams printed: those whose head could be read.
    pub datagrams: u64,
    /// Datagrams that were not sFlow version 5.
    pub rejected: u64,
    /// Flow samples.
    pub flow_samples: u64,
    /// Counter samples.
    pub counter_samples: u64,
    /// Notifications of discarded packets.
    pub discarded: u64,
    /// Metrics and flows that somebody defined.
    pub custom_samples: u64,
    /// Samples of structures that are not decoded.
    pub other_samples: u64,
    /// Records of structures that are not decoded.
    pub other_records: u64,
    /// Damaged places in samples and records.
    pub damaged: u64,
}

/// Prints every datagram to UDP port `port` in the capture `file`: as text, or as one JSON object a line.
///
/// # Errors
/// The file cannot be opened or is no capture, its end is missing (what stands before is printed), or `out` fails.
pub fn run(file: &Path, port: u16, json: bool, out: &mut dyn Write) -> anyhow::Result<Summary> {
    let name = file.display();
    let input = File::open(file).with_context(|| format!("{name} cannot be opened"))?;
    let mut capture = Capture::new(BufReader::new(input)).with_context(|| name.to_string())?;
    let mut summary = Summary::default();
    let end = loop {
        match capture.next_udp() {
            Ok(Some(payload)) if payload.destination.port() == port => {
                print(&payload, json, &mut summary, out)?;
            }
            Ok(Some(_)) => summary.other_port += 1,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    summary.packets = capture.packets();
    summary.not_udp = capture.skipped();
    summary.fragments = capture.fragments();
    out.flush()?;
    end.with_context(|| name.to_string())?;
    Ok(summary)
}

/// Prints one datagram and counts what is in it.
///
/// # Errors
/// `out` fails.
pub fn print(
    payload: &UdpPayload<'_>,
    json: bool,
    summary: &mut Summary,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let datagram = Datagram::parse(payload.bytes);
    summary.count(datagram.as_ref());
    match json {
        true => json::write(payload, &datagram, out),
        false => text::write(payload, &datagram, out),
    }
}

impl Summary {
    fn count(&mut self, datagram: Result<&Datagram<'_>, &DecodeError>) {
        let Ok(datagram) = datagram else {
            self.rejected += 1;
            return;
        };
        self.datagrams += 1;
        for sample in datagram.samples() {
            match sample {
                Ok(Sample::Flow(sample)) => {
                    self.flow_samples += 1;
                    sample.records().for_each(|record| self.flow_record(&record));
                }
                Ok(Sample::Discard(sample)) => {
                    self.discarded += 1;
                    sample.records().for_each(|record| self.flow_record(&record));
                }
                Ok(Sample::Counters(sample)) => {
                    self.counter_samples += 1;
                    for record in sample.records() {
                        self.other_records += u64::from(matches!(record, Ok(CounterRecord::Other { .. })));
                        self.damaged += u64::from(record.is_err());
                    }
                }
                Ok(Sample::RtMetric(sample)) => {
                    self.custom_samples += 1;
                    self.damaged += u64::from(sample.entries().any(|entry| entry.is_err()));
                }
                Ok(Sample::RtFlow(sample)) => {
                    self.custom_samples += 1;
                    self.damaged += u64::from(sample.entries().any(|entry| entry.is_err()));
                }
                Ok(Sample::Other { .. }) => self.other_samples += 1,
                Err(_) => self.damaged += 1,
            }
        }
    }

    fn flow_record(&mut self, record: &Result<FlowRecord<'_>, DecodeError>) {
        self.other_records += u64::from(matches!(record, Ok(FlowRecord::Other { .. })));
        self.damaged += u64::from(record.is_err());
    }
}

#[cfg(test)]
mod tests;

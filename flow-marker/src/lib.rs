//! The controller: sFlow in, marks out. Each module uses only modules that are listed below it.
//!
//! A sample goes datagram → `sflow` → `packet` → `flow` and `detect` → event → `control` (desired state) → one
//! reconcile loop per switch → `actuator` → the switch's acl-server.

/// Command line: `run`, `check`, `decode`, `replay`, `simulate`.
pub mod cli;

/// Puts the daemon together and runs it until it is asked to end.
pub mod app;

/// HTTP: health, metrics, what is desired and installed.
pub mod api;

/// The page that people see in a browser.
pub mod web;

/// What happens now, gathered once a second for everybody who watches, and what has happened.
pub mod live;

/// The first screen: six questions and their answers, made from facts.
pub mod overview;

/// What survives the end of the process.
pub mod state;

/// Tells others what happens, by HTTP.
pub mod webhook;

/// Decisions and events of the last days, on the disk.
pub mod history;

/// From detected flows to the desired state of every switch, and from there to the switches.
pub mod control;

/// What can carry out a control on a switch; the only place that writes rule text.
pub mod actuator;

/// What is known of the fabric: one shard for each receiving thread.
pub mod engine;

/// Receives datagrams and hands them to whoever keeps what they say.
pub mod ingest;

/// Prints the datagrams of a capture.
pub mod decode;

/// How long detection takes and what it mistakes, by simulation.
pub mod simulate;

/// Decides which flow is an elephant, and when it has ended.
pub mod detect;

/// What a receiving thread looks out for besides elephants.
pub mod lookout;

/// Flows that are marked, and whether the mark arrives.
pub mod marked;

/// Attacks on our hosts, as samples show them.
pub mod attack;

/// Lists of addresses whose traffic is captured.
pub mod blacklist;

/// The switches we may contact, and what is known of their ports.
pub mod inventory;

/// Flow definitions and their flows; flow keys, rate estimates and the table of detection.
pub mod flow;

/// Reads capture files.
pub mod pcap;

/// Reads the headers of sampled packets, which are truncated by design.
pub mod packet;

/// Decodes sFlow version 5 datagrams.
pub mod sflow;

/// Settings and their defaults.
pub mod config;

/// Counters of everything that moves.
pub mod metrics;

/// Values by prefix of addresses.
mod prefixes;

/// A hash for keys that senders choose.
mod keyed;

/// Moments as text.
mod utc;

/// Instants as numbers; the one place that reads a clock.
pub mod clock;

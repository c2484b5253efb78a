//! The switch daemon: a REST API over the rule files of a policy directory, and the tool that installs them on plain
//! Linux. Each module uses only modules that are listed below it.
//!
//! A change goes HTTP request → `api` → `commit` (batch, journal, files, one tool run, verdict) → HTTP reply.

/// Command line: settings from flags and file.
pub mod cli;
/// Puts the daemon together and runs it until it is asked to end.
pub mod app;
/// The HTTP API; the only place where verdicts become statuses.
pub mod api;
/// The one writer: batches, journal, commits, isolation of offenders.
pub mod commit;
/// Runs the ACL tool: one at a time, with a time limit, never unnoticed.
pub mod tool;
/// Our files in the policy directory: atomic, synced, never anybody else's.
pub mod store;
/// Which tables of the kernel those of now are.
pub mod tables;
/// What the daemon counts, as Prometheus text.
pub mod metrics;
/// Settings and their defaults.
pub mod config;
/// `acltool`: compiles a policy directory into iptables chains of its own.
pub mod acltool;
/// What is right and yet not wanted: rules that cut the administrators off, rules that other files shadow, mistakes.
pub mod policy;
/// Rule files as types: sections, variables, rules, with the position of every mistake.
pub mod rules;

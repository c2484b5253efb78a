//! `flow-marker doctor`: what a running instance finds about the sampling of its agents.

use std::io::Write;

use clap::Args;

use super::ask::Whom;
use super::harmless;

pub(super) const EXAMPLES: &str = "\
Examples:
  What is to be said of the agents of the instance on this machine?
    flow-marker doctor
  Of another one, with a token that may read:
    flow-marker doctor --server https://collector:8443 --token-file token --ca-file ca.pem
  For a program:
    flow-marker doctor --json | jq '.agents[].findings'";

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    whom: Whom,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

/// Asks, and prints the answer.
pub(super) fn run(args: &DoctorArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let text = match args.json {
        true => harmless::json(&args.whom.get("doctor/json", &[])?)?,
        false => harmless::lines(&args.whom.get("doctor/txt", &[])?),
    };
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

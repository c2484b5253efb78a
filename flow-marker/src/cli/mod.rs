//! Command line: `run`, `check`, `decode`, `replay`, `simulate`, `shadow`, `doctor`, `top`, `token`, `openapi`.

mod check;
mod doctor;
mod replay;
mod shadow;
mod token;
mod top;
mod ask;
mod harmless;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use shared::life::Shutdown;
use shared::serve::Reload;
use shared::serve::listener::take_passed;
use shared::telemetry::{self, Format};

use crate::api;
use crate::app::{self, Sockets};
use crate::config::{self, Config, Flags};
use crate::decode;
use crate::simulate;

/// Finds elephant flows in sFlow and marks them on the switch where they enter.
///
/// Switches send sFlow to UDP port 6343. A flow that uses a tenth of its ingress port for about a second is an elephant:
/// flow-marker PUTs an ACL on that switch's acl-server, which sets DSCP and CoS, and removes it when the flow has ended.
#[derive(Debug, Parser)]
#[command(name = "flow-marker", version, args_conflicts_with_subcommands = true, after_long_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

const EXAMPLES: &str = "\
Examples:
  See what would be done, contacting no switch (the default mode is `observe`):
    flow-marker run --config fm.toml &
    curl http://127.0.0.1:8008/controls/json

  The smallest useful configuration, for one switch:
    [[switch]]
    agent = \"10.0.0.233\"               # the agent address in its datagrams
    acl = \"http://10.0.0.233:8080\"     # its acl-server
    [mark]
    mode = \"act\"

  Is the configuration right, and what would it do?
    flow-marker check --config fm.toml

  What is in a capture (tcpdump -w x.pcap udp port 6343)?
    flow-marker decode x.pcap
    flow-marker decode x.pcap --json | jq .

  What would have been found in it?
    flow-marker replay x.pcap --config fm.toml";

#[derive(Debug, Subcommand)]
enum Command {
    /// Receive sFlow and mark elephants (what happens without a command).
    Run(RunArgs),
    /// Check the configuration and print what would be done; contacts nobody.
    Check {
        /// The configuration.
        #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
        config: PathBuf,
    },
    /// Make a bearer token for a client of the API.
    ///
    /// Prints the token, once: it is stored nowhere. What follows it is for the file that `tokens_file` in `[http]` names,
    /// which knows only the token's SHA-256. The daemon accepts it after SIGHUP.
    #[command(after_long_help = token::EXAMPLES)]
    Token(token::TokenArgs),
    /// Ask a running instance what it finds about the sampling of its agents.
    ///
    /// Prints a table for each agent, and what is found, the worst first.
    #[command(after_long_help = doctor::EXAMPLES)]
    Doctor(doctor::DoctorArgs),
    /// Ask a running instance what would have been done in mode `observe`, and what was done in mode `act`.
    ///
    /// Prints a table to be read before `mode = "act"`: elephants, marks, captures, drops, what was refused and why, and how
    /// often switches would have been changed.
    #[command(after_long_help = shadow::EXAMPLES)]
    Shadow(shadow::ShadowArgs),
    /// Watch a running instance in the terminal.
    ///
    /// Six answers (are we causing this? can I believe it? what is hot? do the controls work? what is broken? what changed?),
    /// the traffic of the last minutes, marked, large and all else, and tables of flows, links, controls, problems and
    /// changes. 80 columns and 24 lines are enough; from 120 columns on two tables are beside each other. NO_COLOR is
    /// honoured.
    #[command(after_long_help = top::EXAMPLES)]
    Top(top::TopArgs),
    /// Print the description of the HTTP API (OpenAPI 3.1, JSON).
    Openapi,
    /// Print the sFlow datagrams of a capture file (pcap or pcapng), every field of every record.
    Decode {
        /// A pcap or pcapng file.
        #[arg(value_name = "FILE.pcap")]
        file: PathBuf,
        /// One JSON object per datagram, in the vocabulary of sflowtool, instead of text.
        #[arg(long)]
        json: bool,
        /// The UDP destination port of sFlow in the capture.
        #[arg(long, default_value_t = 6343)]
        port: u16,
    },
    /// Run the engine on a capture file, in the capture's own time; contacts nobody.
    ///
    /// Prints elephants, passed thresholds and completed flows with the capture's time, then the largest flows of each
    /// definition and what every agent sent and lost.
    #[command(after_long_help = replay::EXAMPLES)]
    Replay(replay::ReplayArgs),
    /// Find out how long detection takes and what it mistakes, by simulation.
    ///
    /// Flows, an agent that samples, its datagrams, and the detectors of this program, for any speed of a port and any
    /// sampling rate: what would 1:2000 cost?
    #[command(after_long_help = simulate::EXAMPLES)]
    Simulate(simulate::SimulateArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// Where to receive sFlow; `[::]` is all addresses, IPv4 and IPv6.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "[::]:6343")]
    sflow: SocketAddr,
    /// Where to serve the API [default: `listen` in `[http]`, or 127.0.0.1:8008]; other than loopback takes credentials.
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<SocketAddr>,
    /// Where is kept what survives a restart [default: `state_dir`, or /var/lib/flow-marker if that is there].
    #[arg(long, value_name = "DIRECTORY")]
    state_dir: Option<PathBuf>,
    /// Serve everybody who can reach the address, without credentials and unencrypted.
    #[arg(long)]
    no_auth: bool,
    /// What to log: error, warn, info, debug, trace, or directives such as `info,flow_marker::ingest=trace`.
    #[arg(long, value_name = "FILTER", default_value = "info", env = "FLOW_MARKER_LOG")]
    log: String,
    /// How to log: auto (the journal under systemd, text otherwise), journal, json, human.
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    log_format: Format,
}

/// Carries out the command line of this process. 0: done; 1: it failed, as standard error says; 2: wrong usage.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match execute(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // It may repeat what somebody has sent.
            let error = harmless::lines(&format!("{error:#}"));
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(std::io::stderr(), "flow-marker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> anyhow::Result<()> {
    match cli.command.unwrap_or(Command::Run(cli.run)) {
        Command::Run(args) => run(&args),
        Command::Check { config } => {
            let config = Config::load(&config)?;
            until_nobody_listens(check::check(&config, &mut std::io::stdout().lock()))
        }
        Command::Token(args) => until_nobody_listens(token::run(
            &args,
            &mut std::io::stdout().lock(),
            &mut std::io::stderr().lock(),
        )),
        Command::Doctor(args) => until_nobody_listens(doctor::run(&args, &mut std::io::stdout().lock())),
        Command::Shadow(args) => until_nobody_listens(shadow::run(&args, &mut std::io::stdout().lock())),
        Command::Top(args) => until_nobody_listens(top::run(&args, &mut std::io::stdout())),
        Command::Openapi => {
            let mut out = std::io::stdout().lock();
            let written = out
                .write_all(api::openapi().as_bytes())
                .and_then(|()| out.flush());
            until_nobody_listens(written.map_err(Into::into))
        }
        Command::Decode { file, json, port } => {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            let decoded = decode::run(&file, port, json, &mut out).map(|summary| {
                if summary.fragments > 0 {
                    // Beside the output, which is datagrams only.
                    let fragments = summary.fragments;
                    let note = "fragments of UDP datagrams were left out: they are not put together";
                    let _ = writeln!(std::io::stderr(), "flow-marker: {fragments} {note}");
                }
            });
            until_nobody_listens(decoded.and_then(|()| Ok(out.flush()?)))
        }
        Command::Simulate(args) => until_nobody_listens(simulate::run(&args, &mut std::io::stdout().lock())),
        Command::Replay(args) => {
            let mut out = std::io::stdout().lock();
            until_nobody_listens(replay::replay(&args, &mut out, &mut std::io::stderr()))
        }
    }
}

/// `… | head` closes our output when it has seen enough, which is no failure.
fn until_nobody_listens(result: anyhow::Result<()>) -> anyhow::Result<()> {
    result.or_else(
        |error| match error.root_cause().downcast_ref::<std::io::Error>() {
            Some(io) if io.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(error),
        },
    )
}

fn run(args: &RunArgs) -> anyhow::Result<()> {
    // Before there are threads, since it changes the environment.
    let passed = take_passed()?;
    let config = Config::load(&args.config)?.under(Flags {
        listen: args.http,
        no_auth: args.no_auth,
        state_dir: args.state_dir.clone(),
    });
    telemetry::init(args.log_format, &args.log).map_err(|error| anyhow::anyhow!("--log: {error}"))?;
    // Two threads: one can work for HTTP clients while the other talks to switches. Receiving has its own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let shutdown = Shutdown::on_termination();
        let reload = Reload::on_hangup()?;
        let sockets = Sockets::bind(args.sflow, &config, passed).await?;
        app::run(config, sockets, shutdown, reload).await
    });
    runtime.shutdown_timeout(LAST_CALLS);
    outcome
}

/// How long calls that block may take at the end: a disk that hangs holds nobody up, and all others are done by then.
const LAST_CALLS: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_teaches() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        let help = command.render_long_help().to_string();
        for word in [
            "check",
            "decode",
            "--config",
            "[::]:6343",
            "127.0.0.1:8008",
            "curl",
        ] {
            assert!(help.contains(word), "{word} is missing in\n{help}");
        }
    }

    #[test]
    fn the_packaged_unit_starts_it() {
        let unit = include_str!("../../../systemd/flow-marker.service");
        let start = unit
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="))
            .unwrap();
        let cli = Cli::try_parse_from(start.split_whitespace()).unwrap();
        assert!(matches!(cli.command, Some(Command::Run(_))));
        assert!(unit.contains("Type=notify"), "READY=1 is sent");
        let limit = unit
            .lines()
            .find_map(|line| line.strip_prefix("TimeoutStopSec=")?.strip_suffix('s'));
        let limit: u64 = limit.unwrap().parse().unwrap();
        assert!(
            limit > crate::control::reconcile::WITHDRAW.as_secs(),
            "marks are withdrawn in time"
        );
    }

    #[test]
    fn without_a_command_it_runs() {
        let cli = Cli::try_parse_from(["flow-marker", "--sflow", "127.0.0.1:0"]).unwrap();
        assert!(cli.command.is_none() && cli.run.sflow.port() == 0);
        let cli = Cli::try_parse_from(["flow-marker", "run", "--config", "x"]).unwrap();
        assert!(matches!(cli.command, Some(Command::Run(args)) if args.config.ends_with("x")));
    }
}

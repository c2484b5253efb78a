//! The programs that are measured, each on the first core.

use std::fmt;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::process::{Process, command};
use tests::{binaries, http, wait};

const READY: Duration = Duration::from_secs(20);

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Collector {
    /// Ours, with all it does.
    FlowMarker,
    /// nfdump's: writes every sample to a file.
    Sfcapd,
    /// pmacct's: sums up by five-tuple.
    Sfacctd,
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FlowMarker => "flow-marker",
            Self::Sfcapd => "sfcapd",
            Self::Sfacctd => "sfacctd",
        })
    }
}

/// A collector that receives.
pub(crate) struct Running {
    pub(crate) collector: Collector,
    pub(crate) process: Process,
    pub(crate) sflow: SocketAddr,
    http: Option<SocketAddr>,
    /// Where its files are, until it ends.
    _directory: tempfile::TempDir,
}

impl Running {
    /// Starts a collector with a receive buffer of so many bytes.
    pub(crate) fn start(collector: Collector, buffer: u64, threads: u8) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let name = collector.to_string();
        let free = || -> Result<SocketAddr> { Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?) };
        let mut first_core = command(binaries::system("taskset", "util-linux")?);
        // Several threads have the sender's core too.
        let last = match (collector, threads) {
            (Collector::FlowMarker, 2..) => last_core()?,
            _ => 0,
        };
        first_core.args(["-c", &format!("0-{last}")]);
        let sflow = free()?;
        match collector {
            Collector::FlowMarker => marker(&mut first_core, directory.path(), sflow, buffer, threads)?,
            Collector::Sfcapd => {
                first_core
                    .arg(binaries::system("sfcapd", "nfdump-sflow")?)
                    .args(["-b", "127.0.0.1", "-t", "3600"])
                    .args(["-p", &sflow.port().to_string(), "-B", &buffer.to_string(), "-w"])
                    .arg(directory.path());
            }
            Collector::Sfacctd => {
                let config = directory.path().join("sfacctd.conf");
                let port = sflow.port();
                let text = format!(
                    "daemonize: false\nsfacctd_ip: 127.0.0.1\nsfacctd_port: {port}\nsfacctd_pipe_size: {buffer}\n\
                     plugins: print\naggregate: src_host, dst_host, src_port, dst_port, proto\n\
                     plugin_pipe_size: 67108864\nplugin_buffer_size: 65536\n\
                     print_refresh_time: 3600\nprint_output_file: /dev/null\n"
                );
                fs::write(&config, text)?;
                first_core
                    .arg(binaries::system("sfacctd", "pmacct")?)
                    .arg("-f")
                    .arg(config);
            }
        }
        let process = Process::spawn(&name, first_core, directory.path())?.quiet();
        let receives = || {
            ensure!(process.is_running(), "{}", process.output_end());
            Ok(is_bound(sflow.port()).then_some(()))
        };
        wait::until_ok(&format!("{name} to receive"), READY, receives)?;
        let mut http = None;
        if collector == Collector::FlowMarker {
            process.wait_for_output(" http=", READY)?;
            let log = process.output();
            let address = log.split_whitespace().find_map(|word| word.strip_prefix("http="));
            http = Some(address.context("no http= in the log")?.parse()?);
        }
        Ok(Self {
            collector,
            process,
            sflow,
            http,
            _directory: directory,
        })
    }

    /// Datagrams that flow-marker says it has received, whatever it then did with them.
    pub(crate) fn received(&self) -> Result<Option<u64>> {
        let Some(address) = self.http else {
            return Ok(None);
        };
        let text = http::get(address, "/metrics")?.text();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix("flow_marker_datagrams_received_total "));
        Ok(Some(value.context("no metric")?.parse()?))
    }
}

fn marker(
    first_core: &mut Command,
    directory: &std::path::Path,
    sflow: SocketAddr,
    buffer: u64,
    threads: u8,
) -> Result<()> {
    let config = directory.join("fm.toml");
    let mut text = format!("[sflow]\nthreads = {threads}\nreceive_buffer = {buffer}\n");
    // In the inventory, so that elephants are looked for in all of it.
    for agent in 1..=32 {
        text += &format!("[[switch]]\nagent = \"10.99.0.{agent}\"\nacl = \"http://127.0.0.1:{agent}\"\n");
    }
    fs::write(&config, text)?;
    first_core
        .arg(binaries::binary("flow-marker")?)
        .args([
            "run",
            "--http",
            "127.0.0.1:0",
            "--sflow",
            &sflow.to_string(),
            "--config",
        ])
        .arg(config);
    Ok(())
}

/// The highest number of a core.
pub(crate) fn last_core() -> Result<usize> {
    let cores = fs::read_to_string("/sys/devices/system/cpu/present")?;
    let last = cores.trim().rsplit(['-', ',']).next();
    Ok(last.context("no cores")?.parse()?)
}

/// Whether anybody receives on a local UDP port.
fn is_bound(port: u16) -> bool {
    let local = format!(":{port:04X} ");
    ["/proc/net/udp", "/proc/net/udp6"]
        .iter()
        .any(|table| fs::read_to_string(table).is_ok_and(|text| text.contains(&local)))
}

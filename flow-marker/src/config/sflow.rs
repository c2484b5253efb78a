//! The section `[sflow]`: how datagrams are received, and from whom.

use std::num::NonZeroUsize;

use ipnet::IpNet;
use serde::Deserialize;

use super::size::ByteSize;

/// How datagrams are received, and from whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sflow {
    /// Receiving threads.
    pub threads: NonZeroUsize,
    /// Size of each thread's receive buffer in bytes, as it is asked for.
    pub receive_buffer: usize,
    /// Agents outside of the inventory are listened to when their address is in one of these prefixes; `None`: all are.
    pub agents: Option<Vec<IpNet>>,
    /// Agents outside of the inventory at most.
    pub max_agents: usize,
}

impl Sflow {
    /// One a core is what helps; the largest servers have more cores than anybody has sFlow for.
    pub const MAX_THREADS: usize = 64;

    /// At 1 M datagrams a second of 1.2 kB, for which the kernel counts 2.3 kB each, this is 14 ms: longer than a thread
    /// waits for its processor.
    pub const RECEIVE_BUFFER: usize = 16 << 20;

    /// More than the largest fabrics have switches; at some 100 kB an agent, 100 MB when somebody invents them.
    pub const MAX_AGENTS: usize = 1024;
}

impl Default for Sflow {
    fn default() -> Self {
        Table::default().into()
    }
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Table {
    threads: Option<Threads>,
    receive_buffer: Option<Buffer>,
    agents: Option<Vec<IpNet>>,
    max_agents: Option<MaxAgents>,
}

impl From<Table> for Sflow {
    fn from(table: Table) -> Self {
        Self {
            threads: table.threads.map_or_else(one_a_core, |threads| threads.0),
            receive_buffer: table.receive_buffer.map_or(Self::RECEIVE_BUFFER, ByteSize::bytes),
            agents: table.agents,
            max_agents: table.max_agents.map_or(Self::MAX_AGENTS, |most| most.0),
        }
    }
}

/// As many as this process may use at the same time.
fn one_a_core() -> NonZeroUsize {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    NonZeroUsize::new(Sflow::MAX_THREADS).map_or(cores, |most| cores.min(most))
}

/// Less than one datagram of the longest kind would fit; more than a second's worth of any link is late news.
type Buffer = ByteSize<{ 64 << 10 }, { 1 << 30 }>;

#[derive(Debug, Deserialize)]
#[serde(try_from = "i64")]
struct Threads(NonZeroUsize);

impl TryFrom<i64> for Threads {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let most = Sflow::MAX_THREADS;
        let threads = usize::try_from(number).ok().filter(|n| *n <= most);
        let threads = threads.and_then(NonZeroUsize::new).map(Self);
        threads.ok_or_else(|| format!("`threads`: {number} is not a number of threads from 1 to {most}"))
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "i64")]
struct MaxAgents(usize);

impl MaxAgents {
    /// Sixteen times the largest fabric: each agent may come to own megabytes.
    const MOST: usize = 16_384;
}

impl TryFrom<i64> for MaxAgents {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let agents = usize::try_from(number).ok().filter(|n| *n <= Self::MOST);
        agents
            .map(Self)
            .ok_or_else(|| format!("`max_agents`: {number} is not a number from 0 to {}", Self::MOST))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn sflow(section: &str) -> Result<Sflow, String> {
        let text = format!("[sflow]\n{section}\n");
        Config::parse(Path::new("t"), &text)
            .map(|config| config.sflow)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn without_the_section_every_agent_is_heard_on_every_core() {
        let default = Config::parse(Path::new("t"), "").unwrap().sflow;
        assert_eq!(default, Sflow::default());
        assert_eq!((default.agents, default.max_agents), (None, 1024));
        assert!(default.threads.get() <= Sflow::MAX_THREADS);
        assert_eq!(default.receive_buffer, 16 * 1024 * 1024);
    }

    #[test]
    fn everything_can_be_said() {
        let said = "threads = 3\nreceive_buffer = \"8 MiB\"\nagents = [\"10.0.0.0/8\", \"2001:db8::/32\"]\nmax_agents = 0";
        let sflow = sflow(said).unwrap();
        assert_eq!((sflow.threads.get(), sflow.receive_buffer), (3, 8 << 20));
        assert_eq!((sflow.agents.unwrap().len(), sflow.max_agents), (2, 0));
    }

    #[test]
    fn sizes_are_written_in_many_ways() {
        for (text, bytes) in [
            ("4194304", 4 << 20),
            ("\"4194304\"", 4 << 20),
            ("\"4MiB\"", 4 << 20),
            ("\"64 KiB\"", 64 << 10),
            ("\"5M\"", 5_000_000),
            ("\"100 kB\"", 100_000),
            ("\"1GiB\"", 1 << 30),
        ] {
            let sflow = sflow(&format!("receive_buffer = {text}")).unwrap();
            assert_eq!(sflow.receive_buffer, bytes, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_at_its_place() {
        for (section, place, expected) in [
            ("threads = 0", "t:2:11", "1 to 64"),
            ("threads = -1", "t:2:11", "1 to 64"),
            ("threads = 65", "t:2:11", "1 to 64"),
            ("max_agents = -1", "t:2:14", "0 to 16384"),
            ("max_agents = 16385", "t:2:14", "0 to 16384"),
            ("receive_buffer = 1", "t:2:18", "64 KiB"),
            ("receive_buffer = \"2 GiB\"", "t:2:18", "1 GiB"),
            ("receive_buffer = \"99999999999999999999G\"", "t:2:18", "such as"),
            ("receive_buffer = \"16 Mi\"", "t:2:18", "such as"),
            ("agents = [\"10.0.0.0/33\"]", "t:2:", ""),
            ("colour = 1", "t:2:1", "colour"),
        ] {
            let error = sflow(section).unwrap_err();
            assert!(
                error.starts_with(place) && error.contains(expected),
                "{section}: {error}"
            );
        }
    }
}

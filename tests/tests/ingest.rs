//! What is sent to flow-marker is accounted for to the datagram, by the daemon as a process and real UDP: also when it
//! does not receive for a while, and with garbage among it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which fail by panics"
)]

use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use tests::agent::Agent;
use tests::flood::Flood;
use tests::local::LocalFlowMarker;
use tests::{http, kernel, wait};

const PATIENCE: Duration = Duration::from_secs(60);

/// Two of the flood's agents are in the inventory, the others are outside.
fn config(threads: u8, buffer: &str) -> String {
    format!(
        "[sflow]\nthreads = {threads}\nreceive_buffer = \"{buffer}\"\n\
         [[switch]]\nagent = \"10.99.0.1\"\nacl = \"http://127.0.0.1:1\"\n\
         [[switch]]\nagent = \"10.99.0.2\"\nacl = \"http://127.0.0.1:2\"\n"
    )
}

struct Counted(String);

impl Counted {
    fn read(daemon: &LocalFlowMarker) -> Self {
        Self(http::get(daemon.http, "/metrics").unwrap().text())
    }

    /// The sum of a metric over all of its labels that hold `label`.
    fn sum(&self, metric: &str, label: &str) -> u64 {
        let name = format!("flow_marker_{metric}");
        let series = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(&name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            let of_this = labels.is_empty() || labels.starts_with('{');
            (of_this && labels.contains(label)).then(|| value.parse::<u64>().unwrap())
        });
        series.sum()
    }

    fn by_kernel(&self) -> u64 {
        self.sum("datagrams_dropped_total", "receive_buffer")
    }

    fn received(&self) -> u64 {
        self.sum("datagrams_received_total", "")
    }

    /// What became of those received.
    fn ends(&self) -> u64 {
        self.sum("datagrams_decoded_total", "")
            + self.sum("datagrams_rejected_total", "")
            + self.sum("datagrams_unknown_agent_total", "")
            + self.sum("datagrams_dropped_total", "handover")
    }
}

/// Waits until all that was sent is accounted for, and checks that it is so to the datagram.
fn accounted(daemon: &LocalFlowMarker, sent: u64) -> Counted {
    let done = wait::until("everything sent to be accounted for", PATIENCE, || {
        let counted = Counted::read(daemon);
        let all = counted.received() + counted.by_kernel() >= sent && counted.ends() >= counted.received();
        all.then_some(counted)
    });
    let counted = done.unwrap_or_else(|error| panic!("{error}: {sent} sent\n{}", Counted::read(daemon).0));
    assert_eq!(
        counted.received() + counted.by_kernel(),
        sent,
        "sent\n{}",
        counted.0
    );
    assert_eq!(counted.ends(), counted.received(), "received\n{}", counted.0);
    let by_table = kernel::udp_drops(daemon.sflow.port()).unwrap();
    assert_eq!(counted.by_kernel(), by_table, "what the kernel's own table says");
    counted
}

/// Sends what is no sFlow, or none of ours: nothing, text, another version, a cut head, and garbage behind a good head.
fn garbage(daemon: &LocalFlowMarker, rounds: usize) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let good = Agent::new("10.99.0.1".parse().unwrap()).datagram(Duration::from_secs(1), &[]);
    let kinds: [&[u8]; 5] = [
        b"",
        b"garbage",
        &[0, 0, 0, 4, 0, 0, 0, 1, 10, 99, 0, 1],
        &good[..good.len() - 3],
        &[&good[..24], &[0, 0, 0, 9, 0xFF, 0xFF, 0xFF, 0xFF]].concat(),
    ];
    for _ in 0..rounds {
        for bytes in kinds {
            socket.send_to(bytes, daemon.sflow).unwrap();
        }
    }
    (kinds.len() * rounds) as u64
}

fn start(directory: &Path, threads: u8, buffer: &str) -> LocalFlowMarker {
    LocalFlowMarker::start(directory, "flow-marker", &config(threads, buffer)).unwrap()
}

#[test]
fn everything_sent_is_accounted_for_to_the_datagram() {
    for threads in [1, 3] {
        let directory = tempfile::tempdir().unwrap();
        let daemon = start(directory.path(), threads, "16 MiB");
        let mut flood = Flood::new(daemon.sflow, 8, 6).unwrap();
        let mut sent = 0;
        for _ in 0..20 {
            sent += flood.send(Some(5000.0), Duration::from_millis(50)).unwrap().0;
            sent += garbage(&daemon, 10);
        }
        let counted = accounted(&daemon, sent);
        assert_eq!(
            counted.sum("datagrams_rejected_total", ""),
            20 * 10 * 4,
            "{}",
            counted.0
        );
        assert!(counted.sum("datagrams_decoded_total", "10.99.0.1") > 0);
        daemon.process.terminate(PATIENCE).unwrap();
    }
}

#[test]
fn what_the_kernel_drops_is_counted_also_when_nothing_arrives_afterwards() {
    for threads in [1, 3] {
        let directory = tempfile::tempdir().unwrap();
        // What the kernel grants whoever asks: a few dozen datagrams.
        let daemon = start(directory.path(), threads, "64 KiB");
        let mut flood = Flood::new(daemon.sflow, 8, 6).unwrap();
        let errors = kernel::receive_buffer_errors().unwrap();
        let mut sent = 0;
        for round in 1..=3 {
            // It receives nothing, as when its machine is busy; and no later datagram tells what was dropped.
            daemon.process.signal(Signal::SIGSTOP).unwrap();
            sent += flood.burst(5000).unwrap() + garbage(&daemon, 100);
            daemon.process.signal(Signal::SIGCONT).unwrap();
            let counted = accounted(&daemon, sent);
            assert!(counted.by_kernel() > round * 2000, "{}", counted.0);
        }
        // At full speed as well, whatever that leads to.
        sent += flood.burst(20_000).unwrap() + garbage(&daemon, 100);
        let counted = accounted(&daemon, sent);
        let errors = kernel::receive_buffer_errors().unwrap() - errors;
        assert!(errors >= counted.by_kernel(), "{errors}: all for want of room");
        daemon.process.terminate(PATIENCE).unwrap();
    }
}

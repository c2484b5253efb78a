use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Family, Lab};
use crate::netns::Namespace;
use crate::process::Process;
use crate::wait;
use crate::wire::{Flow, Transport};

/// How long iperf3 may take to start.
const START: Duration = Duration::from_secs(10);

/// Where the mice are answered over TCP.
const MOUSE_TCP: u16 = 7007;
/// Where the mice are answered over UDP.
pub(super) const MOUSE_UDP: u16 = 7008;
/// Between two mice: some forty exchanges a second, together far below any threshold.
const MOUSE_REST: Duration = Duration::from_millis(20);
/// A mouse that is not answered by then counts as lost.
pub(super) const MOUSE_LIMIT: Duration = Duration::from_millis(500);

/// A TCP flow of a known rate from host a to host b, made by iperf3. Dropping it ends it.
#[derive(Debug)]
pub struct Elephant {
    /// The flow that carries the data. (Another connection, to the same port, carries some words of control.)
    pub flow: Flow,
    client: Process,
    _server: Process,
}

impl Elephant {
    /// Whether it still sends.
    pub fn is_running(&self) -> bool {
        self.client.is_running()
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// It took too long, or the connection failed; the error shows what iperf3 said.
    pub fn wait(&self, limit: Duration) -> Result<()> {
        self.client.wait_success(limit)
    }
}

impl Lab {
    /// Starts an elephant of `rate` (as iperf3 takes it: bits per second, `200M`) for `seconds`. Each has ports of its
    /// own.
    ///
    /// # Errors
    /// iperf3 cannot be started.
    pub fn elephant(&self, family: Family, rate: &str, seconds: u32) -> Result<Elephant> {
        let number = self.number();
        let flow = Flow {
            transport: Transport::Tcp,
            // Below the ports that the kernel gives to mice (32768 and up), which it keeps for a minute after their end.
            source: SocketAddr::new(family.host_a(), 20_000 + number % 10_000),
            destination: SocketAddr::new(family.host_b(), 5201 + number % 10_000),
        };
        let [source_port, port] = [flow.source, flow.destination].map(|end| end.port().to_string());
        let mut server = self.host_b().command("iperf3");
        server.args(["--server", "--one-off", "--forceflush", "--port", &port]);
        let server = self
            .host_b()
            .spawn(&format!("iperf3-server-{number}"), server)?
            .quiet();
        server.wait_for_output("Server listening", START)?;
        let mut client = self.host_a().command("iperf3");
        let (host, time) = (flow.destination.ip().to_string(), seconds.to_string());
        client.args(["--client", &host, "--port", &port, "--cport", &source_port]);
        client.args(["--bitrate", rate, "--time", &time, "--forceflush"]);
        Ok(Elephant {
            flow,
            client: self
                .host_a()
                .spawn(&format!("iperf3-client-{number}"), client)?
                .quiet(),
            _server: server,
        })
    }

    /// Starts the mice: all the time, small requests and answers over TCP and UDP, IPv4 and IPv6, between the hosts. Two
    /// of them, over UDP, are old flows of a low rate; the others are over after a moment.
    ///
    /// # Errors
    /// A host cannot be entered.
    pub fn mice(&self) -> Result<Mice> {
        Mice::start(self.host_a(), self.host_b())
    }
}

#[derive(Debug, Default)]
struct Tally {
    end: AtomicBool,
    answered: AtomicU64,
    lost: AtomicU64,
}

impl Tally {
    fn ended(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }
}

/// Small flows; see [`Lab::mice`]. Dropping it ends them.
#[derive(Debug)]
pub struct Mice {
    /// Where they come from.
    pub(super) client: Namespace,
    tally: Arc<Tally>,
    threads: Vec<JoinHandle<()>>,
}

impl Mice {
    fn start(client: &Namespace, server: &Namespace) -> Result<Self> {
        let everywhere = |port| SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
        let listener = server.inside(|| TcpListener::bind(everywhere(MOUSE_TCP)))??;
        let echo = server.inside(|| UdpSocket::bind(everywhere(MOUSE_UDP)))??;
        listener.set_nonblocking(true)?;
        echo.set_read_timeout(Some(MOUSE_LIMIT))?;
        let mut mice = Self {
            client: client.clone(),
            tally: Arc::default(),
            threads: Vec::new(),
        };
        mice.thread(move |tally| answer_tcp(&listener, tally))?;
        mice.thread(move |tally| answer_udp(&echo, tally))?;
        let client = client.clone();
        mice.thread(move |tally| {
            // What cannot be sent shows in the tally: the caller waits for answers.
            let _ = client.enter().and_then(|()| ask(tally));
        })?;
        wait::until("the first mouse to be answered", START, || {
            (mice.answered() > 0).then_some(())
        })?;
        Ok(mice)
    }

    fn thread(&mut self, work: impl FnOnce(&Tally) + Send + 'static) -> Result<()> {
        let tally = Arc::clone(&self.tally);
        let thread = std::thread::Builder::new()
            .name("mice".into())
            .spawn(move || work(&tally));
        self.threads.push(thread.context("a thread for the mice")?);
        Ok(())
    }

    /// How many requests have been answered.
    pub fn answered(&self) -> u64 {
        self.tally.answered.load(Ordering::Relaxed)
    }

    /// How many requests were not.
    pub fn lost(&self) -> u64 {
        self.tally.lost.load(Ordering::Relaxed)
    }

    /// Whether `flow` is one of them, in either direction.
    pub fn is_mouse(flow: &Flow) -> bool {
        [flow.source, flow.destination]
            .iter()
            .any(|end| [MOUSE_TCP, MOUSE_UDP].contains(&end.port()))
    }
}

impl Drop for Mice {
    fn drop(&mut self) {
        self.tally.end.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn ask(tally: &Tally) -> Result<()> {
    let mut steady = Vec::new();
    for family in [Family::V4, Family::V6] {
        let socket = UdpSocket::bind(SocketAddr::new(family.host_a(), 0))?;
        socket.set_read_timeout(Some(MOUSE_LIMIT))?;
        socket.connect(SocketAddr::new(family.host_b(), MOUSE_UDP))?;
        steady.push((family, socket));
    }
    while !tally.ended() {
        for (family, socket) in &steady {
            for answered in [ask_tcp(*family), ask_udp(socket)] {
                let count = if answered.is_ok() {
                    &tally.answered
                } else {
                    &tally.lost
                };
                count.fetch_add(1, Ordering::Relaxed);
            }
            wait::pause(MOUSE_REST);
        }
    }
    Ok(())
}

fn ask_tcp(family: Family) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(family.host_b(), MOUSE_TCP), MOUSE_LIMIT)?;
    stream.set_read_timeout(Some(MOUSE_LIMIT))?;
    stream.write_all(&[b'?'; 400])?;
    stream.read_exact(&mut [0; 1200])
}

fn ask_udp(socket: &UdpSocket) -> std::io::Result<()> {
    socket.send(&[b'?'; 200])?;
    socket.recv(&mut [0; 400]).map(drop)
}

fn answer_tcp(listener: &TcpListener, tally: &Tally) {
    while !tally.ended() {
        let Ok((mut stream, _)) = listener.accept() else {
            wait::pause(Duration::from_millis(2));
            continue;
        };
        // One whose client has gone is the client's to count.
        let _ = stream.set_nonblocking(false);
        let _ = stream.set_read_timeout(Some(MOUSE_LIMIT));
        let _ = stream
            .read_exact(&mut [0; 400])
            .and_then(|()| stream.write_all(&[b'!'; 1200]));
    }
}

fn answer_udp(socket: &UdpSocket, tally: &Tally) {
    let mut request = [0; 400];
    while !tally.ended() {
        if let Ok((length, from)) = socket.recv_from(&mut request) {
            let _ = socket.send_to(request.get(..length).unwrap_or_default(), from);
        }
    }
}

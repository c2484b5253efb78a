//! Sends datagrams in real time: the one file here that reads a clock.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What has been sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Datagrams.
    pub datagrams: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

/// Datagrams that are being sent; dropping it stops that.
#[derive(Debug)]
pub struct Playing {
    /// Dropping the sender wakes the thread.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<io::Result<Sent>>>,
}

/// Sends `datagrams` from the address `from` to `to`, each at its time from now on, in a thread of its own.
///
/// # Errors
/// No socket can be opened at `from`.
pub fn play(
    datagrams: impl Iterator<Item = (Duration, Vec<u8>)> + Send + 'static,
    from: IpAddr,
    to: SocketAddr,
) -> io::Result<Playing> {
    let socket = UdpSocket::bind((from, 0))?;
    let (stop, stopped) = mpsc::channel();
    let thread = thread::Builder::new()
        .name("sflow-agent".to_owned())
        .spawn(move || run(datagrams, &socket, to, &stopped))?;
    Ok(Playing {
        stop: Some(stop),
        thread: Some(thread),
    })
}

impl Playing {
    /// Stops sending; what has been sent.
    ///
    /// # Errors
    /// Sending failed.
    pub fn stop(mut self) -> io::Result<Sent> {
        self.stop = None;
        self.wait()
    }

    /// Waits until everything has been sent; for ever if there is no end to it.
    ///
    /// # Errors
    /// Sending failed.
    pub fn wait(mut self) -> io::Result<Sent> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(sent)) => sent,
            _ => Err(io::Error::other("the sending thread panicked")),
        }
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // Whoever wanted to know how it went has asked; here only the end matters.
            let _ = thread.join();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the driver: it sends in real time"
)]
fn run(
    datagrams: impl Iterator<Item = (Duration, Vec<u8>)>,
    socket: &UdpSocket,
    to: SocketAddr,
    stopped: &mpsc::Receiver<()>,
) -> io::Result<Sent> {
    let start = Instant::now();
    let mut sent = Sent::default();
    for (time, bytes) in datagrams {
        let wait = time.saturating_sub(start.elapsed());
        match stopped.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
        }
        match socket.send_to(&bytes, to) {
            Ok(_) => {
                sent.datagrams += 1;
                sent.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            }
            // Nobody listens yet, or not any more: to an agent that is all the same.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

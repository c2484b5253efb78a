//! The receiving thread.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use shared::life::Latch;
use tokio::sync::oneshot;

use super::sink::{Received, Sink};
use crate::clock::Clock;
use crate::metrics;

/// The longest that a thread rests when nothing arrives.
const TICK: Duration = Duration::from_millis(5);

/// A datagram is at most this long: what UDP can carry.
const MAX_DATAGRAM: usize = 65_535;

/// The receiving thread; see [`spawn`].
#[derive(Debug)]
pub struct Worker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    /// Its other half is dropped when the thread ends.
    ended: oneshot::Receiver<()>,
}

impl Worker {
    /// Ends the thread and waits for it, at most for one tick. Blocks: not for asynchronous code.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.join().is_err() {
            tracing::error!("the receiving thread has panicked");
        }
    }

    /// Returns when the thread has ended, which it does on its own only by a bug.
    pub async fn ended(&mut self) {
        let _ = (&mut self.ended).await;
    }
}

/// Starts a thread that receives from `socket` and hands everything to `sink`. `latch` is dropped when it is running.
///
/// # Errors
/// The socket cannot be set up, or no thread can be started.
pub fn spawn(
    socket: UdpSocket,
    mut sink: impl Sink + 'static,
    counters: Arc<metrics::Thread>,
    clock: Clock,
    latch: Latch,
) -> std::io::Result<Worker> {
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(TICK))?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let (running, ended) = oneshot::channel::<()>();
    let thread = std::thread::Builder::new()
        .name("ingest".to_owned())
        .spawn(move || {
            drop(latch);
            receive(&socket, &mut sink, &counters, clock, &stopped);
            drop(running);
        })?;
    Ok(Worker { stop, thread, ended })
}

fn receive(
    socket: &UdpSocket,
    sink: &mut impl Sink,
    thread: &metrics::Thread,
    clock: Clock,
    stop: &AtomicBool,
) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    while !stop.load(Ordering::Relaxed) {
        let received = socket.recv_from(&mut buffer);
        let now = clock.now();
        match received {
            Ok((length, from)) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                sink.batch(now, &[Received { from, bytes }]);
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                _ => {
                    thread.receive_errors.bump();
                    tracing::warn!(%error, "receiving failed");
                    // A socket that fails at once each time must not take the whole processor.
                    std::thread::park_timeout(TICK);
                }
            },
        }
        sink.rest(now);
    }
}

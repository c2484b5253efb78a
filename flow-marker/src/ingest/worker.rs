//! The receiving thread.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use shared::life::Latch;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::clock::{Clock, Time};
use crate::ingest::pipeline::{Notice, Pipeline};
use crate::metrics::{self, Metrics};

/// Between two ticks: an event that was not taken, or an end, waits at most this long.
const TICK: Duration = Duration::from_millis(100);

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

/// Starts a thread that receives from `socket` and sends events to `events`. `latch` is dropped when it is running.
///
/// # Errors
/// The socket cannot be set up, or no thread can be started.
pub fn spawn(
    socket: UdpSocket,
    mut pipeline: Pipeline,
    metrics: Arc<Metrics>,
    counters: Arc<metrics::Thread>,
    clock: Clock,
    events: mpsc::Sender<Notice>,
    latch: Latch,
) -> std::io::Result<Worker> {
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(TICK / 2))?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let (running, ended) = oneshot::channel::<()>();
    let thread = std::thread::Builder::new()
        .name("ingest".to_owned())
        .spawn(move || {
            drop(latch);
            receive(
                &socket,
                &mut pipeline,
                &metrics,
                &counters,
                clock,
                &events,
                &stopped,
            );
            drop(running);
        })?;
    Ok(Worker { stop, thread, ended })
}

fn receive(
    socket: &UdpSocket,
    pipeline: &mut Pipeline,
    metrics: &Metrics,
    thread: &metrics::Thread,
    clock: Clock,
    events: &mpsc::Sender<Notice>,
    stop: &AtomicBool,
) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    let mut ticked = Time::START;
    let mut deliver = |notice| match events.try_send(notice) {
        Ok(()) => {
            metrics.process.events_sent.inc();
            true
        }
        Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {
            metrics.process.events_dropped.inc();
            false
        }
    };
    loop {
        let received = socket.recv(&mut buffer);
        let now = clock.now();
        match received {
            Ok(length) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                pipeline.datagram(now, bytes, &mut deliver);
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                _ => {
                    thread.receive_errors.inc();
                    tracing::warn!(%error, "receiving failed");
                    // A socket that fails at once each time must not take the whole processor.
                    std::thread::park_timeout(TICK);
                }
            },
        }
        if now.since(ticked) >= TICK {
            ticked = now;
            pipeline.tick(now, &mut deliver);
            if stop.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

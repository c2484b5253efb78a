//! An HTTP server that answers as a test says, however wrong that is, and remembers what it was asked.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::wait;

/// How long a connection is read for a request: one that asks nothing is closed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Heads of requests that are read: more than any client of ours sends.
const MOST_HEAD: usize = 64 * 1024;

#[derive(Debug, Default)]
struct State {
    end: AtomicBool,
    /// The heads of all requests, in the order in which they came; empty for a connection on which nothing was asked.
    requests: Mutex<Vec<String>>,
}

impl State {
    fn requests(&self) -> MutexGuard<'_, Vec<String>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server. Dropping it closes its port; answers that are under way go on until the client has gone.
#[derive(Debug)]
pub struct Stub {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

impl Stub {
    /// Listens on `address`. For each request, in a thread of its own, `answer` gets its head and the connection, which is
    /// closed when that returns.
    ///
    /// # Errors
    /// The address cannot be had.
    pub fn start(
        address: SocketAddr,
        answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind(address).with_context(|| address.to_string())?;
        let address = listener.local_addr()?;
        let state = Arc::<State>::default();
        let answer = Arc::new(answer);
        let thread = thread::Builder::new().name("stub".into()).spawn({
            let state = Arc::clone(&state);
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if state.end.load(Ordering::Relaxed) {
                        break;
                    }
                    let (state, answer) = (Arc::clone(&state), Arc::clone(&answer));
                    thread::spawn(move || {
                        let mut stream = stream;
                        let head = read(&mut stream);
                        state.requests().push(head.clone());
                        answer(&head, &mut stream);
                    });
                }
            }
        })?;
        Ok(Self {
            address,
            state,
            thread: Some(thread),
        })
    }

    /// The heads of all requests so far; empty for a connection on which nothing was asked.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests().clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.state.end.store(true, Ordering::Relaxed);
        // It waits for a connection.
        let woken = TcpStream::connect_timeout(&self.address, PATIENCE).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

/// The head of a request, whose body is read and forgotten.
fn read(stream: &mut TcpStream) -> String {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    while bytes.len() < MOST_HEAD {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse::<usize>().ok()).flatten()
            });
            let rest = (head.len() + 4 + length.unwrap_or(0)).saturating_sub(bytes.len());
            let body = std::io::copy(
                &mut (&*stream).take(u64::try_from(rest).unwrap_or(0)),
                &mut std::io::sink(),
            );
            // One that sends less has gone.
            let _ = body;
            return head.to_owned();
        }
        match stream.read(&mut buffer) {
            Ok(length @ 1..) => bytes.extend(buffer.iter().take(length)),
            _ => break,
        }
    }
    String::new()
}

/// A whole answer: `status` with its reason, such as `200 OK`, further header lines, and a body.
pub fn response(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    let mut bytes = format!("{head}Connection: close\r\n\r\n").into_bytes();
    bytes.extend(body);
    bytes
}

/// Sends bytes, to whoever is still there.
pub fn send(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

/// Sends `head` and then a byte now and then, until the client has had enough.
pub fn drip(stream: &mut TcpStream, head: &[u8]) {
    send(stream, head);
    while stream.write_all(b"1").is_ok() {
        wait::pause(Duration::from_millis(100));
    }
}

/// Says nothing until the client has gone.
pub fn silence(stream: &mut TcpStream) {
    let _ = stream.set_read_timeout(None);
    while matches!(stream.read(&mut [0; 64]), Ok(1..)) {}
}

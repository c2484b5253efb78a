//! What browsers that show the dashboard do to the daemon, as many of them as one wants: each holds a stream of overviews
//! open and asks for the table of flows every other second.
#![expect(
    clippy::disallowed_methods,
    reason = "it looks at the clock: it is about real time"
)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Between two looks at the table of flows, as the page has it.
pub const LOOK: Duration = Duration::from_secs(2);

/// What one of them has seen.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// When the overviews say that they were made, in nanoseconds since 1970.
    pub times: Vec<u64>,
    /// Bytes of the stream.
    pub stream_bytes: u64,
    /// Tables of flows.
    pub tables: u64,
    /// Bytes of them.
    pub table_bytes: u64,
    /// The longest wait for a table.
    pub slowest: Duration,
    /// Why it ended before it was told to.
    pub error: Option<String>,
}

/// They watch until this is dropped.
#[derive(Debug)]
pub struct Audience {
    tasks: Vec<JoinHandle<()>>,
    watched: Vec<Arc<Mutex<Watched>>>,
}

impl Audience {
    /// So many browsers that ask for `table`, such as `/elephants/json?max=100`, begin one after the other within `spread`.
    /// Must be called inside a runtime.
    pub fn start(server: SocketAddr, browsers: u32, table: &str, spread: Duration) -> Self {
        let watched: Vec<_> = (0..browsers).map(|_| Arc::<Mutex<Watched>>::default()).collect();
        let tasks = (0..).zip(&watched).map(|(number, watched)| {
            let (watched, table) = (Arc::clone(watched), table.to_owned());
            let wait = spread * number / browsers.max(1);
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                let ended = tokio::try_join!(stream(server, &watched), tables(server, &table, &watched));
                if let Err(error) = ended {
                    note(&watched, |watched| watched.error = Some(format!("{error:#}")));
                }
            })
        });
        Self {
            tasks: tasks.collect(),
            watched,
        }
    }

    /// What they have seen so far.
    pub fn watched(&self) -> Vec<Watched> {
        let copy =
            |watched: &Arc<Mutex<Watched>>| watched.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.watched.iter().map(copy).collect()
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn note(watched: &Mutex<Watched>, what: impl FnOnce(&mut Watched)) {
    what(&mut watched.lock().unwrap_or_else(PoisonError::into_inner));
}

async fn connect(server: SocketAddr) -> Result<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn get(
    sender: &mut SendRequest<Empty<Bytes>>,
    server: SocketAddr,
    path: &str,
) -> Result<Response<Incoming>> {
    let request = Request::get(path)
        .header("host", server.to_string())
        .body(Empty::new())?;
    sender.ready().await?;
    Ok(sender.send_request(request).await?)
}

/// Opens the stream of overviews and returns the status of the answer, and its connection, which is open as long as that
/// is kept.
///
/// # Errors
/// There is no server.
pub async fn open(server: SocketAddr) -> Result<(u16, Response<Incoming>)> {
    let mut sender = connect(server).await?;
    let response = get(&mut sender, server, "/live").await?;
    Ok((response.status().as_u16(), response))
}

/// Reads the stream of overviews (server-sent events) to its end, which is none.
async fn stream(server: SocketAddr, watched: &Mutex<Watched>) -> Result<()> {
    let (status, response) = open(server).await?;
    ensure!(status == 200, "/live: {status}");
    let mut body = response.into_body();
    let mut line = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        note(watched, |watched| watched.stream_bytes += data.len() as u64);
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                if let Some(json) = line.strip_prefix(b"data:") {
                    let time = time(json).context("an overview without a time")?;
                    note(watched, |watched| watched.times.push(time));
                }
                line.clear();
            }
        }
    }
    anyhow::bail!("/live has ended")
}

/// `time` of an overview, whose other members cost more to read than a test of their load should.
fn time(json: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(json).ok()?;
    let (_, rest) = text.split_once("\"time\":")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

async fn tables(server: SocketAddr, path: &str, watched: &Mutex<Watched>) -> Result<()> {
    let mut sender = connect(server).await?;
    let mut next = tokio::time::interval(LOOK);
    loop {
        next.tick().await;
        let begun = Instant::now();
        let response = get(&mut sender, server, path).await?;
        ensure!(response.status() == 200, "{path}: {}", response.status());
        let bytes = response.into_body().collect().await?.to_bytes().len();
        note(watched, |watched| {
            watched.tables += 1;
            watched.table_bytes += bytes as u64;
            watched.slowest = watched.slowest.max(begun.elapsed());
        });
    }
}

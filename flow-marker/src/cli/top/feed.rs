//! Where news comes from: the instance's stream, or questions now and then where it has none to give.
//!
//! A lost connection is news too, and is tried again for as long as somebody watches. Only who is not allowed to read is told
//! so, at the end.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use shared::backoff::Backoff;
use tokio::sync::mpsc;

use super::super::ask::{Refusal, Server};
use super::data::{Overview, history};
use super::model::{Connection, HISTORY, News};
use super::sse::Stream;
use super::text::clean;
use crate::clock::{Clock, Time};

/// News that wait for the screen. One who cannot draw as fast takes the stream later, and misses what the server leaves out.
const QUEUE: usize = 8;

/// A stream that says nothing for so long is dead: it tells something every second.
const SILENCE: Duration = Duration::from_secs(10);

/// Between two tries to connect, at least and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// How long an instance that gave no stream is asked instead, before it is asked for one again.
const WITHOUT_STREAM: Duration = Duration::from_secs(60);

/// How often an instance makes an overview.
pub(super) const FASTEST: Duration = Duration::from_secs(1);

/// Why a source of news has ended.
enum End {
    /// Nobody watches any more.
    Unwatched,
    /// The connection is lost, or what comes makes no sense.
    Lost(anyhow::Error),
    /// The instance has no stream (yet, or no more).
    NoStream,
    /// It is time to ask for a stream again.
    AskAgain,
}

impl From<anyhow::Error> for End {
    fn from(error: anyhow::Error) -> Self {
        Self::Lost(error)
    }
}

/// A source of news.
#[derive(Debug)]
pub(super) struct Feed {
    server: Server,
    /// Between two questions; at most a second means the stream.
    interval: Duration,
    clock: Clock,
    news: mpsc::Sender<News>,
    backoff: Backoff,
    /// Since when it is lost.
    lost: Option<Time>,
}

impl Feed {
    /// Where news waits, and where it arrives.
    pub(super) fn queue() -> (mpsc::Sender<News>, mpsc::Receiver<News>) {
        mpsc::channel(QUEUE)
    }

    /// One that asks `server`, and tells `news`.
    pub(super) fn new(server: Server, interval: Duration, clock: Clock, news: mpsc::Sender<News>) -> Self {
        let seed = clock.unix_ns(clock.now());
        Self {
            server,
            interval,
            clock,
            news,
            backoff: Backoff::new(RETRY.0, RETRY.1, seed),
            lost: None,
        }
    }

    /// Tells news until nobody listens any more.
    ///
    /// # Errors
    /// The instance does not let us read, which asking again would not change.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let wants_stream = self.interval == FASTEST;
        let mut stream = wants_stream;
        loop {
            let end = match stream {
                true => self.listen().await,
                false => self.poll(wants_stream.then_some(WITHOUT_STREAM)).await,
            };
            stream = wants_stream && !matches!(end, End::NoStream);
            match end {
                End::Unwatched => return Ok(()),
                End::NoStream | End::AskAgain => {}
                End::Lost(error) if refused(&error) => return Err(error),
                End::Lost(error) => self.wait(&error).await,
            }
        }
    }

    /// Says that the connection is lost, and waits a while.
    async fn wait(&mut self, error: &anyhow::Error) {
        let (now, delay) = (self.clock.now(), self.backoff.next_delay());
        let since = *self.lost.get_or_insert(now);
        let lost = Connection::Lost {
            since,
            again: now + delay,
            why: clean(&format!("{error:#}")),
        };
        // Who has gone is noticed at the next news.
        let _ = self.news.send(News::Connection(lost)).await;
        tokio::time::sleep(delay).await;
    }

    /// The stream, until it ends.
    async fn listen(&mut self) -> End {
        match self.stream().await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn stream(&mut self) -> Result<std::convert::Infallible, End> {
        let mut reply = match self.server.open("live").await {
            Ok(reply) => reply,
            Err(error) if refused(&error) => return Err(error.into()),
            // An instance that has none to give, or too many who watch.
            Err(error) if error.is::<Refusal>() => return Err(End::NoStream),
            Err(error) => return Err(error.into()),
        };
        let kind = reply.headers().get(CONTENT_TYPE);
        let is_stream = |kind: &str| kind.starts_with("text/event-stream");
        if !kind.and_then(|kind| kind.to_str().ok()).is_some_and(is_stream) {
            return Err(End::NoStream);
        }
        self.tell_history().await?;
        let mut stream = Stream::default();
        loop {
            let chunk = tokio::time::timeout(SILENCE, reply.chunk()).await;
            let chunk = chunk
                .map_err(|_| anyhow::anyhow!("nothing came for {} s", SILENCE.as_secs()))?
                .map_err(|error| anyhow::Error::from(error.without_url()))?;
            let chunk = chunk.ok_or_else(|| anyhow::anyhow!("the instance ended the connection"))?;
            for event in stream.take(&chunk).map_err(anyhow::Error::from)? {
                if event.kind == "overview" {
                    self.tell(&event.data, Connection::Live).await?;
                }
            }
        }
    }

    /// Questions, until one has no answer, or for so long.
    async fn poll(&mut self, limit: Option<Duration>) -> End {
        let begun = self.clock.now();
        match self.ask(begun, limit).await {
            Ok(()) => End::AskAgain,
            Err(end) => end,
        }
    }

    async fn ask(&mut self, begun: Time, limit: Option<Duration>) -> Result<(), End> {
        self.tell_history().await?;
        while limit.is_none_or(|limit| self.clock.now().since(begun) < limit) {
            let body = self.server.get("overview/json", &[]).await?;
            self.tell(&body, Connection::Polling).await?;
            tokio::select! {
                () = tokio::time::sleep(self.interval) => {}
                () = self.news.closed() => return Err(End::Unwatched),
            }
        }
        Ok(())
    }

    async fn tell(&mut self, body: &str, connection: Connection) -> Result<(), End> {
        let overview = overview(body)?;
        self.lost = None;
        self.backoff.reset();
        self.send(News::Connection(connection)).await?;
        self.send(News::Overview(Box::new(overview))).await
    }

    /// What was before, which is not in the overview.
    async fn tell_history(&mut self) -> Result<(), End> {
        match past(&self.server).await {
            Some(points) => self.send(News::History(points)).await,
            None => Ok(()),
        }
    }

    async fn send(&self, news: News) -> Result<(), End> {
        self.news.send(news).await.map_err(|_| End::Unwatched)
    }
}

/// Reads an overview.
///
/// # Errors
/// It is no JSON object.
pub(super) fn overview(body: &str) -> anyhow::Result<Overview> {
    let value: Value = serde_json::from_str(body).context("the answer is no JSON")?;
    anyhow::ensure!(value.is_object(), "the answer is no overview");
    Ok(Overview::read(&value))
}

/// The traffic of the last minutes, if the instance tells; a screen without is still a screen.
pub(super) async fn past(server: &Server) -> Option<Vec<super::data::Point>> {
    let seconds = HISTORY.to_string();
    let body = server.get("history/json", &[("seconds", &seconds)]).await.ok()?;
    let value = serde_json::from_str(&body).ok()?;
    Some(history(&value))
}

fn refused(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(Refusal::is_about_credentials)
}

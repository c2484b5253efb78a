//! One connection from handshake to end: a task of its own from its first moment.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the clock for the state machine of the connection"
)]

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::time::{Instant, timeout};

use super::admission::{Books, Place};
use super::certificate;
use super::counters::{Counters, count};
use super::exchange::Exchange;
use super::limits::{self, Limits, PING};
use super::listener::Stream;
use super::peer::Peer;
use super::stream::Watched;
use super::tls::{Outdated, Tls};

use crate::life::Shutdown;

/// What all connections of a server have in common.
pub(super) struct Common {
    pub(super) router: Router,
    pub(super) limits: Limits,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: Shutdown,
}

type BoxedStream = Box<dyn Stream>;

/// Serves one connection to its end.
pub(super) async fn serve(common: Arc<Common>, stream: BoxedStream, mut peer: Peer, place: Place) {
    let (stream, outdated) = if peer.tls {
        let shaken = tokio::select! {
            shaken = handshake(&common, stream, &mut peer) => shaken,
            () = place.asked_to_leave() => return,
            () = common.stop.wait() => return,
        };
        match shaken {
            Ok((stream, outdated)) => (stream, Some(outdated)),
            Err(why) => {
                count(&common.counters.handshakes_failed);
                tracing::debug!(%peer, why, "no TLS");
                return;
            }
        }
    } else {
        (stream, None)
    };
    let peer = Arc::new(peer);
    match talk(&common, stream, Arc::clone(&peer), &place, outdated).await {
        End::Over(Ok(())) => {}
        End::Over(Err(error)) => tracing::debug!(%peer, %error, "a connection broke"),
        End::TimedOut => {
            count(&common.counters.timed_out);
            tracing::debug!(%peer, "a connection has used up its time");
        }
        End::Left => tracing::debug!(%peer, "a connection was asked to end, and cut"),
    }
}

/// Makes the connection encrypted, and notes in `peer` whose certificate was shown.
async fn handshake(
    common: &Common,
    stream: BoxedStream,
    peer: &mut Peer,
) -> Result<(BoxedStream, Outdated), String> {
    let tls = common.tls.as_ref().ok_or("no certificate is configured")?;
    let (acceptor, outdated) = tls.acceptor();
    let shaken = timeout(common.limits.handshake_timeout, acceptor.accept(stream)).await;
    let stream = shaken
        .map_err(|_| "the handshake took too long")?
        .map_err(|error| error.to_string())?;
    let shown = stream.get_ref().1.peer_certificates();
    if let Some(first) = shown.and_then(|chain| chain.first()) {
        // Signed by our authority, and still it may be one that we cannot read: then nobody is meant by it.
        match certificate::read(first) {
            Ok(info) => peer.certificate = Some(info),
            Err(error) => tracing::warn!(%peer, error, "a client certificate is not understood"),
        }
    }
    Ok((Box::new(stream), outdated))
}

enum End {
    /// By the protocol, or by an error.
    Over(Result<(), Box<dyn std::error::Error + Send + Sync>>),
    /// The peer took too long.
    TimedOut,
    /// It was asked to end and did not do so in time.
    Left,
}

/// Answers requests until the connection ends, or should end and nothing is left to answer.
async fn talk(
    common: &Common,
    stream: BoxedStream,
    peer: Arc<Peer>,
    place: &Place,
    outdated: Option<Outdated>,
) -> End {
    let exchange = Exchange {
        router: common.router.clone(),
        peer,
        books: place.books.clone(),
        body_timeout: common.limits.body_timeout,
    };
    let stream = TokioIo::new(Watched::new(stream, place.books.clone()));
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(stream, exchange));
    let mut leave = pin!(until_leave(common, place, outdated));
    let mut watch = Watch::new(place.books.clone(), &common.limits);
    std::future::poll_fn(|cx| {
        if watch.asked.is_none() && leave.as_mut().poll(cx).is_ready() {
            watch.asked = Some(Instant::now());
            connection.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(result) = connection.as_mut().poll(cx) {
            return Poll::Ready(End::Over(result));
        }
        watch.poll(cx)
    })
    .await
}

/// Returns when the connection should end.
async fn until_leave(common: &Common, place: &Place, outdated: Option<Outdated>) {
    let outdated = async {
        match outdated {
            Some(mut outdated) => outdated.wait().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = place.asked_to_leave() => {}
        () = common.stop.wait() => {}
        () = outdated => {}
    }
}

/// Sees to it that a connection keeps its times.
struct Watch<'a> {
    books: Books,
    limits: &'a Limits,
    /// When the connection was asked to end.
    asked: Option<Instant>,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl<'a> Watch<'a> {
    fn new(books: Books, limits: &'a Limits) -> Self {
        Self {
            books,
            limits,
            asked: None,
            sleep: Box::pin(tokio::time::sleep_until(Instant::now())),
        }
    }

    fn poll(&mut self, cx: &mut std::task::Context<'_>) -> Poll<End> {
        loop {
            let now = Instant::now();
            let (deadline, end, look_again) = {
                let activity = self.books.lock();
                match self.asked {
                    None => (activity.deadline(self.limits), End::TimedOut, self.look_again()),
                    Some(asked) => {
                        let deadline = activity.last_deadline(asked, self.limits);
                        (Some(deadline), End::Left, limits::FAREWELL)
                    }
                }
            };
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Poll::Ready(end);
            }
            // The answers of HTTP/2 are sent by tasks of their own, and their ends do not wake this one.
            let wake = deadline.map_or(now + look_again, |deadline| deadline.min(now + look_again));
            self.sleep.as_mut().reset(wake);
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn look_again(&self) -> std::time::Duration {
        let Limits {
            header_timeout,
            idle_timeout,
            stall_timeout,
            ..
        } = *self.limits;
        header_timeout.min(idle_timeout).min(stall_timeout)
    }
}

/// HTTP/1.1 or HTTP/2, as the first bytes say: over TLS they say what ALPN has agreed on.
fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // `Watch` tells the time for the headers from the time between requests, and this one would not.
        .header_read_timeout(None)
        .max_buf_size(limits::HTTP1_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::MAX_STREAMS)
        .max_header_list_size(limits::HTTP2_HEADERS)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .max_send_buf_size(limits::STREAM_SEND_BUFFER)
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1);
    builder
}

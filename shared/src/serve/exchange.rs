//! One request and its answer: gives the request its peer and its time, and keeps the books.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the clock for the state machine of the connection"
)]

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, Response, Version, header};
use axum::{BoxError, Router};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::Service;
use tokio::time::{Instant, Sleep, timeout};
use tower::ServiceExt as _;

use super::admission::Books;
use super::limits::STREAM_WINDOW;
use super::peer::Peer;

/// The body of a request did not arrive in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body did not arrive in time")]
pub struct SlowBody;

impl SlowBody {
    /// Whether this is why a body could not be read: readers of bodies wrap what they meet.
    pub fn is_why(error: &(dyn std::error::Error + 'static)) -> bool {
        let mut sources = std::iter::successors(Some(error), |error| error.source());
        sources.any(<dyn std::error::Error>::is::<Self>)
    }
}

/// The router, as one connection sees it.
pub(super) struct Exchange {
    pub(super) router: Router,
    pub(super) peer: Arc<Peer>,
    pub(super) books: Books,
    pub(super) body_timeout: Duration,
}

impl Service<Request<Incoming>> for Exchange {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let is_http2 = request.version() == Version::HTTP_2;
        self.books.lock().began(Instant::now(), is_http2);
        let running = Running(Some(self.books.clone()));
        request.extensions_mut().insert(Arc::clone(&self.peer));
        // Who waits for leave to send a body has not sent it, and reading it would give the leave.
        let waits = request.headers().contains_key(header::EXPECT);
        let unread = Unread::default();
        let (body_timeout, keep) = (self.body_timeout, unread.clone());
        let request = request.map(|body| Body::new(Timed::new(body, body_timeout, keep)));
        let answer = self.router.clone().oneshot(request);
        Box::pin(async move {
            let answer = answer.await?;
            let sending = running.answered();
            if let Some(body) = unread.take().filter(|_| !waits) {
                read_away(body).await;
            }
            Ok(answer.map(|body| Answer { body, sending }))
        })
    }
}

/// A request whose answer is being found; dropped when the client goes before there is one.
struct Running(Option<Books>);

impl Running {
    fn answered(mut self) -> Option<Books> {
        let books = self.0.take();
        if let Some(books) = &books {
            books.lock().answered(Instant::now());
        }
        books
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(books) = self.0.take() {
            books.lock().abandoned(Instant::now());
        }
    }
}

/// The body of an answer that is being sent; dropped when it is sent or the client has gone.
pub(super) struct Answer {
    body: Body,
    sending: Option<Books>,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(books) = &self.sending {
            books.lock().went_on(Instant::now());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(books) = self.sending.take() {
            books.lock().sent(Instant::now());
        }
    }
}

/// The body that a handler has not read to its end.
struct Unread<B>(Arc<Mutex<Option<B>>>);

impl<B> Default for Unread<B> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }
}

impl<B> Clone for Unread<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B> Unread<B> {
    fn take(&self) -> Option<B> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, body: B) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
    }
}

/// How much of an unread body is read away, and for how long: as much as one HTTP/2 stream may have sent unasked.
const AWAY: (usize, Duration) = (STREAM_WINDOW as usize, Duration::from_millis(100));

/// Reads a body that nobody wants. A client that has sent it in good faith, and is told so much as 403 at once, would
/// otherwise meet a reset before it reads the answer: curl makes an error of it.
async fn read_away(mut body: Incoming) {
    let (most, limit) = AWAY;
    if body.size_hint().lower() > most as u64 {
        return;
    }
    let reading = async {
        let mut read = 0_usize;
        while read <= most {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
            let Some(Ok(frame)) = frame else { return };
            read = read.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        }
    };
    // Whoever is slower than that gets his answer all the same, and perhaps a reset.
    let _ = timeout(limit, reading).await;
}

/// The body of a request, which has to arrive in time.
struct Timed<B: http_body::Body> {
    /// Until it is dropped.
    body: Option<B>,
    unread: Unread<B>,
    deadline: Instant,
    /// Made when the body is waited for: most are there already.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<B: http_body::Body> Timed<B> {
    fn new(body: B, limit: Duration, unread: Unread<B>) -> Self {
        Self {
            body: Some(body),
            unread,
            deadline: Instant::now() + limit,
            sleep: None,
        }
    }
}

impl<B: http_body::Body> Drop for Timed<B> {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            self.unread.put(body);
        }
    }
}

impl<B> http_body::Body for Timed<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let deadline = self.deadline;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Some(Err(SlowBody.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, http_body::Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_ends_with_its_reason() {
        // A body that never ends.
        struct Never;
        impl http_body::Body for Never {
            type Data = Bytes;
            type Error = Infallible;
            fn poll_frame(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
                Poll::Pending
            }
        }
        let began = Instant::now();
        let body = Body::new(Timed::new(Never, Duration::from_secs(30), Unread::default()));
        let error = to_bytes(body, 1000).await.unwrap_err();
        assert_eq!(began.elapsed().as_secs(), 30);
        assert!(SlowBody::is_why(&error), "{error:?}");
        assert!(!SlowBody::is_why(&std::fmt::Error));
        let unread = Unread::default();
        let timed = |body: &'static str| Timed::new(Body::from(body), Duration::ZERO, unread.clone());
        assert_eq!(to_bytes(Body::new(timed("there")), 1000).await.unwrap(), "there");
        assert!(unread.take().is_none());
        drop(timed("not wanted"));
        assert_eq!(
            to_bytes(unread.take().unwrap(), 1000).await.unwrap(),
            "not wanted"
        );
    }

    #[tokio::test]
    async fn the_books_follow_a_request_to_its_end() {
        let books = Books::new();
        let begin = || {
            books.lock().began(Instant::now(), false);
            Running(Some(books.clone()))
        };
        drop(begin());
        assert!(books.lock().is_resting(), "abandoned");
        let running = begin();
        let answer = Answer {
            body: Body::from("x"),
            sending: running.answered(),
        };
        assert!(!books.lock().is_resting());
        drop(answer);
        assert!(books.lock().is_resting());
    }
}

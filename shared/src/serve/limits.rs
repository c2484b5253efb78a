//! How much and how long a peer may. All of it protects those who wait behind that peer.

use std::time::Duration;

/// Limits of a server, for all its connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// TCP connections at the same time. When there are that many, an idle one makes room for a new one.
    ///
    /// 1,100: a thousand clients at once, and some for those who look after them. A resting one costs about 20 KiB, with TLS 30.
    pub max_connections: usize,
    /// From the connection to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// From the connection, or the first byte of a later request, to the end of the request's headers.
    pub header_timeout: Duration,
    /// From the end of the headers to the end of the body: 1 MiB in 30 s is 280 kbit/s.
    pub body_timeout: Duration,
    /// Between two requests.
    pub idle_timeout: Duration,
    /// How long a peer may take nothing of what is sent to it. Replies that can be silent for longer, such as events,
    /// must send something in between.
    pub stall_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1100,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(120),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

/// Connections to unix sockets at the same time. They are counted apart, so that whoever is on the machine gets in while
/// the network has taken all other places.
pub(super) const UNIX_CONNECTIONS: usize = 64;
/// Requests of one HTTP/2 connection at the same time: a thousand take four connections.
pub(super) const MAX_STREAMS: u32 = 250;
/// Bytes of one HTTP/1 request's headers, and of what is read ahead of a body: 8 KiB is what most servers take, and the
/// rest is for cookies that we never asked for.
pub(super) const HTTP1_BUFFER: usize = 16 * 1024;
/// Bytes of one HTTP/2 request's headers, counted as RFC 9113 §6.5.2 does.
pub(super) const HTTP2_HEADERS: u32 = 16 * 1024;
/// What a peer may send of one HTTP/2 body before it is read: the protocol's own default.
pub(super) const STREAM_WINDOW: u32 = 65_535;
/// What a peer may send of all bodies of one HTTP/2 connection before they are read.
pub(super) const CONNECTION_WINDOW: u32 = 256 * 1024;
/// What one HTTP/2 stream holds back for a peer that does not take it.
pub(super) const STREAM_SEND_BUFFER: usize = 64 * 1024;
/// How often an HTTP/2 peer with open requests is asked whether it is still there, and how long it may take to answer.
pub(super) const PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(20));
/// How long an idle connection that is asked to end may take for the last words of the protocol.
pub(super) const FAREWELL: Duration = Duration::from_millis(20);
/// How long a connection that is asked to end may take for the requests that it has begun: longer than a commit and
/// the one that takes it back.
pub(super) const DRAIN: Duration = Duration::from_secs(150);

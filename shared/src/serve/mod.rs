//! What a daemon serves its API with: sockets, connections, TLS, credentials. Nothing here knows what is served.
//!
//! A connection goes listener → admission → a task of its own → TLS handshake → HTTP/1.1 or HTTP/2 → router. Whatever a
//! peer does or leaves undone, it costs one bounded task: the accept loops wait for no peer. Each request carries its
//! `Peer`, from which `Credentials` and the daemon's own rules tell who is calling.

/// The description of an API, from its table of routes.
#[cfg(feature = "openapi")]
pub mod openapi;
/// What an API has, as rows of a table.
pub mod routes;
/// Kinds of problems that an API answers with.
pub mod kind;
/// Reads bodies of requests within their limits.
pub mod body;
/// Asks for the settings to be read again: SIGHUP.
pub mod reload;
/// Accepts connections until it is told to stop, and sees the open ones to their end.
pub mod server;
/// One connection from handshake to end.
mod connection;
/// Gives each request its peer, and keeps the books on what a connection is doing.
mod exchange;
/// A stream that tells when its peer sends, and when it does not take what is sent.
mod stream;
/// How many connections there may be, and which one makes room.
mod admission;
/// What one connection is doing, and until when it may.
mod activity;
/// Sockets that are bound, or were passed by systemd.
pub mod listener;
/// Settings that both daemons have by the same names.
pub mod settings;
/// How much and how long a peer may.
pub mod limits;
/// Certificate and key, and what to do when they change.
pub mod tls;
/// What a client certificate says about its owner.
pub mod certificate;
/// Who is calling, and whether credentials are needed.
pub mod access;
/// A file with nothing but tokens in it.
pub mod tokens_file;
/// Tokens and certificates, and what comes with them.
pub mod credentials;
/// The header `Authorization`.
pub mod authorization;
/// Tokens: random, shown once, kept as hashes.
pub mod token;
/// How a token is called.
mod token_name;
/// Files that must not be everybody's.
pub mod secret_file;
/// What became of connections, in numbers.
pub mod counters;
/// Who is at the other end of a connection.
pub mod peer;

pub use access::Access;
pub use credentials::Credentials;
pub use exchange::SlowBody;
pub use limits::Limits;
pub use listener::Listener;
pub use peer::Peer;
pub use reload::Reload;
pub use server::Server;
pub use tls::Tls;

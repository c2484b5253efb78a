#![expect(
    clippy::disallowed_methods,
    reason = "it measures: the time of each request is what it is for"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1, one request after the other.
    Http1,
    /// HTTP/2, without asking first.
    Http2,
}

/// A server, and how to talk to it.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// The protocol.
    pub version: Version,
    /// Its certificate, in DER, if it wants TLS.
    pub certificate: Option<Vec<u8>>,
}

/// A connection. A copy of one that speaks HTTP/2 shares it; HTTP/1.1 has none.
#[derive(Debug)]
pub enum Connection {
    /// HTTP/1.1
    Http1(SocketAddr, http1::SendRequest<Full<Bytes>>),
    /// HTTP/2
    Http2(SocketAddr, http2::SendRequest<Full<Bytes>>),
}

/// An answer, and how long it took.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The entries of `Server-Timing`, in milliseconds.
    pub timing: Vec<(String, f64)>,
    /// From the request to the end of its answer.
    pub took: Duration,
    /// When the answer was there.
    pub at: Instant,
}

impl Reply {
    /// An entry of `Server-Timing`, in milliseconds.
    pub fn timing(&self, name: &str) -> Option<f64> {
        let entry = self.timing.iter().find(|(entry, _)| entry == name)?;
        Some(entry.1)
    }
}

impl Target {
    /// Opens a connection.
    ///
    /// # Errors
    /// Nobody listens, or it is not the server of that certificate.
    pub async fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let Some(certificate) = &self.certificate else {
            return self.shake(stream).await;
        };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(certificate.clone()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = match self.version {
            Version::Http1 => vec![b"http/1.1".to_vec()],
            Version::Http2 => vec![b"h2".to_vec()],
        };
        let connector = TlsConnector::from(Arc::new(config));
        let name = self.address.ip().into();
        self.shake(connector.connect(name, stream).await?).await
    }

    async fn shake(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Connection> {
        let io = TokioIo::new(stream);
        Ok(match self.version {
            Version::Http1 => {
                let (sender, connection) = http1::handshake(io).await?;
                tokio::spawn(connection);
                Connection::Http1(self.address, sender)
            }
            Version::Http2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(connection);
                Connection::Http2(self.address, sender)
            }
        })
    }

    /// Opens what `streams` requests at the same time need: a connection each for HTTP/1.1, one for 200 with HTTP/2.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connections(&self, streams: usize) -> Result<Vec<Connection>> {
        let mut connections: Vec<Connection> = Vec::new();
        for number in 0..streams {
            let shared = match connections.last() {
                Some(Connection::Http2(address, sender)) if number % 200 != 0 => {
                    Some(Connection::Http2(*address, sender.clone()))
                }
                _ => None,
            };
            connections.push(match shared {
                Some(shared) => shared,
                None => self.connect().await?,
            });
        }
        Ok(connections)
    }
}

impl Connection {
    /// `PUT path` with a body of JSON.
    ///
    /// # Errors
    /// The connection has failed.
    pub async fn put(&mut self, path: &str, body: Vec<u8>) -> Result<Reply> {
        let (Self::Http1(address, _) | Self::Http2(address, _)) = &*self;
        let request = Request::put(format!("http://{address}{path}"))
            .header("host", address.to_string())
            .header("content-type", "application/json");
        let mut request = request.body(Full::new(Bytes::from(body)))?;
        let begun = Instant::now();
        let response: Response<Incoming> = match self {
            Self::Http1(_, sender) => {
                // As HTTP/1.1 has it: the host is in its header.
                *request.uri_mut() = path.parse()?;
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(_, sender) => {
                // HTTP/2 has it in `:authority` alone.
                request.headers_mut().remove("host");
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (head, body) = response.into_parts();
        body.collect().await.context("the end of an answer")?;
        let at = Instant::now();
        let timing = head
            .headers
            .get("server-timing")
            .and_then(|value| value.to_str().ok());
        let entries = timing.unwrap_or_default().split(',').filter_map(|entry| {
            let (name, ms) = entry.trim().split_once(";dur=")?;
            Some((name.to_owned(), ms.parse().ok()?))
        });
        Ok(Reply {
            status: head.status.as_u16(),
            timing: entries.collect(),
            took: at.saturating_duration_since(begun),
            at,
        })
    }
}

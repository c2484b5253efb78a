//! One request a connection, nothing kept, no redirects, no TLS: what a test needs to ask a daemon, and not the code that
//! the daemons themselves use.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long an answer may take when nothing else is said: longer than any commit.
const LIMIT: Duration = Duration::from_secs(90);

/// What the server answered.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values, in the order of the answer.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is none; the error shows it.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("{}: {}", self.status, self.text()))
    }
}

/// `GET path`.
///
/// # Errors
/// No connection, no answer in time, or no HTTP.
pub fn get(server: SocketAddr, path: &str) -> Result<Response> {
    request(server, "GET", path, None)
}

/// `PUT path` with a body of JSON.
///
/// # Errors
/// As [`get`].
pub fn put(server: SocketAddr, path: &str, body: &serde_json::Value) -> Result<Response> {
    request(server, "PUT", path, Some(body.to_string().as_bytes()))
}

/// `DELETE path`.
///
/// # Errors
/// As [`get`].
pub fn delete(server: SocketAddr, path: &str) -> Result<Response> {
    request(server, "DELETE", path, None)
}

/// One request with any method and any body; a body is called JSON, whatever it is.
///
/// # Errors
/// As [`get`].
pub fn request(server: SocketAddr, method: &str, path: &str, body: Option<&[u8]>) -> Result<Response> {
    request_as(server, None, method, path, body)
}

/// Like [`request`], by the owner of a bearer token.
///
/// # Errors
/// As [`get`].
pub fn request_as(
    server: SocketAddr,
    token: Option<&str>,
    method: &str,
    path: &str,
    body: Option<&[u8]>,
) -> Result<Response> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n");
    if let Some(token) = token {
        head.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    if let Some(body) = body {
        let length = body.len();
        head.push_str(&format!(
            "Content-Type: application/json\r\nContent-Length: {length}\r\n"
        ));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body.unwrap_or_default());
    let answer = converse(server, &bytes, LIMIT, is_whole);
    let answer = answer.with_context(|| format!("{method} {path} at {server}"))?;
    parse(&answer).with_context(|| format!("{method} {path} at {server}"))
}

/// Sends `bytes` as they are and returns everything that came back before the server closed.
///
/// # Errors
/// No connection, or no end of the answer in time.
pub fn exchange(server: SocketAddr, bytes: &[u8], limit: Duration) -> Result<Vec<u8>> {
    converse(server, bytes, limit, |_| false)
}

/// Whether an answer that tells its length is all there: not every server closes when it is asked to.
fn is_whole(answer: &[u8]) -> bool {
    let length = |response: &Response| response.header("content-length")?.parse::<usize>().ok();
    parse(answer).is_ok_and(|response| length(&response).is_some_and(|length| response.body.len() >= length))
}

/// Like [`exchange`], until the server closes or `is_whole` says that nothing more will come.
fn converse(
    server: SocketAddr,
    bytes: &[u8],
    limit: Duration,
    is_whole: impl Fn(&[u8]) -> bool,
) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, Duration::from_secs(2).min(limit))?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    // A server that refuses an oversized body answers and closes before it has read it all.
    let sent = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut piece = [0; 64 * 1024];
    while !is_whole(&answer) {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => answer.extend(piece.iter().take(length)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if answer.is_empty() => return Err(error.into()),
            Err(_) => break,
        }
    }
    if answer.is_empty() {
        sent?;
        bail!("closed without an answer");
    }
    Ok(answer)
}

fn parse(answer: &[u8]) -> Result<Response> {
    let split = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .context("an answer without an end of its head")?;
    let (head, rest) = answer.split_at(split);
    let head = std::str::from_utf8(head).context("a head that is no text")?;
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5));
    let status = status
        .and_then(|status| status.parse().ok())
        .with_context(|| format!("no status: {status_line}"))?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut response = Response {
        status,
        headers,
        body: rest.get(4..).unwrap_or_default().to_vec(),
    };
    if response
        .header("transfer-encoding")
        .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    {
        response.body = unchunk(&response.body).context("a broken chunk")?;
    }
    Ok(response)
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..end)?).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let data = end + 2;
        body.extend_from_slice(rest.get(data..data.checked_add(size)?)?);
        rest = rest.get(data + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_headers_and_body() {
        let answer =
            b"HTTP/1.1 422 Unprocessable\r\nContent-Type: application/problem+json\r\n\r\n{\"status\":422}";
        let response = parse(answer).unwrap();
        assert_eq!(response.status, 422);
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        assert_eq!(response.json().unwrap()["status"], 422);
    }

    #[test]
    fn chunks_are_joined_and_broken_ones_refused() {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        let whole = [&head[..], b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"].concat();
        assert_eq!(parse(&whole).unwrap().body, b"abcde");
        let cut = [&head[..], b"ff\r\nabc\r\n"].concat();
        assert!(parse(&cut).is_err());
    }

    #[test]
    fn what_is_no_http_is_refused() {
        for answer in [
            &b""[..],
            b"\r\n\r\n",
            b"SSH-2.0-x\r\n\r\n",
            b"HTTP/1.1 2x0 OK\r\n\r\n",
        ] {
            assert!(parse(answer).is_err());
        }
    }
}

//! Against small servers made here: what matters is what the client does with answers, silence and certificates.

use std::io::Write;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::*;

fn name() -> AclName {
    "ddos1".parse().unwrap()
}

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

/// Reads one request's head and body; returns them as text.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer).await.unwrap_or(0);
        text.extend_from_slice(&buffer[..n]);
        let so_far = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = so_far.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|l| {
                l.to_lowercase()
                    .strip_prefix("content-length: ")
                    .map(str::to_owned)
            });
            if body.len() >= length.map_or(0, |l| l.parse().unwrap()) {
                return so_far;
            }
        }
        assert!(n > 0, "the client closed in the middle of a request: {so_far:?}");
    }
}

/// Answers every request on one connection with `reply`, after it has recorded it.
async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), reply: &str) -> String {
    let request = read_request(stream).await;
    stream.write_all(reply.as_bytes()).await.unwrap();
    request
}

async fn plain_server(replies: Vec<String>) -> (Url, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = url(&format!("http://{}", listener.local_addr().unwrap()));
    let task = tokio::spawn(async move {
        // One connection for all replies: the client must keep it.
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut requests = Vec::new();
        for reply in replies {
            requests.push(answer(&mut stream, &reply).await);
        }
        requests
    });
    (base, task)
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn one_connection_carries_every_request() {
    let (base, server) = plain_server(vec![
        reply(
            "200 OK",
            "server-timing: queue;dur=5, commit;dur=40\r\n",
            r#"{"ddos1":{"status":201,"etag":"\"x1\"","commit":"1-1"},"old":{"status":409,"problem":{"title":"t"}}}"#,
        ),
        reply("200 OK", "", r#"["[iptables]"]"#),
        reply(
            "200 OK",
            "",
            r#"[{"name":"ddos1","etag":"\"x1\"","lines":2,"rules":1,"newer":7}]"#,
        ),
        reply("404 Not Found", "", r#"{"title":"no such ACL"}"#),
        reply("200 OK", "", r#"{"renewed":3,"set_etag":"\"s\""}"#),
        reply("200 OK", "", r#"{"entries_used":7,"entries_limit":null}"#),
        reply("200 OK", "", "{}"),
    ])
    .await;
    let client = AclClient::new(ClientConfig::new(base)).unwrap();
    let patch = AclPatch::from([
        (name(), Some(vec!["[iptables]".to_owned()])),
        ("old".parse().unwrap(), None),
    ]);
    let minute = Duration::from_secs(60);
    let done = client
        .patch(&patch, Some(minute), &Condition::None)
        .await
        .unwrap();
    assert_eq!(done.results["ddos1"].etag.as_deref(), Some("\"x1\""));
    assert_eq!(done.results["old"].status, 409);
    assert_eq!(done.timing.commit, Duration::from_millis(40));
    assert_eq!(
        client.get(&name()).await.unwrap(),
        Some(vec!["[iptables]".to_owned()])
    );
    assert_eq!(client.list("dd os&").await.unwrap()[0].etag, "\"x1\"");
    assert_eq!(client.get(&name()).await.unwrap(), None);
    assert_eq!(client.renew("fm_", minute).await.unwrap().renewed, 3);
    assert_eq!(client.capacity().await.unwrap().entries_limit, None);
    let disk = Condition::Match(vec!["\"a\"".to_owned(), "\"b\"".to_owned()]);
    client.patch(&patch, None, &disk).await.unwrap();
    let requests = server.await.unwrap();
    assert!(
        requests[0].starts_with("PATCH /acl/?atomic=false&ttl=60 HTTP/1.1\r\n")
            && requests[0].ends_with(r#"{"ddos1":["[iptables]"],"old":null}"#),
        "{}",
        requests[0]
    );
    assert!(requests[4].starts_with("POST /acl/renew?prefix=fm_&ttl=60 HTTP/1.1\r\n"));
    assert!(
        requests[6].contains("if-match: \"a\", \"b\"\r\n"),
        "{}",
        requests[6]
    );
    assert!(
        requests[2].starts_with("GET /acl/?prefix=dd+os%26&details=true HTTP/1.1\r\n"),
        "{}",
        requests[2]
    );
}

#[tokio::test]
async fn problems_come_back_typed() {
    let (base, server) = plain_server(vec![
        reply(
            "422 Unprocessable",
            "",
            r#"{"type":"urn:acl-server:problem:refused","title":"t","detail":"d"}"#,
        ),
        reply("503 Service Unavailable", "retry-after: 7\r\n", ""),
        reply("301 Moved", "location: http://127.0.0.1:1/\r\n", ""),
    ])
    .await;
    let client = AclClient::new(ClientConfig::new(base)).unwrap();
    let refused = client.get(&name()).await.unwrap_err();
    assert!(!refused.is_transient());
    assert!(
        matches!(&refused, ClientError::Refused { problem, .. } if problem.slug() == "refused"),
        "{refused:?}"
    );
    let busy = client.get(&name()).await.unwrap_err();
    assert!(busy.is_transient());
    assert!(matches!(busy, ClientError::Refused { retry_after: Some(after), .. } if after.as_secs() == 7));
    let moved = client.get(&name()).await.unwrap_err();
    assert!(matches!(moved, ClientError::Refused { problem, .. } if problem.status == 301));
    server.await.unwrap();
}

#[tokio::test]
async fn silence_and_refusal_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = ClientConfig::new(url(&format!("http://{}", listener.local_addr().unwrap())));
    config.read_timeout = Duration::from_millis(100);
    let client = AclClient::new(config).unwrap();
    assert!(matches!(client.get(&name()).await, Err(ClientError::Timeout(_))));
    drop(listener);
    let error = client.get(&name()).await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Unreachable(why) if why.contains("refused")),
        "{error:?}"
    );
    assert!(error.is_transient());
}

#[tokio::test]
async fn an_endless_reply_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = AclClient::new(ClientConfig::new(url(&format!(
        "http://{}",
        listener.local_addr().unwrap()
    ))))
    .unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        answer(&mut stream, "HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b' '; 65536]).await.is_ok() {}
    });
    assert!(matches!(client.get(&name()).await, Err(ClientError::Protocol(_))));
    server.await.unwrap();
}

/// An HTTPS server with a certificate of its own authority for `localhost`; returns its port and the authority's PEM.
async fn tls_server(reply: String) -> (u16, String, tokio::task::JoinHandle<Option<String>>) {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, pem) = (key.cert.der().clone(), key.cert.pem());
    let private = PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], private)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await.ok()?;
        Some(answer(&mut stream, &reply).await)
    });
    (port, pem, task)
}

#[tokio::test]
async fn a_token_travels_only_to_a_verified_server() {
    let (port, pem, server) = tls_server(reply("200 OK", "", "[]")).await;
    let mut ca = tempfile::NamedTempFile::new().unwrap();
    ca.write_all(pem.as_bytes()).unwrap();
    let mut config = ClientConfig::new(url(&format!("https://localhost:{port}")));
    config.token = Some(Token::new(" s3cret\n"));
    config.ca_file = Some(ca.path().to_owned());
    assert!(!format!("{config:?}").contains("s3cret"));
    let client = AclClient::new(config.clone()).unwrap();
    client.list("fm_").await.unwrap();
    let request = server.await.unwrap().expect("the handshake succeeded");
    assert!(request.contains("authorization: Bearer s3cret\r\n"), "{request}");

    // Another authority: the handshake fails before the token is sent.
    let (port, _, server) = tls_server(reply("200 OK", "", "[]")).await;
    config.base = url(&format!("https://localhost:{port}"));
    let error = AclClient::new(config).unwrap().list("fm_").await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable(_)), "{error:?}");
    assert_eq!(server.await.unwrap(), None);
}

#[test]
fn unsafe_configurations_are_refused() {
    let mut config = ClientConfig::new(url("http://10.0.0.1:8080"));
    config.token = Some(Token::new("x"));
    assert!(matches!(
        AclClient::new(config.clone()),
        Err(SetupError::CleartextToken(_))
    ));
    config.cleartext_token = true;
    assert!(AclClient::new(config.clone()).is_ok());
    config.token = Some(Token::new("a\nb"));
    assert!(matches!(AclClient::new(config.clone()), Err(SetupError::Token)));
    config.token = None;
    config.ca_file = Some("/nonexistent".into());
    assert!(matches!(AclClient::new(config), Err(SetupError::CaFile { .. })));
    assert!(matches!(
        AclClient::new(ClientConfig::new(url("ftp://x"))),
        Err(SetupError::Url(_))
    ));
}

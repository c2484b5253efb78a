//! A server on loopback, against peers that say nothing, half of something, or too much.

use std::net::SocketAddr;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::routing::{get, put};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::super::Peer;
use super::super::tls::{Fresh, TlsFiles};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Limits of a test that is over soon.
fn short() -> Limits {
    Limits {
        max_connections: 1000,
        handshake_timeout: SECOND / 5,
        header_timeout: SECOND / 5,
        body_timeout: SECOND / 5,
        idle_timeout: SECOND / 2,
        stall_timeout: SECOND / 5,
    }
}

/// Limits that nothing in a test reaches.
fn patient() -> Limits {
    let long = SECOND * 600;
    Limits {
        max_connections: 1000,
        handshake_timeout: long,
        header_timeout: long,
        body_timeout: long,
        idle_timeout: long,
        stall_timeout: long,
    }
}

fn router() -> Router {
    Router::new()
        .route("/", get(|| async { "here" }))
        .route(
            "/peer",
            get(|Extension(peer): Extension<Arc<Peer>>| async move { format!("{peer:?}") }),
        )
        .route(
            "/slow",
            get(|| async {
                sleep(SECOND / 2).await;
                "late"
            }),
        )
        .route("/big", get(|| async { Body::from(vec![b'x'; 64 << 20]) }))
        .route(
            "/",
            put(|body: Body| async {
                match axum::body::to_bytes(body, 1 << 20).await {
                    Ok(body) => format!("{} bytes", body.len()),
                    Err(error) => format!("{:?}", std::error::Error::source(&error)),
                }
            }),
        )
}

async fn start(limits: Limits) -> (Server, SocketAddr) {
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), false)
        .await
        .unwrap();
    let address = listener.address().unwrap();
    (
        Server::start(vec![listener], router(), None, limits).unwrap(),
        address,
    )
}

/// Sends `text` and returns all that comes back until the other side closes.
async fn exchange(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    read_all(&mut stream).await
}

async fn read_all(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn get_close(address: SocketAddr, path: &str) -> String {
    exchange(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    )
    .await
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = timeout(SECOND * 20, async {
        while !holds() {
            sleep(SECOND / 100).await;
        }
    });
    assert!(waited.await.is_ok(), "waited for {what}");
}

#[tokio::test]
async fn kept_connections_over_http1_and_many_requests_over_one_http2() {
    let (server, address) = start(patient()).await;
    let mut kept = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let mut answer = vec![0; 4096];
        let n = kept.read(&mut answer).await.unwrap();
        assert!(
            answer[..n].ends_with(b"here"),
            "{}",
            String::from_utf8_lossy(&answer[..n])
        );
    }
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut requests = JoinSet::new();
    for number in 0..600_usize {
        let mut sender = sender.clone();
        requests.spawn(async move {
            let body = Full::new(Bytes::from(vec![b'x'; number * 50]));
            let request = Request::put(format!("http://{address}/")).body(body).unwrap();
            let answer = sender.send_request(request).await.unwrap();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, format!("{} bytes", number * 50));
        });
    }
    while let Some(done) = requests.join_next().await {
        done.unwrap();
    }
    assert_eq!(server.open(), 2);
    assert_eq!(server.counters().read().accepted, 2);
}

#[tokio::test]
async fn each_request_knows_its_peer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let listeners = vec![
        Listener::tcp("127.0.0.1:0".parse().unwrap(), false)
            .await
            .unwrap(),
        Listener::unix(&path).unwrap(),
    ];
    let address = listeners[0].address().unwrap();
    let _server = Server::start(listeners, router(), None, patient()).unwrap();
    let text = get_close(address, "/peer").await;
    assert!(
        text.contains("tls: false") && text.contains(&format!("local: Some({address})")),
        "{text}"
    );
    let mut unix = UnixStream::connect(&path).await.unwrap();
    unix.write_all(b"GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let text = read_all(&mut unix).await;
    assert!(
        text.contains("address: None") && text.contains(&format!("pid: Some({})", std::process::id())),
        "{text}"
    );
}

#[tokio::test]
async fn peers_that_dawdle_are_ended_each_in_its_way() {
    let (server, address) = start(short()).await;
    // Nothing, half a preface of HTTP/2, half a request, and half of a second one.
    let kept = "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTT";
    for (text, answered) in [
        ("", false),
        ("PRI * HTTP", false),
        ("GET / HTTP/1.1\r\nHo", false),
        (kept, true),
    ] {
        let answer = timeout(SECOND * 20, exchange(address, text)).await.unwrap();
        assert_eq!(answer.contains("here"), answered, "{text}: {answer}");
    }
    // A header each tenth of the time does not buy another second.
    let mut loris = TcpStream::connect(address).await.unwrap();
    loris.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let dripped = timeout(SECOND * 20, async {
        while loris.write_all(b"X: y\r\n").await.is_ok() {
            sleep(SECOND / 50).await;
        }
    });
    assert!(dripped.await.is_ok());
    // A connection that was used, and rests for too long.
    let idle = exchange(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(idle.ends_with("here"), "{idle}");
    // A body that does not come.
    let body = "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345";
    let answer = exchange(address, body).await;
    assert!(answer.contains("SlowBody"), "{answer}");
    until("six to have used up their time", || {
        server.counters().read().timed_out >= 6
    })
    .await;
    assert_eq!(server.open(), 0);
}

#[tokio::test]
async fn who_takes_no_answer_is_cut() {
    // Short is only what is tested: on a busy machine a handshake takes its time.
    let limits = Limits {
        handshake_timeout: SECOND * 3,
        header_timeout: SECOND * 3,
        idle_timeout: SECOND * 3,
        ..short()
    };
    let (server, address) = start(limits).await;
    let mut http1 = TcpStream::connect(address).await.unwrap();
    http1
        .write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(10)
        .handshake(stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("http://{address}/big"))
        .body(Empty::<Bytes>::new())
        .unwrap();
    // Its body is never read, so no window is given back.
    let _answer = sender.send_request(request).await.unwrap();
    until("both to be cut", || {
        server.open() == 0 && server.counters().read().timed_out == 2
    })
    .await;
    assert!(get_close(address, "/").await.ends_with("here"));
}

#[tokio::test]
async fn idle_connections_make_room_for_those_who_ask() {
    let limits = Limits {
        max_connections: 20,
        ..patient()
    };
    let (server, address) = start(limits).await;
    let mut idle = Vec::new();
    for number in 0..100 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if number % 3 == 0 {
            stream.write_all(b"GET / HTTP/1.1\r\nHost").await.unwrap();
        }
        idle.push(stream);
    }
    for _ in 0..30 {
        let answer = timeout(SECOND * 10, get_close(address, "/")).await.unwrap();
        assert!(answer.ends_with("here"), "{answer}");
    }
    assert!(server.open() <= 20, "{}", server.open());
    let counts = server.counters().read();
    assert!(counts.made_room >= 80 && counts.timed_out == 0, "{counts:?}");
}

#[tokio::test]
async fn requests_that_run_keep_their_places_and_the_others_wait() {
    let limits = Limits {
        max_connections: 3,
        ..patient()
    };
    let (server, address) = start(limits).await;
    let mut requests = JoinSet::new();
    for _ in 0..12 {
        requests.spawn(async move { get_close(address, "/slow").await });
    }
    while let Some(answer) = requests.join_next().await {
        let answer = answer.unwrap();
        assert!(answer.ends_with("late"), "{answer}");
    }
    assert_eq!(server.counters().read().accepted, 12);
}

#[tokio::test]
async fn the_end_lets_requests_finish_and_nothing_else() {
    let (server, address) = start(patient()).await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost").await.unwrap();
    let request = tokio::spawn(async move { get_close(address, "/slow").await });
    until("three connections", || server.open() == 3).await;
    sleep(SECOND / 5).await;
    assert_eq!(server.stop(SECOND * 20).await, 0);
    assert!(request.await.unwrap().ends_with("late"));
    assert_eq!(read_all(&mut idle).await, "");
    read_all(&mut half).await;
    assert!(TcpStream::connect(address).await.is_err());
    let (server, address) = start(patient()).await;
    let request = tokio::spawn(async move { get_close(address, "/slow").await });
    until("its connection", || server.open() == 1).await;
    sleep(SECOND / 10).await;
    assert_eq!(server.stop(SECOND / 10).await, 1);
    assert_eq!(request.await.unwrap(), "");
}

#[tokio::test]
async fn headers_have_a_bound() {
    let (_server, address) = start(patient()).await;
    let big = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(100_000));
    let answer = exchange(address, &big).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    assert!(get_close(address, "/").await.ends_with("here"));
}

#[tokio::test]
async fn a_listener_without_a_certificate_is_not_served_in_the_clear() {
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), true).await.unwrap();
    assert!(Server::start(vec![listener], router(), None, patient()).is_err());
}

/// A server with TLS, whose files are in the directory.
async fn start_tls(limits: Limits) -> (tempfile::TempDir, Server, SocketAddr, Arc<Tls>, TlsFiles) {
    let directory = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let write = |name: &str, content: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let files = TlsFiles {
        certificate: write("certificate.pem", params.self_signed(&key).unwrap().pem()),
        key: write("key.pem", key.serialize_pem()),
        client_ca: None,
    };
    let tls = Arc::new(Tls::new(Fresh::read(&files).unwrap()));
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), true).await.unwrap();
    let address = listener.address().unwrap();
    let server = Server::start(vec![listener], router(), Some(Arc::clone(&tls)), limits).unwrap();
    (directory, server, address, tls, files)
}

/// A client that trusts the server's certificate.
async fn connect_tls(address: SocketAddr, files: &TlsFiles) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(&files.certificate).unwrap();
    roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect("localhost".try_into().unwrap(), stream)
        .await
        .unwrap()
}

#[tokio::test]
async fn new_certificates_end_older_connections_after_their_requests() {
    let (_directory, server, address, tls, files) = start_tls(patient()).await;
    let mut idle = connect_tls(address, &files).await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut busy = connect_tls(address, &files).await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = vec![0; 4096];
    let n = idle.read(&mut answer).await.unwrap();
    assert!(answer[..n].starts_with(b"HTTP/1.1 200"));
    until("both to be open", || server.open() == 2).await;
    sleep(SECOND / 5).await;
    tls.replace(Fresh::read(&files).unwrap());
    let ended = |stream| async {
        let mut stream = stream;
        timeout(SECOND * 20, read_all(&mut stream)).await.unwrap()
    };
    ended(idle).await;
    let answer = ended(busy).await;
    assert!(
        answer.contains("late") && answer.contains("connection: close"),
        "{answer}"
    );
    let mut new = connect_tls(address, &files).await;
    new.write_all(b"GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(ended(new).await.contains("tls: true"));
}

#[tokio::test]
async fn silent_and_broken_handshakes_end() {
    let (_directory, server, address, _tls, files) = start_tls(short()).await;
    for text in [
        "",
        "\x16\x03\x01\x02\x00\x01",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let answer = timeout(SECOND * 20, exchange(address, text)).await.unwrap();
        assert!(!answer.contains("here"), "{text}");
    }
    until("three failures", || {
        server.counters().read().handshakes_failed == 3
    })
    .await;
    // A handshake, and then silence.
    let mut silent = connect_tls(address, &files).await;
    assert_eq!(timeout(SECOND * 20, read_all(&mut silent)).await.unwrap(), "");
}

/// A frame of HTTP/2 (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
}

#[tokio::test]
async fn a_refusal_is_not_followed_by_a_reset_when_the_body_is_on_its_way() {
    let (_server, address) = start(patient()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    // POST http://x/, which is refused (405) before its body has come.
    let head = frame(1, 4, 1, b"\x83\x86\x84\x41\x01x");
    let start = [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        &frame(4, 0, 0, b""),
        &head,
    ]
    .concat();
    stream.write_all(&start).await.unwrap();
    sleep(SECOND / 50).await;
    stream.write_all(&frame(0, 1, 1, b"body")).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(SECOND / 2, stream.read_to_end(&mut answer)).await;
    let mut kinds = Vec::new();
    let mut rest = answer.as_slice();
    while let [0, high, low, kind, _, _, _, _, number, after @ ..] = rest {
        kinds.push((*number, *kind));
        rest = &after[usize::from(*high) * 256 + usize::from(*low)..];
    }
    let of_the_request: Vec<u8> = kinds
        .iter()
        .filter(|(number, _)| *number == 1)
        .map(|(_, kind)| *kind)
        .collect();
    assert_eq!(of_the_request.first(), Some(&1), "headers: {kinds:?}");
    assert!(!of_the_request.contains(&3), "a reset: {kinds:?}");
}

//! A daemon that knows its callers by credentials, and everything that may be shown to it.

use std::path::Path;

use tests::local::Home;
use tests::{binaries, process};

use super::callers::{Caller, Way, caller, detours, is_root};
use super::pki::Authority;
use super::table::Kind;
use super::world::{World, world};

/// Makes a token with acl-server itself; its entry goes into `tokens.toml`.
fn token(directory: &Path, name: &str, scopes: &[&str]) -> String {
    let mut command = process::command(binaries::binary("acl-server").unwrap());
    let file = directory.join("tokens.toml");
    command
        .args(["token", name])
        .args(scopes)
        .arg("--output")
        .arg(file);
    process::run(command).unwrap().trim().to_owned()
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// Base64 of `user:password`, as HTTP Basic has it.
fn basic(user: &str, password: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = "Authorization: Basic ".to_owned();
    for part in format!("{user}:{password}").as_bytes().chunks(3) {
        let bits = (0..3).fold(0, |bits, at| {
            (bits << 8) | u32::from(part.get(at).copied().unwrap_or(0))
        });
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= part.len() { digit.into() } else { '=' });
        }
    }
    text
}

/// A daemon that knows a caller of each kind, by token and by certificate.
pub(super) fn with_credentials() -> (World, Vec<Caller>) {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "lab");
    authority.server("server");
    for name in ["reader", "marker", "admin", "stranger"] {
        authority.client(name);
    }
    Authority::new(directory.path(), "other").client("forged");
    let write = ["--scope", "read", "--scope", "write"];
    let make = |name: &str, scopes: &[&[&str]]| token(directory.path(), name, &scopes.concat());
    let known = [
        ("reader", Kind::Reader, make("reader", &[&["--scope", "read"]])),
        (
            "other",
            Kind::Other,
            make("other", &[&write, &["--prefix", "ab_"]]),
        ),
        (
            "marker",
            Kind::Marker,
            make("marker", &[&write, &["--prefix", "fm_", "--action", "mark"]]),
        ),
        (
            "blind",
            Kind::Blind,
            make("blind", &[&["--scope", "write", "--prefix", "fm_"]]),
        ),
        (
            "writer",
            Kind::Writer,
            make("writer", &[&write, &["--prefix", "fm_"]]),
        ),
        ("admin", Kind::Admin, make("admin", &[&["--scope", "admin"]])),
    ];
    let settings = "tokens_file = \"DIR/tokens.toml\"\n\
        [tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"DIR/server.pem\"\nkey = \"DIR/server-key.pem\"\n\
        client_ca = \"DIR/lab-ca.pem\"\n\
        [[certificate]]\nsubject = \"CN=reader,O=Lab\"\nscopes = [\"read\"]\n\
        [[certificate]]\nsubject = \"CN=marker,O=Lab\"\nscopes = [\"read\", \"write\"]\nprefixes = [\"fm_\"]\nactions = [\"mark\"]\n\
        [[certificate]]\nsubject = \"CN=admin,O=Lab\"\nscopes = [\"admin\"]\n";
    let secret = |name: &str| known.iter().find(|known| known.0 == name).unwrap().2.as_str();
    let admin = vec![bearer(secret("admin"))];
    let mut callers: Vec<_> = known
        .iter()
        .map(|(name, kind, token)| caller(name, *kind, &[&bearer(token)]))
        .collect();
    callers.extend([
        caller(
            "marker by Basic",
            Kind::Marker,
            &[&basic("marker", secret("marker"))],
        ),
        caller(
            "reader by a proxy",
            Kind::Reader,
            &[&bearer(secret("reader")), "Via: x", "Origin: http://x"],
        ),
        caller("a wrong token", Kind::Wrong, &["Authorization: Bearer acltok_x"]),
        caller(
            "admin's token under another name",
            Kind::Wrong,
            &[&basic("reader", secret("admin"))],
        ),
        caller("a name without a token", Kind::Wrong, &[&basic("admin", "")]),
        caller("no scheme", Kind::Wrong, &["Authorization: admin"]),
        caller(
            "two tokens",
            Kind::Wrong,
            &[&bearer(secret("reader")), &bearer(secret("admin"))],
        ),
        caller("anonymous", Kind::Nobody, &[]),
    ]);
    for (way, name, kind) in [
        (Way::Tls(None), "TLS without a certificate", Some(Kind::Nobody)),
        (
            Way::Tls(Some("reader")),
            "the certificate reader",
            Some(Kind::Reader),
        ),
        (
            Way::Tls(Some("marker")),
            "the certificate marker",
            Some(Kind::Marker),
        ),
        (
            Way::Tls(Some("admin")),
            "the certificate admin",
            Some(Kind::Admin),
        ),
        (
            Way::Tls(Some("stranger")),
            "a certificate of an unknown subject",
            Some(Kind::Nobody),
        ),
        (
            Way::Tls(Some("forged")),
            "a certificate of another authority",
            None,
        ),
        (
            Way::Unix,
            "who runs this, over the socket",
            Some(if is_root() { Kind::Admin } else { Kind::Nobody }),
        ),
        (Way::Other, "another user, over the socket", Some(Kind::Nobody)),
    ] {
        callers.push(Caller {
            way,
            kind,
            ..caller(name, Kind::Nobody, &[])
        });
    }
    callers.push(Caller {
        way: Way::Other,
        ..caller(
            "another user's token, over the socket",
            Kind::Writer,
            &[&bearer(secret("writer"))],
        )
    });
    callers.extend(detours());
    let home = Home::new(&directory.path().join("home")).unwrap();
    (world(directory, home, settings, admin), callers)
}

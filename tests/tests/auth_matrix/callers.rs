//! Who calls, and by which way.

use super::table::Kind;

/// How a request gets to the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Over TCP, on loopback.
    Tcp,
    /// Over TLS, with the client certificate of this name, if there is one.
    Tls(Option<&'static str>),
    /// Over the unix socket, as who runs the test.
    Unix,
    /// Over the unix socket, as somebody else. Only root can be somebody else.
    Other,
}

pub(super) struct Caller {
    pub(super) name: String,
    /// None: there is no answer at all.
    pub(super) kind: Option<Kind>,
    pub(super) way: Way,
    pub(super) headers: Vec<String>,
    /// Instead of the daemon's own.
    pub(super) host: Option<&'static str>,
}

pub(super) fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

pub(super) fn caller(name: &str, kind: Kind, headers: &[&str]) -> Caller {
    Caller {
        name: name.to_owned(),
        kind: Some(kind),
        way: Way::Tcp,
        headers: headers.iter().map(|header| (*header).to_owned()).collect(),
        host: None,
    }
}

/// Those who come by a detour: a proxy, a browser, a name that is not ours.
pub(super) fn detours() -> Vec<Caller> {
    let headers = [
        "Forwarded: for=192.0.2.1",
        "X-Forwarded-For: 192.0.2.1",
        "Via: 1.1 proxy.example",
        "Origin: http://localhost:8080",
    ];
    let by_header = headers.map(|header| caller(header, Kind::Nobody, &[header]));
    let hosts = ["evil.example", "localhost.evil.example", "192.0.2.1:8080", ""];
    let by_host = hosts.map(|host| Caller {
        host: Some(host),
        ..caller(&format!("Host: {host}"), Kind::Nobody, &[])
    });
    by_header.into_iter().chain(by_host).collect()
}

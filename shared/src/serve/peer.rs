//! Who is at the other end of a connection, as far as the connection itself tells. Each request has an `Arc<Peer>` among
//! its extensions.

use std::fmt;
use std::net::SocketAddr;

/// The facts of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Where a TCP connection comes from; IPv4 is IPv4, also on a dual-stack socket.
    pub address: Option<SocketAddr>,
    /// Which address of ours it came to.
    pub local: Option<SocketAddr>,
    /// The process at the other end of a unix socket.
    pub unix: Option<UnixPeer>,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The client's certificate, if it showed one that our authority has signed.
    pub certificate: Option<CertificateInfo>,
}

/// The process at the other end of a unix socket, as the kernel knows it (`SO_PEERCRED`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixPeer {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its process id, unless that cannot be told.
    pub pid: Option<i32>,
}

/// Whom a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateInfo {
    /// The whole subject as RFC 4514 writes it, last part first: `CN=flow-marker,O=Lab`. Empty when there is none.
    pub subject: String,
    /// Alternative names, each with its kind: `DNS:marker.example`, `URI:spiffe://lab/marker`.
    pub names: Vec<String>,
}

impl CertificateInfo {
    /// Whether this certificate is meant by `wanted`: its whole subject or one of its alternative names, exactly.
    pub fn is(&self, wanted: &str) -> bool {
        // An empty subject means nobody.
        !wanted.is_empty() && (self.subject == wanted || self.names.iter().any(|name| name == wanted))
    }
}

impl Peer {
    /// Whether the peer is a process on this machine: it came over loopback or a unix socket.
    pub fn is_local(&self) -> bool {
        self.unix.is_some() || self.address.is_some_and(|address| address.ip().is_loopback())
    }
}

/// Where it comes from, for logs and audit records: `192.0.2.7:50123`, or `unix:pid=77,uid=1000`.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.unix) {
            (Some(address), _) => address.fmt(f),
            (
                None,
                Some(UnixPeer {
                    uid, pid: Some(pid), ..
                }),
            ) => write!(f, "unix:pid={pid},uid={uid}"),
            (None, Some(UnixPeer { uid, .. })) => write!(f, "unix:uid={uid}"),
            (None, None) => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(address: &str) -> Peer {
        Peer {
            address: Some(address.parse().unwrap()),
            ..Peer::default()
        }
    }

    #[test]
    fn local_is_loopback_or_a_unix_socket() {
        assert!(tcp("127.0.0.1:1").is_local() && tcp("127.9.9.9:1").is_local() && tcp("[::1]:1").is_local());
        assert!(!tcp("10.0.0.1:1").is_local() && !tcp("[fe80::1]:1").is_local());
        assert!(
            !Peer::default().is_local(),
            "who is unknown is nobody's neighbour"
        );
        let unix = UnixPeer {
            uid: 1000,
            gid: 1000,
            pid: Some(7),
        };
        let unix = Peer {
            unix: Some(unix),
            ..Peer::default()
        };
        assert!(unix.is_local());
        assert_eq!(unix.to_string(), "unix:pid=7,uid=1000");
        assert_eq!(tcp("[::1]:80").to_string(), "[::1]:80");
    }

    #[test]
    fn a_certificate_is_meant_exactly_or_not_at_all() {
        let certificate = CertificateInfo {
            subject: "CN=a,O=Lab".to_owned(),
            names: vec!["DNS:a.example".to_owned()],
        };
        assert!(certificate.is("CN=a,O=Lab") && certificate.is("DNS:a.example"));
        for other in ["", "CN=a", "O=Lab", "a.example", "CN=a,O=Lab,C=x", "cn=a,o=lab"] {
            assert!(!certificate.is(other), "{other}");
        }
        let nobody = CertificateInfo {
            subject: String::new(),
            names: Vec::new(),
        };
        assert!(!nobody.is(""));
    }
}

//! The `Host` header (RFC 9110 §7.2) tells for whom a request was meant.
//!
//! A web page can have a name of its own resolve to 127.0.0.1 and so let a browser on this machine talk to a daemon that
//! trusts local users; the header then names the page's host (DNS rebinding).

use std::net::IpAddr;

/// Whether `host`, with or without a port, names loopback or the address that is listened on.
pub fn is_local(host: &str, listen: IpAddr) -> bool {
    let name = match host.rsplit_once(':') {
        // An IPv6 address has colons of its own, inside brackets.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || address == listen,
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_the_listen_address_are_local() {
        let listen = "10.0.0.9".parse().unwrap();
        for host in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1",
            "127.9.9.9:1",
            "10.0.0.9:8008",
            "[::1]:80",
            "[::1]",
            "::1",
        ] {
            assert!(is_local(host, listen), "{host}");
        }
    }

    #[test]
    fn other_names_are_not() {
        let listen = "127.0.0.1".parse().unwrap();
        for host in [
            "",
            ":80",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "127.0.0.1:80:80",
            "10.0.0.1:80",
            "[::2]:80",
        ] {
            assert!(!is_local(host, listen), "{host}");
        }
    }
}

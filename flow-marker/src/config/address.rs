//! Who and where: values that name switches, servers and networks.

use std::net::IpAddr;

use ipnet::IpNet;
use reqwest::Url;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The base URL of an acl-server.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct AclUrl(pub(super) Url);

impl TryFrom<String> for AclUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        const EXPECTED: &str = "an acl-server's address is http://HOST:PORT or https://HOST:PORT";
        // Errors are logged, and `@`, `?` and `#` are where people put secrets.
        if text.contains(['@', '?', '#']) {
            return Err(format!(
                "{EXPECTED}, without user, password, `?` or `#`: credentials do not belong in it, use `token_file`"
            ));
        }
        let url: Url = text.parse().map_err(|e| format!("{text:?}: {e}; {EXPECTED}"))?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(Self(url)),
            _ => Err(format!("{text:?}: {EXPECTED}")),
        }
    }
}

/// What people call a switch.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct SwitchName(pub(super) String);

impl TryFrom<String> for SwitchName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // As long as the label of a host name may be (RFC 1035 §2.3.4), which it usually is.
        let good = (1..=63).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        match good {
            true => Ok(Self(text)),
            false => Err(format!(
                "{text:?} is not the name of a switch: 1 to 63 letters, digits and signs without spaces, such as \"leaf1\""
            )),
        }
    }
}

/// The address that an agent calls itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "IpAddr")]
pub(super) struct Agent(pub(super) IpAddr);

impl TryFrom<IpAddr> for Agent {
    type Error = String;

    fn try_from(address: IpAddr) -> Result<Self, String> {
        let address = address.to_canonical();
        if address.is_unspecified() || address.is_multicast() {
            return Err(format!(
                "{address} is no address of one switch; an agent that sends it has no agent address configured"
            ));
        }
        Ok(Self(address))
    }
}

/// A prefix, or an address as a prefix of full length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefix(pub(super) IpNet);

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

impl Prefix {
    /// Reads one; what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let address = || text.parse().ok().map(|address: IpAddr| IpNet::from(address));
        let net: Option<IpNet> = text.parse().ok().or_else(address);
        let net = net
            .ok_or_else(|| format!("{text:?} is not a prefix such as \"10.0.0.0/8\" or \"2001:db8::/32\""))?;
        if net != net.trunc() {
            // One host or its whole network? They differ in what is protected.
            return Err(format!(
                "{text:?} has an address beyond its length; write \"{}\" or \"{}\"",
                net.trunc(),
                net.addr()
            ));
        }
        Ok(Self(net))
    }
}

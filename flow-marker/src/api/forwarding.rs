//! `/forwarding`: collectors that every datagram is sent on to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::auth::Caller;
use super::body;
use super::defined::Defined;
use super::error::{ApiError, WrongMember};
use crate::engine::{Engine, Named, NotForwarded};

/// Where sFlow collectors listen (IANA).
const SFLOW_PORT: u16 = 6343;

/// A collector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct Target {
    /// Its address, in figures.
    #[cfg_attr(test, schema(value_type = String))]
    address: IpAddr,
    /// Its UDP port; 6343 unless something else is said.
    port: u16,
}

impl From<SocketAddr> for Target {
    fn from(target: SocketAddr) -> Self {
        Self {
            address: target.ip(),
            port: target.port(),
        }
    }
}

impl Defined for SocketAddr {
    const KIND: &'static str = "target of forwarding";
    type Shown = Target;

    fn read(json: &Value) -> Result<Self, ApiError> {
        Ok(target(json)?)
    }

    fn shown(self: Arc<Self>) -> Target {
        (*self).into()
    }

    fn all(engine: &Engine) -> Named<Self> {
        engine.forwarding()
    }

    fn set(self, engine: &Engine, name: &str) -> Result<(), ApiError> {
        let refused = |error: NotForwarded| match error {
            NotForwarded::Circle(_) => WrongMember::new("address", error.to_string()).into(),
            NotForwarded::TooMany(too_many) => ApiError::no_room("targets of forwarding", too_many.most),
        };
        engine.forward(name, self).map(drop).map_err(refused)
    }

    fn clear(engine: &Engine, name: &str) -> bool {
        engine.stop_forwarding(name)
    }

    fn may_change(caller: &Caller) -> Result<(), ApiError> {
        caller.may_forward()
    }
}

fn target(json: &Value) -> Result<SocketAddr, WrongMember> {
    let members = body::members(json, "a target", &["address", "port"])?;
    let address = members.get("address").and_then(Value::as_str);
    let address: Option<IpAddr> = address.and_then(|text| text.parse().ok());
    let Some(address) = address.map(|address| address.to_canonical()) else {
        return Err(WrongMember::new(
            "address",
            "an IPv4 or IPv6 address, as text, is expected",
        ));
    };
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || broadcast {
        return Err(WrongMember::new(
            "address",
            "the address of one machine is expected",
        ));
    }
    let port = match members.get("port") {
        None => Some(SFLOW_PORT),
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_u64().and_then(|port| u16::try_from(port).ok()),
    };
    match port.filter(|port| *port != 0) {
        Some(port) => Ok(SocketAddr::new(address, port)),
        None => Err(WrongMember::new("port", "a port is expected, 1 to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_target_is_one_machine() {
        for (json, expected) in [
            (json!({ "address": "192.0.2.7" }), "192.0.2.7:6343"),
            (json!({ "address": "::ffff:192.0.2.7", "port": 1 }), "192.0.2.7:1"),
            (
                json!({ "address": "2001:db8::1", "port": "6344" }),
                "[2001:db8::1]:6344",
            ),
        ] {
            assert_eq!(target(&json).unwrap().to_string(), expected);
        }
        for (json, member) in [
            (json!([]), ""),
            (json!({}), "address"),
            (json!({ "address": "collector.example" }), "address"),
            (json!({ "address": "0.0.0.0" }), "address"),
            (json!({ "address": "255.255.255.255" }), "address"),
            (json!({ "address": "ff02::1" }), "address"),
            (json!({ "address": 1 }), "address"),
            (json!({ "address": "192.0.2.7", "port": 0 }), "port"),
            (json!({ "address": "192.0.2.7", "port": 65536 }), "port"),
            (json!({ "address": "192.0.2.7", "port": -1 }), "port"),
            (json!({ "address": "192.0.2.7", "prot": 1 }), "prot"),
        ] {
            assert_eq!(target(&json).unwrap_err().member, member, "{json}");
        }
    }
}

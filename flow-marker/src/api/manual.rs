//! `/controls`: what people want of switches.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::AclName;

use super::auth::Caller;
use super::body::{self, MAX_BODY};
use super::error::{ApiError, WrongMember};
use super::parameters::Path;
use super::{Api, audit};
use crate::actuator::Drop;
use crate::control::desired::Desired;
use crate::control::manual::{Asked, LONGEST, MOST, NotMade, What};
use crate::flow::FiveTuple;
use crate::packet::IpProtocol;

/// Members of a body.
const MEMBERS: [&str; 9] = [
    "action",
    "switch",
    "protocol",
    "source",
    "destination",
    "sport",
    "dport",
    "ttl",
    "reason",
];

/// How long a control stays when nothing is said: long enough to look, short enough to forget.
const TTL: u64 = 600;

/// A control that a person has asked for.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct Made {
    /// Its name, under which it is in `/controls/json` and can be released.
    name: String,
}

/// `POST /controls`
///
/// # Errors
/// 400, 408, 413, 503, 507
pub(super) async fn make(
    State(api): State<Api>,
    caller: Caller,
    body: Body,
) -> Result<(StatusCode, Json<Made>), ApiError> {
    let json = body::json(body, MAX_BODY).await?;
    let asked = read(&json, &caller.id())?;
    let name = api.desk.make(asked).await?.map_err(|why| not_made(&why))?;
    let name = name.to_string();
    audit(&caller, "POST", "control", &name);
    api.keeper.keep().await;
    Ok((StatusCode::CREATED, Json(Made { name })))
}

/// `DELETE /controls/{name}`
///
/// # Errors
/// 404, 503
pub(super) async fn end(State(api): State<Api>, caller: Caller, path: Path) -> Result<StatusCode, ApiError> {
    let name = path.name()?;
    let known = match name.parse::<AclName>() {
        Ok(name) => api.desk.end(name, caller.id().into()).await?,
        Err(_) => false,
    };
    if !known {
        let names = |desired: &Desired| desired.views().map(|v| v.control.name.to_string()).collect();
        let there: Vec<Vec<String>> = api
            .switches
            .all()
            .iter()
            .map(|switch| switch.read(names))
            .collect();
        let there = there.iter().flatten().map(String::as_str);
        return Err(ApiError::no_such_thing("control", name, there));
    }
    audit(&caller, "DELETE", "control", name);
    api.keeper.keep().await;
    Ok(StatusCode::NO_CONTENT)
}

fn not_made(why: &NotMade) -> ApiError {
    let member = match why {
        NotMade::Full => return ApiError::no_room("controls that people want", MOST),
        NotMade::Switch | NotMade::Analyzer => "switch",
        NotMade::Guarded(_) | NotMade::Exempt | NotMade::Needed => "",
    };
    WrongMember::new(member, why.to_string()).into()
}

/// Reads what a person wants.
fn read(json: &Value, caller: &str) -> Result<Asked, WrongMember> {
    let members = body::members(json, "a control", &MEMBERS)?;
    Ok(Asked {
        agent: needed(address(members, "switch")?, "switch")?,
        what: what(members)?,
        ttl: Duration::from_secs(whole(members, "ttl", LONGEST.as_secs())?.unwrap_or(TTL)),
        who: caller.into(),
        reason: body::text(members, "reason")?.map(Into::into),
    })
}

fn what(members: &Map<String, Value>) -> Result<What, WrongMember> {
    let (source, destination) = (address(members, "source")?, address(members, "destination")?);
    let (sport, dport) = (port(members, "sport")?, port(members, "dport")?);
    let protocol = protocol(members)?;
    let destination = needed(destination, "destination")?;
    if source.is_some_and(|source| source == destination || source.is_ipv4() != destination.is_ipv4()) {
        let error = "source and destination are two hosts of the same family";
        return Err(WrongMember::new("source", error));
    }
    match members.get("action").and_then(Value::as_str) {
        Some("mark") => Ok(What::Mark(FiveTuple {
            source: needed(source, "source")?,
            destination,
            protocol: needed(protocol, "protocol")?,
            source_port: needed(sport, "sport")?,
            destination_port: needed(dport, "dport")?,
        })),
        Some("drop") => Ok(What::Drop(Drop {
            destination,
            source,
            protocol: needed(protocol, "protocol")?,
            source_port: sport,
            destination_port: dport,
            opening: false,
        })),
        Some("capture") => {
            let other = [
                ("protocol", protocol.is_some()),
                ("sport", sport.is_some()),
                ("dport", dport.is_some()),
            ];
            if let Some((member, _)) = other.into_iter().find(|(_, is_there)| *is_there) {
                return Err(WrongMember::new(
                    member,
                    "a capture is of all packets of two hosts",
                ));
            }
            Ok(What::Capture(
                ipv4(needed(source, "source")?, "source")?,
                ipv4(destination, "destination")?,
            ))
        }
        _ => Err(WrongMember::new("action", "mark, capture or drop is expected")),
    }
}

fn needed<T>(value: Option<T>, member: &str) -> Result<T, WrongMember> {
    value.ok_or_else(|| WrongMember::new(member, "is missing"))
}

fn ipv4(address: IpAddr, member: &str) -> Result<Ipv4Addr, WrongMember> {
    match address {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err(WrongMember::new(member, "captures are of IPv4 only")),
    }
}

fn protocol(members: &Map<String, Value>) -> Result<Option<IpProtocol>, WrongMember> {
    match members.get("protocol").map(Value::as_str) {
        None => Ok(None),
        Some(Some("tcp")) => Ok(Some(IpProtocol::TCP)),
        Some(Some("udp")) => Ok(Some(IpProtocol::UDP)),
        Some(_) => Err(WrongMember::new("protocol", "tcp or udp is expected")),
    }
}

/// The address of one host.
fn address(members: &Map<String, Value>, member: &str) -> Result<Option<IpAddr>, WrongMember> {
    let Some(value) = members.get(member) else {
        return Ok(None);
    };
    let address = value.as_str().and_then(|text| text.parse::<IpAddr>().ok());
    let one = |address: &IpAddr| {
        let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
        !(address.is_unspecified() || address.is_multicast() || broadcast)
    };
    let address = address.map(|address| address.to_canonical()).filter(one);
    let error = || WrongMember::new(member, "the address of one host, as text, is expected");
    address.map(Some).ok_or_else(error)
}

/// A number from 1 to `most`, also as text.
fn whole(members: &Map<String, Value>, member: &str, most: u64) -> Result<Option<u64>, WrongMember> {
    let number = match members.get(member) {
        None => return Ok(None),
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_u64(),
    };
    let number = number.filter(|number| (1..=most).contains(number));
    let error = || WrongMember::new(member, format!("a whole number is expected, 1 to {most}"));
    number.map(Some).ok_or_else(error)
}

fn port(members: &Map<String, Value>, member: &str) -> Result<Option<u16>, WrongMember> {
    let port = whole(members, member, u64::from(u16::MAX))?;
    Ok(port.and_then(|port| u16::try_from(port).ok()))
}

//! Values as both printers show them, in the form that sflowtool gives them.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use crate::sflow::{AsPath, AsSegmentType, Value, Words};

/// A value in the form that sflowtool gives it. Lists of structures are not shown so: they have members of their own.
pub(super) struct Shown<'v, 'a>(pub(super) &'v Value<'a>);

impl Display for Shown<'_, '_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Byte(value) => value.fmt(f),
            Value::Counter32(value) | Value::Gauge32(value) => value.fmt(f),
            Value::Counter64(value) | Value::Gauge64(value) => value.fmt(f),
            Value::Signed(value) => value.fmt(f),
            Value::Percent(value) => percent(*value, f),
            Value::Float(value) => write!(f, "{value:.3}"),
            Value::Text(text) => String::from_utf8_lossy(text.0).fmt(f),
            Value::Mac(mac) => plain(mac, f),
            Value::Uuid(uuid) => {
                for (index, byte) in uuid.iter().enumerate() {
                    let separator = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{separator}{byte:02x}")?;
                }
                Ok(())
            }
            Value::Hex64(value) => write!(f, "{value:016x}"),
            Value::Address(Some(address)) => full(*address).fmt(f),
            Value::Address(None) => f.write_str("-"),
            Value::Ipv4(address) => address.fmt(f),
            Value::Ipv6(address) => full((*address).into()).fmt(f),
            Value::AppStatus(status) => match status.name() {
                Some(name) => f.write_str(name),
                None => write!(f, "<out-of-range={}>", status.0),
            },
            Value::Direction(direction) => match direction.name() {
                Some(name) => f.write_str(name),
                None => write!(f, "<out-of-range={}>", direction.0),
            },
            Value::Numbers(words) => joined(*words, f, |word, f| word.fmt(f)),
            Value::Percents(words) => joined(*words, f, percent),
            Value::Labels(words) => joined(*words, f, label),
            Value::Tags(words) => joined(*words, f, tag),
            Value::Path(path) => as_path(path, f),
            Value::Opaque(bytes) => hexadecimal(bytes.0, f),
            Value::Pdus(pdus) => pdus.len().fmt(f),
            // Of a kind that came after this was written.
            other => write!(f, "{other:?}"),
        }
    }
}

fn percent(hundredths: u32, f: &mut Formatter<'_>) -> fmt::Result {
    match hundredths {
        u32::MAX => f.write_str("unknown"),
        _ => write!(f, "{}.{:02}", hundredths / 100, hundredths % 100),
    }
}

/// Label, traffic class, bottom of stack, time to live (RFC 3032 §2.1).
fn label(entry: u32, f: &mut Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "{}.{}.{}.{}",
        entry >> 12,
        entry >> 9 & 7,
        entry >> 8 & 1,
        entry & 0xFF
    )
}

/// Tag protocol identifier, priority, drop eligible, VLAN (IEEE 802.1Q).
fn tag(tag: u32, f: &mut Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "0x{:04X}.{}.{}.{}",
        tag >> 16,
        tag >> 13 & 7,
        tag >> 12 & 1,
        tag & 0xFFF
    )
}

fn joined(
    words: Words<'_>,
    f: &mut Formatter<'_>,
    show: impl Fn(u32, &mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            f.write_str("-")?;
        }
        show(word, f)?;
    }
    Ok(())
}

/// `8218-29605(64512-64513)`: what is in parentheses has no order. Nothing stands between segments.
fn as_path(path: &AsPath<'_>, f: &mut Formatter<'_>) -> fmt::Result {
    for segment in path.segments() {
        let set = segment.kind == AsSegmentType::SET;
        f.write_str(if set { "(" } else { "" })?;
        joined(segment.systems, f, |system, f| system.fmt(f))?;
        f.write_str(if set { ")" } else { "" })?;
    }
    Ok(())
}

/// `ce83381bb141`.
fn plain(bytes: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// `CE-83-38`.
fn hexadecimal(bytes: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    for (index, byte) in bytes.iter().enumerate() {
        let separator = if index == 0 { "" } else { "-" };
        write!(f, "{separator}{byte:02X}")?;
    }
    Ok(())
}

/// An address, of IPv6 with all its zeros.
pub(super) const fn full(address: IpAddr) -> Full {
    Full(address)
}

/// An address that is shown with all its zeros.
pub(super) struct Full(IpAddr);

impl Display for Full {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => {
                for (index, part) in address.segments().iter().enumerate() {
                    let separator = if index == 0 { "" } else { ":" };
                    write!(f, "{separator}{part:04x}")?;
                }
                Ok(())
            }
        }
    }
}

//! Interfaces, alone and in lists.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::{expected, number};

/// An interface as `-i` and `-o` take it: `swp1`, `swp1.100`, `bond3`, `eth0`, or a prefix such as `swp+`.
///
/// At most [`Interface::MAX_LEN`] characters of `A-Z a-z 0-9 _ . -`, the first a letter or digit, then an optional `+`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Interface(Box<str>);

impl Interface {
    /// `IFNAMSIZ` of Linux (16) less the final NUL; iptables counts the `+` too.
    pub const MAX_LEN: usize = 15;

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let name = text.strip_suffix('+').unwrap_or(text);
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let ok = text.len() <= Self::MAX_LEN
            && name.bytes().all(plain)
            && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if !ok {
            let what = "an interface such as swp1, swp1.100, bond1 or swp+, at most 15 characters";
            return Err(expected(text, what));
        }
        if let Some((_, vlan)) = name.split_once('.').filter(|_| is_front_panel(name)) {
            number(vlan, 1..=4094, "a VLAN after the interface's dot")?;
        }
        Ok(Self(text.into()))
    }

    /// The text, with the `+` of a prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for every interface that starts so (`swp+`).
    pub fn is_prefix(&self) -> bool {
        self.0.ends_with('+')
    }

    /// What the names of its interfaces start with, or are.
    fn stem(&self) -> &str {
        self.0.strip_suffix('+').unwrap_or(&self.0)
    }

    /// Whether every interface that `other` stands for is one of these.
    pub fn covers(&self, other: &Self) -> bool {
        self == other || self.is_prefix() && other.stem().starts_with(self.stem())
    }

    /// Whether there may be an interface that both stand for.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self)
    }
}

/// Why a text is no interface.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoInterface(String);

impl FromStr for Interface {
    type Err = NoInterface;

    fn from_str(text: &str) -> Result<Self, NoInterface> {
        Self::parse(text).map_err(NoInterface)
    }
}

impl TryFrom<String> for Interface {
    type Error = NoInterface;

    fn try_from(text: String) -> Result<Self, NoInterface> {
        text.parse()
    }
}

impl From<Interface> for String {
    fn from(interface: Interface) -> Self {
        interface.0.into()
    }
}

/// Whether the name is `swpN…` or `bondN…`, for which the switch fixes what follows a dot.
fn is_front_panel(name: &str) -> bool {
    ["swp", "bond"]
        .iter()
        .filter_map(|kind| name.strip_prefix(kind))
        .any(|rest| rest.bytes().next().is_some_and(|b| b.is_ascii_digit()))
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Most interfaces in one list: the largest switch has 128 ports, each split at most in two.
pub const MAX_INTERFACES: usize = 256;

/// Interfaces separated by commas, each once.
pub(super) fn parse_list(text: &str) -> Result<Vec<Interface>, String> {
    let mut list: Vec<Interface> = Vec::new();
    for name in text.split(',') {
        let interface = Interface::parse(name)?;
        if list.contains(&interface) {
            return Err(format!("{interface} is in the list twice"));
        }
        if list.len() == MAX_INTERFACES {
            return Err(format!("a list holds at most {MAX_INTERFACES} interfaces"));
        }
        list.push(interface);
    }
    Ok(list)
}

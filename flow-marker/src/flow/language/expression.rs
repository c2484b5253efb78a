//! What the keys and functions of a definition mean, and how they are written.

use std::fmt;

use super::cursor::Place;
use super::field::{Field, Kinds, Needs};
use super::function::{Outside, Port};

/// What yields one value of a sample, or null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// A key, and which occurrence of it, from 0.
    Field(Field, u8),
    /// A text that is the same for all samples.
    Text(String),
    /// Nothing.
    Null,
    /// The first of these groups that an address is in: `group:ipsource:name…`.
    Group(Box<Self>, Vec<String>),
    /// The label that one of these maps has for a value: `map:macsource:name…`.
    Map(Box<Self>, Vec<String>),
    /// The first parts of a text: `prefix:uripath:/:2`.
    Prefix(Box<Self>, String, u16),
    /// The last parts of a text: `suffix:dnsqname:.:2`.
    Suffix(Box<Self>, String, u16),
    /// An address of which only so many bits count: `mask:ipsource:24`.
    Mask(Box<Self>, u8),
    /// A text in place of null: `null:vlan:undefined`.
    Default(Box<Self>, String),
    /// The first that is not null: `or:tcpsourceport:udpsourceport`.
    Or(Vec<Self>),
    /// One of two, by the value of a third: `if:direction:ingress:macsource:macdestination`.
    If(Box<Self>, String, Box<Self>, Box<Self>),
    /// The first part of a text that is one of these: `first:stack:.:ip:ip6`.
    First(Box<Self>, String, Vec<String>),
    /// Whether a number is within bounds, which belong to the range: `range:bytes:64:127`.
    Range(Box<Self>, Option<u64>, Option<u64>),
    /// Whether two values are the same: `eq:bgpsourceas:bgpas`.
    Equal(Box<Self>, Box<Self>),
    /// Values in a row with a text between them: `concat:-:ipsource:ipdestination`.
    Concat(String, Vec<Self>),
    /// Some bits of a number: `bits:tcpflags:0x12`.
    Bits(Box<Self>, u64),
    /// A part of a URL: `uri:httpurl:host`.
    Uri(Box<Self>, UriPart),
    /// What is known of an interface: `link:inputifindex`.
    Port(Port, Box<Self>),
    /// What a database would know.
    Outside(Outside, Box<Self>, Option<String>),
}

/// A part of a URL (RFC 3986 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UriPart {
    /// `http`
    Scheme,
    /// Everything between `//` and the path.
    Authority,
    /// The host's name or address, without its port.
    Host,
    /// The port, where one is written.
    Port,
    /// The path.
    Path,
    /// What stands behind `?`.
    Query,
    /// What stands behind `#`.
    Fragment,
    /// What stands behind the last `/` of the path.
    File,
    /// What stands behind the last dot of the file.
    Extension,
}

impl UriPart {
    pub(super) const ALL: [(Self, &'static str); 9] = [
        (Self::Scheme, "scheme"),
        (Self::Authority, "authority"),
        (Self::Host, "host"),
        (Self::Port, "port"),
        (Self::Path, "path"),
        (Self::Query, "query"),
        (Self::Fragment, "fragment"),
        (Self::File, "file"),
        (Self::Extension, "extension"),
    ];

    fn name(self) -> &'static str {
        let of = |(part, name): &(Self, &'static str)| (*part == self).then_some(*name);
        Self::ALL.iter().find_map(of).unwrap_or("path")
    }
}

impl Expression {
    /// The expressions that it is made of.
    pub fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Field(..) | Self::Text(_) | Self::Null => Vec::new(),
            Self::Group(key, _)
            | Self::Map(key, _)
            | Self::Prefix(key, ..)
            | Self::Suffix(key, ..)
            | Self::Mask(key, _)
            | Self::Default(key, _)
            | Self::First(key, ..)
            | Self::Range(key, ..)
            | Self::Bits(key, _)
            | Self::Uri(key, _)
            | Self::Port(_, key)
            | Self::Outside(_, key, _) => vec![key],
            Self::Or(parts) | Self::Concat(_, parts) => parts.iter().collect(),
            Self::If(key, _, then, otherwise) => vec![key, then, otherwise],
            Self::Equal(a, b) => vec![a, b],
        }
    }

    /// What kinds of values it may yield.
    pub fn kinds(&self) -> Kinds {
        match self {
            Self::Field(field, _) => field.kinds(),
            Self::Null | Self::Outside(..) => Kinds::NONE,
            Self::Mask(key, _) => key.kinds(),
            Self::Default(key, _) => key.kinds() | Kinds::TEXT,
            Self::Or(parts) => parts.iter().fold(Kinds::NONE, |all, part| all | part.kinds()),
            Self::If(_, _, then, otherwise) => then.kinds() | otherwise.kinds(),
            Self::Range(..) | Self::Equal(..) => Kinds::BOOL,
            Self::Bits(..) => Kinds::NUMBER,
            _ => Kinds::TEXT,
        }
    }

    /// What is read of a sample for it.
    pub fn needs(&self) -> Needs {
        let own = match self {
            Self::Field(field, nth) => field.needs_nth(*nth),
            Self::Group(..) | Self::Map(..) => Needs::GROUPS,
            Self::Port(..) => Needs::TOPOLOGY,
            _ => Needs::NONE,
        };
        self.parts().iter().fold(own, |all, part| all | part.needs())
    }
}

/// A text as an argument.
struct Argument<'a>(&'a str);

impl fmt::Display for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = !self.0.contains(|c| Place::Filter.ends(c)) && self.0.trim() == self.0;
        match bare {
            true => f.write_str(self.0),
            false => write!(f, "[{}]", self.0),
        }
    }
}

/// An expression as an argument.
struct Inner<'a>(&'a Expression);

impl fmt::Display for Inner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bare @ (Expression::Field(..) | Expression::Text(_) | Expression::Null) => bare.fmt(f),
            nested => write!(f, "[{nested}]"),
        }
    }
}

fn list<T>(f: &mut fmt::Formatter<'_>, all: &[T], show: impl Fn(&T) -> String) -> fmt::Result {
    all.iter().try_for_each(|one| write!(f, ":{}", show(one)))
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &String| Argument(text).to_string();
        match self {
            Self::Field(field, 0) => f.write_str(field.name()),
            Self::Field(field, nth) => write!(f, "{}.{nth}", field.name()),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Null => f.write_str("null"),
            Self::Group(key, names) => {
                write!(f, "group:{}", Inner(key))?;
                list(f, names, text)
            }
            Self::Map(key, names) => {
                write!(f, "map:{}", Inner(key))?;
                list(f, names, text)
            }
            Self::Prefix(key, by, parts) => write!(f, "prefix:{}:{}:{parts}", Inner(key), Argument(by)),
            Self::Suffix(key, by, parts) => write!(f, "suffix:{}:{}:{parts}", Inner(key), Argument(by)),
            Self::Mask(key, bits) => write!(f, "mask:{}:{bits}", Inner(key)),
            Self::Default(key, text) => write!(f, "null:{}:{}", Inner(key), Argument(text)),
            Self::Or(parts) => {
                f.write_str("or")?;
                list(f, parts, |part| Inner(part).to_string())
            }
            Self::If(key, value, then, otherwise) => {
                write!(f, "if:{}:{}", Inner(key), Argument(value))?;
                write!(f, ":{}:{}", Inner(then), Inner(otherwise))
            }
            Self::First(key, by, texts) => {
                write!(f, "first:{}:{}", Inner(key), Argument(by))?;
                list(f, texts, text)
            }
            Self::Range(key, low, high) => {
                let bound = |bound: &Option<u64>| bound.map_or_else(String::new, |bound| bound.to_string());
                write!(f, "range:{}:{}:{}", Inner(key), bound(low), bound(high))
            }
            Self::Equal(a, b) => write!(f, "eq:{}:{}", Inner(a), Inner(b)),
            Self::Concat(by, parts) => {
                write!(f, "concat:{}", Argument(by))?;
                list(f, parts, |part| Inner(part).to_string())
            }
            Self::Bits(key, mask) => write!(f, "bits:{}:{mask}", Inner(key)),
            Self::Uri(key, part) => write!(f, "uri:{}:{}", Inner(key), part.name()),
            Self::Port(port, key) => write!(f, "{}:{}", port.name(), Inner(key)),
            Self::Outside(outside, key, attribute) => {
                write!(f, "{}:{}", outside.name(), Inner(key))?;
                attribute
                    .iter()
                    .try_for_each(|attribute| write!(f, ":{}", Argument(attribute)))
            }
        }
    }
}

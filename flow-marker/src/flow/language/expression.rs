//! Keys and functions: `ipsource`, `mask:ipsource:24`, `or:[map:macsource:names]:ipsource`.
//!
//! A function's arguments are separated by colons. One that is a function itself stands in square brackets; so does a
//! text that holds a colon or a comma. In the branches of `if:`, a text stands in double quotes, so that a key that is
//! misspelt is not taken for one.

use std::fmt;

use super::cursor::Cursor;
use super::fault::Fault;
use super::field::{Field, Kinds, Needs};
use super::function::{NAMES, Outside, Port};
use super::{MAX_DEPTH, MAX_TEXT};

/// Most keys of a definition, and most arguments of a function.
const MAX_WIDTH: usize = 64;

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
    const ALL: [(Self, &'static str); 9] = [
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

/// Reads a list of keys, separated by commas. No keys at all is a list of none: the total.
///
/// # Errors
/// A word that is no key and no function, or cannot stand where it stands.
pub fn keys(text: &str) -> Result<Vec<Expression>, Fault> {
    if text.len() > MAX_TEXT {
        return Err(Fault::new(
            MAX_TEXT,
            "",
            format!("keys are longer than {MAX_TEXT} bytes"),
        ));
    }
    let mut cursor = Cursor::new(text);
    let mut keys = Vec::new();
    cursor.blank();
    while !cursor.is_empty() {
        if keys.len() == MAX_WIDTH {
            return Err(cursor.fault(&format!("there are more than {MAX_WIDTH} keys")));
        }
        keys.push(expression(&mut cursor, Place::Keys, 0)?);
        cursor.blank();
        if cursor.is_empty() {
            break;
        }
        if !cursor.take(",") {
            return Err(cursor.fault("a comma must stand between keys"));
        }
        cursor.blank();
        if cursor.is_empty() {
            return Err(cursor.fault("a key is missing behind the comma"));
        }
    }
    Ok(keys)
}

/// Where an expression stands, which says what ends its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Keys,
    Filter,
    Brackets,
}

impl Place {
    fn ends(self, c: char) -> bool {
        match c {
            ':' | ',' | '[' | ']' => true,
            '=' | '!' | '~' | '&' | '|' | '(' | ')' => self == Self::Filter,
            _ => false,
        }
    }
}

/// Reads one expression.
pub(super) fn expression(cursor: &mut Cursor<'_>, place: Place, depth: usize) -> Result<Expression, Fault> {
    let (at, name) = cursor.until(|c| place.ends(c));
    if depth > MAX_DEPTH {
        return Err(Fault::new(
            at,
            name,
            format!("more than {MAX_DEPTH} functions inside each other"),
        ));
    }
    if name.is_empty() {
        return Err(cursor.fault("a key or a function must stand here"));
    }
    if NAMES.contains(&name) && cursor.starts_with(":") {
        let arguments = Arguments {
            cursor,
            place,
            depth,
            function: name,
            at,
        };
        return function(name, arguments);
    }
    field(at, name)
}

fn field(at: usize, name: &str) -> Result<Expression, Fault> {
    let (base, nth) = match name.rsplit_once('.') {
        Some((base, digits)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            let nth: u8 = digits.parse().map_err(|_| {
                Fault::new(
                    at + base.len() + 1,
                    digits,
                    "there are not so many layers in a packet",
                )
            })?;
            (base, nth)
        }
        _ => (name, 0),
    };
    let Some(field) = Field::of(base) else {
        let names = Field::ALL.iter().map(|field| field.name());
        let reason = match NAMES.contains(&base) {
            true => "this function has no arguments",
            false => "there is no such key or function",
        };
        return Err(Fault::new(at, name, reason).meant(names.chain(NAMES.iter().copied())));
    };
    if nth > 0 && !field.is_layered() {
        return Err(Fault::new(at, name, "there is only one of this key in a sample"));
    }
    Ok(Expression::Field(field, nth))
}

/// The arguments of a function, one by one.
struct Arguments<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    place: Place,
    depth: usize,
    function: &'a str,
    at: usize,
}

impl<'a> Arguments<'_, 'a> {
    fn more(&mut self) -> bool {
        self.cursor.blank();
        self.cursor.take(":")
    }

    fn missing(&self, what: &str) -> Fault {
        let end = self.at + self.function.len();
        Fault::new(
            self.at.min(end),
            self.function,
            format!("this function needs {what}"),
        )
    }

    /// A key, or a function in brackets.
    fn expression(&mut self, what: &str) -> Result<Expression, Fault> {
        if !self.more() {
            return Err(self.missing(what));
        }
        self.inner()
    }

    fn inner(&mut self) -> Result<Expression, Fault> {
        self.cursor.blank();
        if self.cursor.take("[") {
            let (at, inside) = self.cursor.bracketed()?;
            let mut cursor = Cursor::new(inside);
            let inner = expression(&mut cursor, Place::Brackets, self.depth + 1);
            let inner = inner.and_then(|inner| {
                cursor.blank();
                match cursor.is_empty() {
                    true => Ok(inner),
                    false => Err(cursor.fault("nothing may follow the expression in brackets")),
                }
            });
            return inner.map_err(|fault| fault.shifted(at));
        }
        let (at, name) = self.cursor.until(|c| self.place.ends(c));
        match name {
            "" => Err(self.cursor.fault("a key must stand here")),
            name => field(at, name),
        }
    }

    /// A branch of `if:`: a key, a function in brackets, a text in quotes, or null.
    fn branch(&mut self) -> Result<Expression, Fault> {
        self.cursor.blank();
        if self.cursor.take("\"") {
            let (at, text) = self.cursor.until(|c| c == '"');
            return match self.cursor.take("\"") {
                true => Ok(Expression::Text(text.to_owned())),
                false => Err(Fault::new(
                    at.saturating_sub(1),
                    "\"",
                    "this quote is never closed",
                )),
            };
        }
        let mut ahead = *self.cursor;
        if ahead.until(|c| self.place.ends(c)).1 == "null" && !ahead.starts_with(":") {
            *self.cursor = ahead;
            return Ok(Expression::Null);
        }
        self.inner()
    }

    /// A text, as it stands or in brackets; `None` when there are no more arguments.
    fn text(&mut self) -> Result<Option<(usize, &'a str)>, Fault> {
        if !self.more() {
            return Ok(None);
        }
        self.cursor.blank();
        if self.cursor.take("[") {
            return self.cursor.bracketed().map(Some);
        }
        Ok(Some(self.cursor.until(|c| self.place.ends(c))))
    }

    fn required(&mut self, what: &str) -> Result<(usize, &'a str), Fault> {
        match self.text()? {
            Some(found) => Ok(found),
            None => Err(self.missing(what)),
        }
    }

    /// All texts that are left, of which there must be one.
    fn texts(&mut self, what: &str) -> Result<Vec<String>, Fault> {
        let mut texts = Vec::new();
        while let Some((at, text)) = self.text()? {
            if text.is_empty() || texts.len() == MAX_WIDTH {
                return Err(Fault::new(
                    at,
                    text,
                    format!("{what} must stand here, at most {MAX_WIDTH}"),
                ));
            }
            texts.push(text.to_owned());
        }
        match texts.is_empty() {
            true => Err(self.missing(what)),
            false => Ok(texts),
        }
    }

    fn expressions(&mut self, what: &str) -> Result<Vec<Expression>, Fault> {
        let mut found = vec![self.expression(what)?];
        while self.more() {
            if found.len() == MAX_WIDTH {
                return Err(self.missing(&format!("at most {MAX_WIDTH} arguments")));
            }
            found.push(self.inner()?);
        }
        Ok(found)
    }

    fn number<T: TryFrom<u64>>(&mut self, what: &str, most: u64) -> Result<T, Fault> {
        let (at, text) = self.required(what)?;
        let digits = text.strip_prefix("0x");
        let number = digits.map_or_else(|| text.parse().ok(), |hex| u64::from_str_radix(hex, 16).ok());
        let number = number.filter(|number| *number <= most);
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| Fault::new(at, text, format!("{what} must stand here, at most {most}")))
    }

    fn bound(&mut self) -> Result<Option<u64>, Fault> {
        match self.text()? {
            None | Some((_, "")) => Ok(None),
            Some((at, text)) => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(Fault::new(at, text, "a number must stand here")),
            },
        }
    }
}

fn function(name: &str, mut arguments: Arguments<'_, '_>) -> Result<Expression, Fault> {
    let read = known(name, &mut arguments)?;
    if arguments.more() {
        let fault = arguments.cursor.fault("this function has no more arguments");
        return Err(fault);
    }
    Ok(read)
}

fn known(name: &str, arguments: &mut Arguments<'_, '_>) -> Result<Expression, Fault> {
    if let Some(outside) = Outside::of(name) {
        let key = Box::new(arguments.expression("a key")?);
        let attribute = arguments.text()?.map(|(_, text)| text.to_owned());
        return Ok(Expression::Outside(outside, key, attribute));
    }
    // The separator comes before the keys.
    if name == "concat" {
        let separator = arguments.required("a separator and keys")?.1.to_owned();
        return Ok(Expression::Concat(separator, arguments.expressions("keys")?));
    }
    if name == "or" {
        return Ok(Expression::Or(arguments.expressions("keys")?));
    }
    let key = Box::new(arguments.expression("a key")?);
    Ok(match name {
        "group" => Expression::Group(key, arguments.texts("names of groups")?),
        "map" => Expression::Map(key, arguments.texts("names of maps")?),
        "prefix" | "suffix" => {
            let (at, delimiter) = arguments.required("a delimiter and a number of parts")?;
            if delimiter.is_empty() {
                return Err(Fault::new(at, "", "a delimiter must stand here"));
            }
            let parts = arguments.number("a number of parts", 1000)?;
            match name {
                "prefix" => Expression::Prefix(key, delimiter.to_owned(), parts),
                _ => Expression::Suffix(key, delimiter.to_owned(), parts),
            }
        }
        "mask" => Expression::Mask(key, arguments.number("a number of bits", 128)?),
        "null" => {
            let text = arguments.text()?.map_or("null", |(_, text)| text);
            Expression::Default(key, text.to_owned())
        }
        "if" => {
            let value = arguments.required("a value and two keys")?.1.to_owned();
            if !arguments.more() {
                return Err(arguments.missing("a key behind the value"));
            }
            let then = Box::new(arguments.branch()?);
            let otherwise = match arguments.more() {
                true => arguments.branch()?,
                false => Expression::Null,
            };
            Expression::If(key, value, then, Box::new(otherwise))
        }
        "first" => {
            let (at, delimiter) = arguments.required("a delimiter and texts")?;
            if delimiter.is_empty() {
                return Err(Fault::new(at, "", "a delimiter must stand here"));
            }
            Expression::First(key, delimiter.to_owned(), arguments.texts("texts")?)
        }
        "range" => {
            let (low, high) = (arguments.bound()?, arguments.bound()?);
            if low.is_none() && high.is_none() {
                return Err(arguments.missing("a lower or an upper bound"));
            }
            Expression::Range(key, low, high)
        }
        "eq" => Expression::Equal(key, Box::new(arguments.expression("two keys")?)),
        "bits" => Expression::Bits(key, arguments.number("a mask", u64::MAX)?),
        "uri" => {
            let (at, part) = arguments.required("the name of a part")?;
            let names = UriPart::ALL.iter().map(|(_, name)| *name);
            let found = UriPart::ALL.iter().find(|(_, name)| *name == part);
            let found = found.ok_or_else(|| Fault::new(at, part, "a URL has no such part").meant(names))?;
            Expression::Uri(key, found.0)
        }
        "link" => Expression::Port(Port::Link, key),
        "node" => Expression::Port(Port::Node, key),
        _ => Expression::Port(Port::Name, key),
    })
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

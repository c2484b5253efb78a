//! Keys and functions: `ipsource`, `mask:ipsource:24`, `or:[map:macsource:names]:ipsource`.
//!
//! A function's arguments are separated by colons. One that is a function itself stands in square brackets; so does a
//! text that holds a colon or a comma. In the branches of `if:`, a text stands in double quotes, so that a key that is
//! misspelt is not taken for one.

use super::cursor::{Cursor, Place};
use super::expression::{Expression, UriPart};
use super::fault::Fault;
use super::field::Field;
use super::function::{NAMES, Outside, Port};
use super::{MAX_DEPTH, MAX_TEXT};

/// Most keys of a definition, and most arguments of a function.
const MAX_WIDTH: usize = 64;

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

//! Flow keys as bytes: what makes two samples samples of one flow, and what is shown of it.
//!
//! Each value is a byte that says its kind (and its length, where that is short), and then the value in binary. The
//! bytes of two keys are equal exactly when their values are.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::literal::mac;
use super::value::{MAX_KEY, Scratch, Value};
use crate::flow::language::Kinds;

const FALSE: u8 = 1;
const TRUE: u8 = 2;
const MAC: u8 = 3;
const V4: u8 = 4;
const V6: u8 = 5;
/// A text of more than [`SHORT`] bytes: its length follows in two bytes.
const LONG: u8 = 6;
/// A number of so many bytes, 0 to 8, without leading zeros.
const NUMBER: u8 = 0x10;
/// So many bits, 1 to 8.
const BITS: u8 = 0x20;
/// A text of so many bytes.
const TEXT: u8 = 0x80;
const SHORT: usize = 0x7F;

/// Adds a value to a key; `false` when it is null or does not fit.
#[inline]
pub(super) fn encode(value: Value<'_>, scratch: &Scratch, key: &mut Vec<u8>) -> bool {
    match value {
        Value::Null => return false,
        Value::Bool(bool) => key.push(if bool { TRUE } else { FALSE }),
        Value::Number(number) => {
            let bytes = number.to_be_bytes();
            let zeros = usize::try_from(number.leading_zeros() / 8).unwrap_or(0);
            let digits = bytes.get(zeros..).unwrap_or(&[]);
            // At most 8.
            key.push(NUMBER | u8::try_from(digits.len()).unwrap_or(0));
            key.extend_from_slice(digits);
        }
        Value::Mac(mac) => {
            key.push(MAC);
            key.extend_from_slice(&mac);
        }
        Value::V4(address) => {
            key.push(V4);
            key.extend_from_slice(&address.octets());
        }
        Value::V6(address) => {
            key.push(V6);
            key.extend_from_slice(&address.octets());
        }
        Value::Bits(bits, width) => key.extend_from_slice(&[BITS | width & 0x0F, bits]),
        Value::Text(found) => text(found, key),
        Value::Made(made) => text(scratch.get(made), key),
    }
    key.len() <= MAX_KEY
}

fn text(text: &[u8], key: &mut Vec<u8>) {
    match u8::try_from(text.len()) {
        Ok(length) if text.len() <= SHORT => key.push(TEXT | length),
        _ => {
            // Texts have at most MAX_TEXT bytes.
            let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
            key.push(LONG);
            key.extend_from_slice(&length.to_be_bytes());
        }
    }
    key.extend_from_slice(text);
}

/// A key as it is shown: its values with a separator between them.
#[derive(Debug, Clone, Copy)]
pub struct KeyText<'a> {
    key: &'a [u8],
    separator: &'a str,
}

impl<'a> KeyText<'a> {
    /// A key in bytes, without its prefix.
    pub const fn new(key: &'a [u8], separator: &'a str) -> Self {
        Self { key, separator }
    }
}

impl fmt::Display for KeyText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.key;
        let mut is_first = true;
        while let Some((value, after)) = decode(rest) {
            if !std::mem::take(&mut is_first) {
                f.write_str(self.separator)?;
            }
            write!(f, "{value}")?;
            rest = after;
        }
        Ok(())
    }
}

/// The first value of a key, and what follows it.
fn decode(key: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (kind, rest) = key.split_first()?;
    let split = |at: usize| rest.split_at_checked(at);
    Some(match *kind {
        FALSE => (Value::Bool(false), rest),
        TRUE => (Value::Bool(true), rest),
        MAC => {
            let (mac, rest) = rest.split_first_chunk()?;
            (Value::Mac(*mac), rest)
        }
        V4 => {
            let (octets, rest) = rest.split_first_chunk::<4>()?;
            (Value::V4(Ipv4Addr::from(*octets)), rest)
        }
        V6 => {
            let (octets, rest) = rest.split_first_chunk::<16>()?;
            (Value::V6(Ipv6Addr::from(*octets)), rest)
        }
        LONG => {
            let (length, rest) = rest.split_first_chunk()?;
            let (text, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
            (Value::Text(text), rest)
        }
        kind @ TEXT.. => {
            let (text, rest) = split(usize::from(kind & 0x7F))?;
            (Value::Text(text), rest)
        }
        kind if kind & 0xF0 == NUMBER => {
            let (digits, rest) = split(usize::from(kind & 0x0F))?;
            let number = digits
                .iter()
                .fold(0, |number: u64, digit| number << 8 | u64::from(*digit));
            (Value::Number(number), rest)
        }
        kind => {
            let (bits, rest) = rest.split_first()?;
            (Value::Bits(*bits, kind & 0x0F), rest)
        }
    })
}

/// The keys that one text may have been shown for: all values are tried that `kinds` can have.
pub(super) fn candidates(words: &[(&str, Kinds)]) -> Vec<Vec<u8>> {
    let mut keys = vec![Vec::new()];
    let scratch = Scratch::new();
    for (word, kinds) in words {
        let values = readings(word, *kinds);
        // Few kinds of values look alike, so that there are few readings of each word.
        keys = keys
            .iter()
            .flat_map(|key: &Vec<u8>| {
                values.iter().filter_map(|value| {
                    let mut key = key.clone();
                    encode(*value, &scratch, &mut key).then_some(key)
                })
            })
            .take(MAX_CANDIDATES)
            .collect();
    }
    keys
}

/// Most keys that are tried for one text.
const MAX_CANDIDATES: usize = 64;

/// Every value of these kinds that is shown as `word`.
fn readings(word: &str, kinds: Kinds) -> Vec<Value<'_>> {
    let mut values = Vec::new();
    let mut add = |kind: Kinds, value: Option<Value<'static>>| {
        let shown = value.filter(|value| kinds.intersects(kind) && value.to_string() == word);
        values.extend(shown);
    };
    add(Kinds::NUMBER, word.parse().ok().map(Value::Number));
    add(Kinds::BOOL, word.parse().ok().map(Value::Bool));
    add(Kinds::MAC, mac(word).map(Value::Mac));
    add(Kinds::IP, word.parse::<IpAddr>().ok().map(Value::from));
    let width = u8::try_from(word.len())
        .ok()
        .filter(|width| (1..=8).contains(width));
    let bits = u8::from_str_radix(word, 2).ok().zip(width);
    add(Kinds::BITS, bits.map(|(bits, width)| Value::Bits(bits, width)));
    let mut values: Vec<Value<'_>> = values;
    if kinds.intersects(Kinds::TEXT | Kinds::NAME) {
        values.push(Value::Text(word.as_bytes()));
    }
    // What is a number and a text alike, such as a data source.
    if kinds.intersects(Kinds::TEXT)
        && !kinds.intersects(Kinds::NUMBER)
        && let Ok(number) = word.parse::<u64>()
        && number.to_string() == word
    {
        values.push(Value::Number(number));
    }
    values
}

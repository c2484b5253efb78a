//! The right sides of comparisons, in the form that values have.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::value::{Scratch, Value};
use crate::flow::language::{Expression, Fault, Kinds, Word};

/// A list of values; one is compared only with those of its own kind, by binary search.
#[derive(Debug, Default)]
pub(super) struct Literals {
    null: bool,
    bools: [bool; 2],
    numbers: Vec<u64>,
    macs: Vec<[u8; 6]>,
    v4: Vec<Ipv4Addr>,
    v6: Vec<Ipv6Addr>,
    bits: Vec<(u8, u8)>,
    texts: Vec<Box<[u8]>>,
}

impl Literals {
    /// Values that `key` can have.
    ///
    /// # Errors
    /// One that it can never have: most likely a mistake.
    pub(super) fn of(key: &Expression, words: &[Word]) -> Result<Self, Fault> {
        let mut literals = Self::default();
        for word in words {
            let kinds = literals.add(&word.text);
            let possible = key.kinds();
            if word.text != "null" && possible != Kinds::NONE && !kinds.intersects(possible) {
                return Err(word.fault(wanted(key)));
            }
        }
        literals.sort();
        Ok(literals)
    }

    /// Values of any kind.
    pub(super) fn any<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut literals = Self::default();
        for text in texts {
            literals.add(text);
        }
        literals.sort();
        literals
    }

    fn sort(&mut self) {
        self.numbers.sort_unstable();
        self.macs.sort_unstable();
        self.v4.sort_unstable();
        self.v6.sort_unstable();
        self.bits.sort_unstable();
        self.texts.sort_unstable();
    }

    /// Adds a value in every form that it may stand for; returns the kinds of these forms.
    fn add(&mut self, text: &str) -> Kinds {
        let mut kinds = Kinds::TEXT;
        self.texts.push(text.as_bytes().into());
        match text {
            "null" => self.null = true,
            "false" => {
                self.bools[0] = true;
                kinds = kinds | Kinds::BOOL;
            }
            "true" => {
                self.bools[1] = true;
                kinds = kinds | Kinds::BOOL;
            }
            "discard" | "multiple" | "internal" | "unknown" | "ingress" | "egress" => {
                kinds = kinds | Kinds::NAME;
            }
            _ => {}
        }
        if let Ok(number) = text.parse() {
            self.numbers.push(number);
            kinds = kinds | Kinds::NUMBER;
        }
        if let Some(mac) = mac(text) {
            self.macs.push(mac);
            kinds = kinds | Kinds::MAC;
        }
        if let Ok(address) = text.parse() {
            self.v4.push(address);
            kinds = kinds | Kinds::V4;
        }
        if let Ok(address) = text.parse() {
            self.v6.push(address);
            kinds = kinds | Kinds::V6;
        }
        if let Ok(width @ 1..=8) = u8::try_from(text.len())
            && let Ok(bits) = u8::from_str_radix(text, 2)
        {
            self.bits.push((bits, width));
            kinds = kinds | Kinds::BITS;
        }
        kinds
    }

    /// Whether a value is one of them.
    #[inline]
    pub(super) fn contains(&self, value: Value<'_>, scratch: &Scratch) -> bool {
        let text = |text: &[u8]| self.texts.binary_search_by(|one| (**one).cmp(text)).is_ok();
        match value {
            Value::Null => self.null,
            Value::Bool(false) => self.bools[0],
            Value::Bool(true) => self.bools[1],
            Value::Number(number) => self.numbers.binary_search(&number).is_ok(),
            Value::Mac(mac) => self.macs.binary_search(&mac).is_ok(),
            Value::V4(address) => self.v4.binary_search(&address).is_ok(),
            Value::V6(address) => self.v6.binary_search(&address).is_ok(),
            Value::Bits(bits, width) => self.bits.binary_search(&(bits, width)).is_ok(),
            Value::Text(found) => text(found),
            Value::Made(made) => text(scratch.get(made)),
        }
    }
}

/// Twelve hexadecimal digits, with or without separators.
pub(super) fn mac(text: &str) -> Option<[u8; 6]> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b":-.".contains(b)).collect();
    let separators = text.len() - digits.len();
    if digits.len() != 12 || !matches!(separators, 0 | 2 | 5) {
        return None;
    }
    let mut mac = [0; 6];
    for (byte, pair) in mac.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(mac)
}

/// What values a key has, for people.
fn wanted(key: &Expression) -> String {
    let kinds = key.kinds();
    if let Expression::Field(field, _) = key {
        if let Some(width) = field.width() {
            return format!("{} is {width} binary digits", field.name());
        }
        if let Some(names) = field.names() {
            let number = if kinds.intersects(Kinds::NUMBER) {
                "a number, "
            } else {
                ""
            };
            return format!("{} is {number}{}", field.name(), names.join(" or "));
        }
    }
    let forms = [
        (Kinds::NUMBER, "a number"),
        (Kinds::BOOL, "true or false"),
        (Kinds::MAC, "an Ethernet address of 12 digits"),
        (Kinds::V4, "an IPv4 address"),
        (Kinds::V6, "an IPv6 address"),
        (Kinds::BITS, "binary digits"),
    ];
    let forms: Vec<&str> = forms
        .iter()
        .filter(|(kind, _)| kinds.intersects(*kind))
        .map(|(_, form)| *form)
        .collect();
    format!("{key} is {}, or null", forms.join(" or "))
}

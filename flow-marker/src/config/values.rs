//! The values that keys may have. Each reads itself and says what would have been right.

use std::fmt;
use std::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use shared::units::{BitRate, Percent, TimeSpan, UnitError};

/// What the names of our ACLs start with.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Id(pub(super) String);

impl Id {
    /// `<id>_mark_` and 32 hexadecimal digits must fit into the 64 characters of an ACL name.
    const MAX_LEN: usize = 24;
}

impl Default for Id {
    fn default() -> Self {
        Self("fm".to_owned())
    }
}

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if text.is_empty() || text.len() > Self::MAX_LEN || !text.chars().all(good) {
            // With `_` allowed, everything of a controller "fm_b" would look like an orphan of the controller "fm".
            return Err(format!(
                "{text:?} is not 1 to {} characters of a-z and 0-9 (no `_`: it ends the id in the names of ACLs)",
                Self::MAX_LEN
            ));
        }
        Ok(Self(text))
    }
}

/// Whether switches are contacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Decides, records and shows what it would have done; contacts nobody.
    #[default]
    Observe,
    /// Changes switches.
    Act,
}

/// Which table and chain a switch marks in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Cumulus Linux 2 to 4: mangle FORWARD.
    #[default]
    Cumulus,
    /// Cumulus Linux 5: mangle PREROUTING.
    Cumulus5,
    /// Any Linux router with `acltool`: mangle FORWARD.
    Linux,
}

/// What a port is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Hosts: flows enter the fabric here, and are marked.
    Edge,
    /// Other switches of the fabric: flows were seen, and marked, where they entered.
    Core,
}

/// Which interface a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interface {
    /// A fixed pattern, such as `swp+`.
    Pattern(String),
    /// The name of the port that the flow enters by.
    Ingress,
}

impl Default for Interface {
    fn default() -> Self {
        Self::Pattern("swp+".to_owned())
    }
}

impl<'de> Deserialize<'de> for Interface {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "ingress" {
            return Ok(Self::Ingress);
        }
        if is_interface_name(text.strip_suffix('+').unwrap_or(&text)) {
            return Ok(Self::Pattern(text));
        }
        Err(D::Error::custom(format_args!(
            "{text:?} is neither \"ingress\" nor an interface or pattern such as \"swp1\" or \"swp+\""
        )))
    }
}

/// Whether a text can stand after `--in-interface` in a rule: Linux' 15 characters, and none that means something to
/// a rule file.
pub fn is_interface_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    (1..=15).contains(&text.len()) && text.chars().all(good) && !text.starts_with(['-', '.'])
}

/// The rate that makes an elephant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// A share of the ingress port's speed.
    Share(Percent),
    /// The same rate on every port.
    Rate(BitRate),
}

impl Threshold {
    /// The threshold of a port with the given speed; `None` when it depends on a speed that is unknown. `max` is the most
    /// that a share can come to, on the fastest ports.
    pub fn of_port(self, speed: Option<BitRate>, max: BitRate) -> Option<BitRate> {
        match self {
            Self::Rate(rate) => Some(rate),
            Self::Share(share) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a share of a u64, rounded"
                )]
                let bits = (speed?.as_f64() * share.fraction()).round() as u64;
                Some(BitRate::from_bits_per_second(bits.max(1)).min(max))
            }
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => write!(f, "{share} of the ingress port's speed"),
            Self::Rate(rate) => write!(f, "{rate}bit/s"),
        }
    }
}

impl Default for Threshold {
    /// A tenth of the port.
    fn default() -> Self {
        // The text is a constant; were it wrong, the absolute rate of the first rule of this kind would do.
        "10%".parse().map_or(
            Self::Rate(BitRate::from_bits_per_second(100_000_000)),
            Self::Share,
        )
    }
}

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Threshold;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rate such as \"100M\", or a share such as \"10%\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Threshold, E> {
                let read = match text.contains('%') || text.contains("cent") {
                    true => text
                        .parse()
                        .map(Threshold::Share)
                        .map_err(|error: UnitError| error.or("a rate such as \"100M\"")),
                    false => text
                        .parse()
                        .map(Threshold::Rate)
                        .map_err(|error: UnitError| error.or("a share such as \"10%\"")),
                };
                read.map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// How the rate of a flow is estimated.
///
/// What each costs and misses is in `docs/DETECTION.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// TCP sequence numbers: 0.32 s at the threshold. Sees elephants first, and now and then a large mouse.
    Fast,
    /// TCP sequence numbers: 0.72 s at the threshold.
    #[default]
    Balanced,
    /// TCP sequence numbers: 1 s at the threshold. Sees nothing that is not an elephant.
    Strict,
    /// Exponential average of the samples' bytes with a time constant of one second.
    Average,
}

/// A whole number. TOML has no other kind, so what people read need not name one of ours.
pub(super) fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    struct Whole;

    impl Visitor<'_> for Whole {
        type Value = i64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number")
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
            Ok(number)
        }
    }

    deserializer.deserialize_i64(Whole)
}

/// Our ACLs on one switch at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct MaxRules(pub(super) usize);

impl MaxRules {
    /// The largest table of any switch has about 12 000 entries; beyond it a budget is a typing error.
    const MOST: usize = 10_000;
}

impl<'de> Deserialize<'de> for MaxRules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = whole_number(deserializer)?;
        usize::try_from(number)
            .ok()
            .filter(|n| (1..=Self::MOST).contains(n))
            .map(Self)
            .ok_or_else(|| D::Error::custom(format_args!("{number} is not 1 to {}", Self::MOST)))
    }
}

/// The time between changes to one switch.
#[derive(Debug, Clone, Copy)]
pub(super) struct CommitInterval(pub(super) TimeSpan);

impl<'de> Deserialize<'de> for CommitInterval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let span = TimeSpan::deserialize(deserializer)?;
        if span.0.is_zero() {
            return Err(D::Error::custom(
                "a commit may stop traffic, so they are always paced; write a time span above zero such as \"100ms\"",
            ));
        }
        Ok(Self(span))
    }
}

/// How long a switch keeps what is not renewed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease(pub(super) TimeSpan);

impl Lease {
    /// It is renewed every third of it, and a lost request takes up to 5 s to be known as lost.
    const SHORTEST: Duration = Duration::from_secs(15);
    /// For longer nobody wants the rules of a controller that is dead.
    const LONGEST: Duration = Duration::from_secs(86_400);
}

impl<'de> Deserialize<'de> for Lease {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let span = TimeSpan::deserialize(deserializer)?;
        if !(Self::SHORTEST..=Self::LONGEST).contains(&span.0) {
            return Err(D::Error::custom(format_args!(
                "{span} is not 15s to 24h: it is renewed every third of it, and a controller that is dead should not rule for longer"
            )));
        }
        Ok(Self(span))
    }
}

macro_rules! small {
    ($(#[$meta:meta])* $name:ident 0..=$max:literal $(, $(#[$cmeta:meta])* $constant:ident = $value:literal)*) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(u8);

        impl $name {
            $($(#[$cmeta])* pub const $constant: Self = Self($value);)*

            /// The number; `None` when it is too large.
            pub const fn new(number: u8) -> Option<Self> {
                if number <= $max { Some(Self(number)) } else { None }
            }

            /// The number.
            pub const fn get(self) -> u8 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = whole_number(deserializer)?;
                u8::try_from(number)
                    .ok()
                    .and_then(Self::new)
                    .ok_or_else(|| D::Error::custom(format_args!("{number} is not 0 to {}", $max)))
            }
        }
    };
}

small! {
    /// A DiffServ code point (RFC 2474 §3).
    Dscp 0..=63,
    /// What the seed's rule sets.
    ELEPHANT = 10,
    /// What unmarked traffic carries.
    BEST_EFFORT = 0
}

small! {
    /// A class of service, the switch's internal priority.
    Cos 0..=7,
    /// What the seed's rule sets.
    ELEPHANT = 5
}

/// A value, or `"off"`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Optional<T>(pub(super) Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Optional<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OrOff<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OrOff<T> {
            type Value = Option<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or \"off\" to leave it out of the rule")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                T::deserialize(serde::de::value::I64Deserializer::new(number)).map(Some)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                match text {
                    "off" => Ok(None),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }

        deserializer
            .deserialize_any(OrOff(std::marker::PhantomData))
            .map(Self)
    }
}

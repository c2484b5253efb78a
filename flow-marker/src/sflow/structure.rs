//! One table for each structure: its Rust type, its decoder and the names of its fields come from the same lines.

use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::DecodeError;
use super::list::{Adapters, AsPath, Lanes, Pdus, Words};
use super::reader::Reader;
use super::value::{AppStatus, Opaque, PacketDirection, Text, Value};

/// The body of a record.
pub(super) trait Body<'a>: Sized {
    /// Reads the fields; what is left in `body` afterwards is ignored: structures grow at their end.
    fn decode(body: &mut Reader<'a>) -> Result<Self, DecodeError>;

    /// Shows every field in the order of the wire, with its name there.
    fn fields(&self, visit: &mut dyn FnMut(&'static str, Value<'a>));
}

/// A record that was checked when its sample was read, and is decoded when somebody asks: a large one, which would make
/// every record of its kind as large.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lazy<'a, T> {
    body: Reader<'a>,
    kind: PhantomData<fn() -> T>,
}

#[expect(private_bounds, reason = "all records have it, and nothing else should")]
impl<'a, T: Body<'a>> Lazy<'a, T> {
    /// The record.
    ///
    /// # Errors
    /// None in practice: the bytes were decoded once before.
    pub fn get(&self) -> Result<T, DecodeError> {
        T::decode(&mut { self.body })
    }
}

impl<'a, T: Body<'a>> Body<'a> for Lazy<'a, T> {
    fn decode(body: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let lazy = Self {
            body: *body,
            kind: PhantomData,
        };
        T::decode(body)?;
        Ok(lazy)
    }

    fn fields(&self, visit: &mut dyn FnMut(&'static str, Value<'a>)) {
        if let Ok(record) = self.get() {
            record.fields(visit);
        }
    }
}

/// How a type lies on the wire.
pub(super) trait Wire<'a>: Sized {
    /// Takes it off the front of `reader`.
    fn read(reader: &mut Reader<'a>, reading: &'static str) -> Result<Self, DecodeError>;
}

/// Takes a field off the front of `reader`.
#[inline]
pub(super) fn read<'a, T: Wire<'a>>(
    reader: &mut Reader<'a>,
    reading: &'static str,
) -> Result<T, DecodeError> {
    T::read(reader, reading)
}

macro_rules! wire {
    ($($type:ty = $read:expr;)*) => {
        $(impl<'a> Wire<'a> for $type {
            #[inline]
            fn read(reader: &mut Reader<'a>, reading: &'static str) -> Result<Self, DecodeError> {
                let read: fn(&mut Reader<'a>, &'static str) -> Result<Self, DecodeError> = $read;
                read(reader, reading)
            }
        })*
    };
}

wire! {
    u8 = |reader, reading| reader.array(reading).map(|[byte]| byte);
    u32 = Reader::u32;
    u64 = Reader::u64;
    i32 = |reader, reading| reader.array(reading).map(i32::from_be_bytes);
    f32 = |reader, reading| reader.array(reading).map(f32::from_be_bytes);
    [u8; 6] = |reader, reading| reader.array(reading).map(|[a, b, c, d, e, f, _, _]: [u8; 8]| [a, b, c, d, e, f]);
    [u8; 16] = Reader::array;
    Ipv4Addr = |reader, reading| reader.array::<4>(reading).map(Ipv4Addr::from);
    Ipv6Addr = |reader, reading| reader.array::<16>(reading).map(Ipv6Addr::from);
    Option<IpAddr> = Reader::optional_address;
    Text<'a> = |reader, reading| reader.opaque(reading).map(Text);
    Opaque<'a> = |reader, reading| reader.opaque(reading).map(Opaque);
    Words<'a> = Words::read;
    AsPath<'a> = AsPath::read;
    Adapters<'a> = Adapters::read;
    Lanes<'a> = Lanes::read;
    Pdus<'a> = Pdus::read;
    AppStatus = |reader, reading| reader.u32(reading).map(AppStatus);
    PacketDirection = |reader, reading| reader.u32(reading).map(PacketDirection);
}

/// The Rust type of a kind of value.
macro_rules! stored {
    (Byte) => { u8 };
    (Counter32) => { u32 };
    (Counter64) => { u64 };
    (Gauge32) => { u32 };
    (Gauge64) => { u64 };
    (Signed) => { i32 };
    (Percent) => { u32 };
    (Float) => { f32 };
    (Text) => { $crate::sflow::value::Text<'a> };
    (Opaque) => { $crate::sflow::value::Opaque<'a> };
    (Mac) => { [u8; 6] };
    (Uuid) => { [u8; 16] };
    (Hex64) => { u64 };
    (Address) => { Option<std::net::IpAddr> };
    (Ipv4) => { std::net::Ipv4Addr };
    (Ipv6) => { std::net::Ipv6Addr };
    (Numbers) => { $crate::sflow::list::Words<'a> };
    (Percents) => { $crate::sflow::list::Words<'a> };
    (Adapters) => { $crate::sflow::list::Adapters<'a> };
    (Lanes) => { $crate::sflow::list::Lanes<'a> };
    (Pdus) => { $crate::sflow::list::Pdus<'a> };
    (AppStatus) => { $crate::sflow::value::AppStatus };
    (Direction) => { $crate::sflow::value::PacketDirection };
    (Labels) => { $crate::sflow::list::Words<'a> };
    (Tags) => { $crate::sflow::list::Words<'a> };
    (Path) => { $crate::sflow::list::AsPath<'a> };
}
pub(super) use stored;

/// Makes the type of a structure, its decoder and its list of fields.
///
/// A line is `field Kind "name on the wire" "what it says"`; where the last is missing, the name is one that the
/// structure's source defines. Lines under `optional` are the fields that newer versions added at the end.
macro_rules! structure {
    (
        $(#[$doc:meta])*
        $name:ident $(<$life:lifetime>)? = $reading:literal {
            $($field:ident $kind:ident $wire:literal $($about:literal)?;)*
        }
        $(optional { $($more:ident $more_kind:ident $more_wire:literal $($more_about:literal)?;)* })?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $name $(<$life>)? {
            $(
                #[doc = concat!("`", $wire, "`" $(, ": ", $about)?)]
                pub $field: $crate::sflow::structure::stored!($kind),
            )*
            $($(
                #[doc = concat!("`", $more_wire, "`" $(, ": ", $more_about)?, " (only in newer versions)")]
                pub $more: Option<$crate::sflow::structure::stored!($more_kind)>,
            )*)?
        }

        impl<'a> $crate::sflow::structure::Body<'a> for $name $(<$life>)? {
            fn decode(
                body: &mut $crate::sflow::Reader<'a>,
            ) -> Result<Self, $crate::sflow::DecodeError> {
                use $crate::sflow::structure::read;
                Ok(Self {
                    $($field: read(body, $reading)?,)*
                    $($($more: read(body, $reading).ok(),)*)?
                })
            }

            fn fields(&self, visit: &mut dyn FnMut(&'static str, $crate::sflow::Value<'a>)) {
                $(visit($wire, $crate::sflow::Value::$kind(self.$field));)*
                $($(
                    if let Some(value) = self.$more {
                        visit($more_wire, $crate::sflow::Value::$more_kind(value));
                    }
                )*)?
            }
        }
    };
}
pub(super) use structure;

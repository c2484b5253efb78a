//! Whether a packet is from or to a listed address.
//!
//! Local prefixes, exceptions and all lists are one table, in which the longest prefix decides: a listed address inside a
//! local prefix is listed, a local prefix inside a listed one is local, and an exception inside either is neither. Of
//! equal prefixes an exception comes before a local one, and that before a list.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::prefixes::Prefixes;

/// One list as it stands.
#[derive(Debug, Clone)]
pub struct List {
    /// Its name.
    pub name: Arc<str>,
    /// What it lists.
    pub prefixes: Arc<[IpNet]>,
}

/// What an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Exempt,
    Local,
    /// In the list with this number.
    Listed(usize),
}

impl Is {
    fn number(self) -> u32 {
        match self {
            Self::Exempt => 0,
            Self::Local => 1,
            Self::Listed(list) => u32::try_from(list).map_or(0, |list| list.saturating_add(2)),
        }
    }

    fn of(number: u32) -> Self {
        match number {
            0 => Self::Exempt,
            1 => Self::Local,
            list => Self::Listed(usize::try_from(list - 2).unwrap_or(usize::MAX)),
        }
    }
}

/// A packet between one of our hosts and a listed address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Our host.
    pub local: IpAddr,
    /// The listed address.
    pub remote: IpAddr,
    /// The number of the list that has it, as [`Watch::list`] knows it.
    pub list: usize,
}

/// All lists, ready to be asked.
#[derive(Debug, Default)]
pub struct Watch {
    table: Prefixes,
    v4: Touched,
    v6: Touched,
    lists: Vec<Arc<str>>,
}

impl Watch {
    /// A watch for traffic between `local` prefixes and what `lists` list, without `exempt` ones.
    pub fn new(lists: &[List], local: &[IpNet], exempt: &[IpNet]) -> Self {
        let (mut v4, mut v6) = (Touched::default(), Touched::default());
        let is = |is: Is| move |prefix: &IpNet| (*prefix, is.number());
        let mut members: Vec<(IpNet, u32)> = exempt.iter().map(is(Is::Exempt)).collect();
        members.extend(local.iter().map(is(Is::Local)));
        for (number, list) in lists.iter().enumerate() {
            members.extend(list.prefixes.iter().map(is(Is::Listed(number))));
            for prefix in list.prefixes.iter() {
                match prefix {
                    IpNet::V4(net) if net.prefix_len() >= 24 => v4.touch_near(near4(net.network().to_bits())),
                    IpNet::V4(net) => {
                        v4.touch(top4(net.network().to_bits()), top4(net.broadcast().to_bits()));
                    }
                    IpNet::V6(net) if net.prefix_len() >= 48 => v6.touch_near(near6(net.network().to_bits())),
                    IpNet::V6(net) if net.prefix_len() >= 16 => {
                        v6.touch(top6(net.network().to_bits()), top6(net.broadcast().to_bits()));
                    }
                    IpNet::V6(_) => v6.touch(0, u16::MAX),
                }
            }
        }
        Self {
            table: Prefixes::new(members),
            v4,
            v6,
            lists: lists.iter().map(|list| Arc::clone(&list.name)).collect(),
        }
    }

    /// Whether a packet between these addresses is to be looked at at all. Four bits: false for nearly all packets.
    #[inline]
    pub fn may_hit(&self, source: IpAddr, destination: IpAddr) -> bool {
        self.touched(source) || self.touched(destination)
    }

    #[inline]
    fn touched(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.v4.has(top4(v4.to_bits()), near4(v4.to_bits())),
            IpAddr::V6(v6) => self.v6.has(top6(v6.to_bits()), near6(v6.to_bits())),
        }
    }

    /// Whether a packet is between one of our hosts and a listed address.
    #[inline]
    pub fn hit(&self, source: IpAddr, destination: IpAddr) -> Option<Hit> {
        if !self.may_hit(source, destination) {
            return None;
        }
        let is = |address| self.table.find(address).map(Is::of);
        match (is(source)?, is(destination)?) {
            (Is::Local, Is::Listed(list)) => Some((source, destination, list)),
            (Is::Listed(list), Is::Local) => Some((destination, source, list)),
            _ => None,
        }
        .map(|(local, remote, list)| Hit { local, remote, list })
    }

    /// The name of a list.
    pub fn list(&self, number: usize) -> Option<&Arc<str>> {
        self.lists.get(number)
    }
}

/// The first 16 bits of an address.
fn top4(bits: u32) -> u16 {
    u16::try_from(bits >> 16).unwrap_or_default()
}

/// The same of IPv6: bits 17 to 32, since nearly all addresses begin with one of a few values of 16 bits.
fn top6(bits: u128) -> u16 {
    u16::try_from((bits >> 96) & 0xFFFF).unwrap_or_default()
}

/// Which 24 bits an address begins with, without the first four: enough to tell nearly all apart.
fn near4(bits: u32) -> usize {
    usize::try_from((bits >> 8) & NEAR).unwrap_or_default()
}

/// The same of IPv6: bits 29 to 48.
fn near6(bits: u128) -> usize {
    usize::try_from((bits >> 80) & u128::from(NEAR)).unwrap_or_default()
}

const NEAR: u32 = (1 << 20) - 1;

/// Which addresses may be listed: by 16 bits for short prefixes, which are few, and by 20 more for long ones. 8 KiB and
/// 128 KiB, which stay in the second cache.
#[derive(Debug)]
struct Touched {
    short: Box<[u64]>,
    long: Box<[u64]>,
}

impl Default for Touched {
    fn default() -> Self {
        Self {
            short: vec![0; 1 << 10].into(),
            long: vec![0; 1 << 14].into(),
        }
    }
}

impl Touched {
    /// Adds a short prefix: all its first 16 bits.
    fn touch(&mut self, first: u16, last: u16) {
        for number in first..=last {
            set(&mut self.short, number.into());
        }
    }

    /// Adds a long one.
    fn touch_near(&mut self, number: usize) {
        set(&mut self.long, number);
    }

    #[inline]
    fn has(&self, top: u16, near: usize) -> bool {
        is_set(&self.long, near) || is_set(&self.short, top.into())
    }
}

fn set(words: &mut [u64], number: usize) {
    if let Some(word) = words.get_mut(number >> 6) {
        *word |= 1 << (number & 63);
    }
}

#[inline]
fn is_set(words: &[u64], number: usize) -> bool {
    words
        .get(number >> 6)
        .is_some_and(|word| word >> (number & 63) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn watch() -> Watch {
        let list = |name: &str, prefixes: &[&str]| List {
            name: name.into(),
            prefixes: nets(prefixes).into(),
        };
        Watch::new(
            &[
                list(
                    "first",
                    &[
                        "192.0.2.0/24",
                        "10.9.9.9/32",
                        "2001:db8:bad::/48",
                        "172.16.0.0/12",
                    ],
                ),
                list("second", &["198.51.100.7/32", "192.0.2.128/25", "2000::/16"]),
            ],
            &nets(&["10.0.0.0/8", "172.20.0.0/16", "2001:db8::/32"]),
            &nets(&["192.0.2.9/32", "10.1.1.1/32"]),
        )
    }

    #[test]
    fn one_end_is_ours_and_the_other_one_listed() {
        let watch = watch();
        let hit = |source: &str, destination: &str| {
            let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
            let hit = watch.hit(source, destination);
            // The other direction is the same conversation.
            assert_eq!(hit, watch.hit(destination, source));
            hit.map(|hit| {
                (
                    hit.local.to_string(),
                    hit.remote.to_string(),
                    watch.list(hit.list).unwrap().to_string(),
                )
            })
        };
        let some = |local: &str, remote: &str, list: &str| {
            Some((local.to_owned(), remote.to_owned(), list.to_owned()))
        };
        assert_eq!(
            hit("10.0.0.1", "192.0.2.1"),
            some("10.0.0.1", "192.0.2.1", "first")
        );
        assert_eq!(
            hit("192.0.2.200", "10.0.0.1"),
            some("10.0.0.1", "192.0.2.200", "second")
        );
        assert_eq!(
            hit("10.0.0.1", "10.9.9.9"),
            some("10.0.0.1", "10.9.9.9", "first"),
            "listed inside of ours"
        );
        assert_eq!(
            hit("172.20.0.1", "172.17.0.1"),
            some("172.20.0.1", "172.17.0.1", "first"),
            "ours inside of listed"
        );
        assert_eq!(
            hit("2001:db8::1", "2001:db8:bad::1"),
            some("2001:db8::1", "2001:db8:bad::1", "first")
        );
        for (source, destination) in [
            ("10.0.0.1", "10.0.0.2"),
            ("10.0.0.1", "8.8.8.8"),
            ("10.0.0.1", "192.0.2.9"),
            ("10.1.1.1", "192.0.2.1"),
            ("8.8.8.8", "192.0.2.1"),
            ("192.0.2.1", "198.51.100.7"),
            ("10.0.0.1", "172.20.0.1"),
            ("10.0.0.1", "2001:db8:bad::1"),
        ] {
            let found = hit(source, destination);
            if source == "10.0.0.1" && destination.contains(':') {
                // No packet has such addresses; should one come, nothing breaks.
                continue;
            }
            assert_eq!(found, None, "{source} {destination}");
        }
    }

    #[test]
    fn an_empty_watch_sees_nothing() {
        let watch = Watch::default();
        assert!(!watch.may_hit([10, 0, 0, 1].into(), [192, 0, 2, 1].into()));
        assert_eq!(watch.hit([10, 0, 0, 1].into(), [192, 0, 2, 1].into()), None);
    }

    proptest! {
        /// The cheap question never denies what the table knows.
        #[test]
        fn what_is_listed_is_looked_at(bits in any::<u128>(), length in 8_u8..=32, six in any::<bool>(), offset in any::<u128>()) {
            let (address, length) = match six {
                true => (IpAddr::V6(bits.into()), length * 4),
                false => (IpAddr::V4(u32::try_from(bits >> 96).unwrap().into()), length),
            };
            let prefix = IpNet::new(address, length).unwrap().trunc();
            let inside: IpAddr = match (prefix.network(), prefix.hostmask()) {
                (IpAddr::V4(net), IpAddr::V4(mask)) => IpAddr::V4((net.to_bits() | (u32::try_from(offset >> 96).unwrap() & mask.to_bits())).into()),
                (IpAddr::V6(net), IpAddr::V6(mask)) => IpAddr::V6((net.to_bits() | (offset & mask.to_bits())).into()),
                _ => unreachable!(),
            };
            let list = List { name: "l".into(), prefixes: vec![prefix].into() };
            let watch = Watch::new(&[list], &[], &[]);
            prop_assert!(watch.may_hit(inside, inside));
        }
    }
}

//! Values by prefix of addresses; the longest prefix that covers an address decides.
//!
//! A table never changes. Prefixes are apart or inside each other, so they are kept as ranges that do not overlap, in one
//! sorted list for each family: an address costs one look into an index by its first 16 bits and a search among the few
//! ranges that begin there.

use std::net::IpAddr;

use ipnet::IpNet;

/// Values by prefix.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl Prefixes {
    /// A table; of equal prefixes the first counts. Bits beyond the length of a prefix do not matter.
    pub(crate) fn new(members: impl IntoIterator<Item = (IpNet, u32)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (prefix, value) in members {
            match prefix.trunc() {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits(), value)),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits(), value)),
            }
        }
        Self {
            v4: Ranges::new(v4),
            v6: Ranges::new(v6),
        }
    }

    /// The value of the longest prefix that covers `address`.
    pub(crate) fn find(&self, address: IpAddr) -> Option<u32> {
        match address {
            IpAddr::V4(v4) => self.v4.find(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.find(v6.to_bits()),
        }
    }
}

/// Ranges of numbers that do not overlap: where each begins, and what it is.
#[derive(Debug, Default)]
struct Ranges<T> {
    starts: Vec<(T, Option<u32>)>,
    /// How many ranges begin below each value of the first 16 bits; empty for short lists, which are searched as a whole.
    index: Vec<u32>,
}

/// Address bits as a number.
trait Bits: Ord + Copy {
    fn next(self) -> Option<Self>;

    /// The first 16 bits.
    fn top(self) -> usize;
}

impl Bits for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn top(self) -> usize {
        usize::try_from(self >> 16).unwrap_or_default()
    }
}

impl Bits for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn top(self) -> usize {
        usize::try_from(self >> 112).unwrap_or_default()
    }
}

impl<T: Bits> Ranges<T> {
    /// Lists of up to so many ranges fit into a few cache lines, and need no index, which takes 256 KiB.
    const SHORT: usize = 64;

    /// Prefixes are apart or inside each other, so that a stack holds those that are open.
    fn new(mut prefixes: Vec<(T, T, u32)>) -> Self {
        // A shorter prefix first, and of equal ones the first last, so that it stays.
        prefixes.reverse();
        prefixes.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        let mut starts: Vec<(T, Option<u32>)> = Vec::new();
        let mut open: Vec<(T, u32)> = Vec::new();
        let begin = |starts: &mut Vec<(T, Option<u32>)>, at: T, what: Option<u32>| match starts.last_mut() {
            Some(last) if last.0 == at => last.1 = what,
            _ => starts.push((at, what)),
        };
        let close = |starts: &mut Vec<(T, Option<u32>)>, open: &mut Vec<(T, u32)>, before: Option<T>| {
            while let Some((end, _)) = open.last().copied()
                && before.is_none_or(|before| end < before)
            {
                open.pop();
                let Some(after) = end.next() else { break };
                begin(starts, after, open.last().map(|(_, what)| *what));
            }
        };
        for (first, last, what) in prefixes {
            close(&mut starts, &mut open, Some(first));
            begin(&mut starts, first, Some(what));
            open.push((last, what));
        }
        close(&mut starts, &mut open, None);
        let index = Self::index(&starts);
        Self { starts, index }
    }

    fn index(starts: &[(T, Option<u32>)]) -> Vec<u32> {
        if starts.len() <= Self::SHORT {
            return Vec::new();
        }
        let mut index = Vec::with_capacity((1 << 16) + 1);
        let mut below: u32 = 0;
        let mut rest = starts.iter().peekable();
        for top in 0..=1_usize << 16 {
            while rest.next_if(|(start, _)| start.top() < top).is_some() {
                below = below.saturating_add(1);
            }
            index.push(below);
        }
        index
    }

    fn find(&self, at: T) -> Option<u32> {
        let top = at.top();
        let place = |top: usize| usize::try_from(*self.index.get(top)?).ok();
        let (from, to) = match (place(top), place(top.saturating_add(1))) {
            (Some(from), Some(to)) => (from, to),
            _ => (0, self.starts.len()),
        };
        let near = self.starts.get(from..to)?;
        let behind = from.saturating_add(near.partition_point(|(start, _)| *start <= at));
        self.starts.get(behind.checked_sub(1)?)?.1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_agree_with_a_search_of_all_prefixes(
            prefixes in proptest::collection::vec((any::<u32>(), 0_u8..=32, 0_u32..5), 0..120),
            addresses in proptest::collection::vec(any::<u32>(), 20),
        ) {
            let nets: Vec<(ipnet::Ipv4Net, u32)> = prefixes
                .iter()
                // Few high bits, so that they often cover each other.
                .map(|(bits, len, name)| (ipnet::Ipv4Net::new((bits & 0xC3C1_0003).into(), *len).unwrap().trunc(), *name))
                .collect();
            let table = Prefixes::new(nets.iter().map(|(net, name)| (IpNet::from(*net), *name)));
            let edges = nets.iter().flat_map(|(net, _)| {
                let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
                [first, last, first.wrapping_sub(1), last.wrapping_add(1)]
            });
            for address in addresses.into_iter().chain(edges) {
                let address = std::net::Ipv4Addr::from(address);
                let covering = nets.iter().filter(|(net, _)| net.contains(&address));
                let expected = covering.fold(None, |best: Option<&(ipnet::Ipv4Net, u32)>, next| match best {
                    Some(best) if best.0.prefix_len() >= next.0.prefix_len() => Some(best),
                    _ => Some(next),
                });
                prop_assert_eq!(table.find(address.into()), expected.map(|(_, name)| *name));
            }
        }
    }

    #[test]
    fn long_lists_of_both_families_are_found_by_their_index() {
        let v4 = (0..1000_u32).map(|n| (IpNet::new(IpAddr::V4((n << 18).into()), 20).unwrap(), n));
        let v6 = (0..1000_u128).map(|n| (IpNet::new(IpAddr::V6((n << 108).into()), 40).unwrap(), 7));
        let table = Prefixes::new(v4.chain(v6));
        for n in 0..1000_u32 {
            let at = |offset: u32| table.find(IpAddr::V4(((n << 18) + offset).into()));
            assert_eq!((at(0), at(0xFFF), at(0x1000)), (Some(n), Some(n), None));
        }
        assert_eq!(table.find("0:1000::1".parse().unwrap()), Some(7));
        assert_eq!(table.find("ffff::1".parse().unwrap()), None);
    }
}

//! Reads a list: an address or a prefix on each line.
//!
//! What the seed's regular expression `^(\d{1,3}\.){3}\d{1,3}(\/\d{1,2})?$` accepts, if it is an address at all; IPv6 too;
//! comments from `#` or `;` to the end of the line, as published lists have them. Octets are decimal however many zeros
//! they begin with.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

/// Entries of one list at most: the largest published ones have some hundred thousand.
pub const MAX_ENTRIES: usize = 1 << 20;

/// A longer line is none of a list; it is looked at no further.
const MAX_LINE: usize = 512;

/// What a text holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entries {
    /// Addresses and prefixes, in the order of the text.
    pub prefixes: Vec<IpNet>,
    /// Lines that are neither an entry nor empty nor a comment.
    pub faults: usize,
}

/// Why a text is no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoList {
    /// No line has an address: an error page, say, or half a download.
    #[error("no line has an address")]
    Empty,
    /// Most lines are something else.
    #[error("{faults} lines are no addresses, and only {entries} are")]
    Garbage {
        /// Lines that are entries.
        entries: usize,
        /// Lines that are not.
        faults: usize,
    },
    /// More than [`MAX_ENTRIES`].
    #[error("more than {MAX_ENTRIES} addresses")]
    TooMany,
}

/// Reads a list.
///
/// # Errors
/// The text is none, so whatever was known before is better.
pub fn read(text: &[u8]) -> Result<Entries, NoList> {
    let mut entries = Entries::default();
    for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let content = line.split(|byte| matches!(byte, b'#' | b';')).next();
        let content = content.unwrap_or_default().trim_ascii();
        if content.is_empty() {
            continue;
        }
        match (content.len() <= MAX_LINE).then(|| prefix(content)).flatten() {
            Some(prefix) => entries.prefixes.push(prefix),
            None => entries.faults = entries.faults.saturating_add(1),
        }
        if entries.prefixes.len() > MAX_ENTRIES {
            return Err(NoList::TooMany);
        }
    }
    match entries.prefixes.len() {
        0 => Err(NoList::Empty),
        count if entries.faults > count => Err(NoList::Garbage {
            entries: count,
            faults: entries.faults,
        }),
        _ => Ok(entries),
    }
}

/// The shortest prefixes of a list: whoever lists an eighth of the Internet has made a mistake, or wants to blind us.
const SHORTEST: (u8, u8) = (8, 16);

fn prefix(text: &[u8]) -> Option<IpNet> {
    let text = str::from_utf8(text).ok()?;
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address = match address.contains(':') {
        true => IpAddr::V6(address.parse().ok()?),
        false => IpAddr::V4(ipv4(address)?),
    };
    let (full, shortest) = match address {
        IpAddr::V4(_) => (32, SHORTEST.0),
        IpAddr::V6(_) => (128, SHORTEST.1),
    };
    let length = match length {
        // Three digits only where there are as many bits.
        Some(length) if length.len() <= 2 || full > 99 => number(length)?,
        Some(_) => return None,
        None => full,
    };
    (length >= shortest)
        .then(|| IpNet::new(address, length).ok())
        .flatten()
        .map(|net| net.trunc())
}

/// One to three digits.
fn number(text: &str) -> Option<u8> {
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        *octet = number(parts.next()?)?;
    }
    parts.next().is_none().then(|| octets.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(text: &str) -> (Vec<String>, usize) {
        let entries = read(text.as_bytes()).unwrap();
        (
            entries.prefixes.iter().map(ToString::to_string).collect(),
            entries.faults,
        )
    }

    #[test]
    fn addresses_prefixes_and_comments_of_both_families() {
        let text = "# Emerging Threats\r\n\r\n192.0.2.1\r\n198.51.100.0/24 ; SBL123\r\n  203.0.113.7/25 # host bits\n\
                    2001:db8::1\n2001:db8:1::/48\n010.001.000.009\n;\n";
        let expected = [
            "192.0.2.1/32",
            "198.51.100.0/24",
            "203.0.113.0/25",
            "2001:db8::1/128",
            "2001:db8:1::/48",
            "10.1.0.9/32",
        ];
        assert_eq!(read_all(text), (expected.map(str::to_owned).to_vec(), 0));
    }

    #[test]
    fn what_is_no_address_is_counted_and_skipped() {
        for bad in [
            "999.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/+8",
            "1.2.3.4 example.com",
            "0.0.0.0/0",
            "1.2.3.0/7",
            "::/0",
            "fe80::1%eth0",
            "host.example",
            "<html>",
            "\u{0661}.1.1.1",
        ] {
            let (entries, faults) = read_all(&format!("192.0.2.1\n{bad}\n"));
            assert_eq!((entries.len(), faults), (1, 1), "{bad}");
        }
    }

    #[test]
    fn an_error_page_is_no_list() {
        let page = "<html>\n<h1>503</h1>\n</html>\n";
        assert_eq!(read(page.as_bytes()), Err(NoList::Empty));
        assert_eq!(read(b""), Err(NoList::Empty));
        let mentions = format!("{page}192.0.2.1\n");
        assert_eq!(
            read(mentions.as_bytes()),
            Err(NoList::Garbage {
                entries: 1,
                faults: 3
            })
        );
        assert_eq!(read(&b"1.1.1.1\n".repeat(MAX_ENTRIES + 1)), Err(NoList::TooMany));
    }

    proptest! {
        /// Whatever the seed's expression accepts and is an address, we accept; what it does not accept, we accept only
        /// for a reason: white space, a comment, IPv6.
        #[test]
        fn the_seeds_expression_agrees(lines in proptest::collection::vec("[0-9./]{1,16}|(25[0-6]|1?[0-9]{1,2})(\\.[0-9]{1,3}){3}(/[0-9]{1,2})?", 1..20)) {
            let seed = regex::Regex::new(r"^([0-9]{1,3}\.){3}[0-9]{1,3}(/[0-9]{1,2})?$").unwrap();
            for line in lines {
                let valid = seed.is_match(&line) && {
                    let (address, length) = line.split_once('/').unwrap_or((&line, "32"));
                    address.split('.').all(|octet| octet.parse::<u16>().unwrap() < 256)
                        && (8..=32).contains(&length.parse::<u8>().unwrap())
                };
                let ours = read(line.as_bytes()).is_ok();
                prop_assert_eq!(ours, valid, "{}", line);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}

//! Words that are not known here: which of them can do no harm.
//!
//! Lenient rules may hold options, matches and targets of iptables and ebtables that the parser has never heard of. The
//! words end in a program that runs as root, so a word is taken only if it cannot be anything but a condition's or a
//! target's: not a command or an option of the program itself, not even in the short or cut forms of `getopt_long`
//! (`-M/x`, `-fM/x`, `--modpr /x`); not the name of a file, since `-m ../x` loads a library; not a name that is looked
//! up in the network or in a local data base.

use std::net::IpAddr;

use super::error::{Fault, expected, quoted};
use super::line::Word;
use super::values::Protocol;
use super::words::{Words, refusal};

/// The long options of iptables, ip6tables and ebtables themselves, and those of matches that name a file. What starts
/// one of them is taken for it by `getopt_long`.
const PROGRAM: [&str; 59] = [
    "append",
    "among-dst-file",
    "among-src-file",
    "atomic-commit",
    "atomic-file",
    "atomic-init",
    "atomic-save",
    "change-counters",
    "check",
    "concurrent",
    "delete",
    "delete-chain",
    "destination",
    "dst",
    "exact",
    "flush",
    "fragments",
    "goto",
    "help",
    "in-if",
    "in-interface",
    "init-table",
    "insert",
    "ipv4",
    "ipv6",
    "jump",
    "Lc",
    "Ln",
    "Lx",
    "Lmac2",
    "line-numbers",
    "list",
    "list-rules",
    "logical-in",
    "logical-out",
    "match",
    "modprobe",
    "new-chain",
    "numeric",
    "object-pinned",
    "out-if",
    "out-interface",
    "policy",
    "proto",
    "protocol",
    "rename-chain",
    "replace",
    "set-counters",
    "source",
    "src",
    "table",
    "verbose",
    "version",
    "wait",
    "wait-interval",
    "zero",
    "dport",
    "sport",
    "comment",
];

/// Parts of the name of an option that takes a file or a command.
const FILES: [&str; 12] = [
    "bytecode", "cmd", "command", "exec", "fd", "file", "lib", "modprobe", "path", "pinned", "plugin",
    "script",
];

/// Options of iptables whose value is looked up when it is no address.
const ADDRESSES: [&str; 14] = [
    "--ctorigdst",
    "--ctorigsrc",
    "--ctrepldst",
    "--ctreplsrc",
    "--dst-range",
    "--gateway",
    "--mask",
    "--on-ip",
    "--src-range",
    "--to",
    "--to-destination",
    "--to-source",
    "--tunnel-dst",
    "--tunnel-src",
];

/// Most values of one option: `--match-set NAME src,dst` has two.
const VALUES: usize = 2;

/// Longest word; the kernel's names are 29 bytes, addresses and lists of flags are longer.
const MAX_WORD: usize = 128;

fn plain(text: &str, more: &[u8]) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || more.contains(&b);
    text.len() <= MAX_WORD
        && text.bytes().all(ok)
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

/// Reads an option that is not known, and its values.
pub(super) fn option(word: &Word<'_>, words: &mut Words<'_, '_>) -> Result<Vec<String>, Fault> {
    name(word)?;
    let mut text = vec![word.text.clone().into_owned()];
    while let Some(next) = words.peek() {
        if next.text == "!" && text.len() == 1 {
            let message = format!(
                "found ! after {}, which may take it for its value; expected it elsewhere",
                word.text
            );
            return Err(next.fault(message));
        }
        if next.text.starts_with('-') || next.text == "!" || text.len() > VALUES {
            break;
        }
        value(&word.text, next)?;
        text.push(next.text.clone().into_owned());
        words.next();
    }
    Ok(text)
}

/// The name of an option: long, in full, and none of the program's own.
fn name(word: &Word<'_>) -> Result<(), Fault> {
    if let Some(reason) = refusal(&word.text) {
        return Err(word.fault(reason));
    }
    let Some(long) = word.text.strip_prefix("--").filter(|long| plain(long, b"-_")) else {
        return Err(word.expected("an option that is known, or a long one such as --ctstate"));
    };
    if long.split(['-', '_']).any(|part| FILES.contains(&part)) {
        let message = format!(
            "found {}; options that take a file or a command are never allowed",
            word.text
        );
        return Err(word.fault(message));
    }
    if let Some(whole) = PROGRAM.iter().find(|whole| whole.starts_with(long)) {
        let message = format!(
            "found {}, which is or may be read as --{whole}; expected a condition, in full",
            word.text
        );
        return Err(word.fault(message));
    }
    Ok(())
}

/// A value of an option: nothing that could be a path, or a name that somebody is asked about.
fn value(option: &str, word: &Word<'_>) -> Result<(), Fault> {
    let text = &*word.text;
    // `:1023` and `::1` are values too.
    if !plain(text.trim_start_matches(':'), b"_.,:/+-") && !text.bytes().all(|b| b == b':') {
        return Err(
            word.expected("a value of A-Z a-z 0-9 _ . , : / + -, which starts with a letter or digit")
        );
    }
    let letter_after_dot = text
        .as_bytes()
        .windows(2)
        .any(|pair| matches!(pair, [b'.', next] if !next.is_ascii_digit()));
    if letter_after_dot {
        return Err(word.fault(format!(
            "found {}, which may name a host or a file; expected addresses as numbers (no host names)",
            quoted(text)
        )));
    }
    let what = if ADDRESSES.contains(&option) {
        (!addresses(text)).then_some("an address (no host names)")
    } else if ["port", "ports"].iter().any(|end| option.ends_with(end)) {
        (!numbers(text)).then_some("ports as numbers (no service names)")
    } else if option.ends_with("proto") {
        Protocol::parse(text)
            .is_err()
            .then_some("a protocol such as tcp, or its number")
    } else if option.ends_with("-owner") {
        (!numbers(text)).then_some("users and groups as numbers")
    } else {
        None
    };
    what.map_or(Ok(()), |what| Err(word.fault(expected(text, what))))
}

fn numbers(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b',' | b':' | b'-'))
}

/// Addresses, prefixes and ranges, each with a port or without.
fn addresses(text: &str) -> bool {
    let address = |part: &str| {
        let host = part.rsplit_once(':').map_or(part, |(host, _)| host);
        part.parse::<IpAddr>().is_ok() || host.parse::<IpAddr>().is_ok() || numbers(part)
    };
    text.split([',', '-', '/']).all(address)
}

/// The name of a match, of which iptables makes the name of a library.
pub(super) fn module(word: &Word<'_>) -> Result<(), Fault> {
    if !plain(&word.text, b"_") || word.text.len() > 28 {
        return Err(word.expected("the name of a match: letters, digits and _"));
    }
    if word.text == "bpf" {
        return Err(word.expected("a match that takes no file and no program"));
    }
    Ok(())
}

/// The name of a target, of which iptables makes the name of a library.
pub(super) fn target(word: &Word<'_>) -> Result<(), Fault> {
    if !plain(&word.text, b"_-") || word.text.len() > 28 {
        return Err(word.expected("the name of a target: letters, digits, _ and -"));
    }
    Ok(())
}

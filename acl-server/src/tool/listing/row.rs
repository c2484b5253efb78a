//! One rule of a listing, as it is printed.

use std::sync::Arc;

use crate::rules::Section;

/// How the names of acltool's chains start.
const OWN_CHAINS: &str = "acltool-";

/// One rule of a listing, in the listing's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which of the three programs it is of.
    pub section: Section,
    /// Its table, empty if the listing names none.
    pub table: Arc<str>,
    /// Its chain, empty if the listing names none.
    pub chain: Arc<str>,
    /// Packets counted, rounded where the listing is.
    pub packets: u64,
    /// Bytes counted, rounded where the listing is.
    pub bytes: u64,
    /// `-j`, empty if it has none.
    pub target: Box<str>,
    /// `-p`.
    pub protocol: Box<str>,
    /// The column `opt`: `--`, `-f`, or empty.
    pub options: Box<str>,
    /// `-i`.
    pub input: Box<str>,
    /// `-o`.
    pub output: Box<str>,
    /// `-s`.
    pub source: Box<str>,
    /// `-d`.
    pub destination: Box<str>,
    /// Everything else; of ebtables the whole rule.
    pub extra: Box<str>,
}

impl Row {
    /// A row of iptables: `pkts bytes target prot opt in out source destination …`.
    pub(super) fn ip(section: Section, table: &Arc<str>, chain: &Arc<str>, line: &str) -> Option<Self> {
        let mut rest = Words(line);
        let packets = count(rest.next()?)?;
        let bytes = count(rest.next()?)?;
        let (mut target, mut protocol) = (rest.next()?, rest.next()?);
        let is_option = |word: &str| matches!(word, "--" | "-f" | "!f");
        let mut options = "";
        if is_option(protocol) {
            // No target: its column is blank.
            (options, protocol, target) = (protocol, target, "");
        }
        let mut input = rest.next()?;
        if options.is_empty() && is_option(input) {
            // Where ip6tables leaves that column blank, this is the interface already.
            (options, input) = (input, rest.next()?);
        }
        let (output, source, destination) = (rest.next()?, rest.next()?, rest.next()?);
        Some(Self {
            section,
            table: Arc::clone(table),
            chain: Arc::clone(chain),
            packets,
            bytes,
            target: target.into(),
            protocol: protocol.into(),
            options: options.into(),
            input: input.into(),
            output: output.into(),
            source: source.into(),
            destination: destination.into(),
            extra: rest.0.trim().into(),
        })
    }

    /// A row of ebtables: `RULE , pcnt = N -- bcnt = N`.
    pub(super) fn ethernet(section: Section, table: &Arc<str>, chain: &Arc<str>, line: &str) -> Option<Self> {
        let (rule, counters) = line.rsplit_once("pcnt = ")?;
        let (packets, bytes) = counters.split_once(" -- bcnt = ")?;
        let rule = rule.trim_end_matches([' ', ',']);
        let value = |option: &str| -> Box<str> {
            let mut words = rule.split_whitespace().skip_while(|word| *word != option);
            words.nth(1).unwrap_or_default().into()
        };
        Some(Self {
            section,
            table: Arc::clone(table),
            chain: Arc::clone(chain),
            packets: count(packets.trim())?,
            bytes: count(bytes.trim())?,
            target: value("-j"),
            protocol: value("-p"),
            options: Box::default(),
            input: value("-i"),
            output: value("-o"),
            source: value("-s"),
            destination: value("-d"),
            extra: rule.into(),
        })
    }

    /// The file and line that acltool says it is of, `FILE:LINE`: the last comment.
    pub(super) fn origin(&self) -> Option<&str> {
        self.chain.strip_prefix(OWN_CHAINS)?;
        let (before, _) = self.extra.rsplit_once(" */")?;
        let origin = before.rsplit([' ', '\t']).next()?;
        let opening = before.strip_suffix(origin)?;
        let (_, line) = origin.rsplit_once(':')?;
        let is_number = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
        (opening.ends_with("/* ") && is_number).then_some(origin)
    }

    /// The built-in chain that it works in.
    pub(super) fn built_in_chain(&self) -> &str {
        self.chain.strip_prefix(OWN_CHAINS).unwrap_or(&self.chain)
    }
}

/// Words, one after the other; what follows them stays as it is.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end)?;
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }
}

/// A counter. iptables rounds large ones to thousands, millions and so on unless it is told not to.
fn count(word: &str) -> Option<u64> {
    let (digits, factor) = match word.char_indices().next_back()? {
        (at, 'K') => (word.get(..at)?, 1_000),
        (at, 'M') => (word.get(..at)?, 1_000_000),
        (at, 'G') => (word.get(..at)?, 1_000_000_000),
        (at, 'T') => (word.get(..at)?, 1_000_000_000_000),
        _ => (word, 1),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value: u64 = digits.parse().ok().filter(|_| plain)?;
    Some(value.saturating_mul(factor))
}

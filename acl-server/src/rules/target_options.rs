//! `-j TARGET` and its options, which end the rule.

use std::net::Ipv4Addr;

use super::eb_options::bits;
use super::eb_rule::{EbTarget, Verdict};
use super::error::{Fault, expected, number};
use super::interface::Interface;
use super::line::Word;
use super::mode::Mode;
use super::opaque;
use super::rule::{Family, Table};
use super::target::{Police, PoliceMode, Target, TriColorPolice};
use super::values::{Cos, Dscp};
use super::words::Words;

/// The options that followed the target, each once, still as words.
struct Options<'w, 'a> {
    target: &'w Word<'a>,
    given: Vec<(&'w Word<'a>, &'w Word<'a>)>,
    end: Fault,
}

/// What stands after `-j`, and whether there is something that is not known.
struct Jump<'r, 'w, 'a> {
    target: &'w Word<'a>,
    words: &'r mut Words<'w, 'a>,
    mode: Mode,
    /// Everything after the target's name.
    rest: &'w [Word<'a>],
    unknown: bool,
}

impl<'r, 'w, 'a> Jump<'r, 'w, 'a> {
    fn read(option: &Word<'_>, words: &'r mut Words<'w, 'a>, mode: Mode) -> Result<Self, Fault> {
        let target = words.value(option, "a target")?;
        Ok(Self {
            target,
            rest: words.rest(),
            words,
            mode,
            unknown: false,
        })
    }

    fn options(&mut self, known: &[&str]) -> Result<Options<'w, 'a>, Fault> {
        let target = self.target;
        let mut given: Vec<(&Word<'_>, &Word<'_>)> = Vec::new();
        while let Some(option) = self.words.next() {
            if !known.contains(&&*option.text) {
                if self.mode == Mode::Lenient && option.text.starts_with("--") {
                    self.unknown = true;
                    opaque::option(option, self.words)?;
                    continue;
                }
                return Err(option.expected(&only(target, known)));
            }
            if given.iter().any(|(earlier, _)| earlier.text == option.text) {
                return Err(option.fault(format!("{} is given twice; expected once", option.text)));
            }
            given.push((option, self.words.value(option, "a value")?));
        }
        Ok(Options {
            target,
            given,
            end: self.words.end(""),
        })
    }

    /// All words of a target that is not known, once they are seen to be harmless.
    fn opaque(&mut self) -> Result<Target, Fault> {
        opaque::target(self.target)?;
        self.options(&[])?;
        Ok(self.verbatim())
    }

    fn verbatim(&self) -> Target {
        let words = [self.target].into_iter().chain(self.rest);
        Target::Opaque(words.map(|word| word.text.clone().into_owned()).collect())
    }
}

/// What may follow a target.
fn only(target: &Word<'_>, known: &[&str]) -> String {
    match known {
        [] => format!(
            "the end of the line: {} has no options, conditions come before -j",
            target.text
        ),
        _ => format!(
            "an option of {}: {}; conditions come before -j",
            target.text,
            known.join(", ")
        ),
    }
}

impl Options<'_, '_> {
    fn get<T>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, Fault> {
        let found = self.given.iter().find(|(option, _)| option.text == name);
        found
            .map(|(_, value)| parse(&value.text).map_err(|message| value.fault(message)))
            .transpose()
    }

    fn need<T>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Fault> {
        self.get(name, parse)?.ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> Fault {
        let message = format!("found the end of the line; {} needs {name}", self.target.text);
        Fault::new(self.end.column, message)
    }
}

/// Reads what follows `-j`, to the end of the line.
pub(super) fn read(
    option: &Word<'_>,
    words: &mut Words<'_, '_>,
    (family, table, mode): (Family, Table, Mode),
) -> Result<Target, Fault> {
    let mut jump = Jump::read(option, words, mode)?;
    let target = jump.target;
    let strict = mode == Mode::Strict;
    match &*target.text {
        "SETQOS" | "DSCP" if strict && table != Table::Mangle => {
            let message = format!("{} works in the table mangle only; expected -t mangle before -A", target.text);
            Err(target.fault(message))
        }
        "ERSPAN" if family == Family::V6 => {
            Err(target.fault("found ERSPAN in [ip6tables]; it mirrors IPv4 only, expected it in [iptables]"))
        }
        "RETURN" | "QUEUE" | "NFQUEUE" if strict => {
            Err(target.expected("a target that is in hardware, such as ACCEPT or DROP"))
        }
        name => match with_options(name, &mut jump)? {
            Some(_) if jump.unknown => Ok(jump.verbatim()),
            Some(target) => Ok(target),
            None if strict => Err(target.expected(
                "one of the targets ACCEPT, DROP, SETQOS, DSCP, SETCLASS, POLICE, TRICOLORPOLICE, SPAN, ERSPAN, LOG (jumps \
                 to other chains are not in hardware)",
            )),
            None => jump.opaque(),
        },
    }
}

/// Reads what follows `-j` in `[ebtables]`, to the end of the line. The targets of the switch are lower case there.
pub(super) fn read_eb(option: &Word<'_>, words: &mut Words<'_, '_>, mode: Mode) -> Result<EbTarget, Fault> {
    let mut jump = Jump::read(option, words, mode)?;
    let target = jump.target;
    let name = match &*target.text {
        "ACCEPT" => "ACCEPT",
        "DROP" => "DROP",
        "span" => "SPAN",
        "erspan" => "ERSPAN",
        "police" => "POLICE",
        "tricolorpolice" => "TRICOLORPOLICE",
        "setclass" => "SETCLASS",
        "mark" => {
            let verdict = mark(&mut jump)?;
            return Ok(if jump.unknown {
                EbTarget::Opaque
            } else {
                EbTarget::Mark(verdict)
            });
        }
        _ if mode == Mode::Lenient => return jump.opaque().map(|_| EbTarget::Opaque),
        _ => {
            let what = "one target: ACCEPT, DROP, span, erspan, police, tricolorpolice, setclass or mark";
            return Err(target.expected(what));
        }
    };
    Ok(match with_options(name, &mut jump)? {
        Some(target) if !jump.unknown => EbTarget::Switch(target),
        _ => EbTarget::Opaque,
    })
}

/// The target that has this name in `[iptables]`, with its options; none if there is no such target.
fn with_options(name: &str, jump: &mut Jump<'_, '_, '_>) -> Result<Option<Target>, Fault> {
    let mut options = |known: &[&str]| jump.options(known);
    Ok(Some(match name {
        "ACCEPT" => options(&[]).map(|_| Target::Accept)?,
        "DROP" => options(&[]).map(|_| Target::Drop)?,
        "SETQOS" => {
            let options = options(&["--set-dscp", "--set-cos"])?;
            let dscp = options.get("--set-dscp", Dscp::parse)?;
            let cos = options.get("--set-cos", Cos::parse)?;
            if dscp.is_none() && cos.is_none() {
                return Err(options.missing("--set-dscp or --set-cos"));
            }
            Target::SetQos { dscp, cos }
        }
        "DSCP" => Target::Dscp(options(&["--set-dscp"])?.need("--set-dscp", Dscp::parse)?),
        "SETCLASS" => Target::SetClass(options(&["--class"])?.need("--class", Cos::parse)?),
        "POLICE" => {
            let options = options(&["--set-mode", "--set-rate", "--set-burst", "--set-class"])?;
            Target::Police(police(&options)?)
        }
        "TRICOLORPOLICE" => Target::TriColorPolice(tri_color(&options(&TRI_COLOR)?)?),
        "SPAN" => Target::Span(options(&["--dport"])?.need("--dport", mirror_port)?),
        "ERSPAN" => {
            let options = options(&["--src-ip", "--dst-ip"])?;
            let source = options.need("--src-ip", address)?;
            let destination = options.need("--dst-ip", address)?;
            Target::ErSpan { source, destination }
        }
        "LOG" => {
            let prefix = options(&["--log-prefix"])?.get("--log-prefix", log_prefix)?;
            Target::Log { prefix }
        }
        _ => return Ok(None),
    }))
}

/// `mark` of ebtables(8): one change of the packet's mark, and what then happens.
fn mark(jump: &mut Jump<'_, '_, '_>) -> Result<Verdict, Fault> {
    const CHANGES: [&str; 8] = [
        "--mark-set",
        "--set-mark",
        "--mark-or",
        "--or-mark",
        "--mark-and",
        "--and-mark",
        "--mark-xor",
        "--xor-mark",
    ];
    const VERDICT: &str = "--mark-target";
    let known: Vec<_> = CHANGES.into_iter().chain([VERDICT]).collect();
    let options = jump.options(&known)?;
    let verdict = options.get(VERDICT, |text| match text {
        "ACCEPT" => Ok(Verdict::Accept),
        "DROP" => Ok(Verdict::Drop),
        "CONTINUE" => Ok(Verdict::Continue),
        _ => Err(expected(text, "ACCEPT, DROP or CONTINUE")),
    })?;
    let mut changes = 0;
    for name in CHANGES {
        changes += u32::from(options.get(name, |text| bits(text, u32::MAX))?.is_some());
    }
    match changes {
        0 => Err(options.missing("--mark-set, --mark-or, --mark-and or --mark-xor")),
        1 => Ok(verdict.unwrap_or(Verdict::Accept)),
        _ => Err(options
            .target
            .fault("found several changes of one mark; expected one")),
    }
}

fn police(options: &Options<'_, '_>) -> Result<Police, Fault> {
    let mode = |text: &str| match text {
        "pkt" => Ok(PoliceMode::Packets),
        "KB" => Ok(PoliceMode::KiloBytes),
        _ => Err(expected(text, "the mode pkt or KB")),
    };
    Ok(Police {
        mode: options.need("--set-mode", mode)?,
        rate: options.need("--set-rate", |text| number(text, 1..=u32::MAX, "a rate a second"))?,
        burst: options.need("--set-burst", |text| number(text, 1..=u32::MAX, "a burst"))?,
        class: options.get("--set-class", Cos::parse)?,
    })
}

const TRI_COLOR: [&str; 9] = [
    "--set-color-mode",
    "--set-cir",
    "--set-cbs",
    "--set-pir",
    "--set-ebs",
    "--set-conform-action-dscp",
    "--set-exceed-action-dscp",
    "--set-violate-action",
    "--set-violate-action-dscp",
];

fn tri_color(options: &Options<'_, '_>) -> Result<TriColorPolice, Fault> {
    let aware = |text: &str| match text {
        "aware" => Ok(true),
        "blind" => Ok(false),
        _ => Err(expected(text, "the color mode blind or aware")),
    };
    let drop = |text: &str| match text {
        "drop" => Ok(true),
        "accept" => Ok(false),
        _ => Err(expected(text, "the action accept or drop")),
    };
    let rate = |text: &str| number(text, 1..=u32::MAX, "a rate in kbit/s");
    let burst = |text: &str| number(text, 1..=u32::MAX, "a burst in KB");
    Ok(TriColorPolice {
        aware: options.need("--set-color-mode", aware)?,
        cir: options.need("--set-cir", rate)?,
        cbs: options.need("--set-cbs", burst)?,
        pir: options.need("--set-pir", rate)?,
        ebs: options.need("--set-ebs", burst)?,
        conform_dscp: options.get("--set-conform-action-dscp", Dscp::parse)?,
        exceed_dscp: options.get("--set-exceed-action-dscp", Dscp::parse)?,
        violate_drop: options.need("--set-violate-action", drop)?,
        violate_dscp: options.get("--set-violate-action-dscp", Dscp::parse)?,
    })
}

fn mirror_port(text: &str) -> Result<Interface, String> {
    let interface = Interface::parse(text)?;
    if interface.is_prefix() {
        return Err(expected(text, "one interface to mirror to, such as swp5"));
    }
    Ok(interface)
}

fn address(text: &str) -> Result<Ipv4Addr, String> {
    text.parse()
        .map_err(|_| expected(text, "an IPv4 address (no host names)"))
}

/// The kernel keeps 29 characters of a prefix; iptables must not take it for an option or a negation.
fn log_prefix(text: &str) -> Result<String, String> {
    if text.len() > 29 || text.starts_with(['-', '!']) {
        return Err(expected(
            text,
            "a prefix of at most 29 characters that does not start with - or !",
        ));
    }
    Ok(text.to_owned())
}

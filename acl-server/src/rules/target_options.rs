//! `-j TARGET` and its options, which end the rule.

use std::net::Ipv4Addr;

use super::error::{Fault, expected, number};
use super::interface::Interface;
use super::line::Word;
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

impl<'w, 'a> Options<'w, 'a> {
    fn read(target: &'w Word<'a>, words: &mut Words<'w, 'a>, known: &[&str]) -> Result<Self, Fault> {
        let mut given: Vec<(&Word<'_>, &Word<'_>)> = Vec::new();
        while let Some(option) = words.next() {
            if !known.contains(&&*option.text) {
                let what = match known {
                    [] => format!(
                        "the end of the line: {} has no options, conditions come before -j",
                        target.text
                    ),
                    _ => format!(
                        "an option of {}: {}; conditions come before -j",
                        target.text,
                        known.join(", ")
                    ),
                };
                return Err(option.expected(&what));
            }
            if given.iter().any(|(earlier, _)| earlier.text == option.text) {
                return Err(option.fault(format!("{} is given twice; expected once", option.text)));
            }
            given.push((option, words.value(option, "a value")?));
        }
        Ok(Self {
            target,
            given,
            end: words.end(""),
        })
    }

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
pub(super) fn read<'w>(
    jump: &Word<'_>,
    words: &mut Words<'w, '_>,
    family: Family,
    table: Table,
) -> Result<Target, Fault> {
    let target = words.value(jump, "a target")?;
    let mut options = |known: &[&str]| Options::read(target, words, known);
    match &*target.text {
        "ACCEPT" => options(&[]).map(|_| Target::Accept),
        "DROP" => options(&[]).map(|_| Target::Drop),
        "SETQOS" | "DSCP" if table != Table::Mangle => {
            let message = format!("{} works in the table mangle only; expected -t mangle before -A", target.text);
            Err(target.fault(message))
        }
        "SETQOS" => {
            let options = options(&["--set-dscp", "--set-cos"])?;
            let dscp = options.get("--set-dscp", Dscp::parse)?;
            let cos = options.get("--set-cos", Cos::parse)?;
            if dscp.is_none() && cos.is_none() {
                return Err(options.missing("--set-dscp or --set-cos"));
            }
            Ok(Target::SetQos { dscp, cos })
        }
        "DSCP" => options(&["--set-dscp"])?.need("--set-dscp", Dscp::parse).map(Target::Dscp),
        "SETCLASS" => options(&["--class"])?.need("--class", Cos::parse).map(Target::SetClass),
        "POLICE" => {
            police(&options(&["--set-mode", "--set-rate", "--set-burst", "--set-class"])?).map(Target::Police)
        }
        "TRICOLORPOLICE" => tri_color(&options(&TRI_COLOR)?).map(Target::TriColorPolice),
        "SPAN" => options(&["--dport"])?.need("--dport", mirror_port).map(Target::Span),
        "ERSPAN" if family == Family::V6 => {
            Err(target.fault("found ERSPAN in [ip6tables]; it mirrors IPv4 only, expected it in [iptables]"))
        }
        "ERSPAN" => {
            let options = options(&["--src-ip", "--dst-ip"])?;
            let source = options.need("--src-ip", address)?;
            Ok(Target::ErSpan { source, destination: options.need("--dst-ip", address)? })
        }
        "LOG" => {
            let prefix = options(&["--log-prefix"])?.get("--log-prefix", log_prefix)?;
            Ok(Target::Log { prefix })
        }
        "RETURN" | "QUEUE" | "NFQUEUE" => Err(target.expected("a target that is in hardware, such as ACCEPT or DROP")),
        _ => Err(target.expected(
            "one of the targets ACCEPT, DROP, SETQOS, DSCP, SETCLASS, POLICE, TRICOLORPOLICE, SPAN, ERSPAN, LOG (jumps to \
             other chains are not in hardware)",
        )),
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

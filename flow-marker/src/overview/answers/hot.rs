//! What is hot?

use crate::overview::LINKS;
use crate::overview::facts::{Facts, Level, Link};
use crate::overview::words::{count, list, percent, rate};

/// From this share of its speed on a port queues: bursts of milliseconds are several times the mean of 30 s.
const BUSY: f64 = 0.8;

/// From this share on there is nothing left.
const FULL: f64 = 0.95;

pub(super) fn answer(facts: &Facts) -> (Level, Vec<String>) {
    let Some(hottest) = facts.links.first() else {
        let text = "not known: no port has told its counters yet, or none carries anything";
        return (Level::Note, vec![text.to_owned()]);
    };
    let mut parts = vec![told(hottest)];
    let flows: Vec<_> = hottest
        .flows
        .iter()
        .map(|f| format!("{} ({})", f.text, rate(f.rate as f64)))
        .collect();
    parts.push(if flows.is_empty() {
        // Flows are looked for where they enter the fabric: what comes by a link between switches, or goes out to a host, is
        // known by the counters alone.
        format!("no large flow is known to go {} by it", hottest.direction)
    } else {
        format!("filled by {}", list(&flows, 3))
    });
    let others = facts.links.len() - 1;
    let busy = facts
        .links
        .iter()
        .skip(1)
        .filter(|link| level(link) > Level::Ok)
        .count();
    if busy > 0 {
        // Behind so many there may be more.
        let least = if busy == others && facts.links.len() >= LINKS {
            "at least "
        } else {
            ""
        };
        let verb = if busy == 1 {
            "is busy or discards"
        } else {
            "are busy or discard"
        };
        parts.push(format!("{least}{} {verb}", count(busy, "other port")));
    }
    let worst = facts.links.iter().map(level).max();
    (worst.unwrap_or(Level::Ok), parts)
}

fn level(link: &Link) -> Level {
    let full = link.utilisation.unwrap_or_default();
    let discards = link.discards >= 0.5;
    match full {
        full if full >= FULL || (full >= BUSY && discards) => Level::Bad,
        full if full >= BUSY => Level::Warn,
        _ if discards => Level::Warn,
        _ => Level::Ok,
    }
}

/// `leaf1 swp1 is 93 % full (in, 930 Mb/s of 1 Gb/s) and discards 12 packets/s`
fn told(link: &Link) -> String {
    let port = match &link.port {
        Some(name) => name.to_string(),
        None => format!("port {}", link.ifindex),
    };
    let bits = if link.direction == "in" {
        link.input
    } else {
        link.output
    };
    let bits = rate(bits.unwrap_or_default() as f64);
    let direction = link.direction;
    let full = match (link.utilisation, link.speed) {
        (Some(full), Some(speed)) => format!(
            "is {} full ({direction}, {bits} of {})",
            percent(full),
            rate(speed as f64)
        ),
        _ => format!("carries {bits} ({direction}; its speed is not known)"),
    };
    let discards = match link.discards {
        d if d >= 0.5 => format!(" and discards {}", per_second(d)),
        d if d > 0.0 => " and discards a packet now and then".to_owned(),
        _ => " and discards nothing".to_owned(),
    };
    format!("{} {port} {full}{discards}", link.place.name)
}

/// `1 packet/s`, `12 packets/s`
fn per_second(packets: f64) -> String {
    match packets.round() {
        one if one <= 1.0 => "1 packet/s".to_owned(),
        many => format!("{many:.0} packets/s"),
    }
}

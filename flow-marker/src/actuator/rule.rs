//! The rules of a control, as lines of an ACL. Rule text is made here and nowhere else.

use std::fmt::Write as _;
use std::net::IpAddr;

use shared::wire::AclLines;

use super::control::{Action, Capture, Control, Drop, Mark, protocol};
use crate::config::Platform;
use crate::flow::FiveTuple;

/// The ACL that carries out a control: a section, a comment, its rules.
pub fn lines(platform: Platform, control: &Control) -> AclLines {
    let interface = &control.interface;
    match &control.action {
        Action::Mark { flow, mark } => acl(
            flow.source,
            "# mark Elephant",
            [mark_rule(platform, interface, flow, *mark)],
        ),
        Action::Capture(capture) => acl(
            capture.local.into(),
            "# emerging threat capture",
            capture_rules(interface, *capture),
        ),
        Action::Drop(drop) => acl(drop.destination, "# drop attack", [drop_rule(interface, drop)]),
    }
}

fn acl(family: IpAddr, comment: &str, rules: impl IntoIterator<Item = String>) -> AclLines {
    let section = if family.is_ipv4() {
        "[iptables]"
    } else {
        "[ip6tables]"
    };
    let mut lines = vec![section.to_owned(), comment.to_owned()];
    lines.extend(rules);
    lines
}

fn mark_rule(platform: Platform, interface: &str, flow: &FiveTuple, mark: Mark) -> String {
    let chain = match platform {
        Platform::Cumulus | Platform::Linux => "FORWARD",
        Platform::Cumulus5 => "PREROUTING",
    };
    let mut rule = format!(
        "-t mangle -A {chain} --in-interface {interface} -s {} -d {} -p {} --sport {} --dport {} -j SETQOS",
        flow.source,
        flow.destination,
        protocol(flow.protocol),
        flow.source_port,
        flow.destination_port
    );
    // Writing into a String cannot fail.
    if let Some(dscp) = mark.dscp {
        let _ = write!(rule, " --set-dscp {dscp}");
    }
    if let Some(cos) = mark.cos {
        let _ = write!(rule, " --set-cos {cos}");
    }
    rule
}

fn capture_rules(interface: &str, capture: Capture) -> [String; 2] {
    let Capture {
        local,
        remote,
        source,
        analyzer,
    } = capture;
    [(local, remote), (remote, local)].map(|(from, to)| {
        format!(
            "-A FORWARD --in-interface {interface} -s {from} -d {to} -j ERSPAN --src-ip {source} --dst-ip {analyzer}"
        )
    })
}

fn drop_rule(interface: &str, drop: &Drop) -> String {
    let mut rule = format!("-A FORWARD --in-interface {interface}");
    if let Some(source) = drop.source {
        let _ = write!(rule, " -s {source}");
    }
    let _ = write!(rule, " -d {} -p {}", drop.destination, protocol(drop.protocol));
    if let Some(port) = drop.source_port {
        let _ = write!(rule, " --sport {port}");
    }
    if let Some(port) = drop.destination_port {
        let _ = write!(rule, " --dport {port}");
    }
    if drop.opening {
        rule += " -m tcp --tcp-flags SYN,ACK SYN";
    }
    rule + " -j DROP"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Cos, Dscp};
    use crate::packet::IpProtocol;

    fn control(action: Action) -> Control {
        Control {
            name: "fm_mark_1".parse().unwrap(),
            interface: "swp+".to_owned(),
            action,
        }
    }

    fn mark(source: &str, destination: &str, protocol: IpProtocol, cos: Option<Cos>) -> Action {
        Action::Mark {
            flow: FiveTuple {
                source: source.parse().unwrap(),
                destination: destination.parse().unwrap(),
                protocol,
                source_port: 40_000,
                destination_port: 5001,
            },
            mark: Mark {
                dscp: Some(Dscp::ELEPHANT),
                cos,
            },
        }
    }

    #[test]
    fn the_mark_is_the_seeds_rule() {
        let mark = mark(
            "10.100.10.151",
            "10.100.10.152",
            IpProtocol::TCP,
            Some(Cos::ELEPHANT),
        );
        assert_eq!(
            lines(Platform::Cumulus, &control(mark)),
            [
                "[iptables]",
                "# mark Elephant",
                "-t mangle -A FORWARD --in-interface swp+ -s 10.100.10.151 -d 10.100.10.152 -p tcp --sport 40000 --dport 5001 -j SETQOS --set-dscp 10 --set-cos 5",
            ]
        );
    }

    #[test]
    fn family_platform_protocol_and_values_vary_it() {
        let mut control = control(mark("2001:db8::1", "2001:db8::2", IpProtocol::UDP, None));
        control.interface = "swp3".to_owned();
        assert_eq!(
            lines(Platform::Cumulus5, &control),
            [
                "[ip6tables]",
                "# mark Elephant",
                "-t mangle -A PREROUTING --in-interface swp3 -s 2001:db8::1 -d 2001:db8::2 -p udp --sport 40000 --dport 5001 -j SETQOS --set-dscp 10",
            ]
        );
        if let Action::Mark { mark, .. } = &mut control.action {
            *mark = Mark {
                dscp: None,
                cos: Some(Cos::ELEPHANT),
            };
        }
        assert!(
            lines(Platform::Linux, &control)[2]
                .starts_with("-t mangle -A FORWARD --in-interface swp3 -s 2001:db8::1")
        );
        assert!(lines(Platform::Linux, &control)[2].ends_with("--dport 5001 -j SETQOS --set-cos 5"));
    }

    #[test]
    fn the_capture_is_the_seeds_two_rules() {
        let capture = Action::Capture(Capture {
            local: "10.1.0.7".parse().unwrap(),
            remote: "192.0.2.9".parse().unwrap(),
            source: "10.0.0.233".parse().unwrap(),
            analyzer: "10.0.0.70".parse().unwrap(),
        });
        assert_eq!(
            lines(Platform::Cumulus5, &control(capture)),
            [
                "[iptables]",
                "# emerging threat capture",
                "-A FORWARD --in-interface swp+ -s 10.1.0.7 -d 192.0.2.9 -j ERSPAN --src-ip 10.0.0.233 --dst-ip 10.0.0.70",
                "-A FORWARD --in-interface swp+ -s 192.0.2.9 -d 10.1.0.7 -j ERSPAN --src-ip 10.0.0.233 --dst-ip 10.0.0.70",
            ]
        );
    }

    #[test]
    fn the_drop_is_the_seeds_rule_and_as_narrow_as_it_is_told() {
        let mut drop = Drop {
            destination: "10.10.100.10".parse().unwrap(),
            source: None,
            protocol: IpProtocol::UDP,
            source_port: Some(53),
            destination_port: None,
            opening: false,
        };
        let rule = |drop| lines(Platform::Cumulus, &control(Action::Drop(drop)));
        assert_eq!(
            rule(drop),
            [
                "[iptables]",
                "# drop attack",
                "-A FORWARD --in-interface swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP",
            ]
        );
        drop.destination = "2001:db8::1".parse().unwrap();
        drop.source = Some("2001:db8::2".parse().unwrap());
        (drop.source_port, drop.destination_port) = (None, Some(443));
        assert_eq!(
            rule(drop)[2],
            "-A FORWARD --in-interface swp+ -s 2001:db8::2 -d 2001:db8::1 -p udp --dport 443 -j DROP"
        );
        (drop.protocol, drop.opening) = (IpProtocol::TCP, true);
        assert_eq!(
            rule(drop)[2],
            "-A FORWARD --in-interface swp+ -s 2001:db8::2 -d 2001:db8::1 -p tcp --dport 443 -m tcp --tcp-flags SYN,ACK SYN -j DROP"
        );
    }
}

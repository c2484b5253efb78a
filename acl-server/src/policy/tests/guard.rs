//! What may cut off whoever manages the switch, and what may not.

use crate::policy::Guard;
use crate::rules::{Mode, RuleError, parse_with};

fn guard(api: &[&str], protect: &[&str]) -> Guard {
    Guard {
        api: api.iter().map(|at| at.parse().expect("an address")).collect(),
        protect: protect
            .iter()
            .map(|name| name.parse().expect("an interface"))
            .collect(),
    }
}

/// The default: the API on loopback, eth0 and mgmt protected.
fn local() -> Guard {
    guard(&["127.0.0.1:8080"], &["eth0", "mgmt"])
}

/// The API beyond loopback, nothing else protected.
fn open() -> Guard {
    guard(&["0.0.0.0:8080"], &[])
}

fn found(guard: &Guard, section: &str, rule: &str) -> Option<RuleError> {
    let policy =
        parse_with(&[section, rule], Mode::Lenient).unwrap_or_else(|error| panic!("{rule}: {error}"));
    guard.cut_off(&policy)
}

#[track_caller]
fn refused(guard: &Guard, section: &str, rule: &str, what: &str) {
    let error = found(guard, section, rule).unwrap_or_else(|| panic!("must be refused: {rule}"));
    assert_eq!((error.line, error.column), (2, 1));
    for word in [what, "admin"] {
        assert!(
            error.message.contains(word),
            "{rule}: {word:?} is not in: {error}"
        );
    }
}

#[track_caller]
fn harmless(guard: &Guard, section: &str, rule: &str) {
    assert_eq!(found(guard, section, rule), None, "{rule}");
}

#[test]
fn a_rule_that_covers_a_protected_interface() {
    for rule in [
        "-A INPUT -j DROP",
        "-A INPUT -p tcp --dport 22 -j DROP",
        "-A INPUT -i eth0 -j DROP",
        "-A INPUT -i swp1,eth0 -s 10.9.9.9 -p tcp --dport 443 -j DROP",
        "-A INPUT -i e+ -j DROP",
        "-A INPUT,FORWARD -i mgmt -p tcp -j DROP",
        "-A OUTPUT -o eth0 -j DROP",
        "-A OUTPUT -d 10.9.9.9 -j DROP",
        "-t mangle -A PREROUTING -i eth+ -j DROP",
        "-t mangle -A POSTROUTING -o eth0,swp1 -j DROP",
        "-A INPUT -p udp -j DROP",
        "-A INPUT -p udp --dport 161 -j DROP",
        "-A INPUT -p udp --dport 60:70 -j DROP",
        "-A INPUT -p udp --sport 53 -j DROP",
        "-A INPUT -p udp --dport 40000 -j DROP",
        "-A OUTPUT -p udp --dport 514 -j DROP",
        "-A INPUT -p icmp -j DROP",
        "-A INPUT -p esp -j DROP",
        "-A INPUT -f -j DROP",
        "-A INPUT -p tcp --tcp-flags SYN,ACK SYN -j DROP",
        "-A INPUT -m limit --limit 1/s -j DROP",
        "-A INPUT ! -i swp1 -j DROP",
        "-A INPUT -j REJECT",
        "-A INPUT -j my-chain",
        "-A INPUT -j POLICE --set-mode pkt --set-rate 1 --set-burst 1",
        "-A INPUT -j TRICOLORPOLICE --set-color-mode blind --set-cir 1 --set-cbs 1 --set-pir 1 --set-ebs 1 \
         --set-violate-action drop",
    ] {
        refused(
            &guard(&[], &["eth0", "mgmt"]),
            "[iptables]",
            rule,
            "protected interface",
        );
    }
    refused(&local(), "[ip6tables]", "-A INPUT -p icmpv6 -j DROP", "on eth0");
    refused(&local(), "[ip6tables]", "-A INPUT -i mgmt -j DROP", "on mgmt");
    refused(
        &guard(&[], &["swp+"]),
        "[iptables]",
        "-A INPUT -i swp7 -j DROP",
        "on swp+",
    );
}

#[test]
fn what_does_not_touch_management() {
    for rule in [
        "-A FORWARD -j DROP",
        "-A FORWARD -i eth0 -o swp1 -j DROP",
        "-A INPUT -i swp1 -p udp --dport 53 -j DROP",
        "-A INPUT -i swp+ -j DROP",
        "-A INPUT -i swp+ -p tcp --dport 8080 -j DROP",
        "-A OUTPUT -o swp1,bond+ -j DROP",
        "-t mangle -A PREROUTING -i swp1 -j DROP",
        "-A INPUT -j ACCEPT",
        "-A INPUT -j SETCLASS --class 1",
        "-A INPUT -j ERSPAN --src-ip 10.0.0.1 --dst-ip 10.0.0.2",
        "-A INPUT -j SPAN --dport swp1",
        "-A INPUT -j TRICOLORPOLICE --set-color-mode blind --set-cir 1 --set-cbs 1 --set-pir 1 --set-ebs 1 \
         --set-violate-action accept",
        "-A INPUT -p udp --dport 53 -j DROP",
        "-A INPUT -p udp -m multiport --dports 53,1000:2000 -j DROP",
        "-A OUTPUT -p udp --sport 53 -j DROP",
        "-A INPUT -i eth0 -p icmp --icmp-type echo-request -j DROP",
        "-A INPUT -p vrrp -j DROP",
        "-A INPUT -p 89 -j DROP",
        "-A INPUT -p tcp --tcp-flags ALL NONE -j DROP",
        "-A INPUT -p tcp --tcp-flags SYN,FIN SYN,FIN -j DROP",
    ] {
        harmless(&local(), "[iptables]", rule);
    }
    harmless(&Guard::default(), "[iptables]", "-A INPUT -j DROP");
}

#[test]
fn the_port_of_the_api() {
    for rule in [
        "-A INPUT -i swp+ -j DROP",
        "-A INPUT -i swp1 -p tcp -j DROP",
        "-A INPUT -p tcp --dport 8080 -j DROP",
        "-A INPUT -p tcp --dport 8000:9000 -j DROP",
        "-A INPUT -s 10.9.9.9 -p tcp -m multiport --dports 80,8080 -j DROP",
        "-A INPUT -d 10.9.9.9 -p tcp -j DROP",
        "-A OUTPUT -o swp1 -p tcp --sport 8080 -j DROP",
        "-A OUTPUT -o lo -p tcp --dport 8080 -j DROP",
        "-A INPUT -p tcp -m multiport --dports 1:8079,8081: -j DROP",
        "-t mangle -A PREROUTING -i swp1 -j DROP",
        "-t mangle -A POSTROUTING -o swp1 -j DROP",
        "-A INPUT -i swp1 -p tcp --tcp-flags SYN SYN -j DROP",
    ] {
        refused(&open(), "[iptables]", rule, "0.0.0.0:8080");
    }
    for rule in [
        "-A FORWARD -p tcp --dport 8080 -j DROP",
        "-A INPUT -i swp1 -p tcp --dport 8081 -j DROP",
        "-A INPUT -i swp1 -p tcp -m multiport --dports 1:8079,8081: -j DROP",
        "-A INPUT -p tcp --dport 22 -j DROP",
        "-A INPUT -i swp1 -p udp -j DROP",
        "-A INPUT -i swp1 -p icmp -j DROP",
        "-A INPUT -i swp1 -p tcp --sport 22 --dport 80 -j DROP",
        "-A OUTPUT -o swp1 -p tcp --dport 8080 --sport 1 -j DROP",
        "-A OUTPUT -o swp1 -p tcp --sport 22 -j DROP",
        "-A INPUT -i swp1 -p tcp --tcp-flags ALL FIN,URG,PSH -j DROP",
    ] {
        harmless(&open(), "[iptables]", rule);
    }
    harmless(&open(), "[ip6tables]", "-A INPUT -j DROP");
    let six = guard(&["[::]:8080"], &[]);
    refused(&six, "[ip6tables]", "-A INPUT -i swp1 -j DROP", "[::]:8080");
    refused(&six, "[iptables]", "-A INPUT -i swp1 -j DROP", "[::]:8080");
}

#[test]
fn an_api_with_an_address() {
    let one = guard(&["10.0.0.5:443"], &[]);
    refused(
        &one,
        "[iptables]",
        "-A INPUT -d 10.0.0.0/24 -j DROP",
        "10.0.0.5:443",
    );
    refused(
        &one,
        "[iptables]",
        "-A OUTPUT -s 10.0.0.5 -j DROP",
        "10.0.0.5:443",
    );
    refused(
        &one,
        "[iptables]",
        "-A OUTPUT -d 10.9.9.9 -j DROP",
        "10.0.0.5:443",
    );
    refused(
        &one,
        "[iptables]",
        "-A INPUT -d 10.0.0.5,10.0.0.6 -j DROP",
        "10.0.0.5:443",
    );
    harmless(&one, "[iptables]", "-A INPUT -i swp1 -d 10.0.0.6 -j DROP");
    harmless(
        &one,
        "[iptables]",
        "-A INPUT -i swp1 -d 10.0.0.6,10.0.0.7 -j DROP",
    );
    harmless(&one, "[iptables]", "-A OUTPUT -o swp1 -s 10.0.0.6 -j DROP");
    harmless(&one, "[ip6tables]", "-A INPUT -j DROP");
}

#[test]
fn an_api_on_loopback() {
    let local = guard(&["127.0.0.1:8080"], &[]);
    refused(&local, "[iptables]", "-A INPUT -j DROP", "127.0.0.1:8080");
    refused(
        &local,
        "[iptables]",
        "-A INPUT -i lo -p tcp --sport 8080 -j DROP",
        "127.0.0.1:8080",
    );
    refused(
        &local,
        "[iptables]",
        "-A OUTPUT -p tcp --dport 8080 -j DROP",
        "127.0.0.1:8080",
    );
    refused(
        &local,
        "[iptables]",
        "-A INPUT -i l+ -s 127.0.0.0/8 -j DROP",
        "127.0.0.1:8080",
    );
    harmless(&local, "[iptables]", "-A INPUT -i eth0 -j DROP");
    harmless(
        &local,
        "[iptables]",
        "-A INPUT -i lo -p tcp --dport 8081 --sport 1 -j DROP",
    );
    harmless(
        &local,
        "[iptables]",
        "-A INPUT -d 10.0.0.0/8 -s 10.0.0.0/8 -j DROP",
    );
    harmless(&local, "[ip6tables]", "-A INPUT -j DROP");
    harmless(&local, "[ebtables]", "-A INPUT -j DROP");
}

#[test]
fn frames() {
    for rule in [
        "-A INPUT -j DROP",
        "-A INPUT -i eth0 -p IPv4 -j DROP",
        "-A INPUT -p ARP --arp-opcode Request -j DROP",
        "-A INPUT -p 0x86dd -j DROP",
        "-A INPUT -p 2048 -j DROP",
        "-A INPUT -p IPv4 --ip-proto udp --ip-dport 5000 -j DROP",
        "-A INPUT ! -p LENGTH -j DROP",
        "-A OUTPUT -o eth+ -j DROP",
        "-t broute -A BROUTING -i eth0 -j DROP",
        "-t nat -A PREROUTING -j mark --mark-set 1 --mark-target DROP",
        "-A INPUT -j police --set-mode pkt --set-rate 1 --set-burst 1",
        "-A INPUT -j new",
    ] {
        refused(&local(), "[ebtables]", rule, "on eth0");
    }
    for rule in [
        "-A FORWARD -j DROP",
        "-A INPUT -i swp1 -j DROP",
        "-A INPUT -p 0x88cc -j DROP",
        "-A INPUT -p LENGTH -j DROP",
        "-A INPUT -j mark --mark-set 1",
        "-A INPUT -j ACCEPT",
        "-A INPUT -j erspan --src-ip 10.0.0.1 --dst-ip 10.0.0.2",
    ] {
        harmless(&local(), "[ebtables]", rule);
    }
    refused(&open(), "[ebtables]", "-A INPUT -i swp1 -j DROP", "0.0.0.0:8080");
    refused(
        &open(),
        "[ebtables]",
        "-A INPUT -i swp1 -p IPv4 --ip-proto tcp -j DROP",
        "0.0.0.0:8080",
    );
    harmless(
        &open(),
        "[ebtables]",
        "-A INPUT -i swp1 -p IPv4 --ip-proto udp -j DROP",
    );
    harmless(&open(), "[ebtables]", "-A FORWARD -i swp1 -j DROP");
}

#[test]
fn the_first_such_rule_is_named() {
    let lines = [
        "[iptables]",
        "-A INPUT -p udp --dport 53 -j DROP",
        "-A INPUT -i eth0 -p tcp -j LOG",
        "-A INPUT -i eth0 -p tcp -j DROP",
        "-A INPUT -j DROP",
    ];
    let policy = parse_with(&lines, Mode::Strict).expect("parses");
    let error = local().cut_off(&policy).expect("is found");
    assert_eq!(
        error.to_string(),
        "line 4, column 1: with DROP this rule may discard management traffic on eth0, which is a protected interface; \
         only an admin may install such a rule"
    );
}

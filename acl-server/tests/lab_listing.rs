//! Counters of rules, from what the kernel's own programs print here and now. As root: in network namespaces of its own.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panics")]

use std::path::Path;
use std::process::Command;

use acl_server::rules;
use acl_server::tool::listing::{Listing, Names, RuleCounters};

/// Every match, and every target that acltool can express.
const RULES: &str = "[iptables]
-A INPUT -i lo -p udp --dport 9 -j DROP
-A INPUT -i lo,swp1 -p udp --dport 10:11 -j ACCEPT
-t mangle -A FORWARD -i swp1,swp2 -s 10.0.0.0/8 -p tcp --dport 80:90 -m tcp --tcp-flags SYN,ACK SYN -j SETQOS --set-dscp 10 --set-cos 5
-A FORWARD,INPUT -p tcp -m multiport --dports 22,2,5:7 -m comment --comment failed -j ACCEPT
-A FORWARD -p udp -m multiport --sports 53 -j ACCEPT
-A FORWARD -p icmp -m icmp --icmp-type 3/1 -j DROP
-A FORWARD -p icmp -m icmp --icmp-type echo-request -j DROP
-A FORWARD -p icmp -m icmp --icmp-type 42 -j DROP
-A FORWARD -p icmp -j ACCEPT
-A FORWARD -m ttl --ttl-lt 5 -j DROP
-A FORWARD -m ttl --ttl-eq 5 -j DROP
-A FORWARD -m ttl --ttl-gt 250 -j DROP
-A FORWARD -m dscp --dscp 3 -j DROP
-A FORWARD -m dscp --dscp-class AF11 -j DROP
-A FORWARD -m addrtype --src-type LOCAL --dst-type BROADCAST -j DROP
-A FORWARD -m mac --mac-source 00:11:22:33:44:5E -j DROP
-A FORWARD -p tcp -m ecn --ecn-ip-ect 2 -j DROP
-A FORWARD -p tcp -m ecn --ecn-tcp-cwr -j DROP
-A FORWARD -p tcp -m ecn ! --ecn-tcp-ece -j DROP
-A FORWARD -p tcp --tcp-flags ALL NONE -j DROP
-A FORWARD -p tcp --sport 0:65535 --dport 179 -j DROP
-A FORWARD -f -j DROP
-A FORWARD -p 89 -j DROP
-A FORWARD -p 103 -j DROP
-A FORWARD -p sctp --sport 4 --dport 5:6 -j DROP
-A FORWARD -s 10.1.0.0/16 -d 10.2.3.4 -o swp+ -j DROP
-A FORWARD -s 7.7.7.7 -j LOG --log-prefix odd
-A FORWARD -s 7.7.7.7 -j DROP
[ip6tables]
-A FORWARD -s 2001:db8::/32 -d ::/0 -i swp+ -o bond3 -p icmpv6 -m icmp6 --icmpv6-type 135 -j DROP
-A FORWARD -p icmpv6 -m icmp6 --icmpv6-type 1/3 -j DROP
-A FORWARD -m hl --hl-gt 5 -j DROP
-A FORWARD -d 2001:db8::1 -p tcp --dport 443 -j ACCEPT
";

/// Those that only acltool gives a meaning in the kernel.
const OF_ACLTOOL: &str = "[iptables]
-A FORWARD -d 1.2.3.4 -j POLICE --set-mode pkt --set-rate 9 --set-burst 3 --set-class 4
-A FORWARD -d 1.2.3.5 -j SETCLASS --class 3
-t mangle -A FORWARD -d 1.2.3.6 -j DSCP --set-dscp 46
-A FORWARD -p udp -m multiport --sports 4,5 -j ERSPAN --src-ip 10.0.0.1 --dst-ip 10.0.0.2
";

/// What a script prints in a network namespace of its own.
#[expect(
    clippy::disallowed_methods,
    reason = "a test that has nothing to do meanwhile"
)]
fn in_namespace(script: &str) -> String {
    let output = Command::new("unshare")
        .args(["-n", "bash", "-ec", script])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    text
}

fn counters(listing: &str, rules: &str) -> Vec<RuleCounters> {
    let lines: Vec<_> = rules.lines().collect();
    let policy = rules::parse(&lines).unwrap();
    let listing = Listing::parse(listing, Names::of_this_machine());
    listing.counters(&"a".parse().unwrap(), &policy)
}

/// Every rule is found, and has counted this.
fn assert_counted(listing: &str, rules: &str, expected: impl Fn(u32) -> (u64, u64)) {
    for one in counters(listing, rules) {
        let (packets, bytes) = expected(one.line);
        let line = rules.lines().nth(one.line as usize - 1).unwrap();
        assert_eq!(
            (one.packets, one.bytes),
            (Some(packets), Some(bytes)),
            "{line}\n{listing}"
        );
    }
}

/// Two packets of 30 bytes to port 9, and one to port 11.
const TRAFFIC: &str = "for port in 9 9 11; do echo x >/dev/udp/127.0.0.1/$port || true; done 2>/dev/null";

fn expected(line: u32) -> (u64, u64) {
    match line {
        2 => (2, 60),
        3 => (1, 30),
        _ => (0, 0),
    }
}

fn install(directory: &Path, rules: &str) -> String {
    std::fs::write(directory.join("50rest-a.rules"), rules).unwrap();
    let acltool = env!("CARGO_BIN_EXE_acltool");
    format!(
        "ip link set lo up; {acltool} -i -P {} >/dev/null",
        directory.display()
    )
}

#[test]
fn lab_acltool_says_what_each_rule_has_counted() {
    let directory = tempfile::tempdir().unwrap();
    let install = install(directory.path(), RULES);
    let acltool = env!("CARGO_BIN_EXE_acltool");
    let listing = in_namespace(&format!("{install}; {TRAFFIC}; {acltool} -L all"));
    assert_counted(&listing, RULES, expected);
    let directory = tempfile::tempdir().unwrap();
    let install = self::install(directory.path(), OF_ACLTOOL);
    let listing = in_namespace(&format!("{install}; {acltool} -L all"));
    assert_counted(&listing, OF_ACLTOOL, |_| (0, 0));
}

/// What cl-acltool prints is what iptables prints without `-n`, with headings.
#[test]
fn lab_rules_are_known_in_iptables_own_words() {
    let mut script = "ip link set lo up\n".to_owned();
    let lines: Vec<_> = RULES.lines().filter(|line| !line.contains("SETQOS")).collect();
    let policy = rules::parse(&lines).unwrap();
    for (_, rule) in policy.rules() {
        let program = if rule.family == rules::Family::V4 {
            "iptables"
        } else {
            "ip6tables"
        };
        let each = |option: &str, list: &[rules::Interface]| match list {
            [] => vec![String::new()],
            _ => list.iter().map(|one| format!("{option} {one}")).collect(),
        };
        for chain in &rule.chains {
            for input in each("-i", &rule.in_interfaces) {
                for output in each("-o", &rule.out_interfaces) {
                    let (chain, conditions, target) = (chain.name(), rule.conditions(), &rule.target);
                    script += &format!("{program} -A {chain} {input} {output} {conditions} {target}\n");
                }
            }
        }
    }
    script += TRAFFIC;
    for program in ["iptables", "ip6tables"] {
        script +=
            &format!("\necho 'Listing rules of type {program}:'; echo 'TABLE filter :'; {program} -L -v");
    }
    let listing = in_namespace(&script);
    assert_counted(&listing, &lines.join("\n"), expected);
}

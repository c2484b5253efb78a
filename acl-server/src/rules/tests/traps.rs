//! Each thing the real tool is known, or must be feared, to misread: refused by name.

use super::super::{Mode, parse_file};
use super::{accepted, lenient, refused, refused_in, strict_only};

#[test]
fn trap_1_equals_sign_makes_a_rule_vanish() {
    refused(
        &["[iptables]", "-A FORWARD -p tcp --dport=80 -j DROP"],
        2,
        26,
        &["found =", "vanishes"],
    );
    refused(&["[iptables]", "A-B = swp1"], 2, 5, &["NAME = value"]);
    refused(&["[iptables]", "1A = swp1"], 2, 4, &["NAME = value"]);
    refused(&["[iptables]", "A = b=c"], 2, 4, &["second ="]);
    refused(&["[iptables]", "# a = b"], 2, 5, &["found = in a comment"]);
    accepted(&["[iptables]", "A=swp1", "B  =   swp2", "-A FORWARD -i $A -j DROP"]);
}

#[test]
fn trap_2_brackets_fail_the_install() {
    refused(&["[foo]"], 1, 1, &["unknown rule type [foo]", "[iptables]"]);
    refused(&["[iptables] "], 1, 1, &["bracket", "alone on its line"]);
    refused(&[" [iptables]"], 1, 2, &["bracket"]);
    refused(&["[IPTABLES]"], 1, 1, &["unknown rule type [IPTABLES]"]);
    refused(&["[iptables]", "# see [1]"], 2, 7, &["bracket"]);
    refused(
        &["[iptables]", "-A FORWARD -m comment --comment a[0] -j DROP"],
        2,
        34,
        &["bracket"],
    );
}

#[test]
fn trap_3_rule_before_the_first_section() {
    refused(
        &["-A FORWARD -j DROP", "[iptables]"],
        1,
        1,
        &["before the first section"],
    );
}

#[test]
fn trap_4_identical_rules_in_one_section() {
    let rule = "-A FORWARD -s 10.0.0.0/8 -j DROP";
    refused(
        &["[iptables]", rule, "", rule],
        4,
        1,
        &["duplicate rule at lineno 4", "line 2"],
    );
    // The same rule in other words, and in a section that is opened again.
    let other = "-t filter -A FORWARD --source 10.1.2.3/8 --jump DROP";
    refused(
        &["[iptables]", rule, "[ip6tables]", "[iptables]", other],
        5,
        1,
        &["duplicate rule"],
    );
    refused(
        &["[ebtables]", "-A INPUT -j DROP", "-A INPUT -j DROP"],
        3,
        1,
        &["duplicate rule"],
    );
    accepted(&[
        "[iptables]",
        "-A FORWARD -j DROP",
        "[ip6tables]",
        "-A FORWARD -j DROP",
    ]);
}

#[test]
fn trap_5_variables_that_start_each_other() {
    refused(
        &["[iptables]", "A = swp1", "AB = swp2"],
        3,
        1,
        &["$A", "$AB", "start"],
    );
    refused(
        &["[iptables]", "AB = swp1", "A = swp2"],
        3,
        1,
        &["$A", "$AB", "start"],
    );
    refused(&["[iptables]", "A = swp1", "A = swp2"], 3, 1, &["assigned twice"]);
    refused(
        &["[iptables]", "-A FORWARD -i $A -j DROP"],
        2,
        15,
        &["\"A\"", "not assigned"],
    );
    refused(
        &["[iptables]", "A = swp1", "-A FORWARD -i $AB -j DROP"],
        3,
        15,
        &["\"AB\""],
    );
    refused(
        &["[iptables]", "-A FORWARD -i $ -j DROP"],
        2,
        15,
        &["not assigned"],
    );
    refused(&["[iptables]", "A = $B"], 2, 4, &["one word"]);
}

/// `$A` in `$AB` is what the tool replaces; here a name ends where the longest name ends, and no two may disagree.
#[test]
fn trap_5_a_variable_is_never_the_start_of_another() {
    let both = ["A = swp1", "AB = swp2", "[iptables]", "-A FORWARD -i $AB -j DROP"];
    refused(&both, 2, 1, &["variable $A also replaces the start of $AB"]);
    let undefined = ["A = swp1", "[iptables]", "-A FORWARD -i $AB -j DROP"];
    refused(
        &undefined,
        3,
        15,
        &["variable \"AB\" is not assigned above", "stay as text"],
    );
    refused(
        &["[iptables]", "-A FORWARD --opaque $X -j DROP"],
        2,
        21,
        &["not assigned"],
    );
    let policy = accepted(&[
        "AX = swp1",
        "AY = swp2",
        "[iptables]",
        "-A FORWARD -i $AX,$AY.7 -j DROP",
    ]);
    assert_eq!(policy.render()[3], "-A FORWARD -i swp1,swp2.7 -j DROP");
}

#[test]
fn trap_6_quotes_mean_nothing() {
    let quoted = "-A FORWARD -m comment --comment \"a b\" -j DROP";
    refused(&["[iptables]", quoted], 2, 33, &["quote", "white space"]);
    refused(
        &["[iptables]", "-A FORWARD -m comment --comment 'a' -j DROP"],
        2,
        33,
        &["quote"],
    );
    refused(
        &["[iptables]", "-A FORWARD -m comment --comment a\\ b -j DROP"],
        2,
        34,
        &["quote"],
    );
    refused(
        &["[iptables]", "-A FORWARD -m comment --comment a b -j DROP"],
        2,
        35,
        &["found \"b\""],
    );
}

#[test]
fn trap_6_no_word_is_ever_quoted() {
    refused(&["A = \"swp1\"", "[iptables]"], 1, 4, &["without quotes"]);
    refused(&["A = 'swp1'", "[iptables]"], 1, 4, &["without quotes"]);
    for quote in ['"', '\'', '\\', '`'] {
        for (at, rule) in [
            (12, format!("-A FORWARD {quote}-j{quote} DROP")),
            (15, format!("-A FORWARD -j {quote}DROP")),
            (
                31,
                format!("-A FORWARD -m string --string {quote}a b{quote} -j DROP"),
            ),
        ] {
            refused(&["[iptables]", &rule], 2, at, &["found a quote", "unquoted"]);
        }
    }
}

#[test]
fn trap_7_only_append_is_safe() {
    refused(&["[iptables]", "-I FORWARD 1 -j DROP"], 2, 1, &["-I", "only -A"]);
    refused(
        &["[iptables]", "--append FORWARD -j DROP"],
        2,
        1,
        &["--append", "-A"],
    );
    for command in [
        "-D", "-R", "-F", "-X", "-P", "-N", "-Z", "-L", "-E", "--flush", "--policy",
    ] {
        refused(
            &["[iptables]", &format!("{command} FORWARD")],
            2,
            1,
            &["only -A is safe"],
        );
        refused(
            &["[ebtables]", &format!("-A INPUT {command} FORWARD")],
            2,
            10,
            &["only -A is safe"],
        );
    }
    refused(
        &["[iptables]", "-A FORWARD -F -j DROP"],
        2,
        12,
        &["only -A is safe"],
    );
    refused(
        &["[iptables]", "-A FORWARD -A INPUT -j DROP"],
        2,
        12,
        &["second -A"],
    );
    // A lone -I needs a number, glued or cut forms are no better.
    for command in [
        "-I",
        "-I1",
        "-IFORWARD",
        "--insert",
        "--ins",
        "-D1",
        "--delet",
        "-AFORWARD",
        "--app",
    ] {
        refused(
            &["[iptables]", &format!("{command} FORWARD -j DROP")],
            2,
            1,
            &["-A"],
        );
        let later = format!("-A FORWARD {command} FORWARD -j DROP");
        refused(&["[iptables]", &later], 2, 12, &[]);
    }
}

#[test]
fn trap_8_table_first_and_short() {
    refused(
        &["[iptables]", "--table mangle -A FORWARD -j DROP"],
        2,
        1,
        &["-t TABLE -A CHAIN"],
    );
    refused(
        &["[iptables]", "-A FORWARD -t mangle -j DROP"],
        2,
        12,
        &["before -A"],
    );
    refused(
        &["[iptables]", "-t nat -A PREROUTING -j DROP"],
        2,
        4,
        &["filter or mangle"],
    );
    for table in ["-tmangle", "--tabl", "--table"] {
        refused(
            &["[iptables]", &format!("{table} mangle -A FORWARD -j DROP")],
            2,
            1,
            &["-t TABLE"],
        );
        refused(
            &["[iptables]", &format!("-A FORWARD {table} mangle -j DROP")],
            2,
            12,
            &[],
        );
    }
}

#[test]
fn trap_9_interfaces_that_a_chain_does_not_take() {
    let both = "-A FORWARD,INPUT -i swp1 -o swp2 -j DROP";
    refused(
        &["[iptables]", both],
        2,
        26,
        &["output interface specified with INPUT chain"],
    );
    refused(
        &["[iptables]", "-A OUTPUT -i swp1 -j DROP"],
        2,
        11,
        &["input interface specified with OUTPUT chain"],
    );
    refused(
        &["[iptables]", "-t mangle -A PREROUTING -i swp1 -o swp2 -j DROP"],
        2,
        33,
        &["PREROUTING"],
    );
    refused(
        &["[iptables]", "-t mangle -A PREROUTING -j DROP"],
        2,
        1,
        &["expected -i"],
    );
    refused(
        &["[iptables]", "-t mangle -A POSTROUTING -j DROP"],
        2,
        1,
        &["expected -o"],
    );
    refused(
        &["[iptables]", "-A FORWARD -i swp1,swp1 -j DROP"],
        2,
        15,
        &["twice"],
    );
    refused(
        &["[iptables]", "-A FORWARD -i swp1, -j DROP"],
        2,
        15,
        &["expected an interface"],
    );
    refused(
        &["[iptables]", "-A FORWARD -i swp1.4095 -j DROP"],
        2,
        15,
        &["VLAN"],
    );
    refused(
        &["[iptables]", "-A FORWARD -i sixteen-letters+ -j DROP"],
        2,
        15,
        &["15 characters"],
    );
    refused(
        &["[iptables]", "-A FORWARD -i ../swp1 -j DROP"],
        2,
        15,
        &["expected an interface"],
    );
    refused(
        &["[iptables]", "-A FORWARD -i + -j DROP"],
        2,
        15,
        &["expected an interface"],
    );
    accepted(&[
        "[iptables]",
        "-A FORWARD -i swp1,swp2.100,bond+,bond3,eth0 -o fifteen-letters -j DROP",
    ]);
    // Not even as its opposite.
    let not = ["[iptables]", "-A INPUT ! -o swp2 -j DROP"];
    refused_in(Mode::Strict, &not, (2, 10), &["negation"]);
    refused_in(
        Mode::Lenient,
        &not,
        (2, 12),
        &["output interface specified with INPUT chain"],
    );
    let not = ["[iptables]", "-A OUTPUT ! -i swp2 -j DROP"];
    refused_in(
        Mode::Lenient,
        &not,
        (2, 13),
        &["input interface specified with OUTPUT chain"],
    );
}

#[test]
fn trap_10_log_needs_its_drop() {
    let log = "-A FORWARD -s 10.0.0.1 -j LOG --log-prefix seen";
    let drop = "-A FORWARD -s 10.0.0.1 -j DROP";
    refused(&["[iptables]", log], 2, 1, &["LOG", "-j DROP"]);
    refused(
        &["[iptables]", log, "-A FORWARD -s 10.0.0.2 -j DROP"],
        2,
        1,
        &["LOG"],
    );
    refused(
        &["[iptables]", log, "-A FORWARD -s 10.0.0.1 -j ACCEPT"],
        2,
        1,
        &["LOG"],
    );
    refused(&["[iptables]", log, "[ip6tables]"], 2, 1, &["LOG"]);
    accepted(&["[iptables]", log, "# its twin", "", drop]);
    let opaque = "-A FORWARD -s 10.0.0.1 -j LOG --log-level 4";
    refused_in(
        Mode::Lenient,
        &["[iptables]", opaque],
        (2, 1),
        &["LOG", "-j DROP"],
    );
    strict_only(&["[iptables]", opaque, drop], 2, 31, &["--log-prefix"]);
}

#[test]
fn trap_11_names_are_looked_up_as_root() {
    refused(
        &["[iptables]", "-A FORWARD -s example.com -j DROP"],
        2,
        15,
        &["no host names"],
    );
    refused(
        &["[iptables]", "-A FORWARD -p tcp --dport http -j DROP"],
        2,
        27,
        &["no service names"],
    );
    refused(
        &["[iptables]", "-A FORWARD -p rdp -j DROP"],
        2,
        15,
        &["expected a protocol"],
    );
    refused(
        &["[iptables]", "-A FORWARD -j ERSPAN --src-ip a --dst-ip b"],
        2,
        31,
        &["no host names"],
    );
    for words in [
        "-m iprange --src-range example-com",
        "-m conntrack --ctorigsrc localhost",
        "-m foo --bar example.com",
        "-m foo --anyport http",
        "-m owner --uid-owner root",
        "-m foo --vproto rdp",
    ] {
        let column = "-A FORWARD ".len() + words.rfind(' ').unwrap_or(0) + 2;
        let place = (2, u32::try_from(column).expect("short"));
        let rule = format!("-A FORWARD {words} -j DROP");
        refused_in(Mode::Lenient, &["[iptables]", &rule], place, &["expected"]);
    }
    refused_in(
        Mode::Lenient,
        &["[iptables]", "-A FORWARD -j TEE --gateway gw"],
        (2, 29),
        &["no host names"],
    );
    lenient(&[
        "[iptables]",
        "-A FORWARD -m iprange --src-range 10.0.0.1-10.0.0.9 -m foo --anyport 80:90 -j TEE --gateway 10.0.0.9",
    ]);
    // iptables reads a leading zero as octal.
    refused(
        &["[iptables]", "-A FORWARD -p tcp --dport 010 -j DROP"],
        2,
        27,
        &["decimal"],
    );
}

#[test]
fn trap_12_files_and_commands() {
    refused(
        &["[iptables]", "-A FORWARD --modprobe /bin/sh -j DROP"],
        2,
        12,
        &["never allowed"],
    );
    refused(
        &["[iptables]", "-A FORWARD -M /bin/sh -j DROP"],
        2,
        12,
        &["never allowed"],
    );
    let bpf = ["[iptables]", "-A FORWARD -m bpf --object-pinned /x -j DROP"];
    refused_in(Mode::Strict, &bpf, (2, 15), &["hardware knows"]);
    refused_in(Mode::Lenient, &bpf, (2, 15), &["takes no file"]);
    // Where a value would become an option of iptables.
    refused(
        &["[iptables]", "-A FORWARD -m comment --comment --modprobe -j DROP"],
        2,
        33,
        &["does not start with -"],
    );
    refused(
        &["[ebtables]", "-A INPUT --among-src-file /etc/shadow -j DROP"],
        2,
        10,
        &["never allowed"],
    );
    refused(
        &["[ebtables]", "-A INPUT --modprobe /bin/sh -j DROP"],
        2,
        10,
        &["never allowed"],
    );
    // iptables makes the name of a library of the name of a match, or of a target.
    for name in ["../../tmp/evil", "/tmp/evil", ".", "evil.so", "-M/x"] {
        refused(
            &["[iptables]", &format!("-A FORWARD -m {name} -j DROP")],
            2,
            15,
            &["expected"],
        );
        refused(
            &["[iptables]", &format!("-A FORWARD -j {name}")],
            2,
            15,
            &["expected"],
        );
        refused(
            &["[ebtables]", &format!("-A FORWARD -j {name}")],
            2,
            15,
            &["expected"],
        );
    }
    for words in [
        "-M/x",
        "-fM/x",
        "-vM /x",
        "--modpr /x",
        "--modprobe",
        "--bar /etc/shadow",
        "--bar ./x",
        "--bar ../x",
        "--bar a.b",
        "--some-file x",
        "--x-path x",
        "--exec x",
        "--bar $(x)",
        "--bar ~x",
        "--bar a/../b",
    ] {
        let column = 12 + words.strip_prefix("--bar ").map_or(0, |_| 6);
        let rule = format!("-A FORWARD {words} -j DROP");
        refused_in(Mode::Lenient, &["[iptables]", &rule], (2, column), &[]);
    }
}

#[test]
fn negation_is_for_ecn_only_unless_lenient() {
    strict_only(
        &["[iptables]", "-A FORWARD ! -s 10.0.0.1 -j DROP"],
        2,
        12,
        &["negation"],
    );
    strict_only(
        &[
            "[iptables]",
            "-A FORWARD -p tcp -m tcp ! --tcp-flags SYN SYN -j DROP",
        ],
        2,
        26,
        &["negation"],
    );
    accepted(&["[iptables]", "-A FORWARD -m ecn ! --ecn-ip-ect 3 -j DROP"]);
}

#[test]
fn an_element_is_one_line_of_printable_ascii() {
    refused(
        &["[iptables]", "-A FORWARD -j DROP\n-A INPUT -j DROP"],
        2,
        19,
        &["line break"],
    );
    refused(&["[iptables]\r"], 1, 11, &["\\r", "printable ASCII"]);
    refused(&["[iptables]", "\0"], 2, 1, &["printable ASCII"]);
    refused(
        &["[iptables]", "-A\u{a0}FORWARD -j DROP"],
        2,
        3,
        &["printable ASCII"],
    );
    refused(&["[iptables]", "é-A FORWARD\t"], 2, 1, &["printable ASCII"]);
    refused(
        &["[iptables]", " -A FORWARD -j DROP"],
        2,
        1,
        &["starts with a space"],
    );
    refused(
        &["[iptables]", "-A FORWARD -j DROP # why"],
        2,
        20,
        &["a line of its own"],
    );
}

#[test]
fn an_acl_needs_a_section_a_file_of_others_does_not() {
    let none: [&str; 0] = [];
    refused(&none, 1, 1, &["no section"]);
    refused(&["# nothing", ""], 1, 1, &["no section"]);
    assert!(parse_file(&none).is_ok());
    assert!(
        parse_file(&["# see [1], a = b"]).is_ok(),
        "comments of others are theirs"
    );
    assert!(parse_file(&["-A FORWARD -j DROP"]).is_err());
}

#[test]
fn the_column_of_a_line_that_is_too_long_is_one_of_its_characters() {
    let long = "x".repeat(4097);
    refused(&["[iptables]", &long], 2, 4097, &["4097 bytes", "at most 4096"]);
    // Two bytes each: 2,049 characters, of which the last begins at byte 4,097.
    let wide = "é".repeat(2049);
    refused(&["[iptables]", &wide], 2, 2049, &["4098 bytes", "at most 4096"]);
    let crossing = format!("x{}", "é".repeat(2048));
    refused(
        &["[iptables]", &crossing],
        2,
        2050,
        &["4097 bytes", "at most 4096"],
    );
}

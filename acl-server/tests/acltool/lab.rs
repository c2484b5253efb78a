#[path = "net.rs"]
mod net;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use net::Net;

use super::{policy, stderr, stdout, write};

const MARK: &str = "-t mangle -A FORWARD --in-interface swp+ -s 10.100.10.151 -d 10.100.20.150 -p tcp --sport 40000 \
                    --dport 5001 -j SETQOS --set-dscp 10 --set-cos 5";

#[test]
fn every_target_is_installed_for_real() {
    let net = Net::new();
    let rules = policy(&[
        ("50rest-mark.rules", &["[iptables]", MARK]),
        (
            "60more.rules",
            &[
                "[iptables]",
                "-A INPUT,FORWARD -i swp1,swp2 -s 10.0.0.0/8 -j ACCEPT",
                "-A FORWARD -i swp+ -d 10.9.9.9 -j ERSPAN --src-ip 10.0.0.1 --dst-ip 10.0.0.2",
                "-A FORWARD -i swp+ -p udp -j POLICE --set-mode pkt --set-rate 100 --set-burst 200 --set-class 3",
                "-A FORWARD -i swp+ -p sctp -j POLICE --set-mode KB --set-rate 1025 --set-burst 5000",
                "-A FORWARD -o swp9 -j SETCLASS --class 7",
                "-t mangle -A PREROUTING -i swp3 -j DSCP --set-dscp 46",
                "-A FORWARD -s 10.6.6.6 -j LOG --log-prefix seen-",
                "-A FORWARD -s 10.6.6.6 -j DROP",
                "[ip6tables]",
                "-t mangle -A FORWARD -s 2001:db8::/32 -j SETQOS --set-dscp 10 --set-cos 5",
                "-A FORWARD -j POLICE --set-mode pkt --set-rate 1 --set-burst 100",
            ],
        ),
    ]);
    net.install(&rules);
    let mark = "acltool-FORWARD -s 10.100.10.151/32 -d 10.100.20.150/32 -i swp+ -p tcp -m tcp --sport 40000 \
                --dport 5001 -m comment --comment \"50rest-mark.rules:2\"";
    let v4 = net.rules("iptables-save", "acltool-FORWARD");
    assert_eq!(
        v4[0],
        format!("{mark} -j CLASSIFY --set-class 0000:0005"),
        "{v4:#?}"
    );
    assert_eq!(v4[1], format!("{mark} -j DSCP --set-dscp 0x0a"), "{v4:#?}");
    let all = v4.join("\n");
    for wanted in [
        "-i swp1 -m comment --comment \"60more.rules:2\" -j ACCEPT",
        "-d 10.9.9.9/32 -i swp+ -m comment --comment \"60more.rules:3\" -j TEE --gateway 10.0.0.2",
        "-i swp+ -p udp -m comment --comment \"60more.rules:4\" -j CLASSIFY --set-class 0000:0003",
        "-m hashlimit --hashlimit-above 100/sec --hashlimit-burst 200 --hashlimit-name ",
        "-m hashlimit --hashlimit-above 1025kb/s --hashlimit-burst ",
        "-o swp9 -m comment --comment \"60more.rules:6\" -j CLASSIFY --set-class 0000:0007",
        "-j LOG --log-prefix seen-",
        "-s 10.6.6.6/32 -m comment --comment \"60more.rules:9\" -j DROP",
    ] {
        assert!(all.contains(wanted), "{wanted} not in\n{all}");
    }
    assert_eq!(net.rules("iptables-save", "acltool-INPUT").len(), 2);
    assert_eq!(net.rules("iptables-save", "acltool-PREROUTING").len(), 1);
    assert_eq!(
        net.rules("iptables-save", "FORWARD "),
        ["FORWARD -j acltool-FORWARD"; 2],
        "one a table"
    );
    let v6 = net.rules("ip6tables-save", "acltool-FORWARD").join("\n");
    assert!(
        v6.contains("-s 2001:db8::/32 ") && v6.contains("--hashlimit-htable-expire 100000"),
        "{v6}"
    );
}

#[test]
fn installing_again_changes_nothing() {
    let net = Net::new();
    let rules = policy(&[(
        "a.rules",
        &[
            "[iptables]",
            MARK,
            "-A FORWARD -j DROP",
            "[ip6tables]",
            "-A FORWARD -j DROP",
        ],
    )]);
    net.install(&rules);
    let before = (net.save("iptables-save"), net.save("ip6tables-save"));
    net.install(&rules);
    assert_eq!((net.save("iptables-save"), net.save("ip6tables-save")), before);
}

#[test]
fn an_empty_directory_removes_everything_of_ours_and_nothing_else() {
    let net = Net::new();
    net.ok("iptables", &["-A", "FORWARD", "-i", "eth0", "-j", "ACCEPT"]);
    net.ok("iptables", &["-N", "acltool-mine"]);
    net.ok("iptables", &["-A", "INPUT", "-j", "acltool-mine"]);
    net.ok("iptables", &["-P", "FORWARD", "DROP"]);
    let foreign = net.save("iptables-save");
    let rules = policy(&[("a.rules", &["[iptables]", MARK, "-A FORWARD,INPUT -j ACCEPT"])]);
    net.install(&rules);
    // At the top, where the rules of others cannot hide it.
    assert_eq!(
        net.rules("iptables-save", "FORWARD -"),
        [
            "FORWARD -j acltool-FORWARD",
            "FORWARD -j acltool-FORWARD",
            "FORWARD -i eth0 -j ACCEPT"
        ]
    );
    // Rules of others that came later stay above.
    net.ok("iptables", &["-I", "FORWARD", "1", "-i", "eth1", "-j", "DROP"]);
    net.install(&rules);
    assert_eq!(
        net.rules("iptables-save", "FORWARD -")[1],
        "FORWARD -i eth1 -j DROP"
    );
    net.ok("iptables", &["-D", "FORWARD", "1"]);

    fs::write(rules.path().join("a.rules"), "[iptables]\n-A INPUT -j DROP\n").expect("a file");
    net.install(&rules);
    assert!(net.rules("iptables-save", "acltool-FORWARD").is_empty());
    assert_eq!(
        net.rules("iptables-save", "INPUT -"),
        ["INPUT -j acltool-INPUT", "INPUT -j acltool-mine"]
    );

    fs::remove_file(rules.path().join("a.rules")).expect("the file");
    net.install(&rules);
    let after = net.save("iptables-save");
    for line in foreign.lines() {
        assert!(after.contains(line), "{line} not in\n{after}");
    }
    assert_eq!(
        after.matches("acltool-").count(),
        foreign.matches("acltool-").count(),
        "{after}"
    );
}

#[test]
fn counters_are_kept_for_rules_that_stay() {
    let net = Net::new();
    let count = "-A OUTPUT -d 127.0.0.1 -p udp --dport 9 -j ACCEPT";
    let rules = policy(&[("a.rules", &["[iptables]", count])]);
    net.install(&rules);
    net.send(7, 9);
    assert_eq!(net.packets("--dport 9"), 7);
    // It moves to another line, and others come.
    write(
        rules.path(),
        &[(
            "a.rules",
            &["# why", "", "[iptables]", "-A OUTPUT -d 10.1.1.1 -j DROP", count],
        )],
    );
    net.install(&rules);
    assert_eq!(net.packets("a.rules:5 "), 7);
    assert_eq!(net.packets("10.1.1.1"), 0);
    // Another rule starts from nothing.
    write(
        rules.path(),
        &[(
            "a.rules",
            &["[iptables]", "-A OUTPUT -d 127.0.0.1 -p udp --dport 9 -j DROP"],
        )],
    );
    net.install(&rules);
    assert_eq!(net.packets("--dport 9"), 0);
}

#[test]
fn marks_reach_the_packet_and_policers_drop_the_excess() {
    let net = Net::new();
    let rules = policy(&[(
        "a.rules",
        &[
            "[iptables]",
            "-t mangle -A POSTROUTING -o lo -p udp --dport 7 -m dscp --dscp 0 -j SETQOS --set-dscp 10 --set-cos 5",
            "-A INPUT -i lo -m dscp --dscp 10 -j DROP",
            "-A OUTPUT -p udp --dport 8 -j POLICE --set-mode pkt --set-rate 1 --set-burst 5 --set-class 2",
        ],
    )]);
    net.install(&rules);
    net.send(3, 7);
    assert_eq!(
        net.packets("CLASSIFY --set-class 0000:0005"),
        3,
        "the class is set though DSCP is rewritten"
    );
    assert_eq!(net.packets("DSCP --set-dscp 0x0a"), 3);
    assert_eq!(net.packets("--dscp 0x0a -m comment"), 3);
    net.send(40, 8);
    assert_eq!(net.packets("CLASSIFY --set-class 0000:0002"), 40);
    let dropped = net.packets("--hashlimit-above 1/sec");
    assert!(
        (25..=35).contains(&dropped),
        "{dropped} of 40 were dropped, 5 fit in the bucket"
    );
    // A new rate is in force at once: the bucket of the old one is not reused.
    let text = fs::read_to_string(rules.path().join("a.rules")).expect("the file");
    let faster = text.replace("--set-rate 1 --set-burst 5 ", "--set-rate 1000 --set-burst 1000 ");
    fs::write(rules.path().join("a.rules"), faster).expect("the file");
    net.install(&rules);
    net.send(40, 8);
    assert_eq!(net.packets("--hashlimit-above 1000/sec"), 0);
}

#[test]
fn when_ip6tables_fails_iptables_is_as_before() {
    let net = Net::new();
    let old = [
        "[iptables]",
        MARK,
        "-A FORWARD -j POLICE --set-mode KB --set-rate 1500 --set-burst 3000",
        "-A OUTPUT -d 127.0.0.1 -p udp --dport 9 -j ACCEPT",
        "[ip6tables]",
        "-A FORWARD -s 2001:db8::1 -j DROP",
    ];
    let rules = policy(&[("a.rules", &old)]);
    net.install(&rules);
    net.send(4, 9);
    let before = (net.save("iptables-save"), net.save("ip6tables-save"));
    assert!(before.0.contains("[4:"), "{}", before.0);
    let new = [
        "[iptables]",
        "-A INPUT,FORWARD -j DROP",
        "[ip6tables]",
        "-A FORWARD,INPUT -j DROP",
    ];
    write(rules.path(), &[("a.rules", &new)]);
    net.fake(
        "ip6tables-restore",
        "case \"$*\" in *--test*) real \"$@\";; esac\necho 'ip6tables-restore: line 3 failed' >&2; exit 1",
    );
    let output = net.acltool(&["-i", "-P", &rules.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let path = rules.path().join("a.rules");
    let text = format!(
        "error: hw sync failed (line 4 : ip6tables-restore: ip6tables-restore: line 3 failed error processing rule \
         '-A FORWARD,INPUT -j DROP' in file {}) Rolling back .. done.\n",
        path.display()
    );
    assert_eq!(stderr(&output), text);
    assert_eq!((net.save("iptables-save"), net.save("ip6tables-save")), before);
}

#[test]
fn what_the_kernel_refuses_changes_nothing() {
    let net = Net::new();
    let rules = policy(&[("a.rules", &["[iptables]", "-A FORWARD -j DROP"])]);
    net.install(&rules);
    let before = net.save("iptables-save");
    write(
        rules.path(),
        &[("a.rules", &["[iptables]", "-A FORWARD -j ACCEPT"])],
    );
    // The second table of the two fails, when the first is done.
    net.fake(
        "iptables-restore",
        "case \"$*\" in *--test*) real \"$@\";; esac\n\
         [ -e \"${0%/*}/once\" ] && real \"$@\"\n: >\"${0%/*}/once\"\n\
         (cat; printf '*mangle\\n-A FORWARD -j nowhere\\nCOMMIT\\n') | real \"$@\"",
    );
    let output = net.acltool(&["-i", "-P", &rules.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = stderr(&output);
    assert!(
        error.starts_with("error: hw sync failed (") && error.ends_with(") Rolling back .. done.\n"),
        "{error}"
    );
    let after = net.save("iptables-save");
    let filter = |save: &str| {
        save.split('*')
            .find(|table| table.starts_with("filter"))
            .map(str::to_owned)
    };
    assert_eq!(filter(&after), filter(&before), "{after}");
}

#[test]
fn sigterm_in_the_middle_lets_both_families_finish() {
    let net = Net::new();
    let rules = policy(&[(
        "a.rules",
        &[
            "[iptables]",
            "-A FORWARD -j DROP",
            "[ip6tables]",
            "-A FORWARD -j DROP",
        ],
    )]);
    net.fake(
        "ip6tables-restore",
        "case \"$*\" in *--test*) real \"$@\";; esac\n: >\"${0%/*}/reached\"\nsleep 1\nreal \"$@\"",
    );
    let args = ["-i", "-P", &rules.path().display().to_string()];
    let mut child = net
        .command(env!("CARGO_BIN_EXE_acltool"), &args)
        .stdout(Stdio::piped())
        .spawn()
        .expect("acltool starts");
    wait_for(&net.fakes.path().join("reached"));
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("it runs");
    let status = child.wait().expect("it ends");
    assert!(!status.success(), "the signal took effect once both were done");
    assert_eq!(net.rules("iptables-save", "acltool-FORWARD").len(), 1);
    assert_eq!(net.rules("ip6tables-save", "acltool-FORWARD").len(), 1);
}

#[track_caller]
fn wait_for(reached: &Path) {
    let mut tries = 0..400;
    while !reached.exists() {
        assert!(tries.next().is_some(), "acltool never came to IPv6");
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test waits for another process")]
fn pause() {
    std::thread::sleep(Duration::from_millis(25));
}

/// An install that is killed while `ip6tables-restore`, which goes on for a second, is at work.
#[test]
fn the_next_run_waits_for_what_a_killed_one_left_running() {
    let net = Net::new();
    let both = |target: &str| {
        let rule = format!("-A FORWARD -j {target}");
        policy(&[("a.rules", &["[iptables]", &rule, "[ip6tables]", &rule])])
    };
    let (first, second) = (both("DROP"), both("ACCEPT"));
    net.fake(
        "ip6tables-restore",
        "case \"$*\" in *--test*) real \"$@\";; esac\n\
         [ -e \"${0%/*}/reached\" ] && real \"$@\"\n: >\"${0%/*}/reached\"\nsleep 1\nreal \"$@\"",
    );
    let args = ["-i", "-P", &first.path().display().to_string()];
    let mut killed = net
        .command(env!("CARGO_BIN_EXE_acltool"), &args)
        .stdout(Stdio::null())
        .spawn()
        .expect("acltool starts");
    wait_for(&net.fakes.path().join("reached"));
    let lock = fs::metadata("/run/acltool.lock").expect("the lock file");
    assert_eq!((lock.permissions().mode() & 0o777, lock.len()), (0o600, 0));
    killed.kill().and_then(|()| killed.wait()).expect("it is killed");
    // In another namespace nobody waits, and here the lock is open to nobody.
    let other = Net::new();
    other.install(&first);
    assert_eq!(
        net.rules("ip6tables-save", "acltool-FORWARD"),
        Vec::<String>::new()
    );
    net.install(&second);
    for program in ["iptables-save", "ip6tables-save"] {
        let rules = net.rules(program, "acltool-FORWARD");
        assert!(rules.len() == 1 && rules[0].ends_with("-j ACCEPT"), "{rules:?}");
    }
}

#[test]
fn a_lock_of_iptables_that_others_hold_is_no_refusal() {
    let net = Net::new();
    let rules = policy(&[("a.rules", &["[iptables]", MARK])]);
    net.fake(
        "iptables-restore",
        "echo 'Another app is currently holding the xtables lock. Stopped waiting after 10s.' >&2; exit 4",
    );
    let output = net.acltool(&["-i", "-P", &rules.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    let said = stderr(&output);
    assert!(
        said.starts_with("busy: iptables-restore: ") && said.lines().count() == 1,
        "{said}"
    );
    let everything = stdout(&output) + &said;
    assert!(
        !everything.contains("error") && !everything.contains("failed"),
        "{everything}"
    );
}

#[test]
fn nothing_is_run_from_the_current_directory() {
    let net = Net::new();
    for program in [
        "iptables-save",
        "iptables-restore",
        "ip6tables-save",
        "ip6tables-restore",
    ] {
        net.fake(program, ": >\"${0%/*}/ran\"; exit 1");
    }
    let rules = policy(&[("a.rules", &["[iptables]", MARK])]);
    let install = ["-i", "-P", &rules.path().display().to_string()];
    for path in [None, Some(""), Some("."), Some(":/usr/bin:")] {
        let set = match path {
            Some(path) => format!("PATH={path}"),
            None => "-uPATH".to_owned(),
        };
        let args = [&[set.as_str(), env!("CARGO_BIN_EXE_acltool")], &install[..]].concat();
        let output = net
            .command("/usr/bin/env", &args)
            .current_dir(net.fakes.path())
            .output()
            .expect("env starts");
        assert!(output.status.success(), "{path:?}: {output:?}");
        assert!(!net.fakes.path().join("ran").exists(), "{path:?}");
    }
}

#[test]
fn a_dry_run_has_iptables_check_and_changes_nothing() {
    let net = Net::new();
    let rules = policy(&[("a.rules", &["[iptables]", MARK])]);
    let output = net.acltool(&["-i", "-n", "-P", &rules.path().display().to_string()]);
    assert!(
        output.status.success() && stdout(&output).ends_with("done.\n"),
        "{output:?}"
    );
    assert!(!net.save("iptables-save").contains("acltool"));
}

#[test]
fn listing_and_flushing() {
    let net = Net::new();
    let rules = policy(&[(
        "a.rules",
        &[
            "[iptables]",
            MARK,
            "-A OUTPUT -p udp --dport 9 -j ACCEPT",
            "[ip6tables]",
            "-A FORWARD -j DROP",
        ],
    )]);
    net.install(&rules);
    net.send(2, 9);
    let listed = stdout(&net.acltool(&["-L", "all"]));
    let rule = "-------------------------------";
    assert!(
        listed.starts_with(&format!(
            "{rule}\nListing rules of type iptables:\n{rule}\n\nTABLE filter :\n"
        )),
        "{listed}"
    );
    assert!(
        listed.contains("TABLE mangle :\n") && listed.contains("Listing rules of type ip6tables:"),
        "{listed}"
    );
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let header = words("pkts bytes target prot opt in out source destination");
    assert!(listed.lines().any(|line| words(line) == header), "{listed}");
    let counted = listed
        .lines()
        .find(|line| line.contains("dpt:9"))
        .map(words)
        .expect("the rule");
    assert_eq!(counted[..3], ["2", "60", "ACCEPT"], "{listed}");
    assert!(listed.contains("/* a.rules:3 */"), "{listed}");

    assert!(net.acltool(&["-F", "ip"]).status.success());
    assert!(!net.save("iptables-save").contains("acltool"));
    assert!(net.save("ip6tables-save").contains("acltool"));
    assert!(net.acltool(&["-F", "all"]).status.success());
    assert!(!net.save("ip6tables-save").contains("acltool"));
    let empty = stdout(&net.acltool(&["-L", "ip"]));
    assert!(!empty.contains("TABLE"), "{empty}");
}

#[test]
fn the_largest_table_of_a_daemon_is_installed() {
    let net = Net::new();
    let rules = policy(&[]);
    for file in 0..40 {
        let lines = (0..50).map(|n| {
            format!("-t mangle -A FORWARD -i swp+ -d 10.{file}.0.{n} -j SETQOS --set-dscp 10 --set-cos 5\n")
        });
        let text = std::iter::once("[iptables]\n".to_owned())
            .chain(lines)
            .collect::<String>();
        fs::write(rules.path().join(format!("50rest-{file}.rules")), text).expect("a file");
    }
    net.install(&rules);
    assert_eq!(net.rules("iptables-save", "acltool-FORWARD").len(), 4000);
}

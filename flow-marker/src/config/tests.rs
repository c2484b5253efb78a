use std::collections::BTreeSet;

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("/etc/fm.toml"), text).map_err(|e| e.to_string())
}

fn error(text: &str) -> String {
    parse(text).unwrap_err()
}

const SWITCH: &str = "[[switch]]\nagent = \"10.0.0.233\"\nacl = \"http://10.0.0.233:8080\"\n";

#[test]
fn an_empty_file_observes_with_the_seeds_values() {
    let config = parse("").unwrap();
    assert_eq!(
        (config.id.as_str(), config.mark.mode, config.mark.profile),
        ("fm", Mode::Observe, Profile::Balanced)
    );
    assert_eq!(
        (config.mark.dscp, config.mark.cos),
        (Some(Dscp::ELEPHANT), Some(Cos::ELEPHANT))
    );
    assert_eq!((config.mark.max_rules, config.mark.udp), (64, false));
    assert_eq!(
        config.mark.threshold.to_string(),
        "10% of the ingress port's speed"
    );
    assert!(config.switches.is_empty());
}

#[test]
fn the_contracts_example_is_understood() {
    let config = parse(&format!(
        "id = \"fm\"\n{SWITCH}platform = \"cumulus5\"\ninterface = \"ingress\"\n\
         [switch.ports.3]\nname = \"swp1\"\nspeed = \"10G\"\nrole = \"core\"\nlag = 1001\n\
         [mark]\nmode = \"act\"\nthreshold = \"10%\"\nthreshold_max = \"10G\"\nprofile = \"average\"\n\
         dscp = 12\ncos = \"off\"\nhold = \"10s\"\nmax_rules = 8\ncommit_interval = \"1s\"\n\
         exclude = [\"10.0.0.0/8\", \"192.0.2.1\"]\n"
    ))
    .unwrap();
    let switch = &config.switches[0];
    assert_eq!(
        (switch.platform, &switch.interface),
        (Platform::Cumulus5, &Interface::Ingress)
    );
    assert_eq!(
        switch.ports[&3],
        Port {
            name: Some("swp1".into()),
            speed: Some("10G".parse().unwrap()),
            role: Some(Role::Core),
            lag: Some(1001),
        }
    );
    assert_eq!((config.mark.dscp, config.mark.cos), (Dscp::new(12), None));
    assert_eq!(config.mark.exclude.to_string(), "10.0.0.0/8, 192.0.2.1/32");
}

#[test]
fn thresholds_follow_the_port_and_its_cap() {
    let rate = |text: &str| text.parse::<BitRate>().unwrap();
    let share = Threshold::default();
    let max = parse("").unwrap().mark.threshold_max;
    assert_eq!(max, rate("10G"));
    assert_eq!(share.of_port(Some(rate("1G")), max), Some(rate("100M")));
    assert_eq!(share.of_port(Some(rate("400G")), max), Some(rate("10G")));
    assert_eq!(share.of_port(None, max), None);
    // Somebody who names a rate means it.
    assert_eq!(Threshold::Rate(rate("50G")).of_port(None, max), Some(rate("50G")));
}

#[test]
fn what_is_excluded_is_said_by_prefixes_ports_and_groups() {
    let text = "[group.storage]\nsan = [\"10.8.0.0/16\"]\nbackup = [\"10.9.1.0/24\", \"2001:db8::/32\"]\n\
                [mark]\nexclude = [\"192.0.2.1\", \"port:22\", \"udp:4789\", \"group:storage:backup\", \"group:storage\"]\n";
    let config = parse(text).unwrap();
    assert_eq!(
        config.mark.exclude.to_string(),
        "192.0.2.1/32, 10.9.1.0/24, 2001:db8::/32, 10.9.1.0/24, 2001:db8::/32, 10.8.0.0/16, port:22, udp:4789"
    );
    assert_eq!(config.groups["storage"]["san"], ["10.8.0.0/16".parse().unwrap()]);
    for (entry, expected) in [
        ("group:nas", "there is no [group.nas]"),
        ("group:storage:x", "[group.storage] has no `x`"),
        ("port:0", "has no port from 1 to 65535"),
        ("tcp:ssh", "has no port from 1 to 65535"),
        ("storage", "is neither a prefix such as"),
    ] {
        let error = error(&format!(
            "[group.storage]\nsan = [\"10.8.0.0/16\"]\n[mark]\nexclude = [\"{entry}\"]\n"
        ));
        assert!(
            error.starts_with("/etc/fm.toml:4:1") && error.contains(expected),
            "{error}"
        );
    }
}

#[test]
fn mistakes_name_their_line() {
    let twice = format!("{SWITCH}{}", SWITCH.replace("8080", "8081"));
    let same_server = format!("{SWITCH}{}", SWITCH.replace("\"10.0.0.233\"", "\"10.0.0.234\""));
    for (text, expected) in [
        (
            "id = \"fm_b\"\n".to_owned(),
            "/etc/fm.toml:1:6: `id`: \"fm_b\" is not",
        ),
        (
            twice,
            "/etc/fm.toml:5:9: `agent`: 10.0.0.233 is the agent of two switches",
        ),
        (
            same_server,
            "/etc/fm.toml:6:7: `acl`: http://10.0.0.233:8080/ is the",
        ),
        (
            format!("{SWITCH}token_file = \"/t\"\n"),
            "/etc/fm.toml:4:14: `token_file`: the token would",
        ),
        (
            format!("{SWITCH}[switch.ports.swp1]\nspeed = \"1G\"\n"),
            "/etc/fm.toml:4:15: `swp1`: the key",
        ),
        (
            format!("{SWITCH}[switch.ports.0]\nspeed = \"1G\"\n"),
            "/etc/fm.toml:4:15: `0`: the key",
        ),
        (
            format!("{SWITCH}interface = \"swp1 -j DROP\"\n"),
            "/etc/fm.toml:4:13: `interface`: ",
        ),
        (
            "[mark]\ndscp = 64\n".to_owned(),
            "/etc/fm.toml:2:8: `dscp`: 64 is not 0 to 63",
        ),
        (
            "[mark]\ncos = \"of\"\n".to_owned(),
            "/etc/fm.toml:2:7: `cos`: \"of\" is not a number, or \"off\"",
        ),
        (
            "[mark]\ndscp = \"off\"\ncos = \"off\"\n".to_owned(),
            "/etc/fm.toml:3:7: `cos`: with",
        ),
        (
            "[mark]\nonly_dscp = 10\n".to_owned(),
            "/etc/fm.toml:2:13: `only_dscp`: flows",
        ),
        (
            "[mark]\nmax_rules = 0\n".to_owned(),
            "/etc/fm.toml:2:13: `max_rules`: 0 is not 1 to 10000",
        ),
        (
            "[mark]\nthreshold = \"fast\"\n".to_owned(),
            "/etc/fm.toml:2:13: `threshold`: ",
        ),
        (
            SWITCH.replace("http:", "ftp:"),
            "/etc/fm.toml:3:7: `acl`: \"ftp://",
        ),
        (
            SWITCH.replace("agent =", "agnet ="),
            "/etc/fm.toml:2:1: unknown key `agnet`; did you mean `agent`?",
        ),
    ] {
        let error = error(&text);
        assert!(error.starts_with(expected), "{text}\n{error}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let with = |line: &str| format!("{SWITCH}{line}\n");
    let https = SWITCH.replace("http:", "https:");
    for (text, expected) in [
        (
            "[mark]\nmax_rules = -1\n".to_owned(),
            "`max_rules`: -1 is not 1 to 10000",
        ),
        (
            "[mark]\nmax_rules = \"64\"\n".to_owned(),
            "\"64\" is a text; write 64, without quotes",
        ),
        (
            "[mark]\ndscp = 1.5\n".to_owned(),
            "1.5 is not a number, or \"off\"",
        ),
        (
            "[mark]\nonly_dscp = \"x\"\n".to_owned(),
            "\"x\" is not a whole number",
        ),
        (
            "[mark]\ncommit_interval = \"0s\"\n".to_owned(),
            "`commit_interval`: a commit may stop traffic",
        ),
        (
            "[mark]\nexclude = [\"10.0.0.1/8\"]\n".to_owned(),
            "write \"10.0.0.0/8\" or \"10.0.0.1\"",
        ),
        (
            SWITCH.replace("\"10.0.0.233\"", "\"0.0.0.0\""),
            "2:9: `agent`: 0.0.0.0 is no address",
        ),
        (
            SWITCH.replace("\"10.0.0.233\"", "\"::ffff:0.0.0.0\""),
            "`agent`: 0.0.0.0 is no address",
        ),
        (
            SWITCH.replace("\"10.0.0.233\"", "\"::\""),
            "`agent`: :: is no address",
        ),
        (
            SWITCH.replace("\"10.0.0.233\"", "\"224.0.0.1\""),
            "`agent`: 224.0.0.1 is no address",
        ),
        (
            with("cleartext_token = true"),
            "4:19: `cleartext_token`: there is no `token_file`",
        ),
        (
            with("ca_file = \"/ca.pem\""),
            "4:11: `ca_file`: no certificate is checked",
        ),
    ] {
        let error = error(&text);
        assert!(error.contains(expected), "{text}\n{error}");
        for word in ["usize", "i64", "u32"] {
            assert!(!error.contains(word), "{error}");
        }
    }
    assert!(parse(&format!("{https}ca_file = \"/ca.pem\"\n")).is_ok());
    assert!(parse(&with("cleartext_token = false")).is_ok());
}

#[test]
fn a_secret_in_an_address_is_not_repeated() {
    for address in [
        "http://admin:s3cret@10.0.0.1:8080",
        "http://s3cret@10.0.0.1:8080",
        "http://admin:s3cret@:x",
        "http://10.0.0.1:8080/?token=s3cret",
        "http://10.0.0.1:8080/#s3cret",
        "http://10.0.0.1:8080/#",
    ] {
        let error = error(&SWITCH.replace("http://10.0.0.233:8080", address));
        assert!(
            error.contains("3:7: `acl`: ") && error.contains("token_file"),
            "{address}: {error}"
        );
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn a_port_is_written_in_one_way() {
    let port = |key: &str| format!("[switch.ports.{key}]\nspeed = \"1G\"\n");
    for key in ["03", "\"+3\"", "\" 3\"", "0", "-1", "1073741823", "4294967296"] {
        let error = error(&format!("{SWITCH}{}", port(key)));
        assert!(
            error.contains("the key of a port is its ifIndex in plain digits"),
            "{key}: {error}"
        );
    }
    assert!(error(&format!("{SWITCH}{}{}", port("3"), port("3"))).contains("duplicate key"));
    // Expanded samples have all 32 bits.
    let config = parse(&format!("{SWITCH}{}{}", port("1073741824"), port("4294967295"))).unwrap();
    let ports: Vec<_> = config.switches[0].ports.keys().copied().collect();
    assert_eq!(ports, [1 << 30, u32::MAX]);
}

#[test]
fn a_lag_is_no_member_of_a_lag() {
    let member = |port, lag| format!("[switch.ports.{port}]\nlag = {lag}\n");
    for wrong in [
        member(3, "3"),
        member(3, "0"),
        member(3, "1073741823"),
        member(3, "4") + &member(4, "5"),
    ] {
        let error = error(&format!("{SWITCH}{wrong}"));
        assert!(error.contains("`lag`: "), "{wrong}: {error}");
    }
    let config = parse(&format!("{SWITCH}{}{}", member(3, "1001"), member(4, "1001"))).unwrap();
    assert_eq!(config.switches[0].ports[&4].lag, Some(1001));
}

#[test]
fn an_agent_mapped_into_ipv6_is_the_same_agent() {
    let mapped = SWITCH
        .replace("\"10.0.0.233\"", "\"::ffff:10.0.0.233\"")
        .replace("8080", "8081");
    assert!(error(&format!("{SWITCH}{mapped}")).contains("two switches"));
}

#[test]
fn nothing_that_could_leave_a_rule_is_an_interface() {
    for name in ["swp1", "swp1.100", "bond0", "eth-1", "br_x"] {
        assert!(is_interface_name(name), "{name}");
    }
    for name in [
        "",
        "-j",
        "swp1 -j DROP",
        "a\nb",
        "swp=1",
        "[x]",
        "abcdefghijklmnop",
        "$x",
        "swp1,swp2",
        "é",
    ] {
        assert!(!is_interface_name(name), "{name}");
    }
}

const EXAMPLE: &str = include_str!("../../../systemd/flow-marker.toml");

#[test]
fn the_packaged_example_changes_nothing() {
    let (example, default) = (parse(EXAMPLE).unwrap(), parse("").unwrap());
    assert_eq!(format!("{example:?}"), format!("{default:?}"));
}

#[test]
fn the_packaged_example_is_right_where_it_is_commented_out() {
    let setting = |line: &str| {
        let rest = line.strip_prefix('#')?;
        (rest.starts_with('[') || rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')))
            .then(|| rest.to_owned())
    };
    let all: Vec<_> = EXAMPLE
        .lines()
        .map(|line| setting(line).unwrap_or_else(|| line.to_owned()))
        .collect();
    let config = parse(&all.join("\n")).unwrap();
    let switch = &config.switches[0];
    assert!(config.switches[1].ca_file.is_some());
    assert!(switch.ports.contains_key(&3) && switch.cleartext_token && switch.token_file.is_some());
    assert_eq!((config.fabrics.len(), config.webhooks.len()), (1, 1));
    assert_eq!(config.capture.blacklists.len(), 2);
}

/// Sections and settings of the example, commented out or not: the section, the key, and the line without what makes it a
/// comment.
fn settings_of_the_example() -> Vec<(String, String, String)> {
    let (mut section, mut settings) = (String::new(), Vec::new());
    for line in EXAMPLE.lines() {
        let line = line.trim_start_matches(['#', ' ']);
        if let Some(heading) = line.strip_prefix('[') {
            section = heading
                .split(']')
                .next()
                .unwrap()
                .trim_start_matches('[')
                .to_owned();
        } else if let Some((key, _)) = line.split_once(" = ")
            && !key.contains(' ')
        {
            settings.push((section.clone(), key.to_owned(), line.to_owned()));
        }
    }
    settings
}

#[test]
fn the_packaged_example_has_every_setting() {
    let shown: BTreeSet<_> = settings_of_the_example()
        .into_iter()
        .map(|(section, key, _)| (section, key))
        .collect();
    let mut missing = Vec::new();
    for (section, heading) in [
        ("", ""),
        ("switch", "[[switch]]"),
        (
            "switch.ports.3",
            "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n[switch.ports.3]",
        ),
        ("fabric", "[fabric]"),
        ("sflow", "[sflow]"),
        ("mark", "[mark]"),
        ("capture", "[capture]"),
        ("capture.blacklist", "[[capture.blacklist]]"),
        ("drop", "[drop]"),
        ("webhook", "[[webhook]]"),
        ("http", "[http]"),
        ("http.limits", "[http.limits]"),
        ("http.tls", "[http.tls]"),
        ("http.certificate", "[[http.certificate]]"),
    ] {
        // A key that nobody means is answered with all that there are.
        let error = error(&format!("{heading}\nzzzzzzzzzzzz = 1\n"));
        let (_, keys) = error
            .rsplit_once("what can be said here: ")
            .unwrap_or_else(|| panic!("{error}"));
        for key in keys.split(", ") {
            let is_section = EXAMPLE.lines().any(|line| {
                let line = line.trim_start_matches(['#', ' ', '[']);
                let name = if section.is_empty() {
                    key.to_owned()
                } else {
                    format!("{section}.{key}")
                };
                line.strip_prefix(&name)
                    .is_some_and(|rest| rest.starts_with([']', '.']))
            });
            if !is_section && !shown.contains(&(section.to_owned(), key.to_owned())) {
                missing.push(format!("[{section}] {key}"));
            }
        }
    }
    // A file of their own is for them.
    assert_eq!(missing, ["[http] token"]);
}

#[test]
fn the_packaged_example_shows_every_default() {
    let default = format!("{:?}", parse("").unwrap());
    let differs = |section: &str, line: &str| {
        let heading = if section.is_empty() {
            String::new()
        } else {
            format!("[{section}]\n")
        };
        let config = parse(&format!("{heading}{line}\n")).unwrap();
        format!("{config:?}") != default
    };
    let examples = settings_of_the_example()
        .into_iter()
        .filter(|(section, key, line)| {
            // Of each of these there may be several, so that nothing is there by default.
            let several = [
                "switch",
                "fabric",
                "webhook",
                "group",
                "capture.blacklist",
                "http.tls",
                "http.certificate",
            ];
            !several.iter().any(|name| section.starts_with(name))
            && differs(section, line)
            // As many as there are cores.
            && key != "threads"
        });
    let examples: Vec<_> = examples
        .map(|(section, key, _)| format!("[{section}] {key}"))
        .collect();
    assert_eq!(
        examples,
        [
            "[] state_dir",
            "[sflow] agents",
            "[mark] exclude",
            "[capture] analyzer",
            "[capture] local",
            "[capture] exclude",
            "[drop] local",
            "[drop] exclude",
            "[http] socket",
            "[http] tokens_file",
        ],
        "settings that have no default"
    );
}

/// Tables of which there may be several have defaults, too: the line changes nothing in the least table of its kind.
#[test]
fn the_packaged_example_shows_the_defaults_of_what_there_may_be_several_of() {
    let least = [
        (
            "switch",
            "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"https://a\"\n",
        ),
        (
            "fabric",
            "[[fabric]]\nagents = [\"10.0.1.0/24\"]\nacl = \"https://{agent}\"\n",
        ),
        (
            "capture.blacklist",
            "[capture]\nanalyzer = [\"10.0.0.70\"]\nlocal = [\"10.0.0.0/8\"]\n[[capture.blacklist]]\nname = \"x\"\n\
             url = \"https://a\"\n",
        ),
        (
            "webhook",
            "[[webhook]]\nname = \"x\"\nurl = \"https://a\"\nformat = \"json\"\nevents = [\"threshold\"]\n",
        ),
    ];
    let mut same = Vec::new();
    for (section, key, line) in settings_of_the_example() {
        let Some((_, table)) = least.iter().find(|(name, _)| *name == section) else {
            continue;
        };
        // What must be there has no default.
        if table.contains(&format!("\n{key} = ")) {
            continue;
        }
        let [with, without] = [format!("{table}{line}\n"), (*table).to_owned()].map(|text| parse(&text));
        if with.is_ok_and(|with| format!("{with:?}") == format!("{:?}", without.unwrap())) {
            same.push(format!("[{section}] {key}"));
        }
    }
    same.dedup();
    assert_eq!(
        same,
        [
            "[switch] platform",
            "[switch] interface",
            "[fabric] max_switches",
            "[fabric] platform",
            "[fabric] interface",
            "[capture.blacklist] refresh",
            "[webhook] timeout",
        ],
        "all that has a default; the others are examples"
    );
    let directory = EXAMPLE
        .lines()
        .find_map(|line| line.strip_prefix("#state_dir = "));
    assert_eq!(
        directory.unwrap().trim_matches('"'),
        crate::state::DEFAULT_DIRECTORY
    );
}

#[test]
fn captures_and_drops_are_understood() {
    let config = parse(
        "[capture]\nmode = \"act\"\nanalyzer = [\"10.0.0.70\"]\nlocal = [\"10.0.0.0/8\"]\nper_switch = 3\n\
         [[capture.blacklist]]\nname = \"emerging\"\nurl = \"https://lists.example/Block-IPs.txt?key=1\"\n\
         [[capture.blacklist]]\nname = \"own\"\nfile = \"/etc/own.txt\"\nrefresh = \"5m\"\n\
         [drop]\nmode = \"act\"\nthreshold = \"200M\"\n",
    )
    .unwrap();
    let capture = &config.capture;
    assert_eq!((capture.per_switch, capture.total), (3, 20));
    assert_eq!(capture.quiet, Duration::from_secs(300));
    let [emerging, own] = &capture.blacklists[..] else {
        panic!("two lists")
    };
    assert!(matches!(&emerging.origin, Origin::Url(url) if url.host_str() == Some("lists.example")));
    assert_eq!(
        (&own.origin, own.refresh),
        (&Origin::File("/etc/own.txt".into()), Duration::from_secs(300))
    );
    assert_eq!(
        (config.drop.mode, &config.drop.local),
        (Mode::Act, &capture.local)
    );
    let default = parse("").unwrap();
    assert_eq!(
        (default.capture.mode, default.drop.mode),
        (Mode::Observe, Mode::Observe)
    );
}

#[test]
fn captures_and_drops_that_cannot_be_meant_say_so() {
    const HOSTS: &str = "[capture]\nanalyzer = [\"10.0.0.70\"]\nlocal = [\"10.0.0.0/8\"]\n";
    let list = |keys: &str| format!("{HOSTS}[[capture.blacklist]]\nname = \"a\"\n{keys}\n");
    for (text, says) in [
        ("[capture]\nmode = \"act\"\n".to_owned(), "`analyzer`"),
        ("[drop]\nmode = \"act\"\n".to_owned(), "`local`"),
        ("[drop]\nttl = \"2h\"\n".to_owned(), "`ttl_max`"),
        ("[capture]\nper_switch = 0\n".to_owned(), "1 to 1000"),
        ("[capture]\nquiet = \"1s\"\n".to_owned(), "less than 10s"),
        ("[capture]\nanalyzer = [\"::1\"]\n".to_owned(), "IPv4"),
        (list(""), "either `url` or `file`"),
        (list("url = \"ftp://a/b\""), "http://HOST/PATH"),
        (
            list("url = \"http://a/\"\nfile = \"b\""),
            "either `url` or `file`",
        ),
        (
            list(&format!("file = \"b\"\n{}", &list("file = \"c\"")[HOSTS.len()..])),
            "two lists",
        ),
    ] {
        let error = error(&text);
        assert!(error.contains(says), "{text}: {error}");
    }
}

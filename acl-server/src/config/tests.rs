//! Settings that are right, wrong, and wrong together.

use super::*;

fn parse(text: &str) -> Config {
    shared::config::parse(Path::new("acl-server.toml"), text).unwrap()
}

#[test]
fn the_defaults_are_the_contracts_and_consistent() {
    let config = parse("");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.tool_arguments(), ["-i"]);
    config.validate().unwrap();
}

#[test]
fn another_policy_directory_must_be_named_to_the_tool() {
    let mut config = parse("policy_dir = \"/etc/acl-server/policy.d\"");
    assert!(matches!(
        config.validate(),
        Err(Conflict::PolicyDirNotNamed { .. })
    ));
    config.tool_args = "-i -P {policy_dir}".to_owned();
    config.validate().unwrap();
    assert_eq!(config.tool_arguments(), ["-i", "-P", "/etc/acl-server/policy.d"]);
    config.tool_args = "-i".to_owned();
    config.policy_dir_is_included = true;
    config.validate().unwrap();
}

#[test]
fn another_tool_or_directory_does_not_vouch_for_the_default_one() {
    // Without arguments acltool reads /etc/acl-server/policy.d.
    let other_tool = parse("tool = \"/usr/bin/acltool\"");
    assert!(matches!(
        other_tool.validate(),
        Err(Conflict::PolicyDirNotNamed { .. })
    ));
    for args in ["-i -P /other", "-i -P/other", "-i -p /other.rules"] {
        let config = parse(&format!("tool_args = \"{args}\""));
        assert!(
            matches!(config.validate(), Err(Conflict::PolicyDirNotNamed { .. })),
            "{args}"
        );
    }
}

#[test]
fn nothing_listens_on_a_network_by_accident() {
    for (listen, fine) in [
        ("127.0.0.1:0", true),
        ("[::1]:80", true),
        ("0.0.0.0:80", false),
        ("[::]:80", false),
    ] {
        let mut config = parse(&format!("listen = \"{listen}\""));
        assert_eq!(config.validate().is_ok(), fine, "{listen}");
        config.no_auth = true;
        config.validate().unwrap();
    }
}

#[test]
fn relative_paths_and_impossible_limits_are_refused() {
    assert!(matches!(
        parse("tool = \"acltool\"").validate(),
        Err(Conflict::Relative { key: "tool", .. })
    ));
    assert_eq!(
        parse("tool_timeout = \"10ms\"").validate(),
        Err(Conflict::ToolTimeout)
    );
}

/// The lines of the example that begin with `#`, so many spaces, and a key or a section.
fn of_example(spaces: &str) -> Vec<String> {
    let example = include_str!("../../../systemd/acl-server.toml");
    let settings = example.lines().filter_map(|line| {
        let rest = line.strip_prefix('#')?.strip_prefix(spaces)?;
        rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[')
            .then(|| rest.to_owned())
    });
    settings.collect()
}

#[test]
fn the_example_documents_every_default() {
    let uncommented = of_example("");
    let keys = uncommented.iter().filter(|line| !line.starts_with('[')).count();
    assert_eq!(keys, 16, "one line a setting with a default: {uncommented:?}");
    assert_eq!(
        format!("{:?}", parse(&uncommented.join("\n"))),
        format!("{:?}", Config::default())
    );
    parse(include_str!("../../../systemd/acl-server.toml"))
        .validate()
        .unwrap();
}

#[test]
fn what_the_example_shows_beside_defaults_is_right_too() {
    let shown = of_example("   ");
    let config = parse(&shown.join("\n"));
    config.validate().unwrap();
    assert!(
        config.socket.is_some() && config.tokens_file.is_some() && config.tls.unwrap().client_ca.is_some()
    );
    assert!(config.resource_query.is_some() && config.list_args.is_some() && config.entries_limit.is_some());
    assert_eq!((config.token.len(), config.certificate.len()), (1, 1));
    assert_eq!(config.token[0].may.prefixes, ["fm_"]);
}

/// Settings with one token.
fn with_token(text: &str) -> Config {
    parse(&format!(
        "{text}\n[[token]]\nname = \"a\"\nsha256 = \"{}\"\nscopes = [\"read\"]\n",
        "0".repeat(64)
    ))
}

#[test]
fn on_a_network_it_takes_credentials_and_tls_or_a_word() {
    const TLS: &str = "[tls]\ncertificate = \"/c\"\nkey = \"/k\"";
    let listen = "listen = \"10.0.0.1:8443\"\n";
    let address: SocketAddr = "10.0.0.1:8443".parse().unwrap();
    let open = Conflict::OpenByAccident(address);
    let clear = Conflict::InTheClear(address);
    assert_eq!(parse(listen).validate().as_ref(), Err(&open));
    assert_eq!(parse(&format!("{listen}{TLS}")).validate().as_ref(), Err(&open));
    assert_eq!(
        parse(&format!("{listen}insecure_http = true"))
            .validate()
            .as_ref(),
        Err(&open)
    );
    assert_eq!(with_token(listen).validate().as_ref(), Err(&clear));
    for fine in [
        with_token(&format!("{listen}{TLS}")),
        with_token(&format!("{listen}insecure_http = true")),
        with_token(&format!("{listen}no_auth = true")),
        parse(&format!("{listen}tokens_file = \"/t\"\n{TLS}")),
    ] {
        fine.validate().unwrap();
    }
    for text in [open.to_string(), clear.to_string()] {
        assert!(text.contains("10.0.0.1:8443") && text.contains("[tls]"), "{text}");
    }
    // IPv4 as IPv6 is still a network, or still loopback.
    for (listen, fine) in [("[::ffff:10.0.0.1]:1", false), ("[::ffff:127.0.0.1]:1", true)] {
        let config = parse(&format!("listen = \"{listen}\""));
        assert_eq!(config.validate().is_ok(), fine, "{listen}");
    }
}

#[test]
fn tls_may_have_an_address_of_its_own() {
    let tls = "[tls]\ncertificate = \"/c\"\nkey = \"/k\"";
    let loopback: SocketAddr = "127.0.0.1:8080".parse().unwrap();
    assert_eq!(parse(tls).endpoints(), [(loopback, true)]);
    let both = format!("{tls}\nlisten = \"0.0.0.0:8443\"");
    let outside: SocketAddr = "0.0.0.0:8443".parse().unwrap();
    assert_eq!(parse(&both).endpoints(), [(loopback, false), (outside, true)]);
    assert_eq!(parse(&both).validate(), Err(Conflict::OpenByAccident(outside)));
    assert!(parse(&both).is_passed_for_tls("[::]:8443".parse().unwrap()));
    assert!(!parse(&both).is_passed_for_tls(loopback));
    assert!(parse(tls).is_passed_for_tls(loopback) && !parse("").is_passed_for_tls(loopback));
}

#[test]
fn what_is_dangerous_is_said() {
    let (inside, outside) = ("127.0.0.1:1".parse().unwrap(), "10.0.0.1:1".parse().unwrap());
    for (config, tls, danger) in [
        (parse("no_auth = true"), false, Some("--no-auth")),
        (parse("no_auth = true"), true, Some("--no-auth")),
        (with_token("insecure_http = true"), false, Some("insecure_http")),
        (with_token("insecure_http = true"), true, None),
    ] {
        assert_eq!(config.exposure(inside, tls), None);
        let said = config.exposure(outside, tls);
        assert_eq!(said.is_some(), danger.is_some());
        assert!(said.unwrap_or_default().contains(danger.unwrap_or_default()));
    }
}

#[test]
fn client_certificates_need_an_authority() {
    let certificate = "[[certificate]]\nsubject = \"CN=a\"\nscopes = [\"read\"]\n";
    assert_eq!(parse(certificate).validate(), Err(Conflict::NoAuthority));
    let tls = "[tls]\ncertificate = \"/c\"\nkey = \"/k\"\n";
    assert_eq!(
        parse(&format!("{tls}{certificate}")).validate(),
        Err(Conflict::NoAuthority)
    );
    parse(&format!("{tls}client_ca = \"/ca\"\n{certificate}"))
        .validate()
        .unwrap();
}

#[test]
fn derived_programs_and_arguments() {
    let config = parse("");
    assert_eq!(config.list_arguments(), ["-L", "all"]);
    assert_eq!(
        config.resource_query_program(),
        Some(PathBuf::from("/usr/cumulus/bin/cl-resource-query"))
    );
    let config = parse("tool = \"/usr/bin/acltool\"\nlist_args = \"-L all -P {policy_dir}\"");
    assert_eq!(config.list_arguments(), ["-L", "all", "-P", DEFAULT_POLICY_DIR]);
    assert_eq!(config.resource_query_program(), None);
    let config = parse("resource_query = \"/x\"");
    assert_eq!(config.resource_query_program(), Some(PathBuf::from("/x")));
}

#[test]
fn limits_and_names_have_a_range() {
    for bad in [
        "[limits]\nmax_connections = 0",
        "[limits]\nidle_timeout = \"1ms\"",
        "[limits]\nbody_timeout = \"2h\"",
        "socket = \"relative\"",
        "tokens_file = \"relative\"",
        "[tls]\ncertificate = \"c\"\nkey = \"/k\"",
    ] {
        assert!(parse(bad).validate().is_err(), "{bad}");
    }
    for bad in ["", "eth0 ", "sixteen_letters_"] {
        let text = format!("protect = [{bad:?}]");
        assert!(
            shared::config::parse::<Config>(Path::new("a.toml"), &text).is_err(),
            "{bad:?}"
        );
    }
    assert_eq!(parse("protect = []").protect, Vec::new());
    assert_eq!(parse("").protect.len(), 2);
    assert_eq!(parse("rules = \"lenient\"").rules, Mode::Lenient);
}

#[test]
fn the_example_has_every_setting() {
    let example = include_str!("../../../systemd/acl-server.toml");
    let (mut heading, mut shown) = ("", Vec::new());
    for line in example.lines().map(|line| line.trim_start_matches(['#', ' '])) {
        if line.starts_with('[') && line.ends_with(']') {
            heading = line;
            shown.push(("", line.trim_matches(['[', ']'])));
        } else if let Some((key, _)) = line.split_once(" = ") {
            shown.push((heading, key));
        }
    }
    let mut missing = Vec::new();
    for heading in ["", "[tls]", "[limits]", "[[token]]", "[[certificate]]"] {
        let text = format!("{heading}\nzzzzzzzzzzzz = 1\n");
        // A key that nobody means is answered with all that there are.
        let error = shared::config::parse::<Config>(Path::new("t"), &text).unwrap_err();
        let error = error.to_string();
        let (_, keys) = error.rsplit_once("what can be said here: ").unwrap();
        let keys = keys.split(", ").filter(|key| !shown.contains(&(heading, *key)));
        missing.extend(keys.map(|key| format!("{heading} {key}")));
    }
    assert_eq!(
        missing,
        ["[[certificate]] prefixes", "[[certificate]] actions"],
        "they are as in [[token]]"
    );
}

#[test]
fn every_mistake_is_explained_with_its_place_and_what_was_probably_meant() {
    let token = "[[token]]\nname = \"a\"\nscopes = [\"read\"]\n";
    for (text, expected) in [
        (
            "lisen = \"127.0.0.1:80\"",
            "1:1: unknown key `lisen`; did you mean `listen`?",
        ),
        (
            "tool-args = \"-i\"",
            "1:1: unknown key `tool-args`; did you mean `tool_args`?",
        ),
        (
            "[limit]\nmax_connections = 9",
            "1:2: unknown key `limit`; did you mean `limits`?",
        ),
        (
            "rules = \"strickt\"",
            "1:9: `rules`: \"strickt\" is neither \"strict\" nor \"lenient\"; did you mean \"strict\"?",
        ),
        (
            "tool_timeout = \"1 minute\"",
            "1:16: `tool_timeout`: \"1 minute\" is not a time span such as \"250ms\", \"10s\", \"5m\" or \"1h\"; did you \
             mean \"1m\"?",
        ),
        (
            "tool_timeout = 60",
            "1:16: `tool_timeout`: 60 is not a time span such as \"250ms\", \"10s\", \"5m\" or \"1h\"",
        ),
        (
            "listen = \"0.0.0.0\"",
            "1:10: `listen`: \"0.0.0.0\" is no address with a port such as \"127.0.0.1:8080\" or \"[::1]:8080\"",
        ),
        (
            "entries_limit = \"1000\"",
            "1:17: `entries_limit`: \"1000\" is a text; write 1000, without quotes",
        ),
        (
            "entries_limit = -1",
            "1:17: `entries_limit`: -1 is not a whole number of at least 0",
        ),
        (
            "no_auth = \"yes\"",
            "1:11: `no_auth`: \"yes\" is a text; write true, without quotes",
        ),
        (
            "protect = \"eth0\"",
            "1:11: `protect`: \"eth0\" is no list; write [\"eth0\"]",
        ),
        (
            "[token]\nname = \"a\"",
            "1:1: there may be several of it: write [[token]], in two pairs of brackets",
        ),
        (token, "1:1: `sha256` is missing"),
        ("[tls]\nkey = \"/k\"", "1:1: `certificate` is missing"),
        (
            "tokens_file = \"credential:../key\"",
            "1:15: `tokens_file`: \"credential:../key\" names no credential; write \"credential:NAME\"",
        ),
    ] {
        let error = shared::config::parse::<Config>(Path::new("acl.toml"), text).unwrap_err();
        assert_eq!(error.to_string(), format!("acl.toml:{expected}"), "{text}");
    }
}

#[test]
fn what_is_wrong_together_has_its_place_too() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for (text, place) in [
        (
            "listen = \"0.0.0.0:80\"\n",
            ":1:10: listening on 0.0.0.0:80 would",
        ),
        (
            "tool_args = \"-i\"\npolicy_dir = \"/p\"\n",
            ":2:14: policy_dir is /p, but",
        ),
        (
            "[limits]\nmax_connections = 1\n",
            ":2:19: max_connections must be from 8",
        ),
        (
            "[tls]\ncertificate = \"/c\"\nkey = \"k.pem\"\n",
            ":3:7: key must be an absolute path, not k.pem",
        ),
        (
            "tool_timeout = \"1ms\"\n",
            ":1:16: tool_timeout must be at least 1s",
        ),
    ] {
        std::fs::write(file.path(), text).unwrap();
        let mut config: Config = shared::config::load(file.path()).unwrap();
        config.file = Some(file.path().to_owned());
        let error = config.check().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{}{place}", file.path().display())),
            "{error}"
        );
    }
}

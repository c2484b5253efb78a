//! Broken configurations, and what is said of each: the whole text, since it is all that somebody has to go by.

use std::path::Path;

use super::Config;

const SWITCH: &str = "[[switch]]\nagent = \"10.0.0.233\"\nacl = \"http://10.0.0.233:8080\"\n";

#[test]
fn every_mistake_is_explained_with_its_place_and_what_was_probably_meant() {
    let switch = |line: &str| format!("{SWITCH}{line}\n");
    let mut differ = Vec::new();
    for (text, expected) in [
        (
            "[mark]\nmax-rules = 64\n".to_owned(),
            "2:1: unknown key `max-rules`; did you mean `max_rules`?",
        ),
        (
            "[mark]\nthreshhold = \"1G\"\n".to_owned(),
            "2:1: unknown key `threshhold`; did you mean `threshold`?",
        ),
        (
            switch("token = \"/t\""),
            "4:1: unknown key `token`; did you mean `token_file`?",
        ),
        (
            "[marks]\nmode = \"act\"\n".to_owned(),
            "1:2: unknown key `marks`; did you mean `mark`?",
        ),
        (
            "[sflow]\ncolour = 1\n".to_owned(),
            "2:1: unknown key `colour`; what can be said here: threads, receive_buffer, agents, max_agents",
        ),
        (
            "[mark]\nmode = \"acct\"\n".to_owned(),
            "2:8: `mode`: \"acct\" is neither \"observe\" nor \"act\"; did you mean \"act\"?",
        ),
        (
            "[mark]\nprofile = \"ballanced\"\n".to_owned(),
            "2:11: `profile`: \"ballanced\" is none of \"fast\", \"balanced\", \"strict\", \"average\"; did you mean \
             \"balanced\"?",
        ),
        (
            switch("platform = \"sonic\""),
            "4:12: `platform`: \"sonic\" is none of \"cumulus\", \"cumulus5\", \"linux\"",
        ),
        (
            "[mark]\nthreshold = \"100 Mbit\"\n".to_owned(),
            "2:13: `threshold`: \"100 Mbit\" is not a rate in bits per second such as \"100M\", \"1.5G\" or \"10G\", or a \
             share such as \"10%\"; did you mean \"100M\"?",
        ),
        (
            "[mark]\nthreshold = \"10 percent\"\n".to_owned(),
            "2:13: `threshold`: \"10 percent\" is not a percentage above 0% and up to 100%, such as \"10%\", or a rate such \
             as \"100M\"; did you mean \"10%\"?",
        ),
        (
            "[mark]\nhold = \"10 seconds\"\n".to_owned(),
            "2:8: `hold`: \"10 seconds\" is not a time span such as \"250ms\", \"10s\", \"5m\" or \"1h\"; did you mean \
             \"10s\"?",
        ),
        (
            "[mark]\nhold = 10\n".to_owned(),
            "2:8: `hold`: 10 is not a time span such as \"250ms\", \"10s\", \"5m\" or \"1h\"",
        ),
        (
            "[mark]\nmax_rules = \"64\"\n".to_owned(),
            "2:13: `max_rules`: \"64\" is a text; write 64, without quotes",
        ),
        (
            "[mark]\nudp = \"true\"\n".to_owned(),
            "2:7: `udp`: \"true\" is a text; write true, without quotes",
        ),
        (
            "[mark]\ncos = \"of\"\n".to_owned(),
            "2:7: `cos`: \"of\" is not a number, or \"off\" to leave it out of the rule",
        ),
        (
            "[capture]\nanalyzer = \"10.0.0.70\"\n".to_owned(),
            "2:12: `analyzer`: \"10.0.0.70\" is no list; write [\"10.0.0.70\"]",
        ),
        (
            "[capture]\nanalyzer = [\n  \"10.0.0.700\",\n]\n".to_owned(),
            "3:3: `analyzer`: \"10.0.0.700\" is no IPv4 address such as \"10.0.0.1\"",
        ),
        (
            "[http]\nlisten = \"127.0.0.1\"\n".to_owned(),
            "2:10: `listen`: \"127.0.0.1\" is no address with a port such as \"127.0.0.1:8080\" or \"[::1]:8080\"",
        ),
        (
            "[switch]\nagent = \"10.0.0.233\"\n".to_owned(),
            "1:1: there may be several of it: write [[switch]], in two pairs of brackets",
        ),
        (
            "mark = \"act\"\n".to_owned(),
            "1:8: `mark`: \"act\" is no section; write [mark] on a line of its own, and what belongs to it below",
        ),
        (
            "[[switch]]\nagent = \"10.0.0.233\"\n".to_owned(),
            "1:1: `acl` is missing",
        ),
        (
            "[mark]\nmode = act\n".to_owned(),
            "2:8: `mode`: string values must be quoted, expected literal string",
        ),
        (
            "[mark]\nudp = true\nudp = false\n".to_owned(),
            "3:1: `udp`: duplicate key",
        ),
    ] {
        let error = Config::parse(Path::new("fm.toml"), &text)
            .unwrap_err()
            .to_string();
        if error != format!("fm.toml:{expected}") {
            differ.push((text, error));
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
}

#[test]
fn what_is_wrong_together_has_its_place_too() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for (text, place, expected) in [
        (
            "[http]\n# here\nlisten = \"0.0.0.0:8008\"\n",
            ":3:10: ",
            "serving the API on 0.0.0.0:8008 would let everybody",
        ),
        (
            "[http.limits]\nidle_timeout = \"1ms\"",
            ":2:16: ",
            "[http.limits]: idle_timeout must be from 100ms to 1h",
        ),
        (
            "[[http.certificate]]\nsubject = \"CN=a\"\nscopes = [\"read\"]\n",
            ":1:1: ",
            "[[http.certificate]] needs client_ca",
        ),
        (
            "[http]\ntokens_file = \"tokens.toml\"\n",
            ":2:15: ",
            "[http]: tokens_file must be an absolute path, not tokens.toml",
        ),
    ] {
        std::fs::write(file.path(), text).unwrap();
        let config = Config::load(file.path()).unwrap();
        let error = config.http.check(config.file.as_deref()).unwrap_err().to_string();
        let expected = format!("{}{place}{expected}", file.path().display());
        assert!(error.starts_with(&expected), "{error}");
    }
    // A flag's value is not in the file.
    std::fs::write(file.path(), "").unwrap();
    let mut config = Config::load(file.path()).unwrap();
    config.http.listen = "0.0.0.0:1".parse().unwrap();
    let error = config.http.check(config.file.as_deref()).unwrap_err().to_string();
    assert!(error.starts_with("serving the API on 0.0.0.0:1 "), "{error}");
}

//! What the documentation shows is right: settings are accepted, commands and flags exist, requests have routes, and links
//! lead somewhere. (`tests/tests/guide` types the guide; `docs/API.md` and OpenAPI are compared where the routes are.)
#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panics")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tests::agent::Agent;
use tests::local::LocalFlowMarker;
use tests::{binaries, process, wait};

/// Programs, and whether their first word may be a command.
const PROGRAMS: [(&str, bool); 3] = [("acl-server", true), ("flow-marker", true), ("acltool", false)];

/// What looks like a command and is none: words of an answer.
const NO_COMMANDS: [&str; 1] = ["acl-server of another switch"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Name and text of every page.
fn pages() -> Vec<(String, String)> {
    let mut names: Vec<String> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        .map(str::to_owned)
        .into();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.sort();
    let read = |name: String| {
        let text = fs::read_to_string(root().join(&name)).unwrap();
        (name, text)
    };
    names.into_iter().map(read).collect()
}

/// The blocks of a page that are no prose, with the number of their first line: indented by four, or fenced.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let (mut fenced, mut open) = (false, false);
    for (line, number) in page.lines().zip(1..) {
        if line.starts_with("```") {
            fenced = !fenced;
            open = false;
            continue;
        }
        let inside = if fenced {
            Some(line)
        } else {
            line.strip_prefix("    ")
                .or_else(|| (open && line.is_empty()).then_some(line))
        };
        match inside {
            None => open = false,
            Some(inside) if open => {
                let block = &mut blocks.last_mut().unwrap().1;
                block.push_str(inside);
                block.push('\n');
            }
            Some(inside) => {
                blocks.push((number, format!("{inside}\n")));
                open = true;
            }
        }
    }
    blocks
}

/// Whether a block is settings: it has a table, or begins with a setting.
fn is_settings(block: &str) -> bool {
    let is_table = |line: &str| {
        let name = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        name.is_some_and(|name| {
            let letters = |letter: char| letter.is_ascii_alphanumeric() || "_.[]".contains(letter);
            !["iptables", "ip6tables", "ebtables"].contains(&name)
                && name.chars().all(letters)
                && !name.is_empty()
        })
    };
    // A table inside of what is typed is the guide's, and typed by its test.
    block.lines().any(is_table) && !block.contains("<<END") && !block.starts_with('{')
}

#[test]
fn every_example_of_settings_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let etc = directory.path().join("etc");
    let mut tried = 0;
    for (page, text) in pages() {
        for (line, block) in blocks(&text) {
            if !is_settings(&block) {
                continue;
            }
            let settings = block.replace("\"/etc", &format!("\"{}", etc.display()));
            make_files(&settings);
            let file = directory.path().join("settings.toml");
            fs::write(&file, &settings).unwrap();
            let mut check = if settings.contains("[tls]") {
                token(&file);
                let mut check = process::command(binaries::binary("acl-server").unwrap());
                // The settings are a switch's, and its tool is not here.
                check.args([
                    "check-config",
                    "--tool",
                    "/bin/true",
                    "--tool-args",
                    "-i -P {policy_dir}",
                ]);
                check
            } else {
                let mut check = process::command(binaries::binary("flow-marker").unwrap());
                check.arg("check");
                check
            };
            check.arg("--config").arg(&file);
            process::run(check).unwrap_or_else(|error| panic!("{page}:{line}: {error:#}\n{settings}"));
            tried += 1;
        }
    }
    assert!(tried >= 5, "{tried}");
}

/// What the settings name is there: certificates, keys, tokens.
fn make_files(settings: &str) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (line, path) in settings
        .lines()
        .filter_map(|line| Some((line, line.split('"').nth(1)?)))
    {
        let setting = line.split('=').next().unwrap().trim();
        let contents = match setting {
            "certificate" | "ca_file" => signed.cert.pem(),
            "key" => signed.signing_key.serialize_pem(),
            "token_file" => "0123456789abcdef0123456789abcdef".to_owned(),
            _ => continue,
        };
        for path in [path.to_owned(), path.replace("{agent}", "10.0.0.0")] {
            fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
            fs::write(&path, &contents).unwrap();
        }
    }
}

/// Beside the settings of an address, the page has one make a token.
fn token(file: &Path) {
    let mut token = process::command(binaries::binary("acl-server").unwrap());
    token
        .args(["token", "alice", "--scope", "admin", "--output"])
        .arg(file);
    process::run(token).unwrap();
}

/// The commands in a block: each as its words, up to where the shell begins another one.
fn commands(block: &str) -> Vec<Vec<String>> {
    let joined = block.replace("\\\n", " ");
    let mut commands = vec![Vec::new()];
    for line in joined.lines() {
        commands.push(Vec::new());
        for word in words(line) {
            if word.starts_with('#') {
                break;
            }
            if ["|", "||", "&&", ";"].contains(&word.as_str()) {
                commands.push(Vec::new());
                continue;
            }
            let ends = word.ends_with([';', ')']) && !word.contains('(');
            let word = word.trim_start_matches('(').trim_end_matches(['`']);
            let word = if ends {
                word.trim_end_matches([';', ')'])
            } else {
                word
            };
            commands.last_mut().unwrap().push(word.to_owned());
            if ends {
                commands.push(Vec::new());
            }
        }
    }
    commands.retain(|words| !words.is_empty());
    commands
}

/// Words as a shell makes them, near enough: what is quoted is one, without its quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for letter in line.chars() {
        match (letter, quote) {
            (' ', None) => words.push(String::new()),
            ('\'' | '"', None) => quote = Some(letter),
            (_, Some(open)) if open == letter => quote = None,
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What pages have people type: blocks, and words in the text that look like commands.
fn typed() -> Vec<(String, Vec<String>)> {
    let mut typed = Vec::new();
    for (page, text) in pages() {
        for (line, block) in blocks(&text) {
            let commands = commands(&block).into_iter();
            typed.extend(commands.map(|words| (format!("{page}:{line}"), words)));
        }
        let quoted = text.split('`').skip(1).step_by(2);
        for quoted in quoted.filter(|quoted| !quoted.contains('\n') && !NO_COMMANDS.contains(quoted)) {
            let commands = commands(quoted).into_iter();
            typed.extend(commands.map(|words| (format!("{page}: `{quoted}`"), words)));
        }
    }
    typed
}

#[test]
fn every_command_and_flag_exists() {
    let mut helps: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (place, words) in typed() {
        let Some((program, has_commands)) = PROGRAMS.iter().find(|(name, _)| words[0] == *name) else {
            continue;
        };
        let command = words.get(1).filter(|word| {
            *has_commands
                && word
                    .chars()
                    .all(|letter| letter.is_ascii_lowercase() || letter == '-')
        });
        let command = command
            .filter(|word| !word.starts_with('-'))
            .cloned()
            .unwrap_or_default();
        let help = helps
            .entry(((*program).to_owned(), command.clone()))
            .or_insert_with(|| {
                let mut help = process::command(binaries::binary(program).unwrap());
                help.args((!command.is_empty()).then_some(&command)).arg("--help");
                process::run(help).unwrap_or_else(|error| panic!("{place}: {error:#}"))
            });
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            let flag = flag.split('=').next().unwrap();
            let known = help.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
            assert!(
                known.into_iter().any(|word| word == flag),
                "{place}: {program} {command} has no {flag}"
            );
        }
        seen.insert(format!("{program} {command}"));
    }
    for command in [
        "acl-server token",
        "acl-server check-config",
        "flow-marker check",
        "flow-marker doctor",
    ] {
        assert!(seen.contains(command), "{seen:?}");
    }
}

/// What pages pass on to jq is there: the filters run on what an instance says that has something to complain of.
#[test]
fn every_filter_finds_what_it_looks_for() {
    let jq = binaries::or_left_out(binaries::system("jq", "jq"), "what filters find");
    let Some(jq) = jq else { return };
    let directory = tempfile::tempdir().unwrap();
    let marker = LocalFlowMarker::start(directory.path(), "marker", "").unwrap();
    lose_datagrams(&marker);
    let typed = typed();
    let mut tried = BTreeSet::new();
    for pair in typed.windows(2) {
        let [(place, words), (_, filter)] = pair else {
            continue;
        };
        let (Some(program), Some(command)) = (words.first(), words.get(1)) else {
            continue;
        };
        if program != "flow-marker" || filter.first().is_none_or(|word| word != "jq") {
            continue;
        }
        let mut pipe = process::command("sh");
        pipe.args([
            "-ec",
            "jq=$1 program=$2; shift 2; \"$program\" \"$@\" --url \"$URL\" | \"$jq\" -r \"$FILTER\"",
            "sh",
        ]);
        pipe.arg(&jq)
            .arg(binaries::binary(program).unwrap())
            .args(&words[1..]);
        pipe.env("URL", format!("http://{}", marker.http))
            .env("FILTER", filter.last().unwrap());
        let found = process::run(pipe).unwrap_or_else(|error| panic!("{place}: {error:#}"));
        assert!(
            !found.trim().is_empty() && found.lines().all(|line| line != "null"),
            "{place}: {filter:?}: {found}"
        );
        tried.insert(command.clone());
    }
    let expected = ["doctor", "shadow", "top"].map(str::to_owned);
    assert_eq!(tried, BTreeSet::from(expected));
}

/// Sends a hundred datagrams, but for most of them; the doctor has seen that then.
fn lose_datagrams(marker: &LocalFlowMarker) {
    let mut agent = Agent::new("127.0.0.1".parse().unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for n in 0..100 {
        let datagram = agent.datagram(Duration::from_millis(n), &[]);
        if n == 0 || n == 99 {
            socket.send_to(&datagram, marker.sflow).unwrap();
        }
    }
    wait::until_ok("the loss", Duration::from_secs(30), || {
        let report = marker.json("/doctor/json")?.to_string();
        Ok(report.contains("do not arrive").then_some(()))
    })
    .unwrap();
}

#[test]
fn every_request_with_curl_has_a_route() {
    let routes = |file: &str| {
        let text = fs::read_to_string(root().join("docs").join(file)).unwrap();
        let api: Value = serde_json::from_str(&text).unwrap();
        let paths = api["paths"].as_object().unwrap().iter();
        let routes = paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| (method.to_uppercase(), path.clone()))
        });
        routes.collect::<Vec<_>>()
    };
    let (marker, server) = (routes("openapi-flow-marker.json"), routes("openapi.json"));
    let mut asked = 0;
    for (place, words) in typed() {
        if words[0] != "curl" {
            continue;
        }
        let method = words
            .iter()
            .position(|word| word == "-X")
            .and_then(|at| words.get(at + 1));
        let has_data = words.iter().any(|word| ["-d", "--data"].contains(&word.as_str()));
        let method = method.map_or(if has_data { "POST" } else { "GET" }, String::as_str);
        for word in words
            .iter()
            .filter(|word| word.contains("://") || word.starts_with("$FM/"))
        {
            let rest = word.split_once("://").map_or(word.as_str(), |(_, rest)| rest);
            let Some((host, path)) = rest.split_once('/') else {
                continue;
            };
            let routes = if host == "$FM" || host.ends_with(":8008") {
                &marker
            } else if [":8080", ":8443", "localhost"]
                .iter()
                .any(|end| host.ends_with(end))
            {
                &server
            } else {
                continue;
            };
            let path = format!("/{}", path.split('?').next().unwrap());
            assert!(
                routes
                    .iter()
                    .any(|(known, route)| known == method && is_route(route, &path)),
                "{place}: {method} {path}: {words:?}"
            );
            asked += 1;
        }
    }
    assert!(asked > 20, "{asked}");
}

/// Whether `path` is one of the route, such as `/acl/{name}`.
fn is_route(route: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (route.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given))
                if wanted == given || wanted.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let anchors = |text: &str| -> BTreeSet<String> {
        let titles = text
            .lines()
            .filter_map(|line| Some(line.trim_start_matches('#')).filter(|rest| *rest != line));
        titles.map(anchor).collect()
    };
    for (page, text) in &pages {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            let (file, name) = target.split_once('#').unwrap_or((target, ""));
            let path = Path::new(page).parent().unwrap().join(file);
            let path = if file.is_empty() {
                PathBuf::from(page)
            } else {
                path
            };
            assert!(root().join(&path).exists(), "{page}: {target}");
            if !name.is_empty() {
                let text = &fs::read_to_string(root().join(&path)).unwrap();
                assert!(anchors(text).contains(name), "{page}: {target}");
            }
        }
    }
}

/// The name that a title has in links.
fn anchor(title: &str) -> String {
    let title = title.trim().to_lowercase();
    let kept = title
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

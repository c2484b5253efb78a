//! A hundred clients at once, of whom three send what only the tool refuses: nobody pays for a stranger's mistake.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which fail by panics"
)]

use std::fs;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tests::http;
use tests::local::{Home, LocalAclServer};

const CLIENTS: usize = 100;
const POISONED: [usize; 3] = [7, 48, 91];

/// What one of them sends.
fn lines(client: usize, poison: bool) -> Vec<String> {
    let comment = match poison && POISONED.contains(&client) {
        true => format!("# poison of client {client}"),
        false => format!("# client {client}"),
    };
    let rule = format!("-A FORWARD -i swp1 -d 198.51.100.{client}/32 -p udp --dport 53 -j DROP");
    vec!["[iptables]".to_owned(), comment, rule]
}

/// All send at the same moment, each with its token if there are any.
fn all_at_once(server: &LocalAclServer, tokens: &[String], poison: bool) -> Vec<http::Response> {
    let barrier = Arc::new(Barrier::new(CLIENTS));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (barrier, address) = (Arc::clone(&barrier), server.address);
            let token = tokens.get(client).cloned();
            thread::spawn(move || {
                let body = json!(lines(client, poison)).to_string();
                let path = format!("/acl/n{client}");
                barrier.wait();
                http::request_as(address, token.as_deref(), "PUT", &path, Some(body.as_bytes())).unwrap()
            })
        })
        .collect();
    clients.into_iter().map(|client| client.join().unwrap()).collect()
}

/// acl-server that knows a token a client, and those tokens.
fn start_with_tokens(home: &Home, tool_args: &str) -> (LocalAclServer, Vec<String>) {
    let (mut tokens, mut toml) = (Vec::new(), String::new());
    for client in 0..CLIENTS {
        let token = shared::serve::token::make("test_").unwrap();
        toml += &format!(
            "[[token]]\nname = \"client{client}\"\nsha256 = \"{}\"\nscopes = [\"read\", \"write\"]\n",
            token.hash
        );
        tokens.push(token.text);
    }
    let path = home.policy_dir().with_file_name("acl-server.toml");
    fs::write(&path, toml).unwrap();
    let mut command = home.command(tool_args).unwrap();
    command.arg("--config").arg(path);
    (home.spawn("acl-server", command).unwrap(), tokens)
}

/// Three are refused, each in its own words; all others are installed. Returns how often the tool ran for that.
fn three_of_a_hundred(tool_args: &str, with_tokens: bool) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::new(directory.path()).unwrap();
    let tool_args = format!("--delay 20 --refuse-if poison {tool_args}");
    let (server, tokens) = match with_tokens {
        true => start_with_tokens(&home, &tool_args),
        false => (home.start("acl-server", &tool_args).unwrap(), Vec::new()),
    };
    server.ready().unwrap();
    let before = home.runs().unwrap().len();
    for (client, reply) in all_at_once(&server, &tokens, true).iter().enumerate() {
        if !POISONED.contains(&client) {
            assert_eq!(reply.status, 201, "client {client}: {}", reply.text());
            continue;
        }
        assert_eq!(reply.status, 422, "client {client}: {}", reply.text());
        let problem = reply.json().unwrap();
        assert_eq!(problem["acl"], json!(format!("n{client}")));
        let words = match tool_args.contains("--vague") {
            true => "hardware sync failed".to_owned(),
            false => format!("# poison of client {client}"),
        };
        assert!(problem["output"].to_string().contains(&words), "{problem}");
        // Its own trouble alone.
        let others = POISONED.iter().filter(|other| **other != client);
        for other in others {
            let other = format!("client {other}'");
            assert!(!problem["output"].to_string().contains(&other), "{problem}");
        }
    }
    let files = home.files().unwrap();
    assert_eq!(files.len(), CLIENTS - POISONED.len());
    let runs = home.runs().unwrap();
    let last = runs.last().unwrap();
    assert_eq!(last["exit"], json!(0));
    let installed: std::collections::BTreeMap<_, _> = files.into_iter().collect();
    assert_eq!(last["at_start"], json!(installed));
    runs.len() - before
}

#[test]
fn exactly_the_offenders_are_refused() {
    for (tool_args, with_tokens) in [("", true), ("", false), ("--vague", true), ("--vague", false)] {
        let runs = three_of_a_hundred(tool_args, with_tokens);
        let tool = if tool_args.is_empty() {
            "names the offender"
        } else {
            "does not"
        };
        let who = if with_tokens { "100 tokens" } else { "loopback" };
        println!("3 poisoned of 100 ({who}), a tool that {tool}: {runs} runs of the tool");
    }
}

#[test]
fn somebody_elses_broken_file_is_nobodys_refusal() {
    for vague in ["", "--vague"] {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::new(directory.path()).unwrap();
        let foreign = home.policy_dir().join("20other.rules");
        let good = "[iptables]\n-A FORWARD -i swp9 -j ACCEPT\n";
        fs::write(&foreign, good).unwrap();
        let tool_args = format!("--delay 20 --refuse-if poison {vague}");
        let (server, tokens) = start_with_tokens(&home, &tool_args);
        server.ready().unwrap();
        let broken = format!("{good}-A FORWARD -m poison -j DROP\n");
        fs::write(&foreign, &broken).unwrap();
        let before = home.files().unwrap();
        let runs = home.runs().unwrap().len();
        for reply in all_at_once(&server, &tokens, false) {
            assert_eq!(reply.status, 503, "{}", reply.text());
            let problem = reply.json().unwrap();
            assert!(
                problem["type"].as_str().unwrap().ends_with("base-refused"),
                "{problem}"
            );
            assert!(reply.header("retry-after").is_some());
            let words = if vague.is_empty() {
                "poison"
            } else {
                "hardware sync failed"
            };
            assert!(problem["output"].to_string().contains(words), "{problem}");
        }
        println!(
            "a broken file of somebody else (tool {vague}): {} runs of the tool",
            home.runs().unwrap().len() - runs
        );
        assert_eq!(home.files().unwrap(), before);
        assert_eq!(http::get(server.address, "/readyz").unwrap().status, 503);
        // The switch's own people repair it, and nobody has to restart anything.
        fs::write(&foreign, good).unwrap();
        tests::wait::until("the repaired base", Duration::from_secs(30), || {
            http::get(server.address, "/readyz")
                .ok()
                .filter(|reply| reply.status == 200)
        })
        .unwrap();
        assert!(
            all_at_once(&server, &tokens, false)
                .iter()
                .all(|reply| reply.status == 201)
        );
        assert_eq!(home.files().unwrap().len(), CLIENTS + 1);
    }
}

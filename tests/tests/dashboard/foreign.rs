use std::time::Duration;

use serde_json::json;
use tests::stub::{Stub, response, send};
use tests::{http, wait};

use crate::world::{PATIENCE, SMALL, World};

/// A page of somebody else, that tries everything that pages can: scripts, and forms that need none.
const PAGE: &str = r##"<!doctype html><html lang="en"><title>elsewhere</title>
<iframe name="hidden"></iframe>
<form id="form" method="post" target="hidden" enctype="text/plain" action="http://TARGET/controls">
<input name='{"action":"drop","switch":"127.0.0.131","source":"10.1.1.1","ignored":"' value='"}'></form>
<form id="pause" method="post" target="hidden" action="http://TARGET/pause"><input name="who" value="evil"></form>
<script>
const target = "http://TARGET";
const tries = [
  ["PUT", "/pause", {"Content-Type": "application/json"}],
  ["PUT", "/pause", {}],
  ["POST", "/controls", {"Content-Type": "text/plain"}],
  ["DELETE", "/controls/CONTROL", {}],
  ["PUT", "/modes/mark", {"Content-Type": "application/json"}],
  ["GET", "/page/token", {}],
  ["GET", "/overview/json", {}],
];
(async () => {
  const said = [];
  for (const mode of ["cors", "no-cors"]) for (const [method, path, headers] of tries) {
    const body = method === "GET" || method === "DELETE" ? undefined : JSON.stringify({who: "evil", mode: "observe", action: "drop", switch: "127.0.0.131", source: "10.1.1.1"});
    try {
      const answer = await fetch(target + path, {method, headers, body, mode, credentials: "include"});
      said.push([mode, method, path, answer.type, answer.type === "opaque" ? "" : await answer.text()]);
    } catch (error) { said.push([mode, method, path, "error", String(error)]); }
  }
  for (const form of ["#form", "#pause"]) {
    const answered = new Promise(done => document.querySelector("iframe").addEventListener("load", done, {once: true}));
    document.querySelector(form).submit();
    await answered;
  }
  globalThis.said = said;
})();
</script>"##;

#[test]
fn a_page_of_another_origin_changes_nothing_and_reads_nothing() {
    let Some(mut world) = World::new(131, "", SMALL, &[]) else {
        return;
    };
    world
        .scene
        .elephant(0, 2_000_000_000, Duration::from_secs(600))
        .unwrap();
    let target = world.http();
    let control = wait::until_ok("a mark", PATIENCE, || {
        let controls = http::get(target, "/controls/json")?.json()?;
        let installed = controls
            .as_array()
            .unwrap()
            .iter()
            .find(|control| control["state"] == "installed");
        Ok(installed.map(|control| control["name"].as_str().unwrap().to_owned()))
    })
    .unwrap();
    let page = PAGE
        .replace("TARGET", &target.to_string())
        .replace("CONTROL", &control);
    // Of the same site, as everything on this machine is, and of another origin, both by address and by a name that
    // somebody has made ours.
    let elsewhere = Stub::start("127.0.0.1:0".parse().unwrap(), move |_, stream| {
        send(
            stream,
            &response("200 OK", &["Content-Type: text/html"], page.as_bytes()),
        );
    })
    .unwrap();
    world.browser.open(elsewhere.address, "/").unwrap();
    let said = world
        .browser
        .until("all tries", "return globalThis.said ?? null")
        .unwrap();
    assert_eq!(said.as_array().unwrap().len(), 14, "{said}");
    for one in said.as_array().unwrap() {
        // Nothing could be read: either the browser has kept it, or there was only an error.
        assert!(one[3] == "error" || one[3] == "opaque", "{one}");
    }
    let decisions = http::get(target, "/decisions/json").unwrap().text();
    assert!(!decisions.contains("evil"), "{decisions}");
    assert_eq!(
        http::get(target, "/pause").unwrap().json().unwrap()["paused"],
        json!(false)
    );
    let controls = http::get(target, "/controls/json").unwrap().json().unwrap();
    let controls = controls.as_array().unwrap();
    assert_eq!(controls.len(), 1, "{controls:?}");
    assert_eq!(
        (&controls[0]["name"], &controls[0]["state"]),
        (&json!(control), &json!("installed"))
    );
    assert_eq!(world.rules(0, "10.1.2").len(), 1);
}

#[test]
fn a_name_that_was_made_to_mean_us_is_refused() {
    let Some(world) = World::new(133, "", SMALL, &[]) else {
        return;
    };
    let target = world.http();
    // As a browser asks after somebody else's name has become our address.
    let ask = |host: &str, more: &str| {
        let request = format!(
            "PUT /pause HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}Content-Length: 2\r\n\r\n{{}}"
        );
        let answer = http::exchange(target, request.as_bytes(), PATIENCE).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let token = http::get(target, "/page/token").unwrap().json().unwrap();
    let token = token["token"].as_str().unwrap();
    let rebound = format!(
        "Origin: http://evil.example\r\nSec-Fetch-Site: same-origin\r\nX-Flow-Marker-Page: {token}\r\n"
    );
    let answer = ask("evil.example", &rebound);
    // Who speaks to a strange name is nobody that we know, and is told so.
    assert!(
        answer.starts_with("HTTP/1.1 401 ") && answer.contains("`evil.example`"),
        "{answer}"
    );
    assert_eq!(
        http::get(target, "/pause").unwrap().json().unwrap()["paused"],
        json!(false)
    );
    let own =
        format!("Origin: http://{target}\r\nSec-Fetch-Site: same-origin\r\nX-Flow-Marker-Page: {token}\r\n");
    let answer = ask(&target.to_string(), &own);
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

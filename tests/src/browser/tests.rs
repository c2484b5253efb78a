use std::io::Write as _;
use std::net::TcpStream;

use super::*;
use crate::stub::{Stub, response};
use crate::{binaries, process};

/// A page as strict as ours, with a fault of each kind that is to be found.
const PAGE: &str = r##"<!doctype html><html lang="en"><title>Faults</title>
<style>body { background: #fff; color: #222 } .faint { color: #999 } button:focus { outline: none } #tabs a:focus { outline: 2px solid #06c }
@media (prefers-color-scheme: dark) { body { background: #111; color: #eee } }</style>
<h1>Faults</h1><p class="faint">hardly seen</p><p style="opacity: .5">half there</p><p>well seen</p>
<button id="named">Press</button><button id="nameless"></button><input aria-label="word">
<nav id="tabs" aria-label="views"><a href="#a">A</a></nav><div tabindex="0">a stop</div>
<script src="/page.js"></script>"##;

const SCRIPT: &str = "document.querySelector('#named').onclick = () => { console.error('as wanted'); fetch(OTHER).catch(() => {}).then(() => { document.title = document.querySelector('input').value; }); };";

const POLICY: &str = "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src *";

fn send(stream: &mut TcpStream, kind: &str, body: &str) {
    let kind = format!("Content-Type: {kind}");
    stream
        .write_all(&response("200 OK", &[&kind, POLICY], body.as_bytes()))
        .unwrap();
}

fn start() -> Option<Browser> {
    binaries::or_left_out(Browser::start(), "no browser has looked")
}

#[test]
fn what_a_page_says_and_whom_it_asks_is_seen() {
    let Some(browser) = start() else { return };
    let anywhere = "127.0.0.1:0".parse().unwrap();
    let other = Stub::start(anywhere, |_, stream| send(stream, "text/plain", "other")).unwrap();
    let script = SCRIPT.replace("OTHER", &format!("'http://{}/'", other.address));
    let page = Stub::start(anywhere, move |head, stream| match head.split(' ').nth(1) {
        Some("/page.js") => send(stream, "text/javascript", &script),
        Some("/") => send(stream, "text/html", PAGE),
        _ => send(stream, "image/png", ""),
    });
    let page = page.unwrap();
    let origin = format!("http://{}", page.address);
    browser.open(page.address, "/").unwrap();
    let seen = browser.seen().unwrap();
    assert!(seen.complaints(&[]).is_empty(), "{seen:?}");
    assert!(seen.asked.contains(&format!("{origin}/page.js")), "{seen:?}");
    assert!(seen.outside(&origin).is_empty(), "{seen:?}");

    browser.type_into("input", "typed").unwrap();
    browser.click("#named").unwrap();
    browser
        .until("the title", "return document.title === 'typed'")
        .unwrap();
    let seen = browser.seen().unwrap();
    let complaints = seen.complaints(&["CORS", "net::ERR_FAILED"]);
    assert_eq!(complaints.len(), 1, "{seen:?}");
    assert!(complaints[0].text.contains("as wanted"), "{seen:?}");
    assert_eq!(seen.outside(&origin), [format!("http://{}/", other.address)]);
    // Each time only what is new.
    assert!(browser.seen().unwrap().console.is_empty());

    let faint = browser.faint().unwrap();
    assert_eq!(faint.len(), 2, "{faint:?}");
    assert!(
        faint[0].contains("hardly seen") && faint[0].contains(": 2.85"),
        "{faint:?}"
    );
    assert!(faint[1].contains("half there"), "{faint:?}");
    browser.scheme(Scheme::Dark).unwrap();
    assert_eq!(
        browser
            .run("return getComputedStyle(document.body).backgroundColor")
            .unwrap(),
        "rgb(17, 17, 17)"
    );
    assert_eq!(browser.faint().unwrap().len(), 1, "grey on black is well seen");
    let nameless = browser.nameless().unwrap();
    assert_eq!(nameless.len(), 2, "{nameless:?}");
    assert!(
        nameless.iter().any(|one| one.contains("id=\"nameless\"")),
        "{nameless:?}"
    );
    let (stops, wrong) = browser.keyboard().unwrap();
    assert_eq!((stops, wrong.len()), (5, 2), "{wrong:?}");
    assert!(
        wrong
            .iter()
            .all(|one| one.starts_with("does not show its focus: <button")),
        "{wrong:?}"
    );

    browser.size(390, 844).unwrap();
    assert_eq!(
        browser.run("return [innerWidth, innerHeight]").unwrap(),
        json!([390, 844])
    );
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("new/page.png");
    let size = browser.picture(&file).unwrap();
    let bytes = fs::read(&file).unwrap();
    assert_eq!(bytes.len(), size);
    // The size of a PNG stands in its first chunk.
    assert_eq!(bytes.get(16..24), Some(&[0, 0, 1, 134, 0, 0, 3, 76][..]));
}

#[test]
fn nothing_of_a_browser_is_left() {
    let Some(browser) = start() else { return };
    let directory = browser.driver.directory().to_owned();
    let name = directory.display().to_string();
    let alive = || {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let ours = pids.filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            process::exists(*pid) && String::from_utf8_lossy(&line).contains(&name)
        });
        ours.count()
    };
    assert!(alive() >= 2, "this test does not see what runs");
    drop(browser);
    wait::until("the browser to be gone", PATIENCE, || {
        (alive() == 0).then_some(())
    })
    .unwrap();
    assert!(!directory.exists());
}

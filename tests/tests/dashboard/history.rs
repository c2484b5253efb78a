use std::time::Duration;

use serde_json::Value;
use tests::{http, wait};

use crate::world::{PATIENCE, SMALL, World};

/// Decisions that the page shows.
const SHOWN: &str = "return document.querySelectorAll('[data-decision]').length";

#[test]
fn events_are_paged_back_and_exported_and_a_link_leads_to_a_moment() {
    let Some(mut world) = World::new(171, "", SMALL, &[]) else {
        return;
    };
    world
        .scene
        .elephant(0, 2_000_000_000, Duration::from_secs(600))
        .unwrap();
    let http = world.http();
    // More than one page of them.
    for turn in 0..70 {
        let who = serde_json::json!({ "who": format!("turn {turn}") });
        assert_eq!(http::put(http, "/pause", &who).unwrap().status / 100, 2);
        assert_eq!(http::delete(http, "/pause").unwrap().status / 100, 2);
    }
    world.view("events");
    world
        .browser
        .until(
            "a page",
            "return document.querySelectorAll('[data-decision]').length >= 100",
        )
        .unwrap();
    assert!(
        !world.browser.text().unwrap().contains("turn 3,")
            && !world.browser.text().unwrap().contains("turn 3\n")
    );
    let before = world.browser.run(SHOWN).unwrap().as_u64().unwrap();
    world.browser.click("#older").unwrap();
    let more = format!(
        "const n = document.querySelectorAll('[data-decision]').length; return n > {before} ? n : null"
    );
    world.browser.until("older ones", &more).unwrap();
    // Each turn may have been more than two decisions.
    wait::until_ok("the oldest", PATIENCE, || {
        let older = world
            .browser
            .run("const b = document.querySelector('#older'); b?.click(); return b === null")?;
        Ok((older == true).then_some(()))
    })
    .unwrap();
    let text = world.browser.text().unwrap();
    assert!(text.contains("turn 0"), "{text}");

    world.browser.run("const s = document.querySelector('#kind'); s.value = 'pause_begun'; s.dispatchEvent(new Event('change', {bubbles: true}))").unwrap();
    world.browser.until("only those", "const all = [...document.querySelectorAll('[data-decision]')]; return all.length > 0 && all.every(e => e.dataset.decision === 'pause_begun')").unwrap();

    // What is exported is caught before it becomes a file.
    world.browser.run("globalThis.saved = []; const make = URL.createObjectURL; URL.createObjectURL = blob => { blob.text().then(text => saved.push(text)); return make(blob); }").unwrap();
    world.browser.click("#export-csv").unwrap();
    let csv = world.browser.until("a file", "return saved[0] ?? null").unwrap();
    let csv = csv.as_str().unwrap();
    assert!(csv.lines().next().unwrap().contains("time"), "{csv}");
    assert_eq!(csv.matches("turn ").count(), 70, "{csv}");
    world.browser.click("#export-json").unwrap();
    let json = world
        .browser
        .until("another file", "return saved[1] ?? null")
        .unwrap();
    let json: Value = serde_json::from_str(json.as_str().unwrap()).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 70);

    // A moment for the ticket: by the link that the page gives.
    let at = json[0]["time"]
        .as_f64()
        .or_else(|| json[0]["first"].as_f64())
        .unwrap()
        / 1e9;
    world.browser.open(http, &format!("/#now?at={at:.0}")).unwrap();
    world.browser.until("that moment", "return document.querySelector('main[data-view=then]') && document.querySelectorAll('[data-decision]').length > 0 && Number(document.querySelector('#chart').dataset.points) > 0").unwrap();
    world.picture("then-1440-light");
    let text = world.browser.text().unwrap();
    assert!(text.contains("You look at") && text.contains("turn 69"), "{text}");
    world.view("now");
    world
        .browser
        .run("navigator.clipboard.writeText = async text => { globalThis.copied = text; }")
        .unwrap();
    world.browser.click("#copy-link").unwrap();
    let link = world.browser.until("the link", "return globalThis.copied ?? document.querySelector('#dialog[open] input[name=link]')?.value ?? null").unwrap();
    assert!(
        link.as_str()
            .unwrap()
            .contains(&format!("http://{http}/#now?at=")),
        "{link}"
    );
    world.fine(&[]);
}

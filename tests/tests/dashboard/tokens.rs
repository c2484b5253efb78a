use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use tests::browser::key;
use tests::process;

use crate::world::{SMALL, World};

/// A token and the entry that lets it in.
fn token(name: &str, scopes: &[&str]) -> (String, String) {
    let mut command = process::command(tests::binaries::binary("flow-marker").unwrap());
    command.args(["token", name]);
    command.args(scopes.iter().flat_map(|scope| ["--scope", *scope]));
    let said = process::run(command).unwrap();
    let token = said
        .split_whitespace()
        .find(|word| word.starts_with("fmtok_"))
        .unwrap();
    let entry = &said[said.find("[[token]]").unwrap()..];
    (token.to_owned(), entry.to_owned())
}

fn enter(world: &World, token: &str) {
    world
        .browser
        .until("the question", "return document.querySelector('#token').open")
        .unwrap();
    world
        .browser
        .type_into("#token input[name=token]", token)
        .unwrap();
    world.browser.press(key::ENTER).unwrap();
}

#[test]
fn where_tokens_are_needed_there_is_nothing_to_see_without_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tokens.toml");
    let (write, all) = token("writer", &["read", "write"]);
    let (read, one) = token("reader", &["read"]);
    std::fs::write(&file, all + "\n" + &one).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let toml = format!("[http]\ntokens_file = {:?}\n", file.display().to_string());
    let Some(world) = World::new(161, &toml, SMALL, &[]) else {
        return;
    };
    // A browser says so of every answer of 401 or 403.
    let refused = &["401", "403"];
    world.browser.open(world.http(), "/").unwrap();
    world
        .browser
        .until("the question", "return document.querySelector('#token').open")
        .unwrap();
    world.picture("token-1440-light");
    assert_eq!(world.browser.faint().unwrap(), Vec::<String>::new());
    assert_eq!(
        world
            .browser
            .run("return document.querySelectorAll('[data-answer], [data-control]').length")
            .unwrap(),
        0
    );
    let off = "return [...document.querySelectorAll('#pause, [data-action=release]')].every(e => e.disabled)";
    assert_eq!(world.browser.run(off).unwrap(), true, "a control without a token");

    enter(&world, "fmtok_wrong");
    let why = world.browser.until("the refusal", "const box = document.querySelector('#token'); return box.open && /token|credential/i.test(box.querySelector('.said')?.innerText ?? '') ? box.innerText : null").unwrap();
    assert!(why.as_str().unwrap().to_lowercase().contains("token"), "{why}");

    enter(&world, &read);
    world
        .browser
        .until(
            "answers",
            "return document.querySelectorAll('[data-answer]').length === 6",
        )
        .unwrap();
    world.browser.until("who it is", "return document.querySelector('#pause').title !== '' && !/not known/.test(document.querySelector('#pause').title)").unwrap();
    assert_eq!(
        world.browser.run(off).unwrap(),
        true,
        "a control for one that may only read"
    );
    assert_eq!(
        world
            .browser
            .run("return [sessionStorage.length, localStorage.length, document.cookie]")
            .unwrap(),
        json!([1, 0, ""])
    );
    // What the page does not offer the server does not take either.
    let forced = "return fetch('/pause', {method: 'PUT', headers: {Authorization: 'Bearer ' + sessionStorage.getItem('flow-marker-token')}, body: '{}'}).then(a => a.status)";
    assert_eq!(world.browser.run(forced).unwrap(), 403);
    let without = "return fetch('/overview/json').then(a => a.status)";
    assert_eq!(world.browser.run(without).unwrap(), 401);
    world.fine(refused);

    world.browser.run("[...document.querySelectorAll('header button')].find(e => e.innerText === 'Forget token').click()").unwrap();
    enter(&world, &write);
    world
        .browser
        .until(
            "a control",
            "return document.querySelector('#pause')?.disabled === false",
        )
        .unwrap();
    world.browser.click("#pause").unwrap();
    world
        .browser
        .until("the question", "return document.querySelector('#dialog').open")
        .unwrap();
    world
        .browser
        .click("#dialog button[data-action=confirm]")
        .unwrap();
    let banner = world
        .browser
        .until(
            "the banner",
            "return document.querySelector('#paused')?.innerText ?? null",
        )
        .unwrap();
    assert!(
        banner.as_str().unwrap().contains("writer"),
        "who it was is who the token is of: {banner}"
    );
    world.fine(refused);
}

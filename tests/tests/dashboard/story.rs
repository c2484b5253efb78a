use std::time::Duration;

use nix::sys::signal::Signal;
use tests::wait;

use crate::world::{DOWN, PATIENCE, SMALL, World};

/// Bits per second of an elephant: a fifth of its port.
const RATE: u64 = 2_000_000_000;

/// A script that says whether an element is there.
fn there(selector: &str) -> String {
    format!("return document.querySelector({selector:?}) !== null")
}

fn gone(selector: &str) -> String {
    format!("return document.querySelector({selector:?}) === null")
}

/// The row of a flow that begins with `source`, in a state.
fn row(source: &str, state: &str) -> String {
    format!("tr[data-flow^='{source} '][data-flow-state={state}]")
}

fn rules_come(world: &World, leaf: usize, text: &str) {
    wait::until("the rule on the switch", PATIENCE, || {
        (!world.rules(leaf, text).is_empty()).then_some(())
    })
    .unwrap();
}

fn rules_go(world: &World, leaf: usize, text: &str) {
    wait::until("the rule to be gone from the switch", PATIENCE, || {
        world.rules(leaf, text).is_empty().then_some(())
    })
    .unwrap();
}

/// The host of a flow's source, as rules have it.
fn host(source: &str) -> &str {
    source.split(':').next().unwrap()
}

fn chart_moves(world: &World) {
    const LATEST: &str = "return Number(document.querySelector('#chart')?.dataset.latest) || null";
    const SHAPE: &str = "return document.querySelector('#chart svg').innerHTML";
    let mut latest = world
        .browser
        .until("the chart", LATEST)
        .unwrap()
        .as_f64()
        .unwrap();
    let mut shape = world.browser.run(SHAPE).unwrap();
    for _ in 0..3 {
        let newer = format!(
            "const latest = Number(document.querySelector('#chart').dataset.latest); return latest > {latest} ? latest : null"
        );
        latest = world
            .browser
            .until("a newer point", &newer)
            .unwrap()
            .as_f64()
            .unwrap();
        let before = std::mem::replace(&mut shape, world.browser.run(SHAPE).unwrap());
        assert_ne!(
            before, shape,
            "there is a newer point, and the picture is the same"
        );
    }
}

#[test]
fn an_elephant_appears_turns_marked_and_disappears() {
    let Some(mut world) = World::new(101, "", SMALL, &[]) else {
        return;
    };
    world.view("now");
    chart_moves(&world);
    assert_eq!(
        world
            .browser
            .run("return document.querySelectorAll('[data-answer]').length")
            .unwrap(),
        6
    );

    // A switch that does not answer: the elephant is found, and what it has no mark for is said.
    world.scene.switches()[0]
        .server
        .process
        .signal(Signal::SIGSTOP)
        .unwrap();
    let (source, _) = world.scene.elephant(0, RATE, Duration::from_secs(900)).unwrap();
    let source = source.to_string();
    world.view(&format!("flows?search={source}"));
    world
        .browser
        .until("the elephant", &there(&row(&source, "found")))
        .unwrap();
    assert!(world.rules(0, host(&source)).is_empty());
    world.scene.switches()[0]
        .server
        .process
        .signal(Signal::SIGCONT)
        .unwrap();
    world
        .browser
        .until("it to be marked", &there(&row(&source, "marked")))
        .unwrap();
    rules_come(&world, 0, host(&source));
    let text = world
        .browser
        .run(&format!(
            "return document.querySelector({:?}).innerText",
            row(&source, "marked")
        ))
        .unwrap();
    assert!(
        text.as_str().unwrap().contains("marked"),
        "a state is a word: {text}"
    );
    world.view("now");
    world
        .browser
        .until("its control", &there("[data-control][data-state=installed]"))
        .unwrap();
    let table = world.browser.text().unwrap();
    assert!(
        table.contains(host(&source)) && table.contains("leaf1"),
        "{table}"
    );

    // It ends, and with it all that was made for it.
    world.scene.end().unwrap();
    rules_go(&world, 0, host(&source));
    world
        .browser
        .until("its control to be gone", &gone("[data-control]"))
        .unwrap();
    world.view(&format!("flows?search={source}"));
    world
        .browser
        .until(
            "its end",
            &format!(
                "return document.querySelector({:?}) ?? document.querySelector({:?}) === null",
                row(&source, "released"),
                format!("tr[data-flow^='{source} ']")
            ),
        )
        .unwrap();
    wait::until_ok("it to be gone", Duration::from_secs(120), || {
        Ok((world.browser.run(&gone(&format!("tr[data-flow^='{source} ']")))? == true).then_some(()))
    })
    .unwrap();
    world.fine(&[]);
}

/// Opens a dialog, answers it and waits until it is closed.
fn answer(world: &World, button: &str, fields: &[(&str, &str)]) {
    world.browser.click(button).unwrap();
    world
        .browser
        .until("the question", &there("#dialog[open]"))
        .unwrap();
    for (name, text) in fields {
        world
            .browser
            .type_into(&format!("#dialog input[name={name}]"), text)
            .unwrap();
    }
    world
        .browser
        .click("#dialog[open] button[data-action=confirm]")
        .unwrap();
    world
        .browser
        .until("the answer to be taken", &gone("#dialog[open]"))
        .unwrap();
}

#[test]
fn what_a_person_releases_and_pauses_is_gone_from_the_switches() {
    let Some(mut world) = World::new(111, "", SMALL, &[]) else {
        return;
    };
    let long = Duration::from_secs(600);
    let sources = [0, 1].map(|leaf| world.scene.elephant(leaf, RATE, long).unwrap().0.to_string());
    let hosts = [0, 1].map(|leaf| host(&sources[leaf]).to_owned());
    world.view("now");
    for leaf in [0, 1] {
        rules_come(&world, leaf, &hosts[leaf]);
    }
    let control = format!(
        "[...document.querySelectorAll('[data-control][data-state=installed]')].find(row => row.innerText.includes({:?}))",
        hosts[0]
    );
    let name = world
        .browser
        .until(
            "the control",
            &format!("return {control}?.dataset.control ?? null"),
        )
        .unwrap();
    let name = name.as_str().unwrap();
    answer(
        &world,
        &format!("[data-control='{name}'] button[data-action=release]"),
        &[],
    );
    rules_go(&world, 0, &hosts[0]);
    world
        .browser
        .until(
            "the control to be gone",
            &gone(&format!("[data-control='{name}'][data-state=installed]")),
        )
        .unwrap();
    assert_eq!(world.rules(1, &hosts[1]).len(), 1, "the other one stays");

    answer(
        &world,
        "#pause",
        &[("who", "night shift"), ("reason", "ticket 4711")],
    );
    let banner = world
        .browser
        .until(
            "the banner",
            "return document.querySelector('#paused[data-withdrawn=true]')?.innerText ?? null",
        )
        .unwrap();
    let banner = banner.as_str().unwrap().to_owned();
    assert!(
        banner.contains("night shift") && banner.contains("ticket 4711"),
        "{banner}"
    );
    for leaf in [0, 1] {
        assert!(
            world.rules(leaf, "").is_empty(),
            "a switch says that it is withdrawn, and is not"
        );
    }
    world
        .browser
        .until("no control", &gone("[data-control][data-state=installed]"))
        .unwrap();
    let causing = "return document.querySelector('[data-answer=causing]').innerText.includes('night shift')";
    world
        .browser
        .until("who has paused, as an answer", causing)
        .unwrap();

    answer(&world, "#resume", &[]);
    world.browser.until("the banner to go", &gone("#paused")).unwrap();
    rules_come(&world, 1, &hosts[1]);
    world
        .browser
        .until("a control", &there("[data-control][data-state=installed]"))
        .unwrap();
    world.fine(&[]);
}

#[test]
fn a_page_heals_after_a_restart_of_the_server() {
    let Some(mut world) = World::new(121, "", SMALL, &[]) else {
        return;
    };
    let (source, _) = world.scene.elephant(0, RATE, Duration::from_secs(600)).unwrap();
    world.view("now");
    world
        .browser
        .until("a control", &there("[data-control][data-state=installed]"))
        .unwrap();
    world
        .browser
        .run("globalThis.same = document.querySelector('#chart')")
        .unwrap();
    let before = world
        .browser
        .run("return Number(document.querySelector('#chart').dataset.latest)")
        .unwrap();
    world.fine(&[]);
    let addresses = world.scene.kill().unwrap();
    world.browser.until("the loss to be told", "return document.querySelector('#connection').dataset.state === 'lost' && document.querySelector('#old') !== null").unwrap();
    let banner = world
        .browser
        .run("return document.querySelector('#old').innerText")
        .unwrap();
    assert!(banner.as_str().unwrap().contains("No data for"), "{banner}");
    // A browser cannot be kept from saying that nobody answers.
    world.browser.seen().unwrap();
    world.scene.live(addresses).unwrap();
    let newer = format!(
        "return document.querySelector('#connection').dataset.state === 'live' && document.querySelector('#old') === null && Number(document.querySelector('#chart').dataset.latest) > {before}"
    );
    world.browser.until("it to be live again", &newer).unwrap();
    world
        .browser
        .until("the control", &there("[data-control][data-state=installed]"))
        .unwrap();
    assert!(world.browser.text().unwrap().contains(host(&source.to_string())));
    assert_eq!(
        world
            .browser
            .run("return globalThis.same === document.querySelector('#chart')")
            .unwrap(),
        true,
        "the page was loaded again"
    );
    world.fine(DOWN);
    // What a person does needs the token of the page, which is another one now.
    answer(&world, "#pause", &[("who", "me")]);
    rules_go(&world, 0, "");
    // Its old token is refused, once.
    world.fine(&["403"]);
}

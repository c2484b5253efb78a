use std::time::Duration;

use serde_json::{Value, json};
use tests::browser::{Scheme, key};
use tests::scene::{Elephant, Shape};
use tests::wait;

use crate::world::{SCREENS, SMALL, VIEWS, World, readme_picture};

/// A fabric with an elephant on each leaf, and both marked.
fn busy(first: u8) -> Option<World> {
    let mut world = World::new(first, "", SMALL, &[])?;
    for leaf in [0, 1] {
        world
            .scene
            .elephant(leaf, 2_000_000_000, Duration::from_secs(900))
            .unwrap();
    }
    world.view("now");
    world
        .browser
        .until(
            "marks",
            "return document.querySelectorAll('[data-control][data-state=installed]').length >= 2",
        )
        .unwrap();
    Some(world)
}

#[test]
fn every_view_fits_its_screen_light_and_dark() {
    let Some(world) = busy(141) else {
        return;
    };
    let drawn = "return Number(document.querySelector('#chart').dataset.points) >= 5";
    world
        .browser
        .until("something to see of the chart", drawn)
        .unwrap();
    for view in VIEWS {
        for (width, height, scheme) in SCREENS {
            world.browser.size(width, height).unwrap();
            world.browser.scheme(scheme).unwrap();
            world.view(view);
            // What comes after the first drawing, too.
            wait::pause(Duration::from_millis(300));
            // A slow machine may still be about to draw it anew.
            let is_first = view == "now" && width == 1440;
            let most = if is_first { height } else { u32::MAX };
            let fits = format!(
                "const {{scrollWidth: wide, scrollHeight: high}} = document.scrollingElement; return wide <= {width} && high <= {most}"
            );
            let found = world.browser.until("it to fit", &fits);
            found.unwrap_or_else(|error| panic!("{view} at {width}: {error:#}, {}", wider(&world, width)));
            world.picture(&format!("{view}-{width}-{}", scheme.name()));
        }
    }
    world.fine(&[]);
}

/// What is wider than the screen.
fn wider(world: &World, width: u32) -> Value {
    let script = format!(
        "return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > {width} + 1).slice(0, 5).map(e => e.outerHTML.slice(0, 120))"
    );
    world.browser.run(&script).unwrap()
}

#[test]
fn everybody_can_read_and_reach_everything() {
    let Some(world) = busy(145) else {
        return;
    };
    let mut wrong = Vec::new();
    for view in VIEWS {
        world.view(view);
        let page = world.browser.run(LANDMARKS).unwrap();
        let page = page.as_object().unwrap();
        assert_eq!(page["lang"], "en", "{view}");
        assert!(page["title"].as_str().unwrap().contains("flow-marker"), "{view}");
        assert_eq!(
            (&page["mains"], &page["headings"]),
            (&json!(1), &json!(1)),
            "{view}"
        );
        assert!(page["navigation"] != 0, "{view}");
        let told = |what: &str, list: Vec<String>| {
            list.into_iter()
                .map(|one| format!("{view}, {what}: {one}"))
                .collect::<Vec<_>>()
        };
        for scheme in [Scheme::Light, Scheme::Dark] {
            world.browser.scheme(scheme).unwrap();
            wrong.extend(told(
                &format!("{} contrast", scheme.name()),
                world.browser.faint().unwrap(),
            ));
        }
        wrong.extend(told("no name", world.browser.nameless().unwrap()));
        wrong.extend(told("no word", words(&world)));
        let (stops, list) = world.browser.keyboard().unwrap();
        assert!(stops > 8, "{view}: {stops} stops");
        wrong.extend(told("keyboard", list));
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{wrong:#?}");
    world.fine(&[]);
}

const LANDMARKS: &str = "return { lang: document.documentElement.lang, title: document.title, mains: document.querySelectorAll('main').length, headings: document.querySelectorAll('h1').length, navigation: document.querySelectorAll('nav[aria-label]').length }";

/// States and levels that are told by colour alone.
fn words(world: &World) -> Vec<String> {
    let script = "return [...document.querySelectorAll('[class*=level-], [class*=state-], .badge, [data-level], [data-state]')].filter(e => e.checkVisibility() && !/[a-z]{2,}/i.test(e.textContent)).map(e => e.outerHTML.slice(0, 160))";
    let found = world.browser.run(script).unwrap();
    found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_dialog_keeps_the_focus_and_closes_by_escape() {
    let Some(world) = busy(149) else {
        return;
    };
    const INSIDE: &str = "return document.querySelector('#dialog').contains(document.activeElement) || document.activeElement === document.body";
    for scheme in [Scheme::Light, Scheme::Dark] {
        world.browser.scheme(scheme).unwrap();
        world
            .browser
            .run("document.querySelector('#pause').focus()")
            .unwrap();
        world.browser.press(key::ENTER).unwrap();
        world
            .browser
            .until(
                "the question",
                "return document.querySelector('#dialog').matches(':modal')",
            )
            .unwrap();
        assert_eq!(
            world
                .browser
                .run("return document.querySelector('#dialog').contains(document.activeElement)")
                .unwrap(),
            true
        );
        assert_eq!(world.browser.faint().unwrap(), Vec::<String>::new());
        assert_eq!(world.browser.nameless().unwrap(), Vec::<String>::new());
        for _ in 0..8 {
            world.browser.press(key::TAB).unwrap();
            assert_eq!(
                world.browser.run(INSIDE).unwrap(),
                true,
                "{}",
                world
                    .browser
                    .run("return document.activeElement.outerHTML")
                    .unwrap()
            );
        }
        let (stops, wrong) = world.browser.keyboard().unwrap();
        assert!(stops >= 4 && wrong.is_empty(), "{stops} {wrong:#?}");
        world.picture(&format!("dialog-1440-{}", scheme.name()));
        world.browser.press(key::ESCAPE).unwrap();
        world
            .browser
            .until(
                "it to be closed",
                "return !document.querySelector('#dialog').open",
            )
            .unwrap();
        let back = "return document.activeElement.id === 'pause'";
        world.browser.until("the focus to go back", back).unwrap();
    }
    assert!(!world.rules(0, "").is_empty(), "what is cancelled is not done");
    // By keyboard alone: into the view, and along the chart.
    let drawn = "return Number(document.querySelector('#chart').dataset.points) >= 2";
    world.browser.until("something to go along", drawn).unwrap();
    world
        .browser
        .run("document.querySelector('#chart').focus()")
        .unwrap();
    world.browser.press("\u{E012}").unwrap();
    world
        .browser
        .until(
            "the cursor",
            "return document.querySelector('#chart').getAttribute('aria-valuetext') !== 'the latest values'",
        )
        .unwrap();
    world.fine(&[]);
}

/// The picture of the README is of a size that people wait for; it is made anew when that is asked for.
#[test]
fn the_picture_of_the_readme() {
    if std::env::var_os("UPDATE_SCREENSHOT").is_some() {
        make_picture();
    }
    let picture = std::fs::read(readme_picture()).unwrap();
    assert!(picture.len() < 300_000, "{} bytes", picture.len());
    // The size of a PNG stands in its first chunk.
    let [width, height] = [16, 20].map(|at| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap()));
    assert_eq!((width, height), (1440, 900));
}

/// What a fabric looks like after a while.
fn make_picture() {
    let seconds = Duration::from_secs;
    let elephant = |leaf, port, rate, from, lasts| Elephant {
        leaf,
        port,
        rate,
        span: (seconds(from), seconds(lasts)),
    };
    let elephants = [
        elephant(0, 3, 4_100_000_000, 20, 900),
        elephant(0, 7, 1_900_000_000, 45, 110),
        elephant(1, 2, 2_600_000_000, 70, 900),
        elephant(2, 9, 6_300_000_000, 95, 900),
        elephant(1, 12, 3_200_000_000, 120, 80),
        elephant(3, 5, 1_500_000_000, 150, 900),
        elephant(2, 4, 2_200_000_000, 200, 60),
    ];
    let shape = Shape {
        leaves: 4,
        flows: 300,
        rate: 6_000_000_000,
        ..SMALL
    };
    let Some(world) = World::new(151, "", shape, &elephants) else {
        return;
    };
    world.view("now");
    wait::pause(Duration::from_secs(240));
    // The span that shows it.
    world
        .browser
        .run("[...document.querySelectorAll('.choice button')].find(e => e.textContent === '5 min')?.click()")
        .unwrap();
    wait::pause(Duration::from_secs(3));
    world.browser.size(1440, 900).unwrap();
    world.browser.picture(&readme_picture()).unwrap();
}

//! Screens of all sizes: what must be seen is seen, and nothing that a terminal would obey.

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;
use serde_json::{Value, json};

use super::super::super::harmless::is_harmless;
use super::super::data::{Overview, Point, Search, Traffic};
use super::super::model::{Act, Found, News, State};
use super::*;

const SECOND: u64 = 1_000_000_000;
/// 2026-11-21 03:04:05 UTC.
const UTC: u64 = 1_795_230_245 * SECOND;
const NOW: Time = Time::from_nanos(100 * SECOND);

fn sample() -> Value {
    let place = json!({"ifindex": 3, "name": "swp3"});
    let flow = |sport: u16, rate: f64, state: &str, why: Option<&str>| {
        json!({
            "source": "10.0.0.1", "destination": "10.0.0.2", "protocol": "tcp", "sport": sport, "dport": 80,
            "agent": "10.9.0.1", "switch": "leaf1", "port": place, "rate": rate, "state": state, "evidence": 0.42,
            "since": UTC - 42 * SECOND, "control": null, "why": why,
        })
    };
    let answer =
        |question: &str, level: &str, text: &str| json!({"question": question, "level": level, "text": text});
    json!({
        "time": UTC, "started": UTC - 1000 * SECOND, "version": "0.1.0", "pause": null,
        "modes": {"mark": "act", "capture": "observe", "drop": "observe"},
        "answers": [
            answer("causing", "note", "1 mark is active."),
            answer("believe", "warn", "leaf3 has been silent for 42 s."),
            answer("hot", "bad", "leaf1 swp49 is at 97 % (out)."),
            answer("work", "ok", "All marks are seen downstream."),
            answer("broken", "ok", "Nothing."),
            answer("changed", "note", "1 mark began."),
        ],
        "traffic": {"marked": 2e9, "large": 5e8, "mice": 1.25e9},
        "counts": {"flows": 5000, "switches": 12, "agents": 11, "samples_per_second": 5100.0},
        "links": [{
            "agent": "10.9.0.1", "switch": "leaf1", "ifindex": 49, "port": "swp49", "speed": 10_000_000_000_u64,
            "in": 3e9, "out": 9.7e9, "utilisation": 0.97, "direction": "out", "discards": 1200.0, "errors": 0.0,
            "flows": [{"text": "10.0.0.1:5001 → 10.0.0.2:80 tcp", "rate": 4e9, "state": "marked"}],
        }],
        "flows": [
            flow(5001, 4e9, "marked", None), flow(5002, 2e9, "found", Some("over budget: 64 of 64")),
            flow(5003, 1e9, "evidence", None), flow(5004, 5e8, "seen", None),
        ],
        "controls": [{
            "name": "fm_m1", "kind": "mark", "agent": "10.9.0.1", "switch": "leaf1", "port": place,
            "what": "10.0.0.1:5001 → 10.0.0.2:80 tcp, DSCP 10", "state": "installed", "effect": "seen",
            "why": "12 MB in 0.41 s, 1.2 Gb/s, path sequence", "owner": "controller",
            "since": UTC - 300 * SECOND, "until": UTC + 15 * SECOND, "hits": 1234, "rate": 4e9, "error": null,
        }],
        "problems": [{
            "kind": "silent", "level": "warn", "agent": "10.9.0.3", "switch": "leaf3", "text": "nothing heard",
            "since": UTC - 42 * SECOND,
        }],
        "changes": [{
            "time": UTC - 20 * SECOND, "kind": "mark", "agent": "10.9.0.1", "switch": "leaf1", "text": "mark begun",
            "decision": 7, "count": 1,
        }],
    })
}

fn state(overview: &Value) -> State {
    let mut state = State::new(Tab::Flows, "");
    let point = |second| Point {
        time: UTC - second * SECOND,
        traffic: Traffic {
            marked: 2e9,
            large: 1e9,
            mice: 0.0,
        },
    };
    state.hear(News::History((1..300).rev().map(point).collect()), NOW);
    state.hear(News::Overview(Box::new(Overview::read(overview))), NOW);
    state.hear(News::Connection(Connection::Live), NOW);
    state
}

fn look() -> Look {
    Look {
        colour: true,
        keys: true,
        server: "http://127.0.0.1:8008/".to_owned(),
    }
}

fn buffer(state: &State, look: &Look, now: Time, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw(state, look, now, frame.buffer_mut()))
        .unwrap();
    terminal.backend().buffer().clone()
}

/// The lines of the screen a second later.
fn screen(state: &State, width: u16, height: u16) -> Vec<String> {
    let later = Time::from_nanos(101 * SECOND);
    let lines = lines(&buffer(state, &look(), later, width, height));
    assert_eq!(lines.len(), usize::from(height));
    for line in &lines {
        assert!(super::width(line) <= usize::from(width), "{line:?}");
        assert!(line.chars().all(is_harmless), "{line:?}");
    }
    lines
}

fn press(state: &mut State, keys: &str) {
    for key in keys.chars() {
        let code = if key == '\n' {
            KeyCode::Enter
        } else {
            KeyCode::Char(key)
        };
        assert_eq!(state.press(code.into(), NOW), Act::Nothing);
    }
}

#[test]
fn all_is_on_a_screen_of_80_by_24() {
    let shown = screen(&state(&sample()), 80, 24);
    let bar = |bar: &str| bar.repeat(43);
    let expected = [
        "03:04:05 UTC  live  mark act, capture observe, drop observe".to_owned(),
        "Causing note 1 mark is active.".to_owned(),
        "Believe WARN leaf3 has been silent for 42 s.".to_owned(),
        "Hot     BAD  leaf1 swp49 is at 97 % (out).".to_owned(),
        "Work    ok   All marks are seen downstream.".to_owned(),
        "Broken  ok   Nothing.".to_owned(),
        "Changed note 1 mark began.".to_owned(),
        format!("marked  2.00 Gb/s {} top 2.00 Gb/s", bar("█")),
        // Half of the scale, which all three have in common.
        format!("large    500 Mb/s {} last 5 min", bar("▅")),
        format!("mice    1.25 Gb/s {}▂", "▁".repeat(42)),
        "[1 Flows 4] 2 Links 1  3 Controls 1  4 Problems 1  5 Changes 1   by RATE▼".to_owned(),
        "FLOW                                 RATE▼  STATE           FOR  WHERE".to_owned(),
        "10.0.0.1:5001 → 10.0.0.2:80 tcp  4.00 Gb/s  marked         42 s  leaf1 swp3".to_owned(),
        "10.0.0.1:5002 → 10.0.0.2:80 tcp  2.00 Gb/s  found          42 s  leaf1 swp3".to_owned(),
        "10.0.0.1:5003 → 10.0.0.2:80 tcp  1.00 Gb/s  evid. 42 %     42 s  leaf1 swp3".to_owned(),
    ];
    for (line, expected) in shown.iter().zip(expected) {
        assert_eq!(*line, expected, "in\n{}", shown.join("\n"));
    }
    let last = shown.last().unwrap();
    assert!(
        last.starts_with("1-5 table") && last.ends_with("q quit"),
        "{last}"
    );
}

#[test]
fn a_large_screen_shows_two_tables_and_asks_in_whole_sentences() {
    let mut state = state(&sample());
    let shown = screen(&state, 180, 40).join("\n");
    for part in [
        "Do the controls work? ok   All marks",
        "12 switches, 11 agents, 5100 samples/s  http://127.0.0.1:8008/ 0.1.0",
        "over budget",
        "Controls 1\n",
        "10.0.0.1:5001 → 10.0.0.2:80 tcp, D…",
        "installed  seen",
    ] {
        assert!(shown.contains(part), "{part:?} is missing in\n{shown}");
    }
    press(&mut state, "2");
    let shown = screen(&state, 120, 40).join("\n");
    for part in ["[2 Links 1]", "97 % out", "Flows 4\n"] {
        assert!(shown.contains(part), "{part:?} is missing in\n{shown}");
    }
}

#[test]
fn a_small_screen_shows_answers_first_and_a_tiny_one_the_gravest() {
    let state = state(&sample());
    let shown = screen(&state, 40, 10);
    for (line, expected) in shown.iter().zip([
        "03:04:05 UTC  live  mark act, capture o…",
        "Causing note 1 mark is active.",
        "Believe WARN leaf3 has been silent for …",
        "Hot     BAD  leaf1 swp49 is at 97 % (ou…",
        "Work    ok   All marks are seen downstr…",
        "Broken  ok   Nothing.",
        "Changed note 1 mark began.",
        "marked 2.00G large 500M mice 1.25G",
        "[1 Flows 4]  by RATE▼",
        "10.0.0.1:5001 → …  4.00 Gb/s  marked",
    ]) {
        assert_eq!(line, expected);
    }
    let shown = screen(&state, 20, 5);
    let expected = [
        "03:04:05 UTC  live …",
        "Hot     BAD  leaf1 …",
        "Believe WARN leaf3 …",
        "Causing note 1 mark…",
        "Changed note 1 mark…",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn what_is_not_the_present_is_not_shown_as_if_it_were() {
    let mut state = state(&sample());
    let header = |state: &State, second: u64| {
        let now = Time::from_nanos(second * SECOND);
        let lines = lines(&buffer(state, &look(), now, 80, 24));
        (lines[0].clone(), lines[23].clone())
    };
    assert!(
        header(&state, 112).0.contains("live   12 s OLD"),
        "{:?}",
        header(&state, 112)
    );
    press(&mut state, " ");
    assert!(header(&state, 103).0.contains("DISPLAY PAUSED 3 s"));
    press(&mut state, " ");
    let lost = Connection::Lost {
        since: NOW,
        again: Time::from_nanos(115 * SECOND),
        why: "Connection refused".to_owned(),
    };
    state.hear(News::Connection(lost), NOW);
    let (header, footer) = header(&state, 110);
    assert!(header.contains("NO CONNECTION for 10 s"), "{header}");
    assert_eq!(footer, "again in 5 s: Connection refused");
    let mut paused = sample();
    paused["pause"] = json!({"who": "token:alice", "reason": "ticket 7"});
    let shown = screen(&self::state(&paused), 80, 24);
    assert!(
        shown[0].contains("CONTROL PAUSED by token:alice: ticket 7"),
        "{shown:?}"
    );
}

#[test]
fn a_filter_that_sees_only_some_flows_is_told() {
    let mut state = state(&sample());
    press(&mut state, "/5001\n");
    let found = |filter: &str, outcome| {
        let filter = filter.to_owned();
        News::Found(Found { filter, outcome })
    };
    let shown = |state: &State| {
        let shown = screen(state, 80, 24);
        (shown[10].clone(), shown[23].clone())
    };
    let (tabs, keys) = shown(&state);
    assert!(
        tabs.starts_with("[1 Flows 1/4]") && keys.starts_with("1-5 table"),
        "{tabs} {keys}"
    );
    state.hear(found("5001", Err("no answer".to_owned())), NOW);
    assert_eq!(shown(&state).1, "Only the largest flows were searched: no answer");
    let search = Search {
        total: 900,
        matching: 31,
        ..Search::default()
    };
    state.hear(found("5001", Ok(search.clone())), NOW);
    let (tabs, keys) = shown(&state);
    assert!(
        tabs.starts_with("[1 Flows 32/900]") && keys.starts_with("1-5 table"),
        "{tabs} {keys}"
    );
    // An answer to what nobody asks any more.
    state.hear(found("x", Err("no answer".to_owned())), NOW);
    assert!(shown(&state).0.starts_with("[1 Flows 1/4]"));
    state.hear(found("", Ok(search)), NOW);
    state.press(KeyCode::Esc.into(), NOW);
    assert!(shown(&state).0.starts_with("[1 Flows 4]"));
}

#[test]
fn overlays_tell_all() {
    let mut state = state(&sample());
    press(&mut state, "3\n");
    let shown = screen(&state, 80, 24).join("\n");
    for part in [
        "Control    mark fm_m1",
        "Why        12 MB in 0.41 s",
        "Hits       1234 packets",
        "Ends       in 15 s",
    ] {
        assert!(shown.contains(part), "{part:?} is missing in\n{shown}");
    }
    press(&mut state, "x/nothing like it");
    let shown = screen(&state, 80, 24);
    assert!(shown[12].starts_with("nothing that matches, of 1"), "{shown:?}");
    assert!(
        shown[23].starts_with("Show rows with: nothing like it█"),
        "{shown:?}"
    );
    let shown = screen(&state, 20, 5);
    assert!(shown[4].starts_with("Show rows with: not"), "{shown:?}");
    press(&mut state, "\na");
    let shown = screen(&state, 44, 24).join("\n");
    assert!(
        shown.contains("believe    leaf3 has been silent for 42 s.\nhot "),
        "{shown}"
    );
    press(&mut state, "x?");
    for (width, height) in [(80, 24), (80, 14)] {
        let shown = screen(&state, width, height).join("\n");
        assert!(shown.contains("pause the display; what is measured"), "{shown}");
    }
}

#[test]
fn names_from_the_network_do_nothing_to_the_terminal() {
    let hostile = "a\x1b]0;x\x07\x1b[2J\u{9b}2J\r\n\t\u{202e}z";
    let text = sample()
        .to_string()
        .replace("leaf1", &json!(hostile).to_string().replace('"', ""));
    let overview = serde_json::from_str(&text).unwrap();
    let mut state = state(&overview);
    for tab in "12345".chars() {
        press(&mut state, &tab.to_string());
        let shown = screen(&state, 200, 40).join("\n");
        assert!(tab == '4' || shown.contains("a·]0;x"), "{shown}");
    }
}

#[test]
fn colours_are_left_out_where_they_are_not_wanted() {
    let state = state(&sample());
    let colours = |colour| {
        let look = Look { colour, ..look() };
        let buffer = buffer(&state, &look, NOW, 120, 40);
        let cells = buffer.content().iter();
        cells
            .filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
            .count()
    };
    assert!(colours(true) > 50);
    assert_eq!(colours(false), 0);
}

/// A document with some of its parts replaced by others, chosen by `random`.
fn spoiled(value: &Value, random: &mut impl Iterator<Item = u8>) -> Value {
    let long = "東京 \x1b[31m".repeat(300);
    match random.next().unwrap_or(255) {
        0 => Value::Null,
        1 => json!(-1),
        2 => json!(u64::MAX),
        3 => json!(1e308),
        4 => json!(long),
        5 => json!([[], {}, 3, "x"]),
        6 => json!({"x": 1}),
        7 => json!(true),
        8 => json!(vec![value.clone(); 40]),
        _ => match value {
            Value::Array(all) => all.iter().map(|one| spoiled(one, random)).collect(),
            Value::Object(all) => {
                let all = all.iter();
                Value::Object(
                    all.map(|(name, one)| (name.clone(), spoiled(one, random)))
                        .collect(),
                )
            }
            same => same.clone(),
        },
    }
}

fn key() -> impl Strategy<Value = KeyEvent> {
    let codes = prop_oneof![
        "[ -~é東\u{0}-\u{1f}\u{202e}]".prop_map(|text| KeyCode::Char(text.chars().next().unwrap())),
        "[1-5<>r/ ?jkgGpqha]".prop_map(|text| KeyCode::Char(text.chars().next().unwrap())),
        prop::sample::select(vec![
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::Tab,
            KeyCode::BackTab,
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::PageUp,
            KeyCode::PageDown,
            KeyCode::Home,
            KeyCode::End,
            KeyCode::Left,
            KeyCode::Right,
            KeyCode::Backspace,
            KeyCode::Delete,
            KeyCode::F(5),
        ]),
    ];
    let modifiers = prop::sample::select(vec![
        KeyModifiers::NONE,
        KeyModifiers::NONE,
        KeyModifiers::SHIFT,
        KeyModifiers::CONTROL,
    ]);
    (codes, modifiers).prop_map(|(code, modifiers)| KeyEvent::new(code, modifiers))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_panics_and_nothing_escapes(
        (width, height) in prop_oneof![(0_u16..30, 0_u16..12), (0_u16..220, 0_u16..60)],
        keys in prop::collection::vec(key(), 0..24),
        random in prop::collection::vec(any::<u8>(), 0..200),
        again in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut state = state(&spoiled(&sample(), &mut random.into_iter().cycle().take(5000)));
        let next = Overview::read(&spoiled(&sample(), &mut again.into_iter().cycle().take(5000)));
        let mut next = Some(News::Overview(Box::new(next)));
        for (at, key) in keys.into_iter().enumerate() {
            state.press(key, NOW);
            screen(&state, width, height);
            if let Some(news) = next.take_if(|_| at == 8) {
                state.hear(news, NOW);
            }
        }
        screen(&state, width, height);
    }
}

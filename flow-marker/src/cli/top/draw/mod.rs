//! Draws the state: pure, for any size.
//!
//! What matters comes first and stays longest when there is little room: the time and whether what is shown is true, the six
//! answers, the traffic, and then the tables.

mod grid;
mod overlay;
mod traffic;
mod paint;

use ratatui::buffer::Buffer;

use super::data::{Answer, Level};
use super::model::{Connection, State};
use super::tables::{Tab, Table};
use super::text::{clock, count, span, width};
use crate::clock::Time;
use paint::{Canvas, INVERSE, PLAIN, Piece, STRONG, plain};

/// Two tables are beside each other from so many columns on.
const TWO_PANES: u16 = 120;

/// An overview that is older than this is no longer the present: one comes each second.
const OLD: u64 = 5;

/// The questions in their order: as the instance names them, in a word, and as one asks them.
const QUESTIONS: [(&str, &str, &str); 6] = [
    ("causing", "Causing", "Are we causing this?"),
    ("believe", "Believe", "Can I believe it?"),
    ("hot", "Hot", "What is hot?"),
    ("work", "Work", "Do the controls work?"),
    ("broken", "Broken", "What is broken?"),
    ("changed", "Changed", "What changed?"),
];

/// What does not depend on what happens.
#[derive(Debug, Clone)]
pub(super) struct Look {
    /// Colours may be used.
    pub(super) colour: bool,
    /// Somebody is there who can press keys.
    pub(super) keys: bool,
    /// The URL of the instance.
    pub(super) server: String,
}

/// Draws all of it.
pub(super) fn draw(state: &State, look: &Look, now: Time, buffer: &mut Buffer) {
    let mut canvas = Canvas::new(buffer, look.colour);
    let height = canvas.height();
    header(&mut canvas, state, look, now);
    let footer = u16::from(look.keys && height >= 12);
    let traffic = match height {
        20.. => traffic::ROWS,
        9..20 => 1,
        _ => 0,
    };
    let answers = height.saturating_sub(1 + traffic).min(6);
    let tables = 1 + answers + traffic;
    let rest = height.saturating_sub(tables + footer);
    answer(&mut canvas.rows(1, answers), &state.shown().overview.answers);
    traffic::draw(&mut canvas.rows(1 + answers, traffic), state.shown());
    match state.overlay {
        // There it could not be read.
        Some(kind) if rest < 8 => overlay::draw(&mut canvas.rows(0, height - footer), state, kind),
        Some(kind) => overlay::draw(&mut canvas.rows(tables, rest), state, kind),
        None => panes(&mut canvas.rows(tables, rest), state, look),
    }
    if footer > 0 {
        canvas.line(height - 1, &keys(state, now));
    } else if state.editing() {
        // Whoever types must see what.
        canvas.line(height.saturating_sub(1), &keys(state, now));
    }
}

/// What is drawn, as plain text without blanks at the ends of lines.
pub(super) fn lines(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area();
    let line = |row| {
        let mut text = String::new();
        let mut column = area.left();
        while let Some(cell) = buffer.cell((column, row)).filter(|_| column < area.right()) {
            text.push_str(cell.symbol());
            // A wide character has the next column as well.
            column += u16::try_from(width(cell.symbol())).unwrap_or(1).max(1);
        }
        text.trim_end().to_owned()
    };
    (area.top()..area.bottom()).map(line).collect()
}

fn header(canvas: &mut Canvas<'_>, state: &State, look: &Look, now: Time) {
    let (shown, bad) = (state.shown(), canvas.level(Level::Bad));
    let overview = &shown.overview;
    let mut pieces: Vec<Piece> = Vec::new();
    pieces.push(match shown.arrived {
        Some(_) => (format!("{} UTC", clock(overview.time)), STRONG),
        None => ("nothing yet".to_owned(), STRONG),
    });
    let age = shown.arrived.map(|arrived| now.since(arrived));
    let connection = match &state.connection {
        Connection::Lost { since, .. } => (format!(" NO CONNECTION for {} ", span(now.since(*since))), bad),
        Connection::Connecting => plain("connecting"),
        Connection::Live => ("live".to_owned(), canvas.level(Level::Ok)),
        Connection::Polling => ("polling".to_owned(), canvas.level(Level::Ok)),
        Connection::Once => plain(""),
    };
    pieces.extend(Some(connection).filter(|(text, _)| !text.is_empty()));
    if let Some(since) = state.frozen() {
        let text = format!(" DISPLAY PAUSED {} ", span(now.since(since)));
        pieces.push((text, INVERSE.patch(STRONG)));
    } else if let Some(age) = age.filter(|age| age.as_secs() > OLD)
        && matches!(state.connection, Connection::Live)
    {
        pieces.push((format!(" {} OLD ", span(age)), bad));
    }
    if let Some(pause) = &overview.pause {
        let reason = if pause.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", pause.reason)
        };
        let warn = canvas.level(Level::Warn);
        pieces.push((format!("CONTROL PAUSED by {}{reason}", pause.who), warn));
    }
    let [mark, capture, drop] = &overview.modes;
    if !mark.is_empty() {
        pieces.push(plain(format!("mark {mark}, capture {capture}, drop {drop}")));
    }
    let [switches, agents, samples] = [overview.switches, overview.agents, overview.samples].map(count);
    if canvas.width() >= TWO_PANES && shown.arrived.is_some() {
        pieces.push(plain(format!(
            "{switches} switches, {agents} agents, {samples} samples/s"
        )));
        pieces.push(plain(format!("{} {}", look.server, overview.version)));
    }
    let between = plain("  ");
    let pieces: Vec<_> = pieces
        .into_iter()
        .flat_map(|piece| [piece, between.clone()])
        .collect();
    canvas.line(0, &pieces);
}

/// The answers in their order, or the gravest if there is no room for all.
fn answer(canvas: &mut Canvas<'_>, answers: &[Answer]) {
    let missing = Answer {
        level: Level::Note,
        text: "(no answer)".to_owned(),
        ..Answer::default()
    };
    let mut all: Vec<_> = QUESTIONS
        .iter()
        .map(|(name, word, question)| {
            let told = answers.iter().find(|answer| answer.question == *name);
            (word, question, told.unwrap_or(&missing))
        })
        .collect();
    if usize::from(canvas.height()) < all.len() {
        all.sort_by_key(|(_, _, answer)| std::cmp::Reverse(answer.level));
    }
    let wide = canvas.width() >= TWO_PANES;
    for (row, (word, question, answer)) in (0..canvas.height()).zip(all) {
        let asked = match wide {
            true => format!("{question:<22}"),
            false => format!("{word:<8}"),
        };
        let grade = (format!("{:<4}", answer.level.word()), canvas.level(answer.level));
        canvas.line(row, &[(asked, STRONG), grade, plain(" "), plain(&answer.text)]);
    }
}

/// The table in front, and another one beside it where there is room.
fn panes(canvas: &mut Canvas<'_>, state: &State, look: &Look) {
    let (width, height) = (canvas.width(), canvas.height());
    let (table, place) = state.table(state.tab);
    let selected = look.keys.then_some(place);
    // With two, the table in front has the wider half.
    let left = if width < TWO_PANES { width } else { width / 20 * 11 };
    let mut front = canvas.part(0, 0, left, height);
    front.line(0, &tabs(state, left));
    grid::draw(&mut front.rows(1, height.saturating_sub(1)), &table, selected);
    if width < TWO_PANES {
        return;
    }
    let (beside, _) = state.table(state.tab.companion());
    let mut right = canvas.part(left + 2, 0, width - left - 2, height);
    right.line(0, &[(title(&beside), STRONG)]);
    grid::draw(&mut right.rows(1, height.saturating_sub(1)), &beside, None);
}

/// `Flows 20`, or `Flows 3/20` where only some match.
fn title(table: &Table) -> String {
    let Table {
        tab, matching, total, ..
    } = table;
    match matching == total {
        true => format!("{} {total}", tab.title()),
        false => format!("{} {matching}/{total}", tab.title()),
    }
}

/// All tables with the numbers of their rows, or the one in front where there is no room for all.
fn tabs(state: &State, room: u16) -> Vec<Piece> {
    let one = |(key, tab): (usize, Tab)| {
        let (table, _) = state.table(tab);
        let title = title(&table);
        match tab == state.tab {
            true => (format!("[{key} {title}]"), INVERSE),
            false => (format!(" {key} {title} "), PLAIN),
        }
    };
    let mut pieces: Vec<Piece> = (1..).zip(Tab::ALL).map(one).collect();
    let taken: usize = pieces.iter().map(|(text, _)| width(text)).sum();
    if taken > room.into() {
        pieces.retain(|(_, style)| *style == INVERSE);
    }
    if !state.filter.is_empty() {
        pieces.push((format!(" /{}", state.filter), STRONG));
    }
    let (table, _) = state.table(state.tab);
    let column = state.tab.columns().get(table.order.column);
    if let Some(column) = column {
        pieces.push(plain(format!("  by {}{}", column.title, grid::arrow(&table))));
    }
    pieces
}

/// The last line: what keys do, unless there is something more urgent to say.
fn keys(state: &State, now: Time) -> Vec<Piece> {
    if state.editing() {
        return vec![
            (format!("Show rows with: {}█", state.filter), STRONG),
            plain("  Enter keeps it, Esc takes it back"),
        ];
    }
    if let Connection::Lost { again, why, .. } = &state.connection {
        return vec![plain(format!("again in {}: {why}", span(again.since(now))))];
    }
    if let Some(why) = state.not_found() {
        return vec![
            ("Only the largest flows were searched: ".to_owned(), STRONG),
            plain(why),
        ];
    }
    let keys = [
        ("1-5", "table"),
        ("< >", "sort"),
        ("r", "reverse"),
        ("/", "find"),
        ("space", "pause"),
        ("Enter", "more"),
        ("?", "help"),
        ("q", "quit"),
    ];
    let mut shown = Vec::new();
    for (key, does) in keys {
        let gap = if shown.is_empty() { "" } else { "  " };
        shown.push(plain(gap));
        shown.push((key.to_owned(), STRONG));
        shown.push(plain(format!(" {does}")));
    }
    shown
}

#[cfg(test)]
mod tests;

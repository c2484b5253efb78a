//! What is on the screen: keys and news in, nothing out but what drawing asks for. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::super::harmless::is_harmless;
use super::data::{Overview, Point, Search};
use super::tables::{Order, Tab, Table};
use crate::clock::Time;

/// Seconds of traffic that are shown.
pub(super) const HISTORY: u64 = 300;

/// Points that are kept: one a second, and as many again for an instance whose clock jumps.
const MOST_POINTS: usize = 600;

/// Characters of a filter: more than two IPv6 addresses with ports, less than any URL may have.
const LONGEST_FILTER: usize = 120;

/// Rows by which a page moves.
const PAGE: usize = 10;

/// How the instance is connected.
#[derive(Debug, Clone, Default)]
pub(super) enum Connection {
    /// It has not said anything yet.
    #[default]
    Connecting,
    /// It tells what is new.
    Live,
    /// It is asked now and then.
    Polling,
    /// It was asked, once.
    Once,
    /// It is not there.
    Lost {
        /// Since when.
        since: Time,
        /// When it is tried again.
        again: Time,
        why: String,
    },
}

/// What the feed tells.
#[derive(Debug)]
pub(super) enum News {
    Overview(Box<Overview>),
    /// The traffic of the last minutes, oldest first.
    History(Vec<Point>),
    Connection(Connection),
    /// What was looked for among all flows.
    Found(Found),
}

/// What the instance has found for a filter, or why it has not.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) filter: String,
    pub(super) outcome: Result<Search, String>,
}

/// What lies over the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overlay {
    Help,
    /// The six answers, whole.
    Answers,
    /// All of the selected row.
    Details,
}

/// What a key asks of whoever has the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Nothing,
    Quit,
    /// Ctrl-Z.
    Suspend,
    /// Ctrl-L: the screen was written over.
    Repaint,
}

/// What is known of the instance, as of one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    pub(super) overview: Arc<Overview>,
    /// Oldest first.
    pub(super) history: VecDeque<Point>,
    /// When the overview arrived; none before the first.
    pub(super) arrived: Option<Time>,
    /// What was looked for last.
    pub(super) found: Option<Arc<Found>>,
}

/// How one table is looked at.
#[derive(Debug, Clone)]
struct View {
    order: Order,
    /// The selected row; none is the first.
    selected: Option<String>,
}

/// All of it.
#[derive(Debug)]
pub(super) struct State {
    pub(super) tab: Tab,
    pub(super) overlay: Option<Overlay>,
    pub(super) connection: Connection,
    /// Its words are looked for in every row.
    pub(super) filter: String,
    /// While the filter is typed: what it was before.
    editing: Option<String>,
    latest: Shown,
    /// The display is paused: what it shows, and since when.
    frozen: Option<(Shown, Time)>,
    views: [View; Tab::ALL.len()],
}

impl State {
    pub(super) fn new(tab: Tab, filter: &str) -> Self {
        Self {
            tab,
            overlay: None,
            connection: Connection::default(),
            filter: filter
                .chars()
                .filter(|c| is_harmless(*c))
                .take(LONGEST_FILTER)
                .collect(),
            editing: None,
            latest: Shown::default(),
            frozen: None,
            views: Tab::ALL.map(|tab| View {
                order: tab.order(),
                selected: None,
            }),
        }
    }

    /// What is to be shown.
    pub(super) fn shown(&self) -> &Shown {
        self.frozen.as_ref().map_or(&self.latest, |(shown, _)| shown)
    }

    /// Since when the display is paused.
    pub(super) fn frozen(&self) -> Option<Time> {
        self.frozen.as_ref().map(|(_, since)| *since)
    }

    /// Whether the filter is being typed.
    pub(super) const fn editing(&self) -> bool {
        self.editing.is_some()
    }

    /// A table as it is to be shown, and the place of the selected row.
    pub(super) fn table(&self, tab: Tab) -> (Table, usize) {
        let view = self.view(tab);
        let order = view.map_or_else(|| tab.order(), |view| view.order);
        let found = self.found().and_then(|found| found.outcome.as_ref().ok());
        let filter = (&*self.filter, found);
        let table = Table::new(tab, &self.shown().overview, order, filter);
        let selected = view.and_then(|view| view.selected.as_ref());
        let place = table.rows.iter().position(|row| Some(&row.id) == selected);
        (table, place.unwrap_or_default())
    }

    /// What was found for the filter as it is.
    fn found(&self) -> Option<&Found> {
        let found = self.shown().found.as_deref();
        found.filter(|found| !self.filter.is_empty() && found.filter == self.filter)
    }

    /// Why the filter sees only the flows of the overview.
    pub(super) fn not_found(&self) -> Option<&str> {
        let why = self.found()?.outcome.as_ref().err()?;
        Some(why)
    }

    /// Whether the selected row of the table in front is no longer there.
    pub(super) fn is_gone(&self) -> bool {
        let selected = self.view(self.tab).and_then(|view| view.selected.as_ref());
        let (table, _) = self.table(self.tab);
        selected.is_some_and(|selected| table.rows.iter().all(|row| row.id != *selected))
    }

    fn view(&self, tab: Tab) -> Option<&View> {
        self.views.get(tab.index())
    }

    fn view_mut(&mut self) -> Option<&mut View> {
        self.views.get_mut(self.tab.index())
    }

    /// Takes what the feed tells, also while the display is paused.
    pub(super) fn hear(&mut self, news: News, now: Time) {
        match news {
            News::Overview(overview) => {
                self.remember(overview.point());
                self.latest.overview = Arc::from(overview);
                self.latest.arrived = Some(now);
            }
            News::History(points) => {
                self.latest.history.clear();
                for point in points {
                    self.remember(point);
                }
            }
            News::Connection(connection) => self.connection = connection,
            News::Found(found) => self.latest.found = Some(Arc::new(found)),
        }
    }

    fn remember(&mut self, point: Point) {
        let history = &mut self.latest.history;
        // A restarted instance may have another clock: then the past is not comparable.
        if history.back().is_some_and(|last| last.time > point.time) {
            history.clear();
        }
        if history.back().is_none_or(|last| last.time < point.time) {
            history.push_back(point);
        }
        while history.len() > MOST_POINTS {
            history.pop_front();
        }
    }

    /// A key was pressed.
    pub(super) fn press(&mut self, key: KeyEvent, now: Time) -> Act {
        if key.kind == KeyEventKind::Release {
            return Act::Nothing;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Act::Quit,
                KeyCode::Char('z') => Act::Suspend,
                KeyCode::Char('l') => Act::Repaint,
                KeyCode::Char('u') if self.editing() => {
                    self.filter.clear();
                    Act::Nothing
                }
                _ => Act::Nothing,
            };
        }
        match (self.editing(), self.overlay) {
            (true, _) => self.type_filter(key.code),
            (false, Some(_)) => return self.press_on_overlay(key.code, now),
            (false, None) => return self.command(key.code, now),
        }
        Act::Nothing
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter | KeyCode::Tab | KeyCode::Down => self.editing = None,
            KeyCode::Esc => self.filter = self.editing.take().unwrap_or_default(),
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(c) if is_harmless(c) && self.filter.chars().count() < LONGEST_FILTER => {
                self.filter.push(c);
            }
            _ => {}
        }
    }

    fn press_on_overlay(&mut self, code: KeyCode, now: Time) -> Act {
        match (code, self.overlay) {
            (KeyCode::Up | KeyCode::Down | KeyCode::Char('j' | 'k' | ' '), Some(Overlay::Details)) => {
                return self.command(code, now);
            }
            (KeyCode::Char('q'), Some(Overlay::Details)) => self.overlay = None,
            (KeyCode::Char('q'), _) => return Act::Quit,
            _ => self.overlay = None,
        }
        Act::Nothing
    }

    fn command(&mut self, code: KeyCode, now: Time) -> Act {
        match code {
            KeyCode::Char('q') => return Act::Quit,
            KeyCode::Char(digit @ '1'..='5') => {
                let tabs = Tab::ALL.into_iter().zip('1'..);
                self.tab = tabs
                    .filter(|(_, key)| *key == digit)
                    .map(|(tab, _)| tab)
                    .next()
                    .unwrap_or_default();
            }
            KeyCode::Tab => self.turn(1),
            KeyCode::BackTab => self.turn(Tab::ALL.len() - 1),
            KeyCode::Char('<' | ',') | KeyCode::Left => self.sort_beside(false),
            KeyCode::Char('>' | '.') | KeyCode::Right => self.sort_beside(true),
            KeyCode::Char('r') => {
                if let Some(view) = self.view_mut() {
                    view.order.descending = !view.order.descending;
                }
            }
            KeyCode::Char('/') => self.editing = Some(self.filter.clone()),
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Char(' ' | 'p') => {
                self.frozen = match self.frozen.take() {
                    None => Some((self.latest.clone(), now)),
                    Some(_) => None,
                };
            }
            KeyCode::Char('?' | 'h') => self.overlay = Some(Overlay::Help),
            KeyCode::Char('a') => self.overlay = Some(Overlay::Answers),
            KeyCode::Enter => {
                // From now on it is this row, wherever it goes.
                self.select(|place, _| place);
                self.overlay = Some(Overlay::Details);
            }
            KeyCode::Up | KeyCode::Char('k') => self.select(|place, _| place.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.select(|place, _| place + 1),
            KeyCode::PageUp => self.select(|place, _| place.saturating_sub(PAGE)),
            KeyCode::PageDown => self.select(|place, _| place + PAGE),
            KeyCode::Home | KeyCode::Char('g') => self.select(|_, _| 0),
            KeyCode::End | KeyCode::Char('G') => self.select(|_, last| last),
            _ => {}
        }
        Act::Nothing
    }

    /// So many tables further, around the end.
    fn turn(&mut self, by: usize) {
        let next = Tab::ALL.into_iter().cycle().skip(self.tab.index()).nth(by);
        self.tab = next.unwrap_or_default();
    }

    /// Sorts by the column on the right of the present one, or on the left.
    fn sort_beside(&mut self, right: bool) {
        let last = self.tab.columns().len().saturating_sub(1);
        if let Some(view) = self.view_mut() {
            view.order.column = match right {
                _ if view.order.column == Order::AS_TOLD => 0,
                true => (view.order.column + 1).min(last),
                false => view.order.column.saturating_sub(1),
            };
        }
    }

    /// Selects the row at the place that `place` makes of the present one and the last.
    fn select(&mut self, place: impl Fn(usize, usize) -> usize) {
        let (table, now) = self.table(self.tab);
        let last = table.rows.len().saturating_sub(1);
        let id = table
            .rows
            .get(place(now, last).min(last))
            .map(|row| row.id.clone());
        if let Some(view) = self.view_mut() {
            view.selected = id;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Time = Time::from_nanos(1_000_000_000);

    fn overview(time: u64, flows: &[(&str, f64)]) -> News {
        let flows: Vec<Value> = flows
            .iter()
            .map(|(source, rate)| json!({"source": source, "destination": "b", "rate": rate}))
            .collect();
        News::Overview(Box::new(Overview::read(&json!({"time": time, "flows": flows}))))
    }

    fn press(state: &mut State, keys: &str) {
        for key in keys.chars() {
            let code = match key {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '\x1b' => KeyCode::Esc,
                '\x08' => KeyCode::Backspace,
                key => KeyCode::Char(key),
            };
            assert_eq!(state.press(code.into(), NOW), Act::Nothing, "{key:?} of {keys:?}");
        }
    }

    fn order(state: &State) -> Vec<String> {
        let (table, _) = state.table(Tab::Flows);
        table
            .rows
            .into_iter()
            .map(|row| row.id.replace(" → b  ", ""))
            .collect()
    }

    fn selected(state: &State) -> String {
        let (table, place) = state.table(state.tab);
        table.rows[place].id.replace(" → b  ", "")
    }

    #[test]
    fn a_paused_display_stays_while_data_goes_on() {
        let mut state = State::new(Tab::Flows, "");
        state.hear(overview(1, &[("a", 1.0)]), NOW);
        press(&mut state, " ");
        state.hear(overview(2, &[("x", 1.0), ("y", 2.0)]), NOW);
        assert_eq!((order(&state), state.frozen()), (vec!["a".to_owned()], Some(NOW)));
        press(&mut state, " ");
        assert_eq!((order(&state).len(), state.frozen()), (2, None));
        assert_eq!(
            state.shown().history.len(),
            2,
            "and nothing of the past is missing"
        );
    }

    #[test]
    fn keys_sort_and_filter() {
        let mut state = State::new(Tab::Flows, "");
        state.hear(overview(1, &[("alpha", 1.0), ("beta", 3.0), ("gamma", 2.0)]), NOW);
        assert_eq!(order(&state), ["beta", "gamma", "alpha"]);
        press(&mut state, "r");
        assert_eq!(order(&state), ["alpha", "gamma", "beta"]);
        press(&mut state, "<r");
        assert_eq!(order(&state), ["gamma", "beta", "alpha"]);
        press(&mut state, "<<<<");
        assert_eq!(
            order(&state),
            ["gamma", "beta", "alpha"],
            "there is no other on the left"
        );
        press(&mut state, "/q3 \x08\x08\x08Eta");
        assert!(state.editing());
        assert_eq!(order(&state), ["beta"]);
        press(&mut state, "\n/x");
        assert_eq!(order(&state), [""; 0]);
        press(&mut state, "\x1b");
        assert_eq!((order(&state), state.editing()), (vec!["beta".to_owned()], false));
        press(&mut state, "\x1b");
        assert_eq!(order(&state).len(), 3);
    }

    #[test]
    fn the_selected_row_is_followed() {
        let mut state = State::new(Tab::Flows, "");
        state.hear(overview(1, &[("a", 3.0), ("b", 2.0), ("c", 1.0)]), NOW);
        press(&mut state, "jj\n");
        assert_eq!(
            (selected(&state), state.overlay),
            ("c".to_owned(), Some(Overlay::Details))
        );
        state.hear(overview(2, &[("a", 3.0), ("b", 2.0), ("c", 9.0)]), NOW);
        assert_eq!((selected(&state), state.is_gone()), ("c".to_owned(), false));
        state.hear(overview(3, &[("a", 3.0)]), NOW);
        assert!(state.is_gone());
        press(&mut state, "q");
        assert_eq!(state.overlay, None, "q closes it first");
        assert_eq!(state.press(KeyCode::Char('q').into(), NOW), Act::Quit);
    }

    #[test]
    fn tables_turn_around_the_end() {
        let mut state = State::new(Tab::Changes, "");
        press(&mut state, "\t\t");
        assert_eq!(state.tab, Tab::Links);
        state.press(KeyCode::BackTab.into(), NOW);
        state.press(KeyCode::BackTab.into(), NOW);
        assert_eq!(state.tab, Tab::Changes);
        press(&mut state, "3");
        assert_eq!(state.tab, Tab::Controls);
        let control = |key| KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL);
        assert_eq!(state.press(control('c'), NOW), Act::Quit);
        assert_eq!(state.press(control('z'), NOW), Act::Suspend);
        press(&mut state, "/");
        assert_eq!(state.press(control('c'), NOW), Act::Quit, "also while typing");
    }

    #[test]
    fn a_history_is_bounded_and_starts_again_with_another_clock() {
        let mut state = State::new(Tab::Flows, "");
        let point = |time| Point {
            time,
            ..Point::default()
        };
        state.hear(News::History((1..2000).map(point).collect()), NOW);
        state.hear(overview(1999, &[]), NOW);
        assert_eq!(state.shown().history.len(), MOST_POINTS);
        state.hear(overview(5, &[]), NOW);
        assert_eq!(state.shown().history.len(), 1);
    }
}

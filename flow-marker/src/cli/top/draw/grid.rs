//! A table: as many of its columns and rows as there is room for.

use ratatui::style::{Modifier, Style};

use super::super::rows::Row;
use super::super::tables::{Column, Table};
use super::super::text::{fit, width};
use super::paint::{Canvas, INVERSE, PLAIN};

/// Between columns.
const GAP: u16 = 2;

/// Draws the headings if there is room for them and a row, and the rows so that the selected one is among them.
pub(super) fn draw(canvas: &mut Canvas<'_>, table: &Table, selected: Option<usize>) {
    let columns = columns(table, canvas.width());
    let headings = u16::from(canvas.height() > 1);
    if headings > 0 {
        let heading = |column: &Column, at: usize| {
            let sorted = if table.order.column == at {
                arrow(table)
            } else {
                ""
            };
            format!("{}{sorted}", column.title)
        };
        let bold = Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED);
        canvas.highlight(0, bold);
        line(canvas, 0, &columns, |at, column| (heading(column, at), bold));
    }
    let height = usize::from(canvas.height().saturating_sub(headings));
    let first = selected
        .unwrap_or_default()
        .saturating_sub(height.saturating_sub(1));
    let rows = table.rows.iter().enumerate().skip(first).take(height);
    for (row, (place, content)) in (headings..).zip(rows) {
        let looks: Vec<_> = content
            .cells
            .iter()
            .map(|cell| cell.level.map_or(PLAIN, |level| canvas.level(level)))
            .collect();
        line(canvas, row, &columns, |at, _| {
            (
                cell(content, at).to_owned(),
                looks.get(at).copied().unwrap_or_default(),
            )
        });
        if selected == Some(place) {
            canvas.highlight(row, INVERSE);
        }
    }
    if table.rows.is_empty() {
        let nothing = match table.total {
            0 => "nothing".to_owned(),
            total => format!("nothing that matches, of {total}; Esc takes the filter away"),
        };
        canvas.text(0, headings, &fit(&nothing, canvas.width().into()), PLAIN);
    }
}

/// Which way a table is sorted.
pub(super) const fn arrow(table: &Table) -> &'static str {
    if table.order.descending { "▼" } else { "▲" }
}

fn cell(row: &Row, at: usize) -> &str {
    row.cells.get(at).map_or("", |cell| &cell.text)
}

fn line(
    canvas: &mut Canvas<'_>,
    row: u16,
    columns: &[(usize, &Column, u16)],
    content: impl Fn(usize, &Column) -> (String, Style),
) {
    let mut start = 0;
    for (at, column, room) in columns {
        let (text, style) = content(*at, column);
        let room = usize::from(*room);
        let text = fit(&text, room);
        let indent = if column.right {
            room.saturating_sub(width(&text))
        } else {
            0
        };
        canvas.text(start + indent, row, &text, style);
        start += room + usize::from(GAP);
    }
}

/// The columns that are shown, each with its place among all and its width.
///
/// They are taken by rank until there is no room for the next; what is left goes to the first by rank that want more.
fn columns(table: &Table, room: u16) -> Vec<(usize, &'static Column, u16)> {
    let mut all: Vec<_> = table.tab.columns().iter().enumerate().collect();
    let has_text = |at| table.rows.iter().any(|row| !cell(row, at).is_empty());
    all.retain(|(at, _)| table.rows.is_empty() || table.order.column == *at || has_text(*at));
    all.sort_by_key(|(_, column)| column.rank);
    let mut left = room;
    let mut chosen: Vec<(usize, &Column, u16)> = Vec::new();
    for (at, column) in all {
        let mut least = column.least.min(wanted(table, at, column));
        if chosen.is_empty() {
            // What it is about must be recognised; beside it there is room for two figures.
            least = least.max(wanted(table, at, column).min(room / 5 * 2)).min(room);
        }
        let gap = if chosen.is_empty() { 0 } else { GAP };
        let Some(rest) = left.checked_sub(least.saturating_add(gap)) else {
            break;
        };
        left = rest;
        chosen.push((at, column, least));
    }
    for (at, column, width) in &mut chosen {
        let more = wanted(table, *at, column).saturating_sub(*width).min(left);
        *width += more;
        left -= more;
    }
    chosen.sort_by_key(|(at, ..)| *at);
    chosen
}

/// What a column would take at most, or nothing that is worth it.
fn wanted(table: &Table, at: usize, column: &Column) -> u16 {
    let heading = width(column.title) + usize::from(table.order.column == at);
    let widest = table.rows.iter().map(|row| width(cell(row, at))).max();
    let widest = widest.unwrap_or_default().max(heading);
    let fixed = if column.right { column.least } else { 0 };
    u16::try_from(widest)
        .unwrap_or(u16::MAX)
        .max(fixed)
        .min(column.most)
}

//! What lies over the tables: help, or all of one row.

use super::super::model::{Overlay, State};
use super::super::text::fit;
use super::paint::{Canvas, STRONG, plain, wrap};

/// Columns of the headings of details.
const HEADING: usize = 11;

const HELP: [(&str, &str); 12] = [
    ("1-5, Tab", "flows, links, controls, problems, changes"),
    ("< >", "sort by the column on the left, on the right"),
    ("r", "reverse the order"),
    ("/", "show only rows with all these words; Esc takes them away"),
    ("space", "pause the display; what is measured and done goes on"),
    ("up, down", "select a row (also j, k, PgUp, PgDn, Home, End)"),
    ("Enter", "all there is to say of the selected row"),
    ("a", "the six answers in full"),
    ("Ctrl-L", "draw the screen anew"),
    ("Ctrl-Z", "back to the shell; fg returns"),
    ("q, Ctrl-C", "quit"),
    ("any key", "closes this"),
];

/// Draws it, and nothing of what is below.
pub(super) fn draw(canvas: &mut Canvas<'_>, state: &State, kind: Overlay) {
    canvas.clear();
    match kind {
        Overlay::Help => {
            canvas.line(0, &[("Keys".to_owned(), STRONG)]);
            for (row, (key, does)) in (1..).zip(HELP) {
                canvas.line(row, &[(format!("{key:<10} "), STRONG), plain(does)]);
            }
        }
        Overlay::Answers => {
            let answers = state.shown().overview.answers.iter();
            paragraphs(
                canvas,
                answers.map(|answer| (answer.question.as_str(), answer.text.as_str())),
            );
        }
        Overlay::Details => details(canvas, state),
    }
}

fn details(canvas: &mut Canvas<'_>, state: &State) {
    let (table, place) = state.table(state.tab);
    let row = table.rows.get(place).filter(|_| !state.is_gone());
    let Some(row) = row else {
        return canvas.line(0, &[plain("It is no longer in the list. Any key closes this.")]);
    };
    let details = row.details.iter();
    paragraphs(canvas, details.map(|(heading, text)| (*heading, text.as_str())));
}

/// Texts with their headings beside them, whole as far as there is room.
fn paragraphs<'a>(canvas: &mut Canvas<'_>, all: impl Iterator<Item = (&'a str, &'a str)>) {
    let room = usize::from(canvas.width()).saturating_sub(HEADING);
    let parts = all.flat_map(|(heading, text)| {
        let headings = std::iter::once(heading).chain(std::iter::repeat(""));
        headings.zip(wrap(text, room))
    });
    for (next, (heading, part)) in (0..canvas.height()).zip(parts) {
        let heading = fit(heading, HEADING - 1);
        canvas.line(next, &[(format!("{heading:<HEADING$}"), STRONG), plain(part)]);
    }
}

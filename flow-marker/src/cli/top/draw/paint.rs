//! A part of the screen, and what things look like on it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::super::data::Level;
use super::super::text::{fit, width};

/// A piece of a line.
pub(super) type Piece = (String, Style);

/// A part of the screen. What is outside of it cannot be drawn.
#[derive(Debug)]
pub(super) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    colour: bool,
}

impl<'a> Canvas<'a> {
    /// All of `buffer`; without `colour` everything is told by words, weight and inversion.
    pub(super) const fn new(buffer: &'a mut Buffer, colour: bool) -> Self {
        let area = *buffer.area();
        Self { buffer, area, colour }
    }

    pub(super) const fn width(&self) -> u16 {
        self.area.width
    }

    pub(super) const fn height(&self) -> u16 {
        self.area.height
    }

    /// So many lines from `row` on, or what there is of them.
    pub(super) fn rows(&mut self, row: u16, height: u16) -> Canvas<'_> {
        let width = self.width();
        self.part(0, row, width, height)
    }

    /// A rectangle, or what there is of it.
    pub(super) fn part(&mut self, column: u16, row: u16, width: u16, height: u16) -> Canvas<'_> {
        let area = Rect {
            x: self.area.x.saturating_add(column),
            y: self.area.y.saturating_add(row),
            width,
            height,
        };
        Canvas {
            area: area.intersection(self.area),
            buffer: self.buffer,
            colour: self.colour,
        }
    }

    /// Draws pieces one after the other in a line; what there is no room for is told by an ellipsis.
    pub(super) fn line(&mut self, row: u16, pieces: &[Piece]) {
        let mut column = 0;
        for (at, (text, style)) in pieces.iter().enumerate() {
            let room = usize::from(self.width()).saturating_sub(column);
            let more = pieces.get(at + 1..).unwrap_or_default();
            let more = more.iter().any(|(text, _)| !text.trim().is_empty());
            let whole = width(text);
            // The ellipsis for what follows takes a column of this one.
            if whole > room || (whole == room && more) {
                self.text(column, row, &fit(&format!("{text}…"), room), *style);
                return;
            }
            self.text(column, row, text, *style);
            column += whole;
        }
    }

    /// Draws a text from `column` on, to the end of the line at most.
    pub(super) fn text(&mut self, column: usize, row: u16, text: &str, style: Style) {
        let Ok(column) = u16::try_from(column) else { return };
        if column < self.area.width && row < self.area.height {
            let room = usize::from(self.area.width - column);
            self.buffer
                .set_stringn(self.area.x + column, self.area.y + row, text, room, style);
        }
    }

    /// Takes away what was drawn.
    pub(super) fn clear(&mut self) {
        for position in self.area.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
            }
        }
    }

    /// Gives a whole line a look.
    pub(super) fn highlight(&mut self, row: u16, style: Style) {
        let area = self.rows(row, 1).area;
        self.buffer.set_style(area, style);
    }

    /// How something of this level looks.
    pub(super) fn level(&self, level: Level) -> Style {
        match level {
            Level::Ok => self.coloured(Color::Green),
            Level::Note => self.coloured(Color::Cyan),
            Level::Warn => self.coloured(Color::Yellow).add_modifier(Modifier::BOLD),
            Level::Bad => self
                .coloured(Color::Red)
                .add_modifier(Modifier::BOLD | Modifier::REVERSED),
        }
    }

    /// In this colour where there are colours.
    pub(super) fn coloured(&self, colour: Color) -> Style {
        match self.colour {
            true => Style::new().fg(colour),
            false => Style::new(),
        }
    }
}

/// What is to be noticed.
pub(super) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// What is in front, or selected.
pub(super) const INVERSE: Style = Style::new().add_modifier(Modifier::REVERSED);

/// What is not to be noticed.
pub(super) const PLAIN: Style = Style::new();

/// A piece that looks like any other.
pub(super) fn plain(text: impl Into<String>) -> Piece {
    (text.into(), PLAIN)
}

/// Breaks a text into lines of at most so many columns, between words where there are any.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    // One wide character is always taken.
    let columns = columns.max(2);
    let mut lines = vec![String::new()];
    let break_before = |line: &str, word: &str| !line.is_empty() && width(line) + 1 + width(word) > columns;
    for word in text.split_whitespace() {
        let mut rest = word.to_owned();
        while let Some(line) = lines.last_mut() {
            if break_before(line, &rest) {
                lines.push(String::new());
                continue;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            if width(&rest) <= columns {
                line.push_str(&rest);
                break;
            }
            // A word that is longer than a line.
            let fitting = fit(&rest, columns).chars().count().saturating_sub(1).max(1);
            line.extend(rest.chars().take(fitting));
            rest = rest.chars().skip(fitting).collect();
            lines.push(String::new());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_broken_between_words_where_there_are_any() {
        assert_eq!(wrap("the queue is full", 9), ["the queue", "is full"]);
        assert_eq!(wrap("abcdefgh ij", 4), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("東京 x", 0), ["東", "京", "x"]);
    }

    #[test]
    fn a_line_ends_with_an_ellipsis_where_something_is_cut_off() {
        for (pieces, shown) in [
            (&["abc", "de"][..], "abcde "),
            (&["abc", "def"], "abcdef"),
            (&["abc", "def", "g"], "abcde…"),
            (&["abc", "def", " "], "abcdef"),
            (&["abcdefg"], "abcde…"),
        ] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
            let pieces: Vec<_> = pieces.iter().copied().map(plain).collect();
            Canvas::new(&mut buffer, true).line(0, &pieces);
            assert_eq!(buffer, Buffer::with_lines([shown]));
        }
    }
}

//! Tables for spreadsheets: CSV as RFC 4180 has it, with a line of names.
//!
//! A text that a spreadsheet would take for a formula (`=`, `+`, `-`, `@` at its beginning) gets an apostrophe in front: names of
//! flows and reasons are written by others. Numbers and addresses are as they are.

use std::time::Duration;

use serde_json::Value;

use crate::history::Row;
use crate::utc::Utc;

/// What becomes of a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell {
    /// It is as it is.
    Plain,
    /// A moment in nanoseconds since 1970 (UTC) becomes one that people read.
    Nanoseconds,
    /// As that, in milliseconds.
    Milliseconds,
}

/// The name of a column, where its value is in the document (RFC 6901), and what becomes of it.
pub(super) type Column = (&'static str, &'static str, Cell);

/// A table of documents.
pub(super) fn table(columns: &[Column], rows: &[Row]) -> String {
    let names: Vec<_> = columns.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let mut text = names.join(",");
    text.push_str("\r\n");
    for row in rows {
        let document: Value = serde_json::from_slice(&row.json).unwrap_or_default();
        for (n, (_, place, cell)) in columns.iter().enumerate() {
            if n > 0 {
                text.push(',');
            }
            push(&mut text, document.pointer(place).unwrap_or(&Value::Null), *cell);
        }
        text.push_str("\r\n");
    }
    text
}

fn push(text: &mut String, value: &Value, cell: Cell) {
    let moment = |span: Duration| format!("{}.{:03}Z", Utc(span), span.subsec_millis());
    let number = value.as_u64();
    match (value, cell, number) {
        (Value::Null, ..) => {}
        (_, Cell::Nanoseconds, Some(ns)) => text.push_str(&moment(Duration::from_nanos(ns))),
        (_, Cell::Milliseconds, Some(ms)) => text.push_str(&moment(Duration::from_millis(ms))),
        (Value::String(word), ..) => push_word(text, word),
        (other, ..) => text.push_str(&other.to_string()),
    }
}

fn push_word(text: &mut String, word: &str) {
    let word = match word.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        true => &format!("'{word}"),
        false => word,
    };
    let is_plain = !word.contains(['"', ',', '\r', '\n']) && word.trim() == word;
    match is_plain {
        true => text.push_str(word),
        false => {
            text.push('"');
            text.push_str(&word.replace('"', "\"\""));
            text.push('"');
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_have_written_stays_in_its_cell_and_is_no_formula() {
        let columns: &[Column] = &[
            ("a", "/a", Cell::Plain),
            ("b", "/b/c", Cell::Plain),
            ("t", "/t", Cell::Nanoseconds),
        ];
        let row = |value: Value| Row {
            id: 1,
            time: 0,
            json: value.to_string().into_bytes(),
        };
        let cells = |a: &str| {
            let text = table(columns, &[row(json!({"a": a}))]);
            text.strip_prefix("a,b,t\r\n").unwrap().to_owned()
        };
        for (text, cell) in [
            ("10.0.0.1", "10.0.0.1,,\r\n"),
            ("2001:db8::1", "2001:db8::1,,\r\n"),
            ("a,b", "\"a,b\",,\r\n"),
            ("say \"no\"", "\"say \"\"no\"\"\",,\r\n"),
            ("two\r\nlines", "\"two\r\nlines\",,\r\n"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0,,\r\n"),
            ("@SUM(1,2)", "\"'@SUM(1,2)\",,\r\n"),
            ("-2+3", "'-2+3,,\r\n"),
            ("\t=1", "'\t=1,,\r\n"),
            (" padded", "\" padded\",,\r\n"),
        ] {
            assert_eq!(cells(text), cell, "{text:?}");
        }
        let numbers = table(
            columns,
            &[row(
                json!({"a": -1.5, "b": {"c": true}, "t": 951_782_400_123_456_789_u64}),
            )],
        );
        assert!(
            numbers.ends_with("-1.5,true,2000-02-29T00:00:00.123Z\r\n"),
            "{numbers}"
        );
        assert_eq!(table(columns, &[]), "a,b,t\r\n");
    }
}

//! Text from the network, printed so that a terminal only shows it.

use anyhow::Context as _;
use serde::de::IgnoredAny;

/// Not a control character, not a line or paragraph separator, nothing that has no width or changes directions.
pub(super) fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Lines of text, without what a terminal would obey or misplace.
pub(super) fn lines(text: &str) -> String {
    let harmless = |c: char| match c {
        '\n' | '\t' => c,
        c if is_harmless(c) => c,
        _ => '·',
    };
    text.chars().map(harmless).collect()
}

/// The same document in harmless characters: others are only in strings, where they have escapes (RFC 8259 §7).
///
/// # Errors
/// It is no JSON.
pub(super) fn json(document: &str) -> anyhow::Result<String> {
    serde_json::from_str::<IgnoredAny>(document).context("the answer is no JSON")?;
    let mut text = String::with_capacity(document.len());
    for c in document.chars() {
        match c {
            '\n' | '\r' | '\t' => text.push(c),
            c if is_harmless(c) => text.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn lines_stay_lines_and_nothing_is_obeyed() {
        assert_eq!(
            lines("leaf1\x1b]0;x\x07\n\tswp1\r\u{9b}2J\u{202e}é"),
            "leaf1·]0;x·\n\tswp1··2J·é"
        );
    }

    #[test]
    fn a_document_stays_what_it_is() {
        let hostile =
            serde_json::json!({"name\u{9b}": ["\u{1b}[2J", "\u{85}\u{7f}\u{202e}\u{e0041}é東", "\\u0041"]});
        let pretty = serde_json::to_string_pretty(&hostile).unwrap();
        for document in [hostile.to_string(), pretty.replace('\n', "\r\n\t")] {
            let shown = json(&document).unwrap();
            assert!(
                shown.chars().all(|c| is_harmless(c) || "\r\n\t".contains(c)),
                "{shown:?}"
            );
            assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), hostile);
        }
        for nonsense in ["", "{\"a\": \"\x1b[2J\"}", "\x1b[2J{}", "{} \u{9b}"] {
            assert!(json(nonsense).is_err(), "{nonsense:?}");
        }
        let clean = "{ \"a\": [1, 2.50] }\n";
        assert_eq!(json(clean).unwrap(), clean, "as it was given");
    }
}

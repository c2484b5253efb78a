//! Mistakes as people who wrote the file read them: what a deserializer says of Rust's types, in words of the file, and with
//! what was probably meant.

/// Where a mistake is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The key whose value it is about.
    pub(super) key: Option<&'a str>,
    /// The section in whose heading it is.
    pub(super) section: Option<&'a str>,
    /// What stands there.
    pub(super) written: &'a str,
}

/// What is wrong, beginning with the key that it is about.
pub(super) fn explain(message: &str, place: Place<'_>) -> String {
    if let Some((word, allowed)) = unknown(message, "field") {
        let better = match closest(word, &allowed) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("what can be said here: {}", allowed.join(", ")),
        };
        return format!("unknown key `{word}`; {better}");
    }
    if let Some(key) = between(message, "missing field `", "`") {
        return format!("`{key}` is missing");
    }
    let text = value(message, place);
    match place.key {
        // Some say already whose value it is.
        Some(key) if !text.contains(&format!("`{key}`")) => format!("`{key}`: {text}"),
        _ => text,
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.strip_suffix(after)
}

/// The word that is not known, and those that are. `kind` is what serde calls it.
fn unknown<'a>(message: &'a str, kind: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let rest = message.strip_prefix("unknown ")?.strip_prefix(kind)?;
    let (word, expected) = rest.strip_prefix(" `")?.rsplit_once("`, expected ")?;
    Some((word, expected.split('`').skip(1).step_by(2).collect()))
}

/// The one that was probably meant: a slip or two away, or the same beginning.
fn closest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let word = plain(word);
    let slips = |known: &str| strsim::osa_distance(&word, &plain(known));
    let (slip, close) = known.iter().map(|known| (slips(known), *known)).min()?;
    if slip <= (word.len().max(close.len()) / 3).min(3) {
        return Some(close);
    }
    let begins = |known: &&&str| word.len() > 2 && (known.starts_with(&word) || word.starts_with(*known));
    known.iter().find(begins).copied()
}

/// What is wrong with a value.
fn value(message: &str, place: Place<'_>) -> String {
    if let Some((word, allowed)) = unknown(message, "variant") {
        let quoted: Vec<String> = allowed.iter().map(|word| format!("{word:?}")).collect();
        let text = match &quoted[..] {
            [one, other] => format!("{word:?} is neither {one} nor {other}"),
            _ => format!("{word:?} is none of {}", quoted.join(", ")),
        };
        return match closest(word, &allowed) {
            Some(close) => format!("{text}; did you mean {close:?}?"),
            None => text,
        };
    }
    let misfit = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "));
    if let Some((found, expected)) = misfit {
        return unfit(found, expected, place);
    }
    let written = place.written;
    match message {
        "invalid IPv4 address syntax" => format!("{written} is no IPv4 address such as \"10.0.0.1\""),
        "invalid IP address syntax" => format!("{written} is no address or prefix such as \"10.0.0.1\""),
        "invalid socket address syntax" => {
            format!("{written} is no address with a port such as \"127.0.0.1:8080\" or \"[::1]:8080\"")
        }
        _ => message.lines().collect::<Vec<_>>().join(", "),
    }
}

/// `found` is not `expected`, both in serde's words.
fn unfit(found: &str, expected: &str, place: Place<'_>) -> String {
    let text = found.strip_prefix("string ");
    let inner = text.map(|text| text.trim_matches('"'));
    let number = between(found, "integer `", "`").or_else(|| between(found, "floating point `", "`"));
    let truth = between(found, "boolean `", "`");
    let name = place.section.or(place.key).unwrap_or("section");
    let what = text.or(number).or(truth).unwrap_or(match found {
        "sequence" => "a list",
        "map" => "a table",
        other => other,
    });
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    match (inner, expected) {
        (Some(word), "a boolean") => match word.to_lowercase().as_str() {
            "true" | "yes" | "on" => format!("{what} is a text; write true, without quotes"),
            "false" | "no" | "off" => format!("{what} is a text; write false, without quotes"),
            _ => format!("{what} is neither true nor false"),
        },
        (Some(word), expected) if is_number(word) && range(expected).contains("number") => {
            format!("{what} is a text; write {word}, without quotes")
        }
        (_, "a sequence") if found == "map" && place.section.is_some() => {
            format!("there may be several of it: write [[{name}]], in two pairs of brackets")
        }
        (_, "a sequence") => format!("{what} is no list; write [{what}]"),
        (_, expected) if expected.starts_with("struct ") => {
            format!("{what} is no section; write [{name}] on a line of its own, and what belongs to it below")
        }
        (None, "a string" | "path string") if number.or(truth).is_some() => {
            format!("{what} is no text; write \"{what}\", in quotes")
        }
        (_, expected) => format!("{what} is not {}", range(expected)),
    }
}

/// What a type of Rust can be, for people.
fn range(expected: &str) -> &str {
    match expected {
        "a string" => "a text in quotes",
        "path string" => "a path in quotes",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "a map" => "a table",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number of at least 0",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        other => other,
    }
}

//! Relaxed JSON (RFC 8259 with the liberties that sFlow-RT's clients take): keys without quotes, single quotes, a comma
//! after the last element. The depth is bounded, and a key that is there twice is an error.

use serde_json::{Map, Number, Value};

use super::error::WrongWord;

/// The deepest nesting: a topology has five levels.
const DEPTH: usize = 16;
/// Numbers are not longer than those of 64 bits, with an exponent.
const MAX_NUMBER: usize = 40;

/// Reads a whole body.
///
/// # Errors
/// It is no UTF-8 or no relaxed JSON; the error says where.
pub fn read(body: &[u8]) -> Result<Value, WrongWord> {
    let text = str::from_utf8(body).map_err(|error| {
        let valid = body.get(..error.valid_up_to()).unwrap_or_default();
        let at = String::from_utf8_lossy(valid).chars().count() + 1;
        wrong(at, String::new(), "the body is no UTF-8 from here on")
    })?;
    let mut reader = Reader { text, rest: text };
    let value = reader.value(DEPTH)?;
    reader.blank();
    match reader.rest.is_empty() {
        true => Ok(value),
        false => Err(reader.error("nothing may follow the end of the value")),
    }
}

fn wrong(at: usize, word: String, error: &str) -> WrongWord {
    WrongWord {
        what: "body".to_owned(),
        at,
        word,
        error: error.to_owned(),
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

/// What a key without quotes is made of, and what a wrong word is taken to be.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_$.-+:".contains(c)
}

impl<'a> Reader<'a> {
    fn blank(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{feff}']);
    }

    /// Characters before `rest`, and one.
    fn position(&self, rest: &str) -> usize {
        let read = self.text.len() - rest.len();
        self.text.get(..read).unwrap_or_default().chars().count() + 1
    }

    /// Something is wrong with what comes next.
    fn error(&self, error: &str) -> WrongWord {
        let word: String = match self.rest.chars().next() {
            Some(c) if !is_word(c) => c.to_string(),
            _ => self.rest.chars().take_while(|&c| is_word(c)).take(100).collect(),
        };
        wrong(self.position(self.rest), word, error)
    }

    fn take(&mut self, c: char) -> bool {
        self.blank();
        let found = self.rest.strip_prefix(c);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn value(&mut self, depth: usize) -> Result<Value, WrongWord> {
        self.blank();
        let Some(deeper) = depth.checked_sub(1) else {
            return Err(self.error("this is nested too deeply"));
        };
        match self.rest.chars().next() {
            Some('{') => self.object(deeper),
            Some('[') => self.array(deeper),
            Some('"' | '\'') => self.string().map(Value::String),
            Some(c) if is_word(c) => self.literal(),
            Some(_) => Err(self.error("a value must stand here")),
            None => Err(self.error("a value is missing at the end")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, WrongWord> {
        self.take('{');
        let mut members = Map::new();
        while !self.take('}') {
            let before = self.rest;
            let key = match self.rest.chars().next() {
                Some('"' | '\'') => self.string()?,
                // A colon ends a key without quotes.
                Some(c) if is_word(c) && c != ':' => {
                    let end = self
                        .rest
                        .find(|c| c == ':' || !is_word(c))
                        .unwrap_or(self.rest.len());
                    let (key, rest) = self.rest.split_at(end);
                    self.rest = rest;
                    key.to_owned()
                }
                _ => return Err(self.error("a key or } must stand here")),
            };
            if members.contains_key(&key) {
                return Err(wrong(self.position(before), key, "this key is there twice"));
            }
            if !self.take(':') {
                return Err(self.error("a colon must follow the key"));
            }
            let value = self.value(depth)?;
            members.insert(key, value);
            if !self.take(',') {
                match self.take('}') {
                    true => break,
                    false => return Err(self.error("a comma or } must stand here")),
                }
            }
        }
        Ok(Value::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Value, WrongWord> {
        self.take('[');
        let mut elements = Vec::new();
        while !self.take(']') {
            elements.push(self.value(depth)?);
            if !self.take(',') {
                match self.take(']') {
                    true => break,
                    false => return Err(self.error("a comma or ] must stand here")),
                }
            }
        }
        Ok(Value::Array(elements))
    }

    fn literal(&mut self) -> Result<Value, WrongWord> {
        let before = self.rest;
        let word = self.word();
        let value = match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ => {
                let number = Some(word)
                    .filter(|word| word.len() <= MAX_NUMBER)
                    .and_then(|word| word.parse::<Number>().ok());
                let Some(number) = number else {
                    let why = "this is no number, and not true, false or null; a text stands in quotes";
                    return Err(wrong(self.position(before), word.to_owned(), why));
                };
                Value::Number(number)
            }
        };
        Ok(value)
    }

    fn string(&mut self) -> Result<String, WrongWord> {
        let before = self.rest;
        let mut chars = self.rest.chars();
        let quote = chars.next().unwrap_or('"');
        let mut text = String::new();
        let mut unclosed = wrong(
            self.position(before),
            quote.to_string(),
            "this quote is never closed",
        );
        while let Some(c) = chars.next() {
            match c {
                c if c == quote => {
                    self.rest = chars.as_str();
                    return Ok(text);
                }
                '\\' => match escape(&mut chars) {
                    Some(c) => text.push(c),
                    None => {
                        unclosed.error = "there is a bad escape in this text".to_owned();
                        return Err(unclosed);
                    }
                },
                '\n' | '\r' => break,
                c => text.push(c),
            }
        }
        Err(unclosed)
    }
}

fn hex(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    let digits: String = chars.by_ref().take(4).collect();
    let fine = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    fine.then(|| u32::from_str_radix(&digits, 16).ok()).flatten()
}

/// What follows a backslash (RFC 8259 §7, and an escaped single quote).
fn escape(chars: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        c @ ('"' | '\'' | '\\' | '/') => c,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let first = hex(chars)?;
            match first {
                // The first half of a character beyond 16 bits; the second must follow.
                0xD800..0xDC00 => {
                    let follows = chars.next() == Some('\\') && chars.next() == Some('u');
                    let second = hex(chars).filter(|half| follows && (0xDC00..0xE000).contains(half))?;
                    char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))?
                }
                _ => char::from_u32(first)?,
            }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_clients_of_sflow_rt_write_is_read() {
        for (text, expected) in [
            (
                "{keys:'ipsource,ipdestination', value:\"bytes\", log:true, n:10, t:2.5,}",
                json!({ "keys": "ipsource,ipdestination", "value": "bytes", "log": true, "n": 10, "t": 2.5 }),
            ),
            (
                "{external:['0.0.0.0/0','::/0'],}",
                json!({ "external": ["0.0.0.0/0", "::/0"] }),
            ),
            (
                "{'a b':{}, 10.0.0.1:[], $x_1-2:null}",
                json!({ "a b": {}, "10.0.0.1": [], "$x_1-2": null }),
            ),
            (
                r#"{"filter":"ipsource=10.0.0.1&tcpflags~....1..1."}"#,
                json!({ "filter": "ipsource=10.0.0.1&tcpflags~....1..1." }),
            ),
            (
                r"'it\'s \u00e4 \ud83d\ude00 \\ \/ \n'",
                json!("it's ä 😀 \\ / \n"),
            ),
            (
                "\u{feff} [1e3, -2, 18446744073709551615]\r\n",
                json!([1e3, -2, 18_446_744_073_709_551_615_u64]),
            ),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (text, at, word) in [
            ("", 1, ""),
            ("   ", 4, ""),
            ("{value:bytes}", 8, "bytes"),
            ("{ä:'x', b:oops}", 11, "oops"),
            ("{a:1 b:2}", 6, "b:2"),
            ("{a 1}", 4, "1"),
            ("{a:}", 4, "}"),
            ("{:1}", 2, ":1"),
            ("{,}", 2, ","),
            ("[1,,2]", 4, ","),
            ("{a:1,a:2}", 6, "a"),
            ("{a:'x}", 4, "'"),
            ("{a:'x\n'}", 4, "'"),
            (r"{a:'\x'}", 4, "'"),
            (r"'\ud800'", 1, "'"),
            (r"'\ud800\u0041'", 1, "'"),
            ("{} x", 4, "x"),
            ("{a:1", 5, ""),
            ("[1", 3, ""),
            ("01", 1, "01"),
            ("NaN", 1, "NaN"),
            ("+1", 1, "+1"),
        ] {
            let wrong = read(text.as_bytes()).unwrap_err();
            assert_eq!(
                (wrong.at, wrong.word.as_str()),
                (at, word),
                "{text}: {}",
                wrong.error
            );
        }
        let wrong = read(b"{a:'\xff'}").unwrap_err();
        assert_eq!((wrong.at, wrong.word.as_str()), (5, ""));
    }

    #[test]
    fn the_depth_is_bounded() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(nested(DEPTH - 1).as_bytes()).is_ok());
        let wrong = read(nested(DEPTH).as_bytes()).unwrap_err();
        assert!(wrong.error.contains("deeply"));
        assert!(read("[".repeat(1 << 20).as_bytes()).is_err());
        assert!(read("{a:".repeat(1 << 18).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_pointed_at(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(wrong) = read(&body) {
                prop_assert!(wrong.at <= body.len() + 1);
            }
        }

        #[test]
        fn strict_json_means_the_same(text in "[\\[\\]{}:,\"a-c0-9 \\\\.e-]{0,40}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let own = read(text.as_bytes());
                // A key that is there twice is the one exception.
                let twice = own.as_ref().is_err_and(|wrong| wrong.error.contains("twice"));
                prop_assert!(twice || own.unwrap() == value);
            }
        }
    }
}

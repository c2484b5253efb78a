//! DNS: its header and the first question.

use std::fmt::{self, Write as _};

use crate::packet::bytes::{skip, u8_at, u16_at};

/// A name has at most 255 octets with its length octets (RFC 1035 §2.3.4).
const MAX_NAME: usize = 255;

view! {
    /// DNS (RFC 1035 §4.1), over UDP or behind the length of TCP.
    Dns
}

impl<'a> Dns<'a> {
    /// Identifier of query and response.
    pub fn id(&self) -> Option<u16> {
        u16_at(self.0, 0)
    }

    /// Whether this is a response.
    pub fn is_response(&self) -> Option<bool> {
        u8_at(self.0, 2).map(|byte| byte & 0x80 != 0)
    }

    /// Operation: 0 is a query.
    pub fn opcode(&self) -> Option<u8> {
        u8_at(self.0, 2).map(|byte| byte >> 3 & 0x0F)
    }

    /// Result of a response: 0 is none, 3 no such name.
    pub fn response_code(&self) -> Option<u8> {
        u8_at(self.0, 3).map(|byte| byte & 0x0F)
    }

    /// Number of questions.
    pub fn questions(&self) -> Option<u16> {
        u16_at(self.0, 4)
    }

    /// The name in the first question, when it was sampled whole.
    pub fn name(&self) -> Option<Name<'a>> {
        self.questions().filter(|count| *count > 0)?;
        let name = Name {
            message: self.0,
            at: 12,
        };
        name.check().then_some(name)
    }

    /// The type that the first question asks for.
    pub fn question_type(&self) -> Option<u16> {
        u16_at(self.0, self.name()?.end()?)
    }
}

/// A domain name inside a message; displayed with dots between its labels and none at its end, `.` alone for the root.
///
/// Letters are displayed as they stand; bytes other than letters, digits, `-` and `_` as `\` and three decimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Name<'a> {
    /// The labels, from the left.
    pub fn labels(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut walk = Walk::new(*self);
        std::iter::from_fn(move || match walk.step() {
            Step::Label(label) => Some(label),
            Step::Root | Step::Broken => None,
        })
    }

    /// Whether the name ends, inside the message and within its bounds.
    fn check(self) -> bool {
        let mut walk = Walk::new(self);
        loop {
            match walk.step() {
                Step::Label(_) => {}
                Step::Root => return true,
                Step::Broken => return false,
            }
        }
    }

    /// Where the name ends in its place, which a pointer cuts short.
    fn end(self) -> Option<usize> {
        let mut at = self.at;
        // As many labels as a name can have; a longer name is not `check`ed.
        for _ in 0..MAX_NAME {
            match u8_at(self.message, at)? {
                0 => return Some(at + 1),
                length @ 1..=63 => at += 1 + usize::from(length),
                _ => return Some(at + 2),
            }
        }
        None
    }
}

enum Step<'a> {
    Label(&'a [u8]),
    Root,
    Broken,
}

/// Walks over the labels. Every pointer must lead to before everything walked over since the last one, so that the walk
/// ends; and the name may not exceed its bound, so that it ends soon.
struct Walk<'a> {
    message: &'a [u8],
    at: usize,
    /// Where the run of labels began that is being walked over.
    start: usize,
    octets: usize,
}

impl<'a> Walk<'a> {
    const fn new(name: Name<'a>) -> Self {
        Self {
            message: name.message,
            at: name.at,
            start: name.at,
            octets: 0,
        }
    }

    fn step(&mut self) -> Step<'a> {
        self.try_step().unwrap_or(Step::Broken)
    }

    fn try_step(&mut self) -> Option<Step<'a>> {
        loop {
            match u8_at(self.message, self.at)? {
                0 => return Some(Step::Root),
                length @ 1..=63 => {
                    let length = usize::from(length);
                    self.octets += 1 + length;
                    // One more octet is the root's.
                    if self.octets >= MAX_NAME {
                        return None;
                    }
                    let label = skip(self.message, self.at + 1)?.get(..length)?;
                    self.at += 1 + length;
                    return Some(Step::Label(label));
                }
                0xC0.. => {
                    let to = usize::from(u16_at(self.message, self.at)? & 0x3FFF);
                    if to >= self.start {
                        return None;
                    }
                    (self.at, self.start) = (to, to);
                }
                _ => return None,
            }
        }
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut labels = self.labels().peekable();
        if labels.peek().is_none() {
            return f.write_char('.');
        }
        for (n, label) in labels.enumerate() {
            if n > 0 {
                f.write_char('.')?;
            }
            for &byte in label {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => f.write_char(byte.into())?,
                    other => write!(f, "\\{other:03}")?,
                }
            }
        }
        Ok(())
    }
}

//! Reads a stream of server-sent events (WHATWG HTML §9.2.6), as far as this program needs one.

/// A line of a stream, and the data of an event, may be this long. An overview is some ten thousand bytes.
pub(super) const LONGEST: usize = 4 << 20;

/// The server sends something that cannot be an overview.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream has an event of more than {LONGEST} bytes")]
pub(super) struct TooLong;

/// An event that was received whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Its kind; empty when it has none.
    pub(super) kind: String,
    pub(super) data: String,
}

/// What has arrived of the next event.
#[derive(Debug, Default)]
pub(super) struct Stream {
    line: Vec<u8>,
    kind: String,
    data: String,
}

impl Stream {
    /// Takes what arrived, and returns the events that it completes.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            self.extend(line)?;
            events.extend(self.end_line()?);
            rest = after.get(1..).unwrap_or_default();
        }
        self.extend(rest)?;
        Ok(events)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + bytes.len() > LONGEST {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self) -> Result<Option<Event>, TooLong> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = line.strip_suffix('\r').unwrap_or(&line);
        if line.is_empty() {
            let event = Event {
                kind: std::mem::take(&mut self.kind),
                data: std::mem::take(&mut self.data),
            };
            return Ok((!event.data.is_empty()).then_some(event));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => {
                if self.data.len() + value.len() >= LONGEST {
                    return Err(TooLong);
                }
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // Comments, `id`, `retry`: when to come back is decided here.
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, data: &str) -> Event {
        Event {
            kind: kind.to_owned(),
            data: data.to_owned(),
        }
    }

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        let sent = ": hello\r\nretry: 1000\r\n\r\nevent: overview\r\ndata: {\"a\":1}\r\n\r\ndata:x\ndata\ndata: y\n\nevent: bye\n\n";
        let expected = [event("overview", "{\"a\":1}"), event("", "x\n\ny")];
        for size in 1..sent.len() {
            let mut stream = Stream::default();
            let chunks = sent.as_bytes().chunks(size);
            let found: Vec<_> = chunks.flat_map(|chunk| stream.take(chunk).unwrap()).collect();
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn neither_a_line_nor_an_event_grows_for_ever() {
        let mut stream = Stream::default();
        let piece = vec![b'x'; LONGEST / 3];
        for _ in 0..3 {
            assert_eq!(stream.take(&piece), Ok(Vec::new()));
        }
        assert_eq!(stream.take(&piece), Err(TooLong));
        let mut stream = Stream::default();
        let line = [b"data:".as_slice(), &piece, b"\n"].concat();
        assert_eq!(stream.take(&line), Ok(Vec::new()));
        assert_eq!(stream.take(&line), Ok(Vec::new()));
        assert_eq!(stream.take(&line), Err(TooLong));
    }
}

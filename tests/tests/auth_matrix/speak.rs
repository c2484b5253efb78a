//! A request, and its answer.

use serde_json::Value;

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.text.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    pub(super) fn json(&self) -> Value {
        let (_, body) = self.text.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{}", self.text))
    }
}

/// One request in HTTP/1.1, and its answer; of a stream, only how it begins.
pub(super) fn speak(
    mut stream: impl std::io::Read + std::io::Write,
    method: &str,
    target: &str,
    host: &str,
    headers: &[String],
    body: Option<&str>,
) -> Answer {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for header in headers {
        request += &format!("{header}\r\n");
    }
    if let Some(body) = body {
        let length = body.len();
        request += &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
    } else {
        request += "\r\n";
    }
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        let read = stream.read(&mut part).unwrap();
        answer.extend_from_slice(&part[..read]);
        let is_stream = target == "/events" && answer.windows(4).any(|end| end == b"\r\n\r\n");
        if read == 0 || is_stream {
            break;
        }
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer {
        status: status.unwrap_or_else(|| panic!("{method} {target}: {text:?}")),
        text,
    }
}

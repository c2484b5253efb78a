//! The parts of a URL (RFC 3986 §3), which may be cut off anywhere or be only a path.

use std::ops::Range;

use crate::flow::language::UriPart;

/// Where a part stands; `None` where there is none.
pub(super) fn part(url: &[u8], part: UriPart) -> Option<Range<usize>> {
    let find = |range: Range<usize>, byte: u8| {
        let at = url.get(range.clone())?.iter().position(|b| *b == byte)?;
        Some(range.start + at)
    };
    let hash = find(0..url.len(), b'#').unwrap_or(url.len());
    let question = find(0..hash, b'?').unwrap_or(hash);
    let scheme = find(0..question, b':').filter(|colon| is_scheme(url.get(..*colon)));
    let behind = scheme.map_or(0, |colon| colon + 1);
    let slashes = url.get(behind..).is_some_and(|rest| rest.starts_with(b"//"));
    let authority = slashes.then(|| {
        let start = (behind + 2).min(question);
        start..find(start..question, b'/').unwrap_or(question)
    });
    let path = authority
        .as_ref()
        .map_or(behind, |authority| authority.end)
        .min(question)..question;
    let found = match part {
        UriPart::Scheme => 0..scheme?,
        UriPart::Query => question + 1..hash.max(question + 1),
        UriPart::Fragment => hash + 1..url.len().max(hash + 1),
        UriPart::Authority => authority?,
        UriPart::Host => host(url, authority?).0,
        UriPart::Port => host(url, authority?).1?,
        UriPart::Path => path,
        UriPart::File => file(url, path),
        UriPart::Extension => {
            let file = file(url, path);
            let dot = url.get(file.clone())?.iter().rposition(|b| *b == b'.')?;
            file.start + dot + 1..file.end
        }
    };
    (!found.is_empty() && found.end <= url.len()).then_some(found)
}

fn is_scheme(text: Option<&[u8]>) -> bool {
    text.is_some_and(|text| {
        text.first().is_some_and(u8::is_ascii_alphabetic)
            && text
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
    })
}

/// Host and port of an authority; the brackets of an IPv6 address do not belong to it.
fn host(url: &[u8], authority: Range<usize>) -> (Range<usize>, Option<Range<usize>>) {
    let text = url.get(authority.clone()).unwrap_or(&[]);
    let start = text.iter().rposition(|b| *b == b'@').map_or(0, |at| at + 1);
    let text = text.get(start..).unwrap_or(&[]);
    let start = authority.start + start;
    let (host, rest) = match text.iter().position(|b| *b == b']') {
        Some(end) if text.starts_with(b"[") => (start + 1..start + end, start + end + 1),
        _ => {
            let end = text.iter().position(|b| *b == b':').unwrap_or(text.len());
            (start..start + end, start + end)
        }
    };
    let port = (url.get(rest) == Some(&b':') && rest < authority.end).then_some(rest + 1..authority.end);
    (host, port)
}

fn file(url: &[u8], path: Range<usize>) -> Range<usize> {
    let slash = url
        .get(path.clone())
        .and_then(|text| text.iter().rposition(|b| *b == b'/'));
    slash.map_or(path.start, |slash| path.start + slash + 1)..path.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_urls() {
        let show = |url: &str, what| {
            part(url.as_bytes(), what)
                .map(|range| url[range].to_owned())
                .unwrap_or_else(|| "-".to_owned())
        };
        for (url, expected) in [
            (
                "https://me@example.com:8443/a/b.tar.gz?x=1?#top#",
                [
                    "https",
                    "me@example.com:8443",
                    "example.com",
                    "8443",
                    "/a/b.tar.gz",
                    "x=1?",
                    "top#",
                    "b.tar.gz",
                    "gz",
                ],
            ),
            (
                "/metrics/json",
                ["-", "-", "-", "-", "/metrics/json", "-", "-", "json", "-"],
            ),
            (
                "http://[2001:db8::1]:80",
                [
                    "http",
                    "[2001:db8::1]:80",
                    "2001:db8::1",
                    "80",
                    "-",
                    "-",
                    "-",
                    "-",
                    "-",
                ],
            ),
            ("http:/", ["http", "-", "-", "-", "/", "-", "-", "-", "-"]),
            ("//h?", ["-", "h", "h", "-", "-", "-", "-", "-", "-"]),
            ("", ["-"; 9]),
        ] {
            let parts = [
                UriPart::Scheme,
                UriPart::Authority,
                UriPart::Host,
                UriPart::Port,
                UriPart::Path,
                UriPart::Query,
                UriPart::Fragment,
                UriPart::File,
                UriPart::Extension,
            ];
            assert_eq!(
                parts.map(|part| show(url, part)),
                expected.map(str::to_owned),
                "{url}"
            );
        }
    }
}

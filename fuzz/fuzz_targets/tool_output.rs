//! Any bytes as what the ACL tool prints, in pieces of any size, also far more than is kept: the verdict does not depend
//! on the pieces, and what is kept is bounded.
#![no_main]

use acl_server::tool::output::Output;
use libfuzzer_sys::fuzz_target;

/// Above what is kept of a run: beginning and end, as UTF-8 where each byte may have become three.
const MOST: usize = 3 * (64 << 10) + 100;

fuzz_target!(|data: &[u8]| {
    // The first two bytes say how long the pieces are, and whether the rest is printed once or more often than is kept.
    let &[piece, times, ref text @ ..] = data else {
        return;
    };
    // Mostly once; else a little more than the 64 KiB that are kept, which takes its time.
    let times = match times {
        0..240 => 1,
        _ => 1 + (72 << 10) / text.len().max(1),
    };
    let printed = text.repeat(times);
    let mut whole = Output::default();
    whole.push(&printed);
    let mut pieces = Output::default();
    for piece in printed.chunks(1 + usize::from(piece)) {
        pieces.push(piece);
    }
    assert_eq!(whole.says_error(), pieces.says_error());
    assert_eq!(
        whole.says_error(),
        says_error(&printed),
        "{:?}",
        String::from_utf8_lossy(&printed)
    );
    let lines = whole.into_lines();
    assert_eq!(lines, pieces.into_lines());
    assert!(lines.iter().map(String::len).sum::<usize>() <= MOST);
    assert!(lines.iter().all(|line| !line.is_empty() && !line.contains('\n')));
});

/// The same verdict, from the whole text at once. Of a word the first 32 bytes are looked at.
fn says_error(printed: &[u8]) -> bool {
    printed
        .split(u8::is_ascii_whitespace)
        .map(|word| {
            let word = &word[..word.len().min(32)];
            let word = word.strip_prefix(b"(").unwrap_or(word);
            let end = word.iter().rposition(|byte| !b".,;!)".contains(byte));
            word[..end.map_or(0, |end| end + 1)].to_ascii_lowercase()
        })
        .any(|word| [&b"error:"[..], b"failed", b"failed:"].contains(&&word[..]))
}

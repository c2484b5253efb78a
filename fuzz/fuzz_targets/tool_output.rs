//! Any bytes as what the ACL tool prints, in pieces of any size, also far more than is kept: the verdict does not depend
//! on the pieces, what is kept is bounded, and neither the search for offenders nor that for counters stumbles.
#![no_main]

use acl_server::rules;
use acl_server::tool::listing::{Listing, Names};
use acl_server::tool::output::{Output, mentions};
use acl_server::tool::resource::Resources;
use libfuzzer_sys::fuzz_target;

/// Above what is kept of a run: beginning and end, as UTF-8 where each byte may have become three.
const MOST: usize = 3 * (64 << 10) + 100;

const ACL: [&str; 3] = [
    "[iptables]",
    "-A FORWARD -i swp1,swp2 -p tcp --dport 80 -j DROP",
    "-t mangle -A FORWARD -i swp+ -s 10.0.0.1/32 -j SETQOS --set-dscp 10 --set-cos 5",
];

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
    whole.add(&printed);
    let mut pieces = Output::default();
    for piece in printed.chunks(1 + usize::from(piece)) {
        pieces.add(piece);
    }
    assert_eq!(whole.says_error(), pieces.says_error());
    let lines = whole.into_lines();
    assert_eq!(lines, pieces.into_lines());
    assert!(lines.iter().map(String::len).sum::<usize>() <= MOST);
    assert!(lines.iter().all(|line| !line.is_empty() && !line.contains('\n')));

    let name = "a".parse().expect("a name");
    let _ = mentions(&lines).points_at(&name, &ACL);
    let _ = Resources::parse(&lines);
    let text = String::from_utf8_lossy(text);
    let listing = Listing::parse(&text, Names::default());
    let policy = rules::parse(&ACL).expect("an ACL");
    assert_eq!(listing.counters(&name, &policy).len(), 2, "one element a rule");
});

//! Any bytes as the body of a PUT or a PATCH: no panic, 400 or files that are the client's lines and nothing else.
#![no_main]

use std::collections::BTreeSet;

use acl_server::api::draft::Rules;
use acl_server::api::error::ApiError;
use acl_server::api::{body, merge};
use acl_server::policy::{MAX_LINE, MAX_LINES};
use acl_server::rules::{self, Mode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match body::lines(data) {
        Ok(lines) => file(data, &lines),
        Err(error) => refused(data, error),
    }
    match merge::patch(data) {
        Ok(patch) => {
            let names: BTreeSet<_> = patch.iter().map(|(name, _)| name).collect();
            assert!((1..=merge::MAX_NAMES).contains(&patch.len()) && names.len() == patch.len());
            for lines in patch.iter().filter_map(|(_, lines)| lines.as_ref()) {
                file(data, lines);
            }
        }
        Err(error) => refused(data, error),
    }
});

fn file(data: &[u8], lines: &Vec<String>) {
    match Rules::judge(lines, Mode::Strict) {
        Ok(Rules { content, facts, .. }) => {
            assert!((1..=MAX_LINES).contains(&lines.len()));
            let text = str::from_utf8(&content).expect("text");
            let (last, file) = (
                text.chars().next_back(),
                text.strip_suffix('\n').unwrap_or_default(),
            );
            assert_eq!(last, Some('\n'), "the last line has its end too");
            assert!(
                file.split('\n').eq(lines.iter().map(String::as_str)),
                "verbatim, an element a line"
            );
            for line in lines {
                assert!(line.len() <= MAX_LINE);
                assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
            }
            let policy = rules::parse_file(lines).expect("the tool's parser accepts what the API accepts");
            assert_eq!(facts.rules.len(), policy.canonical_rules().count());
            let numbers = facts.rules.iter().map(|(line, _)| *line as usize);
            assert!(numbers.into_iter().all(|line| (1..=lines.len()).contains(&line)));
        }
        Err(error) => refused(data, error),
    }
}

fn refused(data: &[u8], error: ApiError) {
    let problem = error.into_problem();
    let detail = problem.detail;
    assert_eq!(problem.status, 400, "{detail}");
    // What is wrong is quoted, each byte as `\u{7f}` at worst.
    assert!(
        !detail.is_empty() && detail.len() < 1000 + 6 * data.len(),
        "{detail}"
    );
}

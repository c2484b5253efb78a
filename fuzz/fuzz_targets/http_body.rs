//! Any bytes as the body of a PUT: no panic, 400 or a file that is the client's lines and nothing else.
#![no_main]

use acl_server::api::body::{self, MAX_LINE, MAX_LINES};
use acl_server::rules;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| match body::to_content(data) {
    Ok((content, ids)) => {
        let lines: Vec<String> = serde_json::from_slice(data).expect("a JSON array of strings");
        assert!((1..=MAX_LINES).contains(&lines.len()));
        let text = str::from_utf8(&content).expect("text");
        let (last, file) = (
            text.chars().next_back(),
            text.strip_suffix('\n').unwrap_or_default(),
        );
        assert_eq!(last, Some('\n'), "the last line has its end too");
        assert_eq!(
            file.split('\n').collect::<Vec<_>>(),
            lines,
            "verbatim, an element a line"
        );
        for line in &lines {
            assert!(line.len() <= MAX_LINE);
            assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
        }
        let policy = rules::parse_file(&lines).expect("the tool's parser accepts what the API accepts");
        assert_eq!(ids.len(), policy.canonical_rules().count());
        assert!(
            ids.iter()
                .all(|(line, _)| (1..=lines.len()).contains(&(*line as usize)))
        );
    }
    Err(error) => {
        let (status, detail) = error.summary();
        assert_eq!(status, 400, "{detail}");
        // What is wrong is quoted, each byte as `\u{7f}` at worst.
        assert!(
            !detail.is_empty() && detail.len() < 1000 + 6 * data.len(),
            "{detail}"
        );
    }
});

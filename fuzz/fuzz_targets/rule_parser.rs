//! Any bytes as the lines of an ACL, and as a rule file of somebody else: no panic; a refusal points into the text; what is
//! accepted renders to text that means the same.
#![no_main]

use acl_server::rules::{self, Policy, RuleError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let lines: Vec<&str> = text.split('\n').collect();
    let ours = rules::parse(&lines);
    check(&lines, &ours, |rendered| rules::parse(rendered));
    let anybodys = rules::parse_file(&lines);
    check(&lines, &anybodys, |rendered| rules::parse_file(rendered));
    if ours.is_ok() {
        assert_eq!(ours, anybodys, "an ACL of ours is a rule file");
    }
});

fn check(
    lines: &[&str],
    parsed: &Result<Policy, RuleError>,
    again: impl Fn(&[String]) -> Result<Policy, RuleError>,
) {
    match parsed {
        Ok(policy) => {
            let rendered = policy.render();
            assert_eq!(rendered.len(), lines.len(), "a statement is a line");
            for line in &rendered {
                assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
            }
            let reread = again(&rendered);
            assert_eq!(reread.as_ref(), Ok(policy), "{rendered:#?}");
            assert_eq!(policy.entries(), reread.map_or(0, |reread| reread.entries()));
            let rules = policy.rules().count() + policy.eb_rules().count();
            assert_eq!(policy.canonical_rules().count(), rules);
            assert!(policy.entries() >= rules as u64, "a rule takes an entry at least");
        }
        Err(RuleError {
            line,
            column,
            message,
        }) => {
            let found = lines.get(*line as usize - 1).expect("a line of the text");
            assert!(
                (1..=found.chars().count() + 1).contains(&(*column as usize)),
                "column {column} of {found:?}: {message}"
            );
            assert!(
                !message.is_empty() && !message.chars().any(char::is_control),
                "{message:?}"
            );
            assert!(message.len() < 1000, "what is quoted is cut: {message}");
        }
    }
}

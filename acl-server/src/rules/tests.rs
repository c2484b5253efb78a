//! What rule files mean, what is refused, and that nothing hostile gets further.

mod canonical;
mod ebtables;
mod generated;
mod grammar;
mod traps;

use super::{Policy, Rule, RuleError, parse};

/// The one rule of an ACL in `[iptables]`.
fn v4(rule: &str) -> Result<Rule, RuleError> {
    one("[iptables]", rule)
}

/// The one rule of an ACL in `[ip6tables]`.
fn v6(rule: &str) -> Result<Rule, RuleError> {
    one("[ip6tables]", rule)
}

fn one(section: &str, rule: &str) -> Result<Rule, RuleError> {
    let policy = parse(&[section, rule])?;
    let (line, rule) = policy.rules().next().expect("a rule");
    assert_eq!(line, 2);
    Ok(rule.clone())
}

/// That the lines are refused at that place, with all of those words in the message.
#[track_caller]
fn refused(lines: &[&str], line: u32, column: u32, words: &[&str]) {
    let error = parse(lines)
        .map(|policy| policy.render())
        .expect_err("must be refused");
    assert_eq!((error.line, error.column), (line, column), "{error}");
    for word in words {
        assert!(error.message.contains(word), "{word:?} is not in: {error}");
    }
}

/// That the lines parse, and that what is rendered parses to the same rules.
#[track_caller]
fn accepted(lines: &[&str]) -> Policy {
    let policy = parse(lines).unwrap_or_else(|error| panic!("{lines:?}: {error}"));
    assert_eq!(
        parse(&policy.render()).as_ref(),
        Ok(&policy),
        "{:?}",
        policy.render()
    );
    policy
}

//! What rule files mean, what is refused, and that nothing hostile gets further.

mod actions;
mod canonical;
mod ebtables;
mod generated;
mod grammar;
mod lenient;
mod reading;
mod traps;

use super::{Mode, Policy, Rule, RuleError, parse, parse_with};

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

/// That the lines are refused at that place, with all of those words in the message, in both modes.
#[track_caller]
fn refused(lines: &[&str], line: u32, column: u32, words: &[&str]) {
    for mode in [Mode::Strict, Mode::Lenient] {
        refused_in(mode, lines, (line, column), words);
    }
}

/// That the lines are refused so, but only by a strict reader.
#[track_caller]
fn strict_only(lines: &[&str], line: u32, column: u32, words: &[&str]) {
    refused_in(Mode::Strict, lines, (line, column), words);
    lenient(lines);
}

#[track_caller]
fn refused_in(mode: Mode, lines: &[&str], place: (u32, u32), words: &[&str]) {
    let error = match parse_with(lines, mode) {
        Ok(policy) => panic!("{mode:?} must refuse {:?}", policy.render()),
        Err(error) => error,
    };
    assert_eq!((error.line, error.column), place, "{mode:?}: {error}");
    for word in words {
        assert!(
            error.message.contains(word),
            "{mode:?}: {word:?} is not in: {error}"
        );
    }
}

/// That the lines parse in both modes to the same, and that what is rendered parses to the same rules.
#[track_caller]
fn accepted(lines: &[&str]) -> Policy {
    let policy = accepted_in(Mode::Strict, lines);
    assert_eq!(policy, accepted_in(Mode::Lenient, lines));
    policy
}

/// That the lines parse in lenient mode, and that what is rendered parses to the same rules.
#[track_caller]
fn lenient(lines: &[&str]) -> Policy {
    accepted_in(Mode::Lenient, lines)
}

#[track_caller]
fn accepted_in(mode: Mode, lines: &[&str]) -> Policy {
    let policy = parse_with(lines, mode).unwrap_or_else(|error| panic!("{mode:?}: {lines:?}: {error}"));
    let rendered = policy.render();
    assert_eq!(
        parse_with(&rendered, mode).as_ref(),
        Ok(&policy),
        "{mode:?}: {rendered:?}"
    );
    policy
}

use serde::Deserialize;

use super::*;
use crate::units::BitRate;

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Inner {
    #[serde(default)]
    threshold: Option<BitRate>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Outer {
    #[serde(default)]
    mark: Inner,
}

fn error(text: &str) -> String {
    parse::<Outer>(Path::new("/etc/x.toml"), text)
        .unwrap_err()
        .to_string()
}

#[test]
fn unknown_keys_name_file_line_and_key() {
    let error = error("# first\n[mark]\nthreshhold = \"1G\"\n");
    assert!(error.starts_with("/etc/x.toml:3:1: "), "{error}");
    assert!(
        error.contains("`threshhold`") && error.contains("`threshold`"),
        "{error}"
    );
}

#[test]
fn wrong_values_name_their_key() {
    let error = error("[mark]\nthreshold = \"fast\"\n");
    assert!(
        error.starts_with("/etc/x.toml:2:13: `threshold`: \"fast\" is not a rate"),
        "{error}"
    );
    assert!(
        error_of_type().contains("`threshold`: 7 is not a rate in bits per second"),
        "{}",
        error_of_type()
    );
}

fn error_of_type() -> String {
    error("[mark]\nthreshold = 7\n")
}

#[test]
fn broken_toml_has_a_position() {
    assert!(
        error("[mark]\nthreshold = = 1\n").starts_with("/etc/x.toml:2:13: "),
        "{}",
        error("[mark]\nthreshold = = 1\n")
    );
}

#[test]
fn an_absent_file_is_the_default_and_an_unreadable_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let loaded: Outer = load_or_default(&directory.path().join("none.toml")).unwrap();
    assert_eq!(loaded.mark.threshold, None);
    assert!(matches!(
        load_or_default::<Outer>(directory.path()),
        Err(ConfigError::Read { .. })
    ));
}

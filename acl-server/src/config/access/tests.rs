//! Entries that mean what they seem to, and others.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::config::Config;

const HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn entry(rest: &str) -> Result<TokenEntry, String> {
    let text = format!("[[token]]\nname = \"a\"\nsha256 = \"{HASH}\"\n{rest}\n");
    let config: Config =
        shared::config::parse("x.toml".as_ref(), &text).map_err(|error| error.to_string())?;
    Ok(config.token[0].clone())
}

#[test]
fn scopes_limits_and_the_absence_of_limits() {
    let may = entry("scopes = [\"read\"]").unwrap().may;
    assert_eq!((may.read, may.write, may.admin), (true, false, false));
    let may =
        entry("scopes = [\"read\", \"write\"]\nprefixes = [\"fm_\", \"x\"]\nactions = [\"mark\", \"drop\"]")
            .unwrap()
            .may;
    assert_eq!(may.prefixes, ["fm_", "x"]);
    let actions: Vec<&str> = may.actions.unwrap().iter().map(Action::name).collect();
    assert_eq!(actions, ["mark", "drop"]);
    let may = entry("scopes = [\"admin\"]").unwrap().may;
    assert!(may.admin && may.prefixes.is_empty() && may.actions.is_none());
}

#[test]
fn what_would_mean_something_else_than_it_seems_is_refused() {
    for (rest, expected) in [
        ("", "scopes"),
        ("scopes = []", "empty"),
        ("scopes = [\"Read\"]", "read"),
        ("scopes = [\"read\", \"prefix\"]", "admin"),
        ("scopes = [\"read\"]\nprefixes = [\"a\"]", "no `write`"),
        ("scopes = [\"read\"]\nactions = [\"mark\"]", "no `write`"),
        (
            "scopes = [\"admin\", \"write\"]\nactions = [\"mark\"]",
            "everything",
        ),
        ("scopes = [\"write\"]\nprefixes = []", "leave it out"),
        ("scopes = [\"write\"]\nactions = []", "leave it out"),
        ("scopes = [\"write\"]\nprefixes = [\"\"]", "beginning"),
        ("scopes = [\"write\"]\nprefixes = [\"A\"]", "beginning"),
        ("scopes = [\"write\"]\nactions = [\"accept\"]", "permit"),
        ("scopes = [\"write\"]\nprefix = [\"a\"]", "prefix"),
    ] {
        let error = entry(rest).unwrap_err();
        assert!(
            error.contains(expected) && error.starts_with("x.toml:"),
            "{rest}: {error}"
        );
    }
    for bad in [
        format!("[[token]]\nname = \"a:b\"\nsha256 = \"{HASH}\"\nscopes = [\"read\"]"),
        "[[token]]\nname = \"a\"\nsha256 = \"00\"\nscopes = [\"read\"]".to_owned(),
        "[[certificate]]\nscopes = [\"read\"]".to_owned(),
    ] {
        assert!(
            shared::config::parse::<Config>("x".as_ref(), &bad).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn sets_of_actions() {
    let set = |actions: &[Action]| actions.iter().copied().collect::<Actions>();
    let (a, b) = (
        set(&[Action::Mark, Action::Drop]),
        set(&[Action::Permit, Action::Drop]),
    );
    assert_eq!(a.union(b), set(&[Action::Mark, Action::Drop, Action::Permit]));
    assert_eq!(a.without(b), set(&[Action::Mark]));
    assert!(a.contains(Action::Drop) && !a.contains(Action::Capture));
    assert_eq!(set(&Action::ALL).iter().count(), 4);
    assert_eq!(Actions::default().iter().count(), 0);
}

#[test]
fn the_file_of_tokens_is_added_and_must_not_be_everybodys() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |text: &str, mode| {
        std::fs::write(file.path(), text).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let token = |name: &str, digit: &str| {
        let hash = digit.repeat(64);
        format!("[[token]]\nname = \"{name}\"\nsha256 = \"{hash}\"\nscopes = [\"read\"]\n")
    };
    let config: Config = shared::config::parse("x".as_ref(), &token("a", "0")).unwrap();
    let table = || table(&config.token, &config.certificate, Some(file.path()));
    write("", 0o600);
    assert_eq!(table().unwrap().len(), (1, 0));
    write(&format!("{}{}", token("b", "1"), token("c", "2")), 0o640);
    assert_eq!(table().unwrap().len(), (3, 0));
    write(&token("b", "0"), 0o600);
    assert!(
        matches!(table(), Err(AccessError::Table(_))),
        "the same token twice"
    );
    write("listen = \"127.0.0.1:1\"", 0o600);
    let error = table().unwrap_err().to_string();
    assert!(
        error.contains("listen") && error.contains(file.path().to_str().unwrap()),
        "{error}"
    );
    write("", 0o606);
    assert!(matches!(table(), Err(AccessError::File(_))));
    let missing = Some(Path::new("/nonexistent"));
    assert!(super::table(&[], &[], missing).is_err());
}

//! Makes tokens: shown once, kept as hashes.

use shared::serve::credentials::TokenName;
pub use shared::serve::token::Issued;
use shared::serve::token::{self, NoRandomness};

use crate::config::access::Scopes;

/// How our tokens begin, so that people and secret scanners know them.
const MARK: &str = "acltok_";

/// Makes a token.
///
/// # Errors
/// The system has no randomness.
pub fn issue(name: &TokenName, may: &Scopes) -> Result<Issued, NoRandomness> {
    token::issue(MARK, name, &may.to_toml())
}

#[cfg(test)]
mod tests {
    use shared::serve::token::TokenHash;

    use super::*;
    use crate::config::Config;
    use crate::config::access::{Action, Scope};

    #[test]
    fn the_entry_means_the_token_and_does_not_hold_it() {
        let may = Scopes::new(
            &[Scope::Read, Scope::Write],
            Some(vec!["fm_".to_owned(), "x".to_owned()]),
            Some(&[Action::Capture, Action::Mark]),
        )
        .unwrap();
        let admin = Scopes::new(&[Scope::Admin], None, None).unwrap();
        for may in [may, admin] {
            let issued = issue(&"flow-marker".parse().unwrap(), &may).unwrap();
            assert!(issued.token.starts_with(MARK) && !issued.entry.contains(&issued.token));
            let config: Config = shared::config::parse("x.toml".as_ref(), &issued.entry).unwrap();
            let [entry] = config.token.as_slice() else {
                panic!("one entry: {}", issued.entry)
            };
            assert_eq!(entry.name.as_str(), "flow-marker");
            assert_eq!(entry.may, may);
            assert!(entry.sha256 == TokenHash::of(issued.token.as_bytes()));
        }
    }
}

//! Bearer tokens: 256 random bits, shown once, kept as their SHA-256. With that much chance in them they need no slow
//! hash, and who reads the hashes cannot use them.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Deserializer};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::token_name::TokenName;

/// Random bytes of a token.
const RANDOM: usize = 32;
/// Longest text that is taken for a token: ours have about 50 bytes, and others may have come from elsewhere.
pub(super) const MAX_TOKEN: usize = 512;

/// The SHA-256 of a token, in configuration 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

/// Why a text is not the hash of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token's sha256 is 64 hexadecimal digits, as `printf %s TOKEN | sha256sum` prints them")]
pub struct BadHash;

impl TokenHash {
    /// The hash of `token`.
    pub fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Whether both are the same, in a time that does not depend on them.
    pub(super) fn is(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl FromStr for TokenHash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Self, BadHash> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| BadHash)?;
        bytes.try_into().map(Self).map_err(|_| BadHash)
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER_PERMISSIVE.encode(&self.0))
    }
}

/// Not the hash itself: it is no secret, but what logs do not have nobody has to think about.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A token that was just made.
pub struct NewToken {
    /// Its text, for its owner alone: the mark, and 43 characters of base64url.
    pub text: String,
    /// What is kept of it.
    pub hash: TokenHash,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewToken(…)")
    }
}

/// The system has no randomness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers: {0}")]
pub struct NoRandomness(String);

/// Makes a token. Its text starts with `mark`, such as `acltok_`, by which people and secret scanners know it.
///
/// # Errors
/// The system has no randomness.
pub fn make(mark: &str) -> Result<NewToken, NoRandomness> {
    let mut random = [0; RANDOM];
    getrandom::fill(&mut random).map_err(|error| NoRandomness(error.to_string()))?;
    let text = format!("{mark}{}", BASE64URL_NOPAD.encode(&random));
    let hash = TokenHash::of(text.as_bytes());
    Ok(NewToken { text, hash })
}

/// A token that was just issued. It has no `Debug`: its text is for its owner alone.
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct Issued {
    /// The token, which nobody can tell again.
    pub token: String,
    /// The `[[token]]` entry that makes it known to a daemon, for its configuration or `tokens_file`.
    pub entry: String,
}

/// Makes a token called `name`; `scopes` are the lines of its entry that say what it may. See [`make`] for `mark`.
///
/// # Errors
/// The system has no randomness.
pub fn issue(mark: &str, name: &TokenName, scopes: &str) -> Result<Issued, NoRandomness> {
    let made = make(mark)?;
    let entry = format!(
        "[[token]]\nname = \"{name}\"\nsha256 = \"{}\"\n{scopes}",
        made.hash
    );
    Ok(Issued {
        token: made.text,
        entry,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_is_recognized_by_its_hash_and_shown_nowhere() {
        let (one, other) = (make("tok_").unwrap(), make("tok_").unwrap());
        assert_ne!(one.text, other.text);
        assert_eq!(one.text.len(), 4 + 43);
        let random = one.text.strip_prefix("tok_").unwrap();
        assert!(
            random
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
        );
        assert_eq!(TokenHash::of(one.text.as_bytes()), one.hash);
        assert_eq!(one.hash.to_string().parse(), Ok(one.hash));
        assert!(bool::from(one.hash.is(&one.hash)) && !bool::from(one.hash.is(&other.hash)));
        let shown = format!("{one:?} {:?}", one.hash);
        assert!(
            !shown.contains(random) && !shown.contains(&one.hash.to_string()),
            "{shown}"
        );
    }

    #[test]
    fn a_hash_is_sixty_four_digits() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(empty.parse(), Ok(TokenHash::of(b"")));
        assert_eq!(empty.to_uppercase().parse(), Ok(TokenHash::of(b"")));
        for bad in [
            "",
            "e3",
            &empty[1..],
            &format!("{empty}00"),
            &format!("x{}", &empty[1..]),
        ] {
            assert_eq!(bad.parse::<TokenHash>(), Err(BadHash), "{bad}");
        }
    }
}

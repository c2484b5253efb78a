//! Who is known: tokens by their hashes, certificates by their subjects, each with what it may do (`S`, which is the
//! daemon's own). A table is made once and then only read; to change it, another takes its place.

use std::sync::Arc;

use subtle::Choice;

use super::authorization::Shown;
use super::peer::CertificateInfo;
use super::token::TokenHash;
pub use super::token_name::{BadName, TokenName};

/// Why an entry does not fit into the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Logs and audit records could not tell them apart.
    #[error("there are two tokens of the name {0}")]
    NameTwice(TokenName),
    /// The same token would be two callers.
    #[error("the tokens {0} and {1} have the same sha256")]
    HashTwice(TokenName, TokenName),
    /// The same certificate would be two callers.
    #[error("there are two entries for certificates of {0:?}")]
    SubjectTwice(String),
    /// Nobody would be meant, or everybody without a subject.
    #[error("a certificate's subject is empty")]
    NoSubject,
}

#[derive(Debug)]
struct Token<S> {
    name: TokenName,
    hash: TokenHash,
    may: Arc<S>,
}

#[derive(Debug)]
struct Certificate<S> {
    subject: String,
    may: Arc<S>,
}

/// The table.
#[derive(Debug)]
pub struct Credentials<S> {
    tokens: Vec<Token<S>>,
    certificates: Vec<Certificate<S>>,
}

impl<S> Default for Credentials<S> {
    fn default() -> Self {
        Self {
            tokens: Vec::new(),
            certificates: Vec::new(),
        }
    }
}

/// An entry of the table that is meant by what a caller shows.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<'a, S> {
    /// The name of the token, or the subject of the certificate as it is in the table.
    pub name: &'a str,
    /// What it may do.
    pub may: &'a Arc<S>,
}

impl<S> Credentials<S> {
    /// Adds a token.
    ///
    /// # Errors
    /// Its name or its hash is there already.
    pub fn add_token(&mut self, name: TokenName, hash: TokenHash, may: S) -> Result<(), TableError> {
        for other in &self.tokens {
            if other.name == name {
                return Err(TableError::NameTwice(name));
            }
            if other.hash == hash {
                return Err(TableError::HashTwice(other.name.clone(), name));
            }
        }
        let may = Arc::new(may);
        self.tokens.push(Token { name, hash, may });
        Ok(())
    }

    /// Adds the certificates of a subject or an alternative name; see [`CertificateInfo`].
    ///
    /// # Errors
    /// It is there already, or empty.
    pub fn add_certificate(&mut self, subject: String, may: S) -> Result<(), TableError> {
        if subject.is_empty() {
            return Err(TableError::NoSubject);
        }
        if self.certificates.iter().any(|other| other.subject == subject) {
            return Err(TableError::SubjectTwice(subject));
        }
        let may = Arc::new(may);
        self.certificates.push(Certificate { subject, may });
        Ok(())
    }

    /// How many entries there are: tokens, and certificates.
    pub const fn len(&self) -> (usize, usize) {
        (self.tokens.len(), self.certificates.len())
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.certificates.is_empty()
    }

    /// Whose token is shown; its name has to be right too, where one is shown. The time does not tell how much of a token
    /// is right, or where in the table it is.
    pub fn by_token(&self, shown: &Shown) -> Option<Found<'_, S>> {
        let mut found = None;
        for token in &self.tokens {
            let named = shown.name.as_ref().is_none_or(|name| name == token.name.as_str());
            let right: bool = (token.hash.is(&shown.hash) & Choice::from(u8::from(named))).into();
            if right {
                found = Some(Found {
                    name: token.name.as_str(),
                    may: &token.may,
                });
            }
        }
        found
    }

    /// Whom a certificate is for; the first entry that means it.
    pub fn by_certificate(&self, certificate: &CertificateInfo) -> Option<Found<'_, S>> {
        let entry = self
            .certificates
            .iter()
            .find(|entry| certificate.is(&entry.subject))?;
        Some(Found {
            name: &entry.subject,
            may: &entry.may,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> TokenName {
        text.parse().unwrap()
    }

    fn shown(user: Option<&str>, token: &str) -> Shown {
        Shown {
            name: user.map(str::to_owned),
            hash: TokenHash::of(token.as_bytes()),
        }
    }

    fn table() -> Credentials<u8> {
        let mut table = Credentials::default();
        table.add_token(name("a"), TokenHash::of(b"secret a"), 1).unwrap();
        table.add_token(name("b"), TokenHash::of(b"secret b"), 2).unwrap();
        table.add_certificate("CN=c,O=Lab".to_owned(), 3).unwrap();
        table.add_certificate("DNS:d.example".to_owned(), 4).unwrap();
        table
    }

    #[test]
    fn a_token_is_found_by_itself_and_with_its_own_name_only() {
        let table = table();
        let found = |user, token| table.by_token(&shown(user, token)).map(|found| **found.may);
        assert_eq!(found(None, "secret a"), Some(1));
        assert_eq!(found(Some("b"), "secret b"), Some(2));
        for (user, token) in [
            (None, ""),
            (None, "secret"),
            (None, "secret c"),
            (Some("a"), "secret b"),
            (Some(""), "secret a"),
            (Some("A"), "secret a"),
        ] {
            assert_eq!(found(user, token), None, "{user:?} {token}");
        }
    }

    #[test]
    fn a_certificate_is_found_by_subject_or_alternative_name() {
        let table = table();
        let by = |subject: &str, names: &[&str]| {
            let names = names.iter().map(|&name| name.to_owned()).collect();
            let subject = subject.to_owned();
            table
                .by_certificate(&CertificateInfo { subject, names })
                .map(|found| (found.name.to_owned(), **found.may))
        };
        assert_eq!(by("CN=c,O=Lab", &[]), Some(("CN=c,O=Lab".to_owned(), 3)));
        assert_eq!(
            by("", &["DNS:x", "DNS:d.example"]),
            Some(("DNS:d.example".to_owned(), 4))
        );
        assert_eq!(by("CN=c", &["d.example"]), None);
        assert_eq!(by("", &[]), None);
    }

    #[test]
    fn no_two_entries_mean_the_same() {
        let mut table = table();
        assert_eq!(table.len(), (2, 2));
        let same_hash = table.add_token(name("x"), TokenHash::of(b"secret a"), 9);
        assert_eq!(same_hash, Err(TableError::HashTwice(name("a"), name("x"))));
        let same_name = table.add_token(name("a"), TokenHash::of(b"x"), 9);
        assert_eq!(same_name, Err(TableError::NameTwice(name("a"))));
        assert!(table.add_certificate("CN=c,O=Lab".to_owned(), 9).is_err());
        assert_eq!(
            table.add_certificate(String::new(), 9),
            Err(TableError::NoSubject)
        );
        for bad in ["", "a:b", "a b", "ä", &"x".repeat(65), "a\n"] {
            assert_eq!(bad.parse::<TokenName>(), Err(BadName), "{bad:?}");
        }
    }
}

//! Reads the body of a PATCH: a JSON merge patch (RFC 7396) of the object `{name: lines}` that the ACLs are.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use shared::AclName;
use shared::wire::AclLines;

use super::body;
use super::error::ApiError;

/// Most ACLs that one patch changes. With lines of some length 1 MiB holds no more.
pub const MAX_NAMES: usize = 1000;

/// What each ACL is to be, in the order of the body; `None`: it is to go.
pub type Patch = Vec<(AclName, Option<AclLines>)>;

/// The ACLs that a patch names, each once.
///
/// # Errors
/// 400: no JSON object of arrays of strings and nulls; a name that is none, or is there twice, of which JSON readers keep
/// the last without a word; no name at all, or too many.
pub fn patch(body: &[u8]) -> Result<Patch, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read = deserializer
        .deserialize_map(Members)
        .and_then(|patch| deserializer.end().map(|()| patch));
    let expected =
        "a JSON object with a member for each ACL: an array of strings, its lines, or null to remove it";
    read.map_err(|error| body::bad(body, expected, &error))
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Patch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Patch, M::Error> {
        let mut patch = Patch::new();
        let mut names = std::collections::HashSet::new();
        while let Some(name) = members.next_key::<AclName>()? {
            if patch.len() == MAX_NAMES {
                return Err(Error::custom(format!("a patch changes at most {MAX_NAMES} ACLs")));
            }
            if !names.insert(name.clone()) {
                return Err(Error::custom(format!("`{name}` is there twice")));
            }
            patch.push((name, members.next_value()?));
        }
        match patch.is_empty() {
            true => Err(Error::custom("it names no ACL")),
            false => Ok(patch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(body: &str) -> String {
        patch(body.as_bytes()).unwrap_err().into_problem().detail
    }

    #[test]
    fn members_keep_their_order() {
        let read = patch(br#"{"b":["x"],"a":null}"#).unwrap();
        let names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(read[0].1.as_deref(), Some(&["x".to_owned()][..]));
        assert_eq!(read[1].1, None);
    }

    #[test]
    fn what_is_no_patch_is_refused_with_the_reason() {
        for (body, expected) in [
            ("", "EOF"),
            ("[]", "expected an object"),
            ("null", "expected an object"),
            ("{}", "names no ACL"),
            (r#"{"a":["x"],"b":null,"a":null}"#, "`a` is there twice"),
            (r#"{"a":["x"],"\u0061":null}"#, "`a` is there twice"),
            (r#"{"A":null}"#, "a-z, 0-9 and _"),
            (r#"{"../x":null}"#, "a-z, 0-9 and _"),
            (r#"{"":null}"#, "must not be empty"),
            (r#"{"a":{"b":["x"]}}"#, "expected a sequence"),
            (r#"{"a":"x"}"#, "expected a sequence"),
            (r#"{"a":[1]}"#, "expected a string"),
            (r#"{"a":[null]}"#, "expected a string"),
            (r#"{"a":null} {"b":null}"#, "trailing characters"),
            (r#"{"a":null,}"#, "trailing comma"),
        ] {
            let why = why(body);
            assert!(why.contains(expected), "{body}: {why}");
        }
    }

    #[test]
    fn a_patch_of_many_names_is_bounded() {
        let members = |n: usize| {
            let members: Vec<String> = (0..n).map(|i| format!("\"n{i}\":null")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert_eq!(patch(members(MAX_NAMES).as_bytes()).unwrap().len(), MAX_NAMES);
        assert!(why(&members(MAX_NAMES + 1)).contains("at most 1000"));
    }

    #[test]
    fn deep_nesting_is_no_stack_overflow() {
        let body = format!("{{\"a\":{}", "[".repeat(1 << 20));
        assert!(patch(body.as_bytes()).is_err());
    }
}

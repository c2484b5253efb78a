//! The header `Authorization`: a bearer token (RFC 6750), or HTTP Basic (RFC 7617) whose password is a token and whose
//! user is the token's name, for `curl -u name:token`.

use axum::http::{HeaderMap, HeaderValue, header};
use data_encoding::BASE64;

use super::token::{MAX_TOKEN, TokenHash};

/// What a client shows. The secret itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The name that must be the token's, for HTTP Basic.
    pub name: Option<String>,
    /// The hash of the token.
    pub hash: TokenHash,
}

/// A header that nobody could have been let in with. It says no more, since it may hold half a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the header Authorization is no bearer token and no HTTP Basic with a token as its password")]
pub struct Unusable;

/// What the headers show; `None` when they show nothing.
///
/// # Errors
/// There is an `Authorization` that is not understood, or there are two.
pub fn shown(headers: &HeaderMap) -> Result<Option<Shown>, Unusable> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match values.next() {
        // A proxy and a client may each have added one; nobody knows who is meant.
        Some(_) => Err(Unusable),
        None => parse(value).ok_or(Unusable).map(Some),
    }
}

fn parse(value: &HeaderValue) -> Option<Shown> {
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    let rest = rest.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") {
        return token(rest.as_bytes(), None);
    }
    // The name and the colon come on top, and base64 makes four bytes of three.
    if !scheme.eq_ignore_ascii_case("basic") || rest.len() > 2 * MAX_TOKEN {
        return None;
    }
    let decoded = BASE64.decode(rest.as_bytes()).ok()?;
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let (name, password) = decoded.split_at_checked(colon)?;
    let name = str::from_utf8(name).ok()?;
    token(password.get(1..)?, Some(name))
}

fn token(text: &[u8], name: Option<&str>) -> Option<Shown> {
    (!text.is_empty() && text.len() <= MAX_TOKEN).then(|| Shown {
        name: name.map(str::to_owned),
        hash: TokenHash::of(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Option<Shown>, Unusable> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        shown(&headers)
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", BASE64.encode(text.as_bytes()))
    }

    #[test]
    fn a_token_comes_as_bearer_or_as_a_password() {
        let hash = TokenHash::of(b"tok_x:y");
        let bearer = Some(Shown { name: None, hash });
        assert_eq!(read(&[]), Ok(None));
        for text in ["Bearer tok_x:y", "bearer tok_x:y", "BEARER  tok_x:y "] {
            assert_eq!(read(&[text]), Ok(bearer.clone()), "{text}");
        }
        let name = Some("marker".to_owned());
        assert_eq!(read(&[&basic("marker:tok_x:y")]), Ok(Some(Shown { name, hash })));
    }

    #[test]
    fn everything_else_is_refused_and_not_taken_for_nobody() {
        let long = "x".repeat(MAX_TOKEN + 1);
        for text in [
            "",
            "Bearer",
            "Bearer ",
            "Digest x",
            "tok_x",
            "Basic !",
            "Basic YQ",
            &basic("no colon"),
            &basic("name:"),
            &basic(&format!("name:{long}")),
            &format!("Bearer {long}"),
            &format!("Basic {}", "A".repeat(100_000)),
        ] {
            assert_eq!(read(&[text]), Err(Unusable), "{text}");
        }
        assert_eq!(read(&["Bearer a", "Bearer a"]), Err(Unusable));
        let not_text = HeaderValue::from_bytes(b"Bearer \xff").unwrap();
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, not_text)]);
        assert_eq!(shown(&headers), Err(Unusable));
        let not_utf8 = format!("Basic {}", BASE64.encode(b"\xff:x"));
        assert_eq!(read(&[&not_utf8]), Err(Unusable));
    }
}

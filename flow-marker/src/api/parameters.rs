//! What a request says beside its body: the parts of its path and the parameters of its query.
//!
//! Parameters that a request does not know are ignored, as sFlow-RT does: pages add some to get past caches. A known one
//! that cannot be understood is a mistake, and so is one that is there twice where only one can be meant.

use std::time::Duration;

use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::http::request::Parts;

use super::error::ApiError;
use super::wait::MAX_TIMEOUT;

/// Longest name of something that is defined: it stands in paths, labels and logs.
const MAX_NAME: usize = 100;

/// The parameters of a query.
#[derive(Debug)]
pub struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(pairs)) => Ok(Self(pairs)),
            Err(error) => Err(ApiError::invalid(error.body_text())),
        }
    }
}

impl Parameters {
    /// All of them, in their order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All values of one, those in lists (`a,b`) each on its own.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let values = self.pairs().filter(|(key, _)| *key == name);
        values
            .flat_map(|(_, value)| value.split(','))
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// The value of one; an empty one is none.
    ///
    /// # Errors
    /// 400: it is there twice.
    pub fn one(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut values = self.pairs().filter(|(key, _)| *key == name);
        let value = values
            .next()
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty());
        match values.next() {
            None => Ok(value),
            Some(_) => Err(ApiError::invalid(format!(
                "the parameter `{name}` is there twice"
            ))),
        }
    }

    /// A number in plain digits.
    ///
    /// # Errors
    /// 400
    pub fn whole(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.one(name)? else {
            return Ok(None);
        };
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if plain => Ok(Some(number)),
            _ => Err(ApiError::invalid(format!(
                "the parameter `{name}` is a whole number, such as {name}=10, not {text:?}"
            ))),
        }
    }

    /// A number that may have a fraction.
    ///
    /// # Errors
    /// 400
    pub fn number(&self, name: &str) -> Result<Option<f64>, ApiError> {
        let Some(text) = self.one(name)? else {
            return Ok(None);
        };
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(ApiError::invalid(format!(
                "the parameter `{name}` is a number, such as {name}=0.5, not {text:?}"
            ))),
        }
    }

    /// How many there may be in an answer: `default` where nothing is said, `most` at the most.
    ///
    /// # Errors
    /// 400
    pub fn most(&self, name: &str, default: usize, most: usize) -> Result<usize, ApiError> {
        let asked = self
            .whole(name)?
            .map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        Ok(asked.unwrap_or(default).min(most))
    }

    /// The number of the last thing that a client has seen; below zero, or none, when it has seen nothing.
    ///
    /// # Errors
    /// 400
    pub fn seen(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.one(name)? else {
            return Ok(None);
        };
        match text.parse::<i64>() {
            Ok(number) if !text.starts_with('+') => Ok(Some(number)),
            _ => Err(ApiError::invalid(format!(
                "the parameter `{name}` is the number that was last seen, or -1, not {text:?}"
            ))),
        }
    }

    /// `timeout`: how long the answer may be waited for. Seconds; more than [`MAX_TIMEOUT`] is as good as that many.
    ///
    /// # Errors
    /// 400
    pub fn timeout(&self) -> Result<Duration, ApiError> {
        let seconds = self.whole("timeout")?.unwrap_or(0).min(MAX_TIMEOUT);
        Ok(Duration::from_secs(seconds))
    }
}

/// The variable parts of a path, decoded.
#[derive(Debug)]
pub struct Path(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters = RawPathParams::from_request_parts(parts, state).await;
        let parameters = parameters.map_err(|error| ApiError::invalid(error.body_text()))?;
        let pairs = parameters
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Self(pairs.collect()))
    }
}

impl Path {
    /// One part as it is written.
    pub fn part(&self, name: &str) -> &str {
        let mut parts = self.0.iter();
        parts.find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The part `name`, as the name of something that is or will be defined.
    ///
    /// # Errors
    /// 400: no name.
    pub fn name(&self) -> Result<&str, ApiError> {
        let name = self.part("name");
        match is_name(name) {
            true => Ok(name),
            false => Err(ApiError::invalid(format!(
                "a name has 1 to {MAX_NAME} letters, digits, `_`, `-` and `.`, and begins with none of `-` and `.`"
            ))),
        }
    }
}

/// Whether a text may be the name of a flow, a threshold, a group, a map or a target of forwarding. It becomes part of
/// paths, of lists with commas, of functions with colons and of labels, and of none of those more than itself.
pub fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(query: &str) -> Parameters {
        let uri = format!("http://h/?{query}").parse().unwrap();
        Parameters(Query::try_from_uri(&uri).unwrap().0)
    }

    #[test]
    fn numbers_are_numbers_or_mistakes() {
        let parameters = parameters("a=10&b=&c=-1&d=1e3&e=x&f=1&f=2&timeout=9999&g=+1&h=nan");
        assert_eq!(parameters.whole("a").unwrap(), Some(10));
        assert_eq!(parameters.whole("b").unwrap(), None);
        assert_eq!(parameters.whole("none").unwrap(), None);
        assert_eq!(parameters.number("d").unwrap(), Some(1000.0));
        assert_eq!(parameters.seen("c").unwrap(), Some(-1));
        assert_eq!(parameters.seen("none").unwrap(), None);
        assert_eq!(parameters.seen("a").unwrap(), Some(10));
        assert_eq!(parameters.most("a", 5, 7).unwrap(), 7);
        assert_eq!(parameters.most("none", 5, 7).unwrap(), 5);
        assert_eq!(parameters.timeout().unwrap(), Duration::from_secs(MAX_TIMEOUT));
        for bad in ["c", "d", "e", "f", "g"] {
            assert!(parameters.whole(bad).is_err(), "{bad}");
        }
        assert!(parameters.number("h").is_err() && parameters.seen("d").is_err());
    }

    #[test]
    fn lists_are_written_in_two_ways() {
        let parameters = parameters("agent=a&x=1&agent=b,c&agent=");
        assert_eq!(parameters.list("agent"), ["a", "b", "c"]);
        assert_eq!(parameters.list("none"), [""; 0]);
    }

    #[test]
    fn a_name_is_nothing_but_a_name() {
        for fine in ["a", "ddos_blackhole", "top-5.v2", "1", &"x".repeat(MAX_NAME)] {
            assert!(is_name(fine), "{fine}");
        }
        for bad in [
            "",
            ".",
            "..",
            "-a",
            "a/b",
            "a b",
            "a,b",
            "a:b",
            "a;b",
            "ä",
            "a\n",
            "a%2fb",
            &"x".repeat(MAX_NAME + 1),
        ] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}

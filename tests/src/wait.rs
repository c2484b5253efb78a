#![expect(
    clippy::disallowed_methods,
    reason = "the harness drives real daemons: it polls them on the real clock, in threads of its own"
)]

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long to rest between two looks: short beside anything that is waited for.
const REST: Duration = Duration::from_millis(5);

/// Calls `look` until it returns a value, for at most `limit`.
///
/// # Errors
/// The time is over: the error says what was waited for.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = look() {
            return Ok(value);
        }
        if start.elapsed() >= limit {
            bail!("waited {limit:?} for {what}");
        }
        std::thread::sleep(REST);
    }
}

/// Like [`until`] for a look that can fail for good, which ends the waiting.
///
/// # Errors
/// What the look returned, or the time is over.
pub fn until_ok<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    until(what, limit, || look().transpose())?
}

/// Rests for `span`, on a thread that may.
pub fn pause(span: Duration) {
    std::thread::sleep(span);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_or_what_was_waited_for() {
        let mut looks = 0;
        let seen = until("the third look", Duration::from_secs(5), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(seen.unwrap(), 3);
        let late = until("nothing", Duration::ZERO, || None::<()>).unwrap_err();
        assert!(late.to_string().contains("nothing"), "{late}");
        let failed = until_ok("an error", Duration::from_secs(5), || -> Result<Option<()>> {
            bail!("broken")
        });
        assert_eq!(failed.unwrap_err().to_string(), "broken");
    }
}

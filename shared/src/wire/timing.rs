//! Where the time of one change went, at the server: the header `Server-Timing`.

use std::fmt;
use std::time::Duration;

/// Where the time of one change went, at the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerTiming {
    /// From the request complete to the batch sealed.
    pub queue: Duration,
    /// From the batch sealed to the verdict, tool runs included.
    pub commit: Duration,
    /// The part of it in which the tool ran.
    pub tool: Duration,
}

impl fmt::Display for ServerTiming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        write!(
            f,
            "queue;dur={:.3}, commit;dur={:.3}, tool;dur={:.3}",
            ms(self.queue),
            ms(self.commit),
            ms(self.tool)
        )
    }
}

impl ServerTiming {
    /// Reads the header's value; entries that are missing or not understood stay zero.
    pub fn parse(header: &str) -> Self {
        let mut timing = Self::default();
        for entry in header.split(',') {
            let Some((name, ms)) = entry.trim().split_once(";dur=") else {
                continue;
            };
            let ms = ms.parse::<f64>().unwrap_or(0.0);
            // A day is beyond every time limit; the bound also keeps out infinity and NaN.
            let duration = if (0.0..86_400e3).contains(&ms) {
                Duration::from_secs_f64(ms / 1e3)
            } else {
                Duration::ZERO
            };
            match name {
                "queue" => timing.queue = duration,
                "commit" => timing.commit = duration,
                "tool" => timing.tool = duration,
                _ => {}
            }
        }
        timing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_timing_reads_back() {
        let sent = ServerTiming {
            queue: Duration::from_micros(5_250),
            commit: Duration::from_millis(38),
            tool: Duration::from_millis(30),
        };
        assert_eq!(ServerTiming::parse(&sent.to_string()), sent);
    }

    #[test]
    fn server_timing_ignores_what_it_does_not_know() {
        let read = ServerTiming::parse("cache;desc=\"x\", commit;dur=1e99, queue;dur=7, proxy;dur=3");
        let queue = Duration::from_millis(7);
        assert_eq!(
            read,
            ServerTiming {
                queue,
                ..ServerTiming::default()
            }
        );
    }
}

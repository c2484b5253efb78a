//! Where log records go.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// The journal when systemd has connected standard error to it, text otherwise.
    #[default]
    Auto,
    /// For the systemd journal: a line for each record, whose priority stands before it (sd-daemon(3)), on standard error.
    /// The journal knows time and program by itself.
    Journal,
    /// One JSON object a line, on standard error.
    Json,
    /// Text for people, on standard error.
    Human,
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "journal" => Ok(Self::Journal),
            "json" => Ok(Self::Json),
            "human" => Ok(Self::Human),
            _ => Err(format!("{text:?} is none of auto, journal, json, human")),
        }
    }
}

/// Sends the records of this process to their place. `filter` is a level such as `info`, or directives such as
/// `info,flow_marker=debug`.
///
/// # Errors
/// The filter cannot be understood, the journal cannot be reached, or a subscriber is installed already.
pub fn init(format: Format, filter: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter: Targets = filter.parse()?;
    let registry = tracing_subscriber::registry().with(filter);
    let format = match format {
        Format::Auto if stderr_is_journal() => Format::Journal,
        Format::Auto => Format::Human,
        other => other,
    };
    match format {
        Format::Journal => {
            let layer = tracing_subscriber::fmt::layer()
                .without_time()
                .with_level(false)
                .with_target(false)
                .with_ansi(false)
                .with_writer(Lines { priorities: true });
            registry.with(layer).try_init()?;
        }
        Format::Json => {
            let layer = tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_writer(io::stderr);
            registry.with(layer).try_init()?;
        }
        Format::Auto | Format::Human if io::stderr().is_terminal() => {
            let layer = tracing_subscriber::fmt::layer()
                .with_target(false)
                .with_writer(io::stderr);
            registry.with(layer).try_init()?;
        }
        Format::Auto | Format::Human => {
            let layer = tracing_subscriber::fmt::layer()
                .with_target(false)
                .with_ansi(false)
                .with_writer(Lines { priorities: false });
            registry.with(layer).try_init()?;
        }
    }
    Ok(())
}

/// Whether standard error leads to the journal: systemd names the device and inode of the stream that it has made, and the
/// variable alone is inherited by everything that a service starts (systemd.exec(5), `JOURNAL_STREAM`).
fn stderr_is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    std::fs::metadata("/proc/self/fd/2")
        .is_ok_and(|stderr| stream == format!("{}:{}", stderr.dev(), stderr.ino()))
}

/// Makes one line of each record, whatever a switch, a tool or the network has put into its values: who could begin a new line
/// could write a record of his own.
struct Lines {
    /// Whether each has its priority before it.
    priorities: bool,
}

/// Writes one record.
struct Line {
    priority: Option<u8>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            priority: self.priorities.then_some(priority(Level::INFO)),
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line {
        Line {
            priority: self.priorities.then_some(priority(*metadata.level())),
        }
    }
}

/// That of syslog(3).
const fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

impl Line {
    /// What is written for a record that ends with a newline.
    fn text(&self, record: &[u8]) -> String {
        let record = String::from_utf8_lossy(record);
        let mut line = String::with_capacity(record.len() + 4);
        if let Some(priority) = self.priority {
            // Writing into a String cannot fail.
            let _ = write!(line, "<{priority}>");
        }
        for character in record.trim_end_matches('\n').chars() {
            if character.is_control() {
                line.extend(character.escape_default());
            } else {
                line.push(character);
            }
        }
        line.push('\n');
        line
    }
}

impl Write for Line {
    /// The whole record comes at once (`tracing_subscriber::fmt`).
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(self.text(record).as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_has_its_priority_before_it() {
        let line = |priority| Line { priority };
        assert_eq!(line(Some(priority(Level::WARN))).text(b"x a=1\n"), "<4>x a=1\n");
        assert_eq!(line(None).text(b"x a=1\n"), "x a=1\n");
    }

    proptest! {
        #[test]
        fn a_record_is_a_line_whatever_is_in_it(record: Vec<u8>, priority in proptest::option::of(0_u8..8)) {
            let text = Line { priority }.text(&record);
            let line = text.strip_suffix('\n').unwrap();
            prop_assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}

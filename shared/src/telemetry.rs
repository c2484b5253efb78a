//! Where log records go.

use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// The journal when systemd has connected standard error to it, text otherwise.
    #[default]
    Auto,
    /// To the systemd journal, with fields.
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
        Format::Journal => registry.with(tracing_journald::layer()?).try_init()?,
        Format::Json => {
            let layer = tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_writer(std::io::stderr);
            registry.with(layer).try_init()?;
        }
        Format::Auto | Format::Human => {
            let colour = std::io::stderr().is_terminal();
            let layer = tracing_subscriber::fmt::layer()
                .with_ansi(colour)
                .with_target(false)
                .with_writer(std::io::stderr);
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

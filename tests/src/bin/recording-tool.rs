//! A stand-in for an ACL tool: it records what it was given, and misbehaves on demand.
//!
//! It takes the options of the real one that acl-server passes (`-i`, `-P DIR`), and its words and exit codes are the
//! real one's: usage errors end with 2, refused rules with 1.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it stands in for a program that prints"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "it is a driver of its own: it sleeps and reads the clock on demand"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use clap::Parser;
use nix::sys::signal::{SigSet, Signal};

/// Stands in for an ACL tool in tests.
#[derive(Debug, Parser)]
struct Arguments {
    /// Install, as the real tool is told; nothing is installed.
    #[arg(short = 'i')]
    _install: bool,
    /// The policy directory; only its `*.rules` files are read.
    #[arg(long, short = 'P')]
    dir: Option<PathBuf>,
    /// Appends one line of JSON a run: `{start_ns, end_ns, exit, at_start: {file: content}, at_end: {…}}`, times in
    /// nanoseconds since 1970. While it runs, it holds a lock on the file beside it that ends in `.lock`; a run that finds
    /// it locked, which must not be, says so in the file that ends in `.overlap`.
    #[arg(long)]
    record: Option<PathBuf>,
    /// Writes its process id here when it has read the files and before it does anything else.
    #[arg(long)]
    started: Option<PathBuf>,
    /// Takes so many milliseconds.
    #[arg(long, default_value_t = 0)]
    delay: u64,
    /// Takes up to so many milliseconds more, each time another number of them.
    #[arg(long, default_value_t = 0)]
    jitter: u64,
    /// Refuses the first rule line that contains this text, whoever's it is.
    #[arg(long)]
    refuse_if: Option<String>,
    /// Does not say which line it refuses.
    #[arg(long)]
    vague: bool,
    /// Does not end as long as this file exists.
    #[arg(long)]
    hang_if_exists: Option<PathBuf>,
    /// Is not impressed by SIGTERM.
    #[arg(long)]
    ignore_term: bool,
    /// Prints so many bytes first.
    #[arg(long, default_value_t = 0)]
    print_bytes: usize,
    /// Prints the error of a refusal but ends with 0, as the real tool is known to.
    #[arg(long)]
    exit_zero_with_error: bool,
}

/// What the files were: name and content.
type Files = BTreeMap<String, String>;

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let start = nanoseconds();
    if arguments.ignore_term {
        // Blocked, it stays pending for ever.
        let mut term = SigSet::empty();
        term.add(Signal::SIGTERM);
        term.thread_block()?;
    }
    let _running = arguments.record.as_deref().map(hold).transpose()?;
    let at_start = read(arguments.dir.as_deref())?;
    if let Some(path) = &arguments.started {
        write_whole(path, &std::process::id().to_string())?;
    }
    print(arguments.print_bytes)?;
    println!("Installing acl policy");
    let jitter = arguments.jitter.saturating_mul(1_000_000);
    let more = Duration::from_nanos(scramble(start).checked_rem(jitter).unwrap_or(0));
    std::thread::sleep(Duration::from_millis(arguments.delay) + more);
    while arguments
        .hang_if_exists
        .as_ref()
        .is_some_and(|path| path.exists())
    {
        std::thread::sleep(Duration::from_millis(10));
    }
    let exit = match refused(&arguments, &at_start) {
        None => 0,
        Some(words) => {
            eprintln!("{words}");
            u8::from(!arguments.exit_zero_with_error)
        }
    };
    if let Some(path) = &arguments.record {
        let line = serde_json::json!({
            "start_ns": start,
            "end_ns": nanoseconds(),
            "exit": exit,
            "at_start": at_start,
            "at_end": read(arguments.dir.as_deref())?,
        });
        let mut file = File::options().create(true).append(true).open(path)?;
        // In one write, so that two runs at once, which must not be, are still two whole lines.
        file.write_all(format!("{line}\n").as_bytes())?;
    }
    Ok(ExitCode::from(exit))
}

/// The real tool's words for the first line that is to be refused, if there is one.
fn refused(arguments: &Arguments, files: &Files) -> Option<String> {
    let text = arguments.refuse_if.as_deref().filter(|text| !text.is_empty())?;
    files.values().find_map(|content| {
        let mut lines = content.lines().enumerate();
        let (index, line) = lines.find(|(_, line)| line.contains(text))?;
        let number = index + 1;
        if arguments.vague {
            return Some("error: hardware sync failed, policy not installed".to_owned());
        }
        Some(format!(
            "error: line {number} : refused by the tool error processing rule '{line}'"
        ))
    })
}

/// The `*.rules` files of `directory`.
fn read(directory: Option<&Path>) -> Result<Files> {
    let Some(directory) = directory else {
        return Ok(Files::new());
    };
    let mut files = Files::new();
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rules") {
            let content = fs::read(entry.path()).with_context(|| name.clone())?;
            files.insert(name, String::from_utf8_lossy(&content).into_owned());
        }
    }
    Ok(files)
}

/// Takes the lock that shows that a run is going on, until the file is closed; notes it when another one is.
fn hold(record: &Path) -> Result<File> {
    let beside = |suffix| record.with_added_extension(suffix);
    let lock = File::options().create(true).append(true).open(beside("lock"))?;
    if lock.try_lock().is_err() {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(beside("overlap"))?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes())?;
    }
    Ok(lock)
}

/// Spreads the low bits of a clock over all 64 (the finalizer of splitmix64).
const fn scramble(seed: u64) -> u64 {
    let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Writes a file so that who waits for it never sees a part of it.
fn write_whole(path: &Path, content: &str) -> Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&temporary, content).with_context(|| temporary.display().to_string())?;
    fs::rename(&temporary, path).with_context(|| path.display().to_string())
}

fn print(mut bytes: usize) -> Result<()> {
    let mut output = std::io::stdout().lock();
    let line = [&[b'x'; 79][..], b"\n"].concat();
    while bytes > 0 {
        let part = line.get(..bytes.min(line.len())).unwrap_or(&line);
        output.write_all(part)?;
        bytes -= part.len();
    }
    Ok(output.flush()?)
}

fn nanoseconds() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

//! `acl-server check`: what is wrong with rule files.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::policy::{Directory, Finding, lint};
use crate::rules::{self, Mode};

pub(super) const EXAMPLES: &str = "\
Examples:
  Everything that the switch would be given, in the tool's order:
      acl-server check /etc/cumulus/acl/policy.d/*.rules
  Rules that are made by a program:
      generate-rules | acl-server check -
  How many entries of the hardware they take, after lists are multiplied out:
      acl-server check --verbose ddos.rules
  In an editor that reads FILE:LINE:COLUMN: TEXT (vim):
      :set makeprg=acl-server\\ check\\ % errorformat=%f:%l:%c:\\ %m | make

Exit status: 0 nothing is wrong; 1 there are mistakes; 2 wrong usage, or a file cannot be read.";

/// Largest file that is looked at: 16 MiB. Rule files of a switch have kilobytes; this is not one.
const MAX_FILE: u64 = 16 << 20;

/// Which rule files are looked at, and how much is said.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Rule files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Accept matches and targets that are not known, as the setting `rules = "lenient"` does
    #[arg(long)]
    lenient: bool,
    /// Also count the rules, and the hardware entries that they take, of each file that is right
    #[arg(long, short)]
    verbose: bool,
}

/// What a file without mistakes comes to.
#[derive(Debug, PartialEq, Eq)]
struct Size {
    rules: usize,
    entries: u64,
}

/// How the check of all files ended; the worst one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Right,
    Mistakes,
    Unreadable,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Right => 0,
            Outcome::Mistakes => 1,
            Outcome::Unreadable => 2,
        })
    }
}

/// Looks at all files, also after one that cannot be read.
pub(super) fn run(args: &CheckArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Outcome> {
    let mut worst = Outcome::Right;
    let mode = if args.lenient { Mode::Lenient } else { Mode::Strict };
    for path in &args.files {
        let (name, content) = match path.to_str() {
            Some("-") => ("<stdin>".to_owned(), read(io::stdin().lock())),
            _ => (path.display().to_string(), open(path).and_then(read)),
        };
        let outcome = match content {
            Ok(content) => report(&name, &look(&name, &content, mode), args.verbose, out)?,
            Err(error) => {
                writeln!(err, "acl-server: {name}: {error}")?;
                Outcome::Unreadable
            }
        };
        worst = worst.max(outcome);
    }
    out.flush()?;
    Ok(worst)
}

fn report(
    name: &str,
    looked_at: &Result<Size, Vec<Finding>>,
    verbose: bool,
    out: &mut dyn Write,
) -> Result<Outcome> {
    match looked_at {
        Ok(Size { rules, entries }) => {
            if verbose {
                writeln!(out, "{name}: rules {rules}, entries {entries}")?;
            }
            Ok(Outcome::Right)
        }
        Err(findings) => {
            for finding in findings {
                writeln!(out, "{name}:{finding}")?;
            }
            Ok(Outcome::Mistakes)
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

fn read(from: impl Read) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    from.take(MAX_FILE + 1).read_to_end(&mut content)?;
    if u64::try_from(content.len()).is_ok_and(|length| length <= MAX_FILE) {
        Ok(content)
    } else {
        let text = format!("is larger than {} MiB, so it is no rule file", MAX_FILE >> 20);
        Err(io::Error::new(io::ErrorKind::FileTooLarge, text))
    }
}

/// Everything that is wrong with a file, or what it comes to.
fn look(name: &str, content: &[u8], mode: Mode) -> Result<Size, Vec<Finding>> {
    let findings = lint(name, content, mode);
    if !findings.is_empty() {
        return Err(findings);
    }
    let directory = Directory::new([(name.to_owned(), content)]);
    let text = String::from_utf8_lossy(content);
    let lines: Vec<&str> = text.lines().collect();
    Ok(Size {
        rules: rules::count_rules(&lines),
        entries: directory.entries(),
    })
}

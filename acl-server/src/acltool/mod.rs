//! `acltool`: what `cl-acltool` is to a Cumulus switch, for any Linux machine.
//!
//! It reads rule files (`source`), compiles them to the input of `iptables-restore` and `ip6tables-restore`
//! (`compile`, a pure function) and installs both families or neither (`install`). Everything it installs is in
//! chains of its own, `acltool-FORWARD` and so on, each hooked by one jump at the top of the built-in chain of that name.
//! Chains and rules of others are never touched; a jump that is there stays where it is.
//!
//! Options, exit codes and wording are those of the real tool, as far as they are known: 0 and `done.` at the end, 1 and
//! `error: …`, 2 for a command line that is not understood. What cannot be expressed in the kernel is refused with a
//! reason, never left out. One exit code is its own: 75 (`EX_TEMPFAIL`, `sysexits.h`) and `busy: …` when another run, or
//! another user of iptables, holds a lock for too long; then nothing was changed and nothing is wrong with the rules.
//!
//! Each rule carries the comment `FILE:LINE #ID`. `ID` is a digest of the compiled rule and its file, by which the next
//! run finds the counters of a rule that has not changed. Packets that pass between reading and writing are not counted.
//!
//! Not built: zeroing counters, the last good set, and the other options of the real tool; they are refused.

mod cli;
mod compile;
mod failure;
mod install;
mod list;
mod lock;
mod netfilter;
mod origin;
mod police;
mod source;
mod state;
mod terminal;

use std::ffi::OsString;
use std::io::Write;

use clap::{CommandFactory, Parser};

use cli::{Action, Args, Which};
use compile::{Compiled, compile};
use failure::Failure;
use install::{Plan, install};
use lock::Lock;
use netfilter::Iptables;
use origin::{PolicyFile, shown};
use source::Defaults;
use terminal::Terminal;

use crate::rules::{Family, parse_file};

/// The command line, for what is made from it.
pub fn command() -> clap::Command {
    Args::command()
}

/// Runs the tool with these arguments (the first is the program's name) and returns its exit status.
pub fn run(args: impl IntoIterator<Item = OsString>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let mut terminal = Terminal { out, err };
    let action = Args::try_parse_from(args).and_then(Args::action);
    let done = match action {
        Ok(Action::Version) => {
            terminal.say(concat!("acltool ", env!("CARGO_PKG_VERSION")));
            return 0;
        }
        Ok(Action::List { which }) => list::list(which, &mut terminal),
        Ok(Action::Flush { which }) => flush(which, &mut terminal),
        Ok(Action::Install {
            selection,
            dry_run,
            verbose,
        }) => load(&selection, &Defaults::default(), verbose, &mut terminal)
            .and_then(|compiled| commit(compiled, dry_run, verbose, &mut terminal)),
        Err(usage) => {
            let help = !usage.use_stderr();
            let to: &mut dyn Write = if help { terminal.out } else { terminal.err };
            let _ = write!(to, "{}", usage.render());
            return if help { 0 } else { 2 };
        }
    };
    match done {
        Ok(()) => 0,
        Err(failures) => {
            terminal.complain(&failures);
            status(&failures)
        }
    }
}

/// The exit status of a run that did not do its work.
fn status(failures: &[Failure]) -> u8 {
    const EX_TEMPFAIL: u8 = 75;
    if failures.iter().all(Failure::is_busy) {
        EX_TEMPFAIL
    } else {
        1
    }
}

/// Reads and compiles. Every file is looked at, so that one run names all that are broken.
fn load(
    selection: &source::Selection,
    defaults: &Defaults,
    verbose: bool,
    terminal: &mut Terminal<'_>,
) -> Result<Compiled, Vec<Failure>> {
    let found = source::find(selection, defaults)?;
    if verbose {
        for path in &found.ignored {
            terminal.say(&format!(
                "Ignoring {}: its name does not end in .rules",
                shown(path)
            ));
        }
    }
    let mut budget = source::Budget::default();
    let mut files = Vec::new();
    for path in &found.paths {
        terminal.say(&format!("Reading rule file {} ...", shown(path)));
        let lines = source::read(path, &mut budget)?;
        files.push(PolicyFile::new(path, lines));
    }
    let mut failures = Vec::new();
    let mut policies = Vec::new();
    for file in &files {
        terminal.say(&format!("Processing rules in file {} ...", file.path));
        match parse_file(&file.lines) {
            Ok(policy) => policies.push((file, policy)),
            Err(error) => failures.push(Failure::rule(file, error.line, &error.message)),
        }
    }
    if !failures.is_empty() {
        return Err(failures);
    }
    let compiled = compile(&policies)?;
    for warning in &compiled.warnings {
        terminal.say(&format!("warning: {warning}"));
    }
    Ok(compiled)
}

fn commit(
    compiled: Compiled,
    dry_run: bool,
    verbose: bool,
    terminal: &mut Terminal<'_>,
) -> Result<(), Vec<Failure>> {
    terminal.say(if dry_run {
        "Checking acl policy"
    } else {
        "Installing acl policy"
    });
    let mut kernel = Iptables::from_environment();
    let _lock = Lock::take().map_err(|error| vec![error.into()])?;
    let families = vec![(Family::V4, compiled.v4), (Family::V6, compiled.v6)];
    let plan = Plan { families, dry_run };
    let report = install(&plan, &mut kernel)?;
    for note in report.notes {
        terminal.say(&note);
    }
    if verbose {
        for input in report.inputs {
            terminal.say(input.trim_end());
        }
    }
    terminal.say("done.");
    Ok(())
}

/// Removes everything of ours, of the families that are named.
fn flush(which: Which, terminal: &mut Terminal<'_>) -> Result<(), Vec<Failure>> {
    let families = which
        .families()
        .into_iter()
        .map(|family| (family, compile::Chains::new()))
        .collect();
    let _lock = Lock::take().map_err(|error| vec![error.into()])?;
    let report = install(
        &Plan {
            families,
            dry_run: false,
        },
        &mut Iptables::from_environment(),
    )?;
    for note in report.notes {
        terminal.say(&note);
    }
    terminal.say("done.");
    Ok(())
}

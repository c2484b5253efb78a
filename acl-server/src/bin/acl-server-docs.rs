//! `acl-server-docs`: the manual pages and shell completions of acl-server, for those who make packages.
//!
//! They are made from the command line itself, so that they cannot say anything else. A program of its own, because what
//! makes them is a third of a megabyte that no switch needs.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use acl_server::cli::Cli;
use anyhow::{Context, Result, anyhow};
use clap::{Command, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

const EXAMPLES: &str = "\
Examples:
  Read the manual page, or that of a command:
      acl-server-docs man | man -l -
      acl-server-docs man check | man -l -
  Complete command lines in this bash:
      source <(acl-server-docs completions bash)
  Everything that a package installs, below a directory:
      acl-server-docs all debian/tmp/usr/share";

/// The section of the manual: daemons and tools of the system's administrator.
const SECTION: &str = "8";

/// Makes the manual pages and shell completions of acl-server
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = EXAMPLES,
    max_term_width = 110,
    disable_help_subcommand = true
)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print a script that completes command lines in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a manual page, as roff
    Man {
        /// A command of acl-server [default: the program]
        command: Option<String>,
    },
    /// Write all pages, and the completions of bash, zsh and fish, where Debian has them
    All {
        /// What is /usr/share in the end
        directory: PathBuf,
    },
}

/// Where the daemon keeps things, for the page of the program.
const FILES: [(&str, &str); 5] = [
    (
        "/etc/acl-server/acl-server.toml",
        "The settings; it may be absent.",
    ),
    (
        "/etc/cumulus/acl/policy.d/50rest-NAME.rules",
        "The ACLs of clients, verbatim. Files of other names are never written or removed.",
    ),
    (
        "/var/lib/acl-server/journal",
        "What was about to change, so that a crash changes nothing by halves.",
    ),
    (
        "/var/lib/acl-server/tool.lock",
        "Held by a running ACL tool, so that the next one waits for it.",
    ),
    ("/usr/cumulus/bin/cl-acltool", "The ACL tool of Cumulus Linux."),
];

fn main() -> ExitCode {
    match run(&Args::parse().what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "acl-server-docs: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(what: &What) -> Result<()> {
    match what {
        What::Completions { shell } => Ok(io::stdout().write_all(&completions(*shell))?),
        What::Man { command } => Ok(io::stdout().write_all(&man(command.as_deref())?)?),
        What::All { directory } => all(directory),
    }
}

fn all(directory: &Path) -> Result<()> {
    let save = |path: String, content: Vec<u8>| {
        let path = directory.join(path);
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, content))
            .with_context(|| path.display().to_string())
    };
    for (shell, path) in [
        (Shell::Bash, "bash-completion/completions/acl-server"),
        (Shell::Zsh, "zsh/vendor-completions/_acl-server"),
        (Shell::Fish, "fish/vendor_completions.d/acl-server.fish"),
    ] {
        save(path.to_owned(), completions(shell))?;
    }
    save(format!("man/man{SECTION}/acl-server.{SECTION}"), man(None)?)?;
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        let path = format!("man/man{SECTION}/acl-server-{name}.{SECTION}");
        save(path, man(Some(name))?)?;
    }
    Ok(())
}

fn completions(shell: Shell) -> Vec<u8> {
    // To memory: the generator panics when its output is closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "acl-server", &mut script);
    script
}

/// The page of a command, or of the program.
fn man(command: Option<&str>) -> Result<Vec<u8>> {
    let mut whole = Cli::command();
    whole.build();
    match command {
        None => page(whole, "acl-server".to_owned()),
        Some(name) => {
            let found = whole.find_subcommand(name);
            let found = found.with_context(|| anyhow!("acl-server has no command {name:?}"))?;
            page(found.clone(), format!("acl-server-{name}"))
        }
    }
}

fn page(command: Command, title: String) -> Result<Vec<u8>> {
    let notes = command.get_after_help().map(ToString::to_string);
    let whole_program = command.has_subcommands();
    let man = Man::new(command.display_name(title.clone()))
        .title(title)
        // An empty one would be left out, and what follows it would stand in its place.
        .date(" ")
        .source(concat!("acl-server ", env!("CARGO_PKG_VERSION")))
        .section(SECTION);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut roff = Roff::new();
    if whole_program {
        man.render_subcommands_section(&mut page)?;
        roff.control("SH", ["FILES"]);
        for (path, text) in FILES {
            roff.control("TP", []).text([bold(path)]).text([roman(text)]);
        }
    }
    for (heading, text) in notes.iter().flat_map(|notes| sections(notes)) {
        // Lines of examples stay lines.
        roff.control("SH", [heading.as_str()]).control("nf", []);
        for line in text.lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// What follows the options, by headings: each paragraph is `Heading: text`, or `Heading:` and lines below it.
fn sections(notes: &str) -> impl Iterator<Item = (String, &str)> {
    notes.split("\n\n").filter_map(|paragraph| {
        let (heading, text) = paragraph.split_once(':')?;
        let text = text.strip_prefix(['\n', ' ']).unwrap_or(text);
        Some((heading.to_uppercase(), text))
    })
}

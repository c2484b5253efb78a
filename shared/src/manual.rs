//! The manual pages and shell completions of programs, made from their command lines, so that they cannot say anything
//! else. A daemon's crate has a small program for it, `NAME-docs`, because what makes them is a third of a megabyte that no
//! switch needs.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// The section of the manual: daemons and tools of the system's administrator.
const SECTION: &str = "8";

/// A program and its files.
#[derive(Debug)]
pub struct Program {
    /// Its command line; the name is that of the program.
    pub command: Command,
    /// Paths of what it reads and writes, each with a sentence, for the page of the program.
    pub files: &'static [(&'static str, &'static str)],
}

/// The command line; the examples are made for each `NAME-docs`.
#[derive(Debug, Parser)]
#[command(max_term_width = 110, disable_help_subcommand = true)]
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
        /// The program [default: the daemon]
        program: Option<String>,
    },
    /// Print a manual page, as roff
    Man {
        /// A command of the daemon, or the whole name of a page [default: the daemon]
        page: Option<String>,
    },
    /// Write all pages, and the completions of bash, zsh and fish, where Debian has them
    All {
        /// What is /usr/share in the end
        directory: PathBuf,
    },
}

/// Carries out the command line of `name`, which makes the manual of `daemon` and of `others` in the same package.
///
/// 0: done; 1: it failed, as standard error says; 2: wrong usage.
pub fn main(name: &'static str, version: &'static str, daemon: Program, others: Vec<Program>) -> ExitCode {
    let mut programs = vec![daemon];
    programs.extend(others);
    let manual = Manual { version, programs };
    let command = Args::command()
        .name(name)
        .version(version)
        .about(format!(
            "Makes the manual pages and shell completions of {}",
            manual.daemon()
        ))
        .after_help(examples(name));
    let done = match Args::from_arg_matches(&command.get_matches()) {
        Ok(args) => manual.make(&args.what),
        Err(error) => error.exit(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn examples(name: &str) -> String {
    format!(
        "\
Examples:
  Read the manual page, or that of a command:
      {name} man | man -l -
      {name} man check | man -l -
  Complete command lines in this bash:
      source <({name} completions bash)
  Everything that a package installs, below a directory:
      {name} all debian/tmp/usr/share"
    )
}

/// What a package tells of its programs; the first is the daemon.
struct Manual {
    version: &'static str,
    programs: Vec<Program>,
}

impl Manual {
    fn daemon(&self) -> &str {
        self.programs
            .first()
            .map_or("", |program| program.command.get_name())
    }

    fn make(&self, what: &What) -> Result<()> {
        match what {
            What::Completions { shell, program } => {
                let name = program.as_deref().unwrap_or(self.daemon());
                let found = self
                    .programs
                    .iter()
                    .find(|program| program.command.get_name() == name);
                let program = found.with_context(|| anyhow!("there is no program {name:?} here"))?;
                Ok(io::stdout().write_all(&completions(program, *shell))?)
            }
            What::Man { page } => {
                let page = page.as_deref().unwrap_or(self.daemon());
                let of_daemon = format!("{}-{page}", self.daemon());
                let mut pages = self.pages()?.into_iter();
                let found = pages.find(|(title, _)| title == page || *title == of_daemon);
                let (_, text) =
                    found.with_context(|| anyhow!("{} has no command {page:?}", self.daemon()))?;
                Ok(io::stdout().write_all(&text)?)
            }
            What::All { directory } => self.all(directory),
        }
    }

    fn all(&self, directory: &Path) -> Result<()> {
        let save = |path: String, content: Vec<u8>| {
            let path = directory.join(path);
            let parent = path.parent().unwrap_or(directory);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, content))
                .with_context(|| path.display().to_string())
        };
        for program in &self.programs {
            let name = program.command.get_name();
            for (shell, path) in [
                (Shell::Bash, format!("bash-completion/completions/{name}")),
                (Shell::Zsh, format!("zsh/vendor-completions/_{name}")),
                (Shell::Fish, format!("fish/vendor_completions.d/{name}.fish")),
            ] {
                save(path, completions(program, shell))?;
            }
        }
        for (title, text) in self.pages()? {
            save(format!("man/man{SECTION}/{title}.{SECTION}"), text)?;
        }
        Ok(())
    }

    /// All pages with their titles: of each program, and of each of its commands.
    fn pages(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut pages = Vec::new();
        for program in &self.programs {
            let name = program.command.get_name().to_owned();
            // `help` says what the pages say.
            let mut whole = program.command.clone().disable_help_subcommand(true);
            whole.build();
            for command in whole.get_subcommands() {
                let title = format!("{name}-{}", command.get_name());
                let page = self.page(command.clone(), &title, &[])?;
                pages.push((title, page));
            }
            let page = self.page(whole, &name, program.files)?;
            pages.push((name, page));
        }
        Ok(pages)
    }

    fn page(&self, command: Command, title: &str, files: &[(&str, &str)]) -> Result<Vec<u8>> {
        let notes = command
            .get_after_long_help()
            .or(command.get_after_help())
            .map(ToString::to_string);
        let commands = command.has_subcommands();
        let man = Man::new(command.display_name(title))
            .title(title)
            // An empty one would be left out, and what follows it would stand in its place.
            .date(" ")
            .source(format!("{} {}", self.daemon(), self.version))
            .section(SECTION);
        let mut page = Vec::new();
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        let mut roff = Roff::new();
        if commands {
            man.render_subcommands_section(&mut page)?;
        }
        if !files.is_empty() {
            roff.control("SH", ["FILES"]);
        }
        for (path, text) in files {
            roff.control("TP", []).text([bold(*path)]).text([roman(*text)]);
        }
        for (heading, text) in sections(notes.as_deref().unwrap_or_default()) {
            // Lines of examples stay lines.
            roff.control("SH", [heading.as_str()]).control("nf", []);
            for line in text {
                roff.text([roman(line)]);
            }
            roff.control("fi", []);
        }
        roff.to_writer(&mut page)?;
        Ok(page)
    }
}

fn completions(program: &Program, shell: Shell) -> Vec<u8> {
    // To memory: the generator panics when its output is closed.
    let mut script = Vec::new();
    let mut command = program.command.clone();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    script
}

/// What follows the options, by headings: each begins with `Heading: text`, or `Heading:` and indented lines below it.
fn sections(notes: &str) -> Vec<(String, Vec<&str>)> {
    let mut sections: Vec<(String, Vec<&str>)> = Vec::new();
    for line in notes.lines() {
        match line.split_once(':') {
            Some((heading, text)) if !line.starts_with(' ') => {
                let text = Some(text.trim_start()).filter(|text| !text.is_empty());
                sections.push((heading.to_uppercase(), text.into_iter().collect()));
            }
            _ => {
                if let Some((_, lines)) = sections.last_mut() {
                    lines.push(line);
                }
            }
        }
    }
    for (_, lines) in &mut sections {
        while lines.last().is_some_and(|line| line.is_empty()) {
            lines.pop();
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_options_is_divided_by_headings_and_not_by_empty_lines() {
        let notes = "Examples:\n  One:\n    a: b\n\n  Two?\n    c\n\nExit status: 0 or 1: it\nfailed";
        let expected = [
            ("EXAMPLES", vec!["  One:", "    a: b", "", "  Two?", "    c"]),
            ("EXIT STATUS", vec!["0 or 1: it", "failed"]),
        ];
        let found = sections(notes);
        let found: Vec<_> = found
            .iter()
            .map(|(heading, lines)| (heading.as_str(), lines.clone()))
            .collect();
        assert_eq!(found, expected);
        assert!(sections("").is_empty());
    }
}

//! Manual pages and completions, as packages get them: made for every command of every program, and right for groff and
//! the shells.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tests::{binaries, process};

/// Each package's programs, the daemon first.
const PACKAGES: [&[&str]; 2] = [&["acl-server", "acltool"], &["flow-marker"]];

/// The commands of a daemon, as it tells them.
fn commands(daemon: &str) -> Vec<String> {
    let mut help = process::command(binaries::binary(daemon).unwrap());
    help.arg("-h");
    let help = process::run(help).unwrap();
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !["", "help"].contains(name));
    let names: Vec<_> = names.map(str::to_owned).collect();
    assert!(names.contains(&"check".to_owned()), "{names:?}");
    names
}

fn docs(daemon: &str, arguments: &[&str]) -> String {
    let mut docs = process::command(binaries::binary(&format!("{daemon}-docs")).unwrap());
    docs.args(arguments);
    process::run(docs).unwrap_or_else(|error| panic!("{error:#}"))
}

/// What a package has below /usr/share.
fn share(daemon: &str) -> TempDir {
    let share = tempfile::tempdir().unwrap();
    assert_eq!(docs(daemon, &["all", share.path().to_str().unwrap()]), "");
    share
}

/// The files in a directory of it.
fn files(share: &TempDir, directory: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(share.path().join(directory))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn names(files: &[PathBuf]) -> BTreeSet<String> {
    files
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

/// `program` looks at a file and finds nothing to say. Whether it is installed.
#[expect(clippy::print_stdout, reason = "a test that does less says so")]
fn silent(program: &str, arguments: &[&str], file: &Path) -> bool {
    let Ok(path) = binaries::system(program, program) else {
        println!("{program} is not installed: {} was not looked at", file.display());
        return false;
    };
    let output = process::command(path).args(arguments).arg(file).output().unwrap();
    assert!(
        output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(),
        "{program} {}: {output:?}",
        file.display()
    );
    true
}

#[test]
fn every_program_and_command_has_a_page_that_is_roff_without_a_warning() {
    for programs in PACKAGES {
        let daemon = programs[0];
        let share = share(daemon);
        let pages = files(&share, "man/man8");
        let commands = commands(daemon);
        let commands = commands.iter().map(|command| format!("{daemon}-{command}.8"));
        let programs = programs.iter().map(|program| format!("{program}.8"));
        assert_eq!(names(&pages), commands.chain(programs).collect());
        for path in pages {
            let page = fs::read_to_string(&path).unwrap();
            let title = path.file_stem().unwrap().to_str().unwrap();
            let first = page.lines().find(|line| line.starts_with(".TH ")).unwrap();
            assert!(
                first.starts_with(&format!(".TH {title} 8 \" \" \"{daemon} ")),
                "{first}"
            );
            for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"] {
                assert!(page.contains(&format!(".SH {section}\n")), "{title}: {section}");
            }
            silent("groff", &["-man", "-Kutf8", "-Tutf8", "-ww", "-z"], &path);
        }
        let examples = fs::read_to_string(share.path().join(format!("man/man8/{daemon}.8"))).unwrap();
        assert!(examples.contains(".SH FILES\n") && examples.contains(".SH EXAMPLES\n"));
    }
    let page = docs("flow-marker", &["man", "check"]);
    assert_eq!(page, docs("flow-marker", &["man", "flow-marker-check"]));
    assert!(page.contains("\n.SH OPTIONS\n"), "{page}");
}

#[test]
fn completions_are_scripts_that_the_shells_can_read() {
    for programs in PACKAGES {
        let commands = commands(programs[0]);
        let share = share(programs[0]);
        for (shell, directory, name) in [
            ("bash", "bash-completion/completions", "NAME"),
            ("zsh", "zsh/vendor-completions", "_NAME"),
            ("fish", "fish/vendor_completions.d", "NAME.fish"),
        ] {
            let scripts = files(&share, directory);
            let expected = programs.iter().map(|program| name.replace("NAME", program));
            assert_eq!(names(&scripts), expected.collect());
            let of_daemon = share
                .path()
                .join(directory)
                .join(name.replace("NAME", programs[0]));
            let text = fs::read_to_string(of_daemon).unwrap();
            for command in &commands {
                assert!(text.contains(command), "{shell}: {command}");
            }
            for script in scripts {
                let read = silent(shell, &["-n"], &script);
                assert!(read || shell != "bash");
            }
        }
    }
    let completed = "complete -p acl-server >/dev/null; COMP_WORDS=(acl-server check-); COMP_CWORD=1; \
                     _acl__server acl-server check- acl-server; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let script = docs("acl-server", &["completions", "bash"]);
    let mut bash = process::command("bash");
    bash.args(["-c", &format!("{script}\n{completed}")]);
    assert_eq!(process::run(bash).unwrap(), "check-config\n");
}

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The directory with this build's programs: `target/<profile>`, found from the running program, so that a test and what
/// it starts come from the same build.
///
/// # Errors
/// The running program's own path cannot be read.
pub fn directory() -> Result<PathBuf> {
    let running = std::env::current_exe().context("where the running program is")?;
    let mut directory = running.parent().context("a program without a directory")?;
    // Test programs are one level deeper than the binaries.
    if directory.ends_with("deps") {
        directory = directory.parent().context("deps without a parent")?;
    }
    Ok(directory.to_owned())
}

/// The path of the program `name` of this workspace.
///
/// # Errors
/// It has not been built; the error says how to.
pub fn binary(name: &str) -> Result<PathBuf> {
    let path = directory()?.join(name);
    ensure!(
        path.is_file(),
        "{} is missing: run `make test` or `cargo build --workspace --bins` first",
        path.display()
    );
    Ok(path)
}

/// The path of `program` in the directories of `PATH`, and in those that are often left out for users.
///
/// # Errors
/// It is nowhere; the error names the package to install.
pub fn system(program: &str, package: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| Path::is_file(candidate))
        .with_context(|| {
            format!("{program} is not installed (package {package}): scripts/install-deps installs it")
        })
}

/// What a test needs and a machine need not have. Without it the test is left out, loudly; with `CI=true` it fails.
#[expect(clippy::print_stderr, reason = "a test that does less than its name says so")]
pub fn or_left_out<T>(found: Result<T>, what: &str) -> Option<T> {
    match found {
        Ok(found) => Some(found),
        Err(error) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{error:#}");
            eprintln!("NOT TESTED, {what}: {error:#}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_says_what_to_do() {
        let error = binary("no-such-program").unwrap_err().to_string();
        assert!(error.contains("make test"), "{error}");
        let error = system("no-such-program", "its-package").unwrap_err().to_string();
        assert!(
            error.contains("its-package") && error.contains("install-deps"),
            "{error}"
        );
    }

    #[test]
    fn this_program_is_in_the_directory() {
        assert!(directory().unwrap().join("deps").is_dir());
        assert!(system("sh", "dash").unwrap().ends_with("sh"));
    }
}

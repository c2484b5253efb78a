use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{binaries, process};

/// Builds both packages of the programs of this build, which takes seconds, into the directory `output`.
///
/// # Errors
/// The programs have not been built, or the packages cannot be.
pub fn build(output: &Path, version: &str) -> Result<()> {
    for program in ["acl-server-docs", "flow-marker-docs"] {
        binaries::binary(program)?;
    }
    let mut deb = process::command(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/deb"));
    deb.arg("--from").arg(binaries::directory()?);
    deb.args(["--version", version, "--output"]).arg(output);
    // Also where there is no commit whose time it could be.
    deb.env("SOURCE_DATE_EPOCH", "1700000000");
    process::run(deb).map(drop)
}

/// The file of a package in a directory.
///
/// # Errors
/// There is none.
pub fn file(directory: &Path, name: &str, version: &str) -> Result<PathBuf> {
    let start = format!("{name}_{version}_");
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&start) {
            return Ok(entry.path());
        }
    }
    None.with_context(|| format!("{start}… in {}", directory.display()))
}

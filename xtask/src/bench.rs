//! Builds what is measured and what measures, and runs it.

use std::path::Path;
use std::process::Command;

use cargo_metadata::MetadataCommand;

use crate::cargo::Call;

/// Runs the benchmark with these options; answers with its exit code.
pub(crate) fn run(root: &Path, more: &[String]) -> Result<u8, String> {
    // One after the other: built together, the service would get the features that the benchmark wants of libraries.
    for package in ["countersign", "countersign-bench"] {
        let call = Call::new("build --release --locked --package").with(&[package.to_owned()]);
        match call.run(root)? {
            0 => {}
            code => return Ok(code),
        }
    }
    let metadata = MetadataCommand::new()
        .current_dir(root)
        .no_deps()
        .exec()
        .map_err(|error| format!("Cargo.toml: {error}"))?;
    let binary = metadata.target_directory.join("release/bench");
    let status = Command::new(&binary)
        .args(more)
        .current_dir(root)
        .status()
        .map_err(|error| format!("cannot run {binary}: {error}"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

//! Finds and names files; decides nothing about them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The repository's root, whatever folder the command was called from.
#[expect(
    clippy::disallowed_methods,
    reason = "cargo says through the environment which checkout it runs"
)]
pub(crate) fn root() -> PathBuf {
    // What was known when this was compiled may be another checkout that shares the build folder.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let here = PathBuf::from(here);
    here.parent().map_or_else(|| here.clone(), Path::to_path_buf)
}

/// Lists every file under `folder`, at any depth, in the order of their names.
///
/// Build output and hidden folders are left out.
pub(crate) fn all(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| cannot("list", &folder, &error))?;
        for entry in entries {
            let path = entry.map_err(|error| cannot("list", &folder, &error))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !path.is_dir() {
                found.push(path);
            } else if name != "target" && !name.starts_with('.') {
                folders.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Lists the files under `folder` whose name ends in `.extension`.
pub(crate) fn with_extension(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, String> {
    let mut found = all(folder)?;
    found.retain(|path| path.extension().is_some_and(|it| it == extension));
    Ok(found)
}

/// The path as it is written in messages: from `root`, with forward slashes.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

/// The sentence for a file that could not be read, written, listed or removed.
pub(crate) fn cannot(verb: &str, path: &Path, error: &io::Error) -> String {
    format!("cannot {verb} {}: {error}", path.display())
}

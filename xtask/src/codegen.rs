//! Turns `proto/` into the committed Rust bindings and the descriptor set that reflection serves.
//!
//! The compiler is pure Rust, so nobody needs `protoc`. Everything under `crates/grpc/src/generated` is output and
//! is never edited; the same protos always give the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use protox::Compiler;

use crate::files;

/// Where the protos are, from the repository's root.
const PROTO: &str = "proto";
/// Where the output is committed, from the repository's root.
const GENERATED: &str = "crates/grpc/src/generated";
/// The one package of the protos; its output is named after it.
const PACKAGE: &str = "countersign.v1";

/// The module that includes the output. `include!` keeps rustfmt away from code that is not ours.
const MODULE: &str = r#"//! The bindings of `proto/`, written by `cargo xtask codegen`; never edited.

/// The messages, the client and the server of `countersign.v1`.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::large_enum_variant,
    clippy::pedantic,
    reason = "generated code keeps its generators' habits"
)]
pub mod v1 {
    include!("countersign.v1.rs");
}

/// The encoded `FileDescriptorSet` of `countersign.v1` and of everything it imports, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("countersign.v1.bin");
"#;

/// File names and contents of one output folder.
type Output = BTreeMap<String, Vec<u8>>;

/// Writes the output under `root`, or with `check` only compares it with what is committed.
///
/// Fails when a proto does not compile, when a file cannot be read or written, and under `check` when the committed
/// output is stale, incomplete, or has files too many.
pub(crate) fn run(root: &Path, check: bool) -> Result<(), String> {
    let wanted = generate(root)?;
    let folder = root.join(GENERATED);
    let found = read(&folder)?;
    if check {
        return match difference(&wanted, &found) {
            None => Ok(()),
            Some(difference) => Err(format!(
                "{GENERATED}: {difference}; run `cargo xtask codegen` and commit the result"
            )),
        };
    }
    write(&folder, &wanted, &found)
}

/// Compiles every proto under `root` into the files of the output folder.
fn generate(root: &Path) -> Result<Output, String> {
    let include = root.join(PROTO);
    let protos = files::with_extension(&include, "proto")?;
    let mut compiler = Compiler::new([&include]).map_err(|error| format!("{PROTO}: {error}"))?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(&protos)
        .map_err(|error| format!("{PROTO}: {error:?}"))?;
    let mut output = bindings(compiler.file_descriptor_set())?;
    // Comments are worth having in the bindings; over reflection they would only be weight.
    compiler.include_source_info(false);
    output.insert(format!("{PACKAGE}.bin"), compiler.encode_file_descriptor_set());
    output.insert("mod.rs".to_owned(), MODULE.as_bytes().to_vec());
    Ok(output)
}

/// Messages whose `Debug` is written by hand.
const SECRETIVE: [&str; 6] = [
    ".countersign.v1.RecipientName",
    ".countersign.v1.StartVerificationRequest",
    ".countersign.v1.CheckVerificationRequest",
    ".countersign.v1.Client",
    ".countersign.v1.ListedBlock",
    ".countersign.v1.EraseRecipientRequest",
];

/// Runs the generators of prost and tonic in a folder of their own and takes what they leave there.
fn bindings(descriptors: tonic_prost_build::FileDescriptorSet) -> Result<Output, String> {
    let scratch = tempfile::tempdir().map_err(|error| format!("no scratch folder: {error}"))?;
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .emit_rerun_if_changed(false)
        // Ordered maps, so that what is hashed or printed does not depend on a seed.
        .btree_map(".")
        // These hold a phone or a part of one, a code, a context, an address or a challenge's answer:
        // `crates/grpc/src/redacted.rs` says what of them may be printed.
        .skip_debug(SECRETIVE)
        .out_dir(scratch.path())
        .compile_fds(descriptors)
        .map_err(|error| format!("{PROTO}: {error}"))?;
    let output = read(scratch.path())?;
    let expected = format!("{PACKAGE}.rs");
    match output.keys().find(|name| **name != expected) {
        None => Ok(output),
        Some(name) => Err(format!(
            "{PROTO}: made {name} beside {expected}; teach xtask/src/codegen.rs about the new package"
        )),
    }
}

/// Reads every file of one folder; a folder that does not exist is empty.
fn read(folder: &Path) -> Result<Output, String> {
    if !folder.exists() {
        return Ok(Output::new());
    }
    files::all(folder)?
        .into_iter()
        .map(|path| {
            let name = files::relative(folder, &path);
            let content = fs::read(&path).map_err(|error| files::cannot("read", &path, &error))?;
            Ok((name, content))
        })
        .collect()
}

/// Brings the folder from `found` to `wanted`, touching nothing that is already right.
fn write(folder: &Path, wanted: &Output, found: &Output) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| files::cannot("create", folder, &error))?;
    for (name, content) in wanted {
        if found.get(name) != Some(content) {
            let path = folder.join(name);
            fs::write(&path, content).map_err(|error| files::cannot("write", &path, &error))?;
            println!("wrote {GENERATED}/{name}");
        }
    }
    for name in found.keys().filter(|name| !wanted.contains_key(*name)) {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(|error| files::cannot("remove", &path, &error))?;
        println!("removed {GENERATED}/{name}");
    }
    Ok(())
}

/// Says in one line how `found` differs from `wanted`, or `None` when it does not.
fn difference(wanted: &Output, found: &Output) -> Option<String> {
    let mut faults: Vec<String> = wanted
        .iter()
        .filter_map(|(name, content)| match found.get(name) {
            None => Some(format!("{name} is missing")),
            Some(there) if there != content => Some(format!("{name} is stale")),
            Some(_) => None,
        })
        .collect();
    faults.extend(
        found
            .keys()
            .filter(|name| !wanted.contains_key(*name))
            .map(|name| format!("{name} is not output of the generator")),
    );
    (!faults.is_empty()).then(|| faults.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(files: &[(&str, &str)]) -> Output {
        files
            .iter()
            .map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn equal_output_has_no_difference() {
        let files = output(&[("a.rs", "a")]);
        assert_eq!(difference(&files, &files), None);
    }

    #[test]
    fn every_kind_of_difference_is_named() {
        let wanted = output(&[("a.rs", "new"), ("b.bin", "b")]);
        let found = output(&[("a.rs", "old"), ("c.rs", "c")]);
        assert_eq!(
            difference(&wanted, &found).as_deref(),
            Some("a.rs is stale, b.bin is missing, c.rs is not output of the generator")
        );
    }

    #[test]
    fn writing_leaves_exactly_what_was_wanted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("old.rs"), "old").unwrap();
        let found = read(folder.path()).unwrap();
        let wanted = output(&[("a.rs", "a"), ("b.bin", "b")]);

        write(folder.path(), &wanted, &found).unwrap();

        assert_eq!(read(folder.path()).unwrap(), wanted);
    }

    #[test]
    fn the_committed_output_is_what_the_protos_give() {
        run(&files::root(), true).unwrap();
    }

    #[test]
    fn generating_twice_gives_the_same_bytes() {
        let root = files::root();
        assert_eq!(generate(&root).unwrap(), generate(&root).unwrap());
    }

    #[test]
    fn the_descriptor_set_carries_its_imports() {
        let output = generate(&files::root()).unwrap();
        let descriptors = String::from_utf8_lossy(&output["countersign.v1.bin"]).into_owned();
        assert!(descriptors.contains("google/protobuf/timestamp.proto"));
        assert!(descriptors.contains("VerificationService"));
    }
}

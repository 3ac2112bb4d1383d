//! `[decisions]`: whether decisions are recorded, and where to.

use std::path::Path;

use super::reader::{Mistakes, Section};
use crate::recording::RecordTo;

/// What stands for standard output.
const STREAM: &str = "stdout";

/// Reads where decisions are recorded; nowhere when it does not say. Relative files are looked for in `folder`.
pub(super) fn read_decisions(mut section: Section, folder: &Path, mistakes: &mut Mistakes) -> Option<RecordTo> {
    let place = |text: &str| match text {
        "" => Err("must be a file, or \"stdout\"; leave it out to record nothing"),
        STREAM => Ok(RecordTo::Stream),
        path => Ok(RecordTo::File(folder.join(path))),
    };
    let to = section.parsed("to", place, mistakes);
    section.end(mistakes);
    to
}

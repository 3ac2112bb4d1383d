//! The table as a file, to be read by people and compared with what was seen. `COUNTERSIGN_TABLE=write` writes it anew.

use std::fmt::Write as _;

use crate::cases::Case;
use crate::seen::Seen;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/codes/table.txt");
const HEAD: &str = "code | path | class | decision | delivery | verification | what a person reads";

/// Demands that the file says what was seen.
pub(crate) fn compare(played: &[(Case, Seen)]) {
    let mut seen = format!("{HEAD}\n");
    for (case, it) in played {
        let outcome = &it.outcome;
        writeln!(
            seen,
            "{case} | {} | {} | {} | {}",
            outcome.decision, outcome.deliveries, outcome.verification, it.reads
        )
        .unwrap();
    }
    for private in ["+55", "cs_"] {
        assert!(!seen.contains(private), "{private} is no word of the table");
    }
    if is_to_be_written() {
        std::fs::write(FILE, seen).unwrap();
        return;
    }
    let written = std::fs::read_to_string(FILE).unwrap();
    let differences: Vec<_> = seen
        .lines()
        .filter(|line| !written.lines().any(|it| it == *line))
        .collect();
    assert!(
        seen == written,
        "table.txt is not what was seen; COUNTERSIGN_TABLE=write writes it anew. New are:\n{}",
        differences.join("\n")
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever changes a text on purpose has to say so"
)]
fn is_to_be_written() -> bool {
    std::env::var("COUNTERSIGN_TABLE").is_ok_and(|it| it == "write")
}

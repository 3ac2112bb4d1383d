//! What an operator asks of the service: why, blocks, and recipients. Each command is a call of the admin service.

mod blocks;
mod explain;
mod recipients;

use std::process::ExitCode;

pub(crate) use blocks::blocks;
pub(crate) use explain::explain;
pub(crate) use recipients::{erase, hold, release};

/// The exit code when the answer is "no": a start that would be refused, or nothing done without `--yes`.
const NOT_SO: u8 = 3;
/// How wide sentences become before they are broken.
const WIDTH: usize = 80;
/// What stands where there is nothing to say.
pub(crate) const NOTHING: &str = "-";

/// 0 for yes, 3 for no.
fn yes_or_no(is_so: bool) -> ExitCode {
    if is_so {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_SO)
    }
}

/// A score in whole points and tenths.
fn score(thousandths: i64) -> String {
    let tenths = (thousandths + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// An alarm in words.
fn alarm(word: &str) -> &str {
    match word {
        "conversion" => "too few codes given back",
        "wrong_guesses" => "too many wrong guesses",
        other => other,
    }
}

/// An area in words.
fn area(word: &str) -> &str {
    match word {
        "number_block_10000" => "10,000 numbers",
        "number_block_1000" => "1,000 numbers",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_score_has_one_digit_behind_the_point() {
        for (thousandths, said) in [
            (0, "0.0"),
            (14_000, "14.0"),
            (3_249, "3.2"),
            (3_250, "3.3"),
            (9_950, "10.0"),
        ] {
            assert_eq!(super::score(thousandths), said);
        }
    }
}

//! The guard: stops blocks of numbers and countries whose codes nobody gives back, and explains each decision in one
//! sentence. Everything here is a pure function; [`crate::use_case::Guard`] feeds them.
//!
//! Two gates before a send, one learner after it: how many sends are unfinished, which works before anybody knows how
//! many will be finished; and a score of those that are, a CUSUM, which rises with each that is not.

mod baseline;
mod bucket;
mod ladder;
mod line;
mod score;
mod settings;

pub use baseline::{Baseline, CountryHistory, Hours, usual_wrong};
pub use bucket::{Area, Bucket, BucketKey, NumberBlock, PersonKey, SeriesKey, buckets_of};
pub use ladder::{Alarm, Block, Rung, is_outdated};
pub use line::{LINE_MEMORY, line_of};
pub use score::{
    ALARM, FINISHED_MAX, FINISHED_MIN, FlooredSum, Points, WRONG_MAX, WRONG_MIN, guess_change, guess_counts,
    guess_points, send_change, send_counts, send_points,
};
pub use settings::{GuardSettings, SPRAYED_CODE_LENGTH_MIN, UNFINISHED_LIFE};

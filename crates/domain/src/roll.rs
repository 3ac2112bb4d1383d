//! Drawing from a uniform 64-bit number. Makes no randomness: the number is an argument.

/// A number of `0..span` chosen by `roll`, a uniform 64-bit number; 0 when there is nothing to choose from.
///
/// The high half of a 128-bit product scales the roll without a division's bias worth speaking of.
pub(crate) fn below(span: u64, roll: u64) -> u64 {
    u64::try_from((u128::from(roll) * u128::from(span)) >> 64).unwrap_or(u64::MAX)
}

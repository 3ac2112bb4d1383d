//! Which of an app's senders a message goes out from.

use crate::roll::below;

/// Which of `shares` a uniform 64-bit `roll` falls on, each as likely as its share of the sum. `None` when there is
/// nothing to choose from.
pub fn pick(shares: &[u64], roll: u64) -> Option<usize> {
    let mut point = below(shares.iter().sum(), roll);
    for (index, share) in shares.iter().enumerate() {
        if point < *share {
            return Some(index);
        }
        point -= share;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_chosen_as_often_as_its_share() {
        let mut counts = [0_u32; 3];
        for step in 0..1_000_u64 {
            let roll = step * (u64::MAX / 1_000);
            counts[pick(&[1, 0, 3], roll).unwrap()] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!(
            counts[0].abs_diff(250) <= 1 && counts[2].abs_diff(750) <= 1,
            "{counts:?}"
        );
    }

    #[test]
    fn of_nothing_nothing_is_chosen() {
        assert_eq!(pick(&[], 7), None);
        assert_eq!(pick(&[0, 0], u64::MAX), None);
        assert_eq!(pick(&[0, 5], u64::MAX), Some(1));
    }
}

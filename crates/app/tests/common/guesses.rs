//! Races of guesses at one or at many instances: what is demanded is the same.

use std::sync::Arc;

use countersign_grpc::v1::VerificationState;

use crate::common::clock::Stopwatch;
use crate::common::crowd::{Crowd, Opened, Tally, of, print, race_each, sum, with_junk, wrong_codes};

/// The wrong guesses a verification bears by default.
pub(crate) const BUDGET: u64 = 5;
/// Verifications that are raced for at a time.
pub(crate) const AT_ONCE: usize = 8;

/// Gives each right code 50 times at once, and demands that each verification is approved once.
pub(crate) async fn approve_each_once(race: &str, crowd: &Arc<Crowd>, opened: &[Opened]) {
    let (before, watch) = (crowd.calls(), Stopwatch::start());
    let tallies = race_each(opened, AT_ONCE, |it| {
        Arc::clone(crowd).check_all(it.id, vec![it.code; 50])
    })
    .await;
    let all = sum(&tallies);
    print(race, &all, crowd.calls() - before, &watch);
    assert!(
        tallies.iter().all(|it| of(it, "APPROVED") == 1),
        "one was approved twice, or never"
    );
    let people = u64::try_from(opened.len()).unwrap();
    assert_eq!(
        all,
        Tally::from([("APPROVED", people), ("ALREADY_APPROVED", people * 49)])
    );
}

/// Gives 200 wrong codes at once for each, and demands that no more are compared than the budget says, and that the
/// right code comes too late then.
pub(crate) async fn compare_within_the_budget(race: &str, crowd: &Arc<Crowd>, opened: &[Opened]) {
    let (before, watch) = (crowd.calls(), Stopwatch::start());
    let tallies = race_each(opened, AT_ONCE, |it| {
        let wrong = wrong_codes(200, &it.code);
        Arc::clone(crowd).check_all(it.id, wrong)
    })
    .await;
    print(race, &sum(&tallies), crowd.calls() - before, &watch);
    // The guess that uses up the last is answered like all that come after it.
    let within = |it: &Tally| of(it, "INCORRECT") == BUDGET - 1 && of(it, "EXHAUSTED") == 200 - (BUDGET - 1);
    assert!(tallies.iter().all(within), "one had more guesses compared, or fewer");
    let late = race_each(opened, AT_ONCE * 8, |it| {
        let crowd = Arc::clone(crowd);
        async move {
            let verification = crowd.get(&it.id).await;
            let left = (verification.state(), verification.guesses_left);
            assert_eq!(left, (VerificationState::Exhausted, 0));
            Tally::from([(crowd.check(&it.id, &it.code).await, 1)])
        }
    })
    .await;
    let people = u64::try_from(opened.len()).unwrap();
    assert_eq!(
        sum(&late),
        Tally::from([("EXHAUSTED", people)]),
        "a right code, too late"
    );
}

/// Gives the right code among four wrong ones, all at once, and demands that it always wins.
pub(crate) async fn let_the_right_code_win(race: &str, crowd: &Arc<Crowd>, opened: &[Opened]) {
    let (before, watch) = (crowd.calls(), Stopwatch::start());
    let tallies = race_each(opened, 32, |it| {
        let codes = with_junk(it.code, 4);
        Arc::clone(crowd).check_all(it.id, codes)
    })
    .await;
    print(race, &sum(&tallies), crowd.calls() - before, &watch);
    for tally in &tallies {
        assert_eq!(of(tally, "APPROVED"), 1, "{tally:?}");
        assert_eq!(of(tally, "INCORRECT") + of(tally, "ALREADY_APPROVED"), 4, "{tally:?}");
    }
}

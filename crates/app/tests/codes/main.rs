//! Each of Meta's error codes on both of its paths, as an answer to a send and as a webhook afterwards: what the real
//! binary takes it for, whether it tries again and how, the state a caller sees, and the text a person reads.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod cases;
mod golden;
mod law;
mod reading;
mod seen;
mod stage;

use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use crate::cases::Case;
use crate::seen::Seen;
use crate::stage::Stage;

/// How many cases are on their way at once: more than two cores are busy with, as most of them wait.
const AT_ONCE: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_code_comes_to_what_is_written_down_on_both_paths() {
    let stage = Rc::new(Stage::set(cases::all()).await);
    let played = play_all(&stage).await;
    let wrong: Vec<_> = played
        .iter()
        .filter_map(|(case, seen)| law::breach(case, seen))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} cases are not as written down:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    stage.took_each_for_its_class(&played).await;
    golden::compare(&played);
}

/// Every case with what was seen of it, in the order of the cases.
async fn play_all(stage: &Rc<Stage>) -> Vec<(Case, Seen)> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut playing = JoinSet::new();
    // All on this thread: what looks again and again cannot be sent to another one.
    let here = LocalSet::new();
    for case in stage.cases.clone() {
        let (stage, places) = (Rc::clone(stage), Arc::clone(&places));
        let play = async move {
            let _place = places.acquire_owned().await.unwrap();
            let seen = stage.play(&case).await;
            (case, seen)
        };
        playing.spawn_local_on(play, &here);
    }
    let mut played = here.run_until(playing.join_all()).await;
    played.sort_by_key(|(case, _)| case.number);
    played
}

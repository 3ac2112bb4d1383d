//! A million posts, most of them tampered with, handed to the router: what is not signed is refused and asks no store,
//! and what is signed moves exactly the messages that its references name.
//!
//! `COUNTERSIGN_SEED=n` replays from post `n`; the seeds are printed, and so is the seed of a failure.

mod bodies;
mod draw;
mod forge;
mod oracle;
mod references;
mod spoil;
mod tally;
mod world;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use countersign_testkit::random::seed_or;
use tokio::runtime::{Builder, Runtime};

use draw::Draw;
use tally::Tally;
use world::World;

/// How many posts the normal test run hands in.
const POSTS: u64 = 1_000_000;
/// How many posts show that the oracle notices what it is there to notice.
const POSTS_OF_THE_CARELESS: u64 = 5_000;

/// The secrets that signatures may be made with: two, as while one is being changed.
const SECRETS: [&str; 2] = ["test_app_secret", "the app secret that comes next"];
/// A secret that is not ours.
const STRANGER: &str = "somebody else's app secret";

/// Through the router, as Meta's posts come: everything between the socket and the store has its say in every case.
#[test]
fn of_a_million_posts_only_those_that_are_signed_are_applied_and_only_to_what_they_name() {
    let first = seed_or(1);
    println!("COUNTERSIGN_SEED={first} to {}", first + POSTS - 1);
    let middle = first + POSTS / 2;
    let tally = std::thread::scope(|scope| {
        let halves = [first..middle, middle..first + POSTS].map(|seeds| scope.spawn(|| play(seeds)));
        halves.map(|half| half.join().expect("a post broke a promise; its seed is above"))
    });
    let tally = tally.into_iter().fold(Tally::default(), Tally::plus);
    println!("{tally:#?}");
    tally.assert_the_posts_were_worth_handing_in();
}

/// The oracle has to see a forged post that is let through: here the intake takes a third secret.
#[test]
fn an_intake_that_takes_the_wrong_secret_is_noticed() {
    let noticed = noticed(&World::trusting(&[SECRETS[0], SECRETS[1], STRANGER][1..]));
    assert!(
        noticed > 100,
        "the oracle saw only {noticed} of {POSTS_OF_THE_CARELESS}"
    );
}

/// The oracle has to see a message that moves without being named: here it does not know of one that is.
#[test]
fn a_message_that_moves_without_its_reference_is_noticed() {
    let mut world = World::new();
    world.forget_a_reference();
    let noticed = noticed(&world);
    assert!(
        noticed > 100,
        "the oracle saw only {noticed} of {POSTS_OF_THE_CARELESS}"
    );
}

fn noticed(world: &World) -> usize {
    let runtime = runtime();
    let broken = |seed: &u64| runtime.block_on(world.play(&mut Draw::new(*seed))).is_err();
    (1..=POSTS_OF_THE_CARELESS).filter(broken).count()
}

fn play(seeds: Range<u64>) -> Tally {
    let (runtime, world) = (runtime(), World::new());
    let mut tally = Tally::default();
    for seed in seeds {
        let played = catch_unwind(AssertUnwindSafe(|| runtime.block_on(world.play(&mut Draw::new(seed)))));
        match played {
            Ok(Ok(played)) => tally.add(&played),
            Ok(Err(broken)) => panic!("failed with COUNTERSIGN_SEED={seed}: {broken}"),
            Err(cause) => {
                println!("failed with COUNTERSIGN_SEED={seed}");
                resume_unwind(cause);
            }
        }
    }
    tally
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

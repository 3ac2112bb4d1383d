//! Any description, any account, any interruption: an apply leaves exactly what Meta does not allow yet, and it does
//! not matter where one ended before.
//!
//! `COUNTERSIGN_SEED=n` replays from case `n`; the seed of a failure is printed.

use std::collections::BTreeSet;

use countersign_domain::delivery::ProviderReport;
use countersign_domain::ports::{CatalogError, TemplateCatalog, TemplateOrder};
use countersign_domain::template::{Action, CatalogEntry, Category, PlanStep, TemplateStatus};
use countersign_domain::time::DAY;
use countersign_domain::use_case::ApplyResult;
use countersign_testkit::catalog::{CatalogCall, CatalogFault, Review};
use countersign_testkit::random::seed_or;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::case::Case;
use crate::world::{Applied, World, account};

/// How many cases each test plays.
const CASES: u64 = 1_000;

/// Prints the seed when a case fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("failed with COUNTERSIGN_SEED={}", self.0);
        }
    }
}

fn seeds() -> impl Iterator<Item = Seed> {
    let first = seed_or(1);
    println!("seeds {first} to {}", first + CASES - 1);
    (first..first + CASES).map(Seed)
}

/// Whether Meta would refuse to do now what is left, as its rules are.
async fn is_refused(case: &Case, world: &World, step: &PlanStep) -> bool {
    let order = TemplateOrder {
        template: case.template(&step.template).clone(),
        languages: vec![step.language.clone()],
    };
    let catalog = world.catalog.copy();
    match &step.action {
        Action::Create => matches!(catalog.create(&account(), &order).await, Err(CatalogError::Refused(_))),
        Action::Edit { id, .. } => matches!(
            catalog.edit(&account(), id, &order).await,
            Err(CatalogError::Refused(_))
        ),
        Action::NotEditable { .. } => {
            let entry = world.entry(&step.template, &step.language);
            !entry.status.is_editable() || entry.category == Category::Other
        }
        Action::Unchanged { .. } | Action::Extra { .. } => false,
    }
}

async fn assert_what_is_left_is_what_meta_refuses(case: &Case, world: &World, applied: &Applied) {
    for step in applied.left() {
        match &step.action {
            Action::Unchanged { status } => {
                let entry = world.entry(&step.template, &step.language);
                assert!(case.agrees(&entry), "{step:?} is not unchanged: {entry:?}");
                assert_eq!(*status, entry.status);
            }
            Action::Extra { .. } => assert!(
                case.templates
                    .iter()
                    .all(|it| it.name != step.template || !it.languages.contains(&step.language))
            ),
            _ => assert!(is_refused(case, world, step).await, "Meta would allow {step:?}"),
        }
    }
}

fn assert_each_step_is_told_once(case: &Case, applied: &Applied) {
    let described: usize = case.templates.iter().map(|it| it.languages.len()).sum();
    let total = applied.told.len();
    assert!(total >= described);
    let mut seen = BTreeSet::new();
    for (it, number) in applied.told.iter().zip(1..) {
        assert_eq!((it.done, it.total), (number, total));
        assert!(
            seen.insert((&it.step.template, &it.step.language)),
            "{:?} twice",
            it.step
        );
        let is_open = applied.open().iter().any(|step| {
            (&step.template, &step.language) == (&it.step.template, &it.step.language)
                && !matches!(
                    &step.action,
                    Action::NotEditable {
                        status: TemplateStatus::Pending,
                        ..
                    }
                )
        });
        let has_failed = matches!(it.result, ApplyResult::Failed { .. });
        assert!(has_failed || !is_open, "{it:?} is open and did not fail");
    }
}

/// Lets every limit pass and every review happen, and applies until only what never changes is left.
async fn finish(world: &World) -> Applied {
    for _ in 0..3 {
        world.clock.advance(DAY * 31);
        world.catalog.review_all();
        world.apply().await;
    }
    world.catalog.review_all();
    world.apply().await
}

/// What the provider tells, without what tells one history from another.
async fn told(world: &World) -> Vec<String> {
    let mut entries = world.catalog.list(&account()).await.unwrap();
    entries.sort_by_key(|it| (it.name.clone(), it.language.clone()));
    let words = entries.iter().map(|it| {
        format!(
            "{} {} {:?} {:?} {:?} {:?}",
            it.name, it.language, it.status, it.category, it.content, it.message_life
        )
    });
    words.collect()
}

#[tokio::test]
async fn after_an_apply_is_left_exactly_what_meta_does_not_allow_yet() {
    for seed in seeds() {
        let case = Case::new(seed.0);
        let world = case.world().await;
        let applied = world.apply().await;
        assert_what_is_left_is_what_meta_refuses(&case, &world, &applied).await;
        assert_each_step_is_told_once(&case, &applied);
    }
}

#[tokio::test]
async fn a_second_apply_changes_nothing_and_orders_at_most_what_was_refused() {
    for seed in seeds() {
        let case = Case::new(seed.0);
        let world = case.world().await;
        let first = world.apply().await;
        let (before, orders) = (world.entries(), world.catalog.orders().len());
        world.apply().await;
        assert_eq!(world.entries(), before);
        for order in &world.catalog.orders()[orders..] {
            let (CatalogCall::Create(_, order) | CatalogCall::Edit(_, _, order) | CatalogCall::Upsert(_, order)) =
                order
            else {
                panic!("an apply never deletes");
            };
            for language in &order.languages {
                let was_refused = |it: &&PlanStep| {
                    (&it.template, &it.language) == (&order.template.name, language)
                        && matches!(it.action, Action::Create | Action::Edit { .. })
                };
                assert!(first.open().iter().any(was_refused), "{order:?} was done before");
            }
        }
    }
}

#[tokio::test]
async fn when_the_limits_and_the_reviews_are_over_an_apply_settles_what_can_be_settled() {
    for seed in seeds() {
        let case = Case::new(seed.0);
        let world = case.world().await;
        let start = world.entries();
        world.apply().await;
        let applied = finish(&world).await;
        assert_what_is_left_is_what_meta_refuses(&case, &world, &applied).await;
        for step in applied.open() {
            let was_so = |it: &&CatalogEntry| it.name == step.template && it.language == step.language;
            let start = start.iter().find(was_so).unwrap();
            let never_ends = !start.status.is_editable() && start.status != TemplateStatus::Pending;
            assert!(
                never_ends || start.category == Category::Other,
                "{step:?} could have been settled"
            );
        }
    }
}

#[tokio::test]
async fn an_apply_that_was_interrupted_and_repeated_ends_like_one_that_was_not() {
    let mut interruptions = 0;
    for seed in seeds() {
        let case = Case::new(seed.0);
        let (calm, rough) = (case.world().await, case.world().await);
        let before = calm.catalog.orders().len();
        calm.apply().await;
        let orders = calm.catalog.orders().len() - before;
        let random = &mut StdRng::seed_from_u64(seed.0 ^ 0x5eed);
        for nth in 1..=orders.min(3) {
            let nth = if nth == 3 { random.random_range(3..=orders) } else { nth };
            rough.catalog.fail_order(nth, fault(random));
        }
        interruptions += orders.min(3);
        while !rough.apply_until_it_hangs().await {}
        rough.catalog.mend();
        rough.apply().await;
        // A message life that was ignored can only be mended after the review.
        if !(case.habits.ignores_message_life_in_upserts && case.habits.review == Review::ByHand) {
            assert_eq!(told(&rough).await, told(&calm).await);
        }
        finish(&calm).await;
        finish(&rough).await;
        assert_eq!(told(&rough).await, told(&calm).await);
    }
    assert!(interruptions > 1_000, "only {interruptions} interruptions");
}

fn fault(random: &mut StdRng) -> CatalogFault {
    let report = ProviderReport::new(1, "no", "");
    match random.random_range(0..6) {
        0 => CatalogFault::Refuse(report),
        1 => CatalogFault::Throttle(None),
        2 => CatalogFault::LoseOrder,
        3 => CatalogFault::LoseAnswer,
        4 => CatalogFault::HangBefore,
        _ => CatalogFault::HangAfter,
    }
}

//! Blocks: who sees which, and what is left of one that is lifted.

use super::*;

impl Office {
    /// Raises a block by hand, with a score.
    async fn block(&self, app: Option<AppId>, area: Area, raised_at: Timestamp) -> BucketKey {
        let bucket = Bucket { app, area };
        let key = bucket.key(&self.house.rulebook.identity);
        let block = Block {
            bucket,
            alarm: Alarm::Conversion,
            rung: Rung::Hour,
            score: 14_557,
            raised_at,
            since: raised_at,
        };
        let until = raised_at.plus(DAY);
        let written = self.guard.replace(key, None, Some(&block), until, raised_at).await;
        assert!(written.expect("the store answers"));
        let changes = [ScoreChange {
            bucket: key,
            points: 5_000,
        }];
        let scored = self.guard.score(BatchId(*key.as_bytes()), &changes, raised_at).await;
        scored.expect("the store answers");
        key
    }
}

fn thousand() -> Area {
    Area::Thousand(NumberBlock::of(&number(PHONE), 3))
}

fn brazil() -> Area {
    Area::Country(CountryCode::parse("BR").expect("a country"))
}

#[tokio::test]
async fn an_operator_sees_the_blocks_of_its_apps_and_whoever_operates_all_those_of_the_service_the_last_first() {
    let office = Office::with(fixture::policy_settings(), Some(GuardSettings::default()));
    let now = office.now();
    let first = office.block(Some(fixture::app_id()), thousand(), now).await;
    let second = office.block(None, brazil(), now.plus(Duration::from_secs(1))).await;
    let third = office
        .block(Some(other_app()), brazil(), now.plus(Duration::from_secs(2)))
        .await;
    let listed = |caller: Caller| {
        let admin = Arc::clone(&office.house.use_cases.admin);
        async move { admin.list_blocks(&caller).await }
    };
    let keys = |blocks: Vec<countersign_domain::use_case::ListedBlock>| -> Vec<_> {
        blocks.into_iter().map(|it| it.key).collect()
    };
    assert_eq!(
        keys(listed(everywhere()).await.expect("operates")),
        [third, second, first]
    );
    let own = listed(here()).await.expect("operates");
    assert_eq!((own[0].in_force, own[0].block.score), (Some(Rung::Hour), 14_557));
    assert_eq!(own[0].ends_at, Some(now.plus(HOUR)));
    assert_eq!(keys(own), [first]);
    let nobody = caller("shop", &[fixture::app_id(), other_app()], false);
    assert!(matches!(listed(nobody).await, Err(Error::MayNotOperate)));
}

#[tokio::test]
async fn a_block_whose_time_is_over_is_not_listed_although_a_store_still_holds_it() {
    let office = Office::with(fixture::policy_settings(), Some(GuardSettings::default()));
    office.block(Some(fixture::app_id()), thousand(), office.now()).await;
    office.house.clock.advance(DAY * 60);
    let listed = office.house.use_cases.admin.list_blocks(&everywhere()).await;
    assert!(listed.expect("operates").is_empty());
}

#[tokio::test]
async fn a_block_that_is_lifted_is_gone_with_its_score_and_the_audit_says_who_lifted_it() {
    let office = Office::with(fixture::policy_settings(), Some(GuardSettings::default()));
    let key = office.block(Some(fixture::app_id()), thousand(), office.now()).await;
    assert_eq!(office.guard.scores(&[key]).await.expect("the store answers"), [5_000]);
    let admin = &office.house.use_cases.admin;
    admin.unblock(&here(), key).await.expect("operates the app");
    assert_eq!(office.guard.scores(&[key]).await.expect("the store answers"), [0]);
    assert!(admin.list_blocks(&everywhere()).await.expect("operates").is_empty());
    let lifted = Event::Unblocked {
        caller: here().id,
        app: Some(fixture::app_id()),
        area: "number_block_1000",
    };
    assert_eq!(office.take_events(), [lifted]);
    assert!(matches!(admin.unblock(&here(), key).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_block_that_a_caller_may_not_know_of_looks_like_none_and_stays() {
    let office = Office::new();
    let foreign = office.block(Some(other_app()), thousand(), office.now()).await;
    let whole = office.block(None, thousand(), office.now()).await;
    let admin = &office.house.use_cases.admin;
    for key in [foreign, whole, BucketKey::from_bytes([1; 16])] {
        assert!(matches!(admin.unblock(&here(), key).await, Err(Error::NotFound)));
    }
    let nobody = caller("shop", &[other_app()], false);
    assert!(matches!(
        admin.unblock(&nobody, foreign).await,
        Err(Error::MayNotOperate)
    ));
    assert_eq!(admin.list_blocks(&everywhere()).await.expect("operates").len(), 2);
    assert!(office.take_events().is_empty());
    admin.unblock(&everywhere(), whole).await.expect("operates every app");
}

//! Numbers that change hands: a code does not reach the next owner.

use countersign_grpc::v1;
use countersign_simulator::Pace;

use crate::common::calls::{start, start_request};
use crate::common::lives::SHORTEST_WAITS;
use crate::scene::Scene;
use countersign_testkit::wait::eventually;

const PERSON: &str = "+5511987654321";

impl Scene {
    /// Signs in after Meta told who is behind the number.
    async fn sign_in_as_read(&self) {
        let id = self.open(PERSON).await;
        self.approve_as_read(&id).await;
    }

    async fn approve_as_read(&self, id: &str) {
        self.delivered_as(id, v1::DeliveryState::Read).await;
        let code = self.message_to(PERSON).code;
        assert_eq!(self.check(id, &code).await, v1::CheckOutcome::Approved);
    }

    /// Somebody else has the number from now on.
    fn hand_the_number_on(&mut self) {
        let before = self.meta.controls.identity_of(PERSON).unwrap();
        self.secrets.add("who was behind a number", &before);
        self.meta.controls.change_identity(PERSON);
        assert_ne!(self.meta.controls.identity_of(PERSON).unwrap(), before);
    }
}

#[tokio::test]
async fn a_code_does_not_reach_the_next_owner_until_somebody_says_that_they_are_welcome() {
    let policy = format!("identity_memory = \"720h\"\nsends_per_window_max = 10\n{SHORTEST_WAITS}");
    let mut scene = Scene::set(Pace::instant(), &policy).await;
    scene.sign_in_as_read().await;
    // The same person again: nothing is in the way.
    scene.sign_in_as_read().await;
    scene.hand_the_number_on();
    let refused = scene.open(PERSON).await;
    let refused = scene.ended(&refused).await;
    assert_eq!(refused.state(), v1::VerificationState::Failed);
    assert_eq!(refused.reason(), v1::VerificationReason::IdentityChanged);
    let delivery = &refused.deliveries[0];
    assert_eq!(delivery.state(), v1::DeliveryState::Failed);
    assert_eq!(delivery.reason(), v1::DeliveryReason::IdentityChanged);
    assert_eq!((delivery.tries, delivery.report.as_ref().unwrap().code), (1, 137_000));

    let welcome = v1::StartVerificationRequest {
        accept_identity_change: true,
        ..start_request("shop", PERSON)
    };
    let started = eventually("that the next start is allowed", async || {
        start(&scene.client, welcome.clone()).await.ok()
    })
    .await;
    assert_eq!(started.outcome(), v1::StartOutcome::Opened);
    scene.approve_as_read(&started.verification.unwrap().id).await;
    // From then on it is theirs, and the next change is noticed again.
    scene.sign_in_as_read().await;
    scene.hand_the_number_on();
    let refused = scene.open(PERSON).await;
    assert_eq!(
        scene.ended(&refused).await.reason(),
        v1::VerificationReason::IdentityChanged
    );
    scene.end().await;
}

#[tokio::test]
async fn unless_asked_for_nobody_is_remembered_and_every_owner_gets_codes() {
    let mut scene = Scene::set(Pace::instant(), "").await;
    scene.sign_in_as_read().await;
    // Meta fails every message with an older hash, so these had none.
    scene.hand_the_number_on();
    scene.sign_in_as_read().await;
    assert_eq!(scene.meta.phone.accepted(), 2);
    scene.end().await;
}

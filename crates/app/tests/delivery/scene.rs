//! One service with a stand-in for Meta, its callers, and what must not be found in its log.

use countersign_grpc::{Client, v1};
use countersign_simulator::{Config, Message, Pace};
use serde_json::Value;

use crate::common::calls::{check, get, open, start, start_request};
use crate::common::meta::Meta;
use crate::common::plan::Plan;
use crate::common::secrets::Secrets;
use crate::common::serve::Serve;
use countersign_testkit::wait::eventually;

/// How talkative the service is: of its own it says everything. What libraries say is looked through elsewhere.
pub(crate) const LOG: &str = "info,countersign=trace";

/// A pace at which nothing happens to a message by itself.
pub(crate) const SILENT: Pace = Pace {
    to_sent: None,
    to_delivered: None,
    to_read: None,
};

pub(crate) struct Scene {
    pub(crate) meta: Meta,
    pub(crate) serve: Serve,
    pub(crate) client: Client,
    pub(crate) secrets: Secrets,
}

impl Scene {
    /// One service on a store in memory, to which Meta tells everything.
    pub(crate) async fn set(pace: Pace, policy: &str) -> Self {
        Self::set_with(pace, policy, |_| {}, |plan| plan).await
    }

    /// Like [`Scene::set`], with something else about Meta and the plan.
    pub(crate) async fn set_with(
        pace: Pace,
        policy: &str,
        change: impl FnOnce(&mut Config),
        plan: impl FnOnce(Plan) -> Plan,
    ) -> Self {
        let meta = Meta::start_with(pace, change).await;
        Self::set_before(meta, policy, plan).await
    }

    /// Like [`Scene::set`], before a Meta that is there already.
    pub(crate) async fn set_before(meta: Meta, policy: &str, plan: impl FnOnce(Plan) -> Plan) -> Self {
        let policy = format!("code_length = 12\n{policy}");
        let plan = plan(Plan::new(meta.base_url()).policy(&policy));
        let serve = Serve::start_logging(&plan, LOG).await;
        meta.controls.set_callback_url(&serve.callback()).unwrap();
        let client = serve.client().await;
        Self {
            meta,
            serve,
            client,
            secrets: Secrets::of_every_plan(),
        }
    }

    /// Opens a verification.
    pub(crate) async fn open(&self, phone: &str) -> String {
        open(&self.client, phone).await.id
    }

    /// Opens a verification, and waits until it ended or its message was accepted, or went further.
    pub(crate) async fn open_and_send(&self, phone: &str) -> v1::Verification {
        let id = self.open(phone).await;
        eventually("that the message was handed in", async || {
            let seen = self.get(&id).await;
            let waits = [v1::DeliveryState::Due, v1::DeliveryState::Sending];
            (!waits.contains(&seen.deliveries.last()?.state())).then_some(seen)
        })
        .await
    }

    /// Signs in: from the start to the approval, on the first try.
    pub(crate) async fn sign_in(&self, phone: &str) {
        let id = self.open(phone).await;
        let code = self.meta.code_for(phone).await;
        assert_eq!(self.check(&id, &code).await, v1::CheckOutcome::Approved);
    }

    /// Starts as nobody demands that it works.
    pub(crate) async fn start(&self, phone: &str) -> Result<v1::StartVerificationResponse, tonic::Status> {
        start(&self.client, start_request("shop", phone)).await
    }

    pub(crate) async fn check(&self, id: &str, code: &str) -> v1::CheckOutcome {
        check(&self.client, id, code).await
    }

    pub(crate) async fn get(&self, id: &str) -> v1::Verification {
        get(&self.client, id).await
    }

    /// The newest message to a number, which is there already.
    pub(crate) fn message_to(&self, phone: &str) -> Message {
        (*self.meta.phone.messages_to(phone)[0]).clone()
    }

    /// Waits until the newest message of a verification is in a state.
    pub(crate) async fn delivered_as(&self, id: &str, state: v1::DeliveryState) -> v1::Verification {
        let what = format!("that the message is {}", state.as_str_name());
        eventually(&what, async || {
            let seen = self.get(id).await;
            (seen.deliveries.last()?.state() == state).then_some(seen)
        })
        .await
    }

    /// Waits until a verification has ended.
    pub(crate) async fn ended(&self, id: &str) -> v1::Verification {
        eventually("that the verification has ended", async || {
            let seen = self.get(id).await;
            (seen.state() != v1::VerificationState::Open).then_some(seen)
        })
        .await
    }

    /// The lines of the log so far that say this.
    pub(crate) fn said(&self, message: &str) -> Vec<Value> {
        said(&self.serve, message)
    }

    /// Ends the service and looks for everything secret in what it wrote.
    pub(crate) async fn end(mut self) {
        self.note_messages();
        let Self { serve, secrets, .. } = self;
        end_without(serve, &secrets).await;
    }

    /// Notes what is secret about the messages so far.
    pub(crate) fn note_messages(&mut self) {
        for message in self.meta.phone.messages() {
            self.secrets.add_phone(&message.to);
            self.secrets.add("a code", &message.code);
            self.secrets.add_message_id(&message.id);
            let identity = self.meta.controls.identity_of(&message.to).unwrap();
            self.secrets.add("who is behind a number", &identity);
        }
    }
}

/// The lines of a log so far that say this.
pub(crate) fn said(serve: &Serve, message: &str) -> Vec<Value> {
    let written = serve.process.written().stderr;
    let lines = written
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == message).collect()
}

/// Ends a service and looks for everything secret in what it wrote.
pub(crate) async fn end_without(mut serve: Serve, secrets: &Secrets) {
    serve.process.signal("TERM");
    let ended = serve.process.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("\"serving\""),
        "nothing was written, so nothing was looked at"
    );
    let found = secrets.found_in(&ended.stderr);
    assert!(found.is_empty() && ended.stdout.is_empty(), "{found:#?}");
}

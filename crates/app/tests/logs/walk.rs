//! The whole walk at trace level, with everything that can go wrong on it.

use countersign_grpc::{Client, ClientToken, connect, v1};
use countersign_simulator::{Fault, Pace, Status, signature};
use serde_json::json;

use crate::common::calls::{by_id, check, check_request, get, open, start, start_request};
use crate::common::http;
use crate::common::meta::{Meta, envelope, error_answer, post_signed, post_with, status_webhook};
use crate::common::plan::{META_APP_SECRET, META_TOKEN, META_VERIFY_TOKEN, Plan};
use crate::common::secrets::Secrets;
use crate::common::serve::Serve;
use countersign_testkit::wait::{PATIENCE, eventually, soon};

/// A token nobody knows.
const STRANGER: &str = "token-of-a-stranger-77aa19f3c0";
/// A phone that is refused for its shape.
const MALFORMED: &str = "+55119;8812345670";
/// A code that is refused for its shape.
const MALFORMED_CODE: &str = "LEAKY-735519-CODE";
/// What codes are bound to.
const PAYEE: &str = "ACME-of-Springfield-0815";

/// The address of a person's device.
const ADDRESS: &str = "2001:db8:77aa:19f3::c0";
/// A caller's id of it.
const DEVICE: &str = "device-of-somebody-4a1c";
/// Its answer to a challenge.
const ANSWER: &str = "cc1.an-answer-to-a-challenge";

/// A wrong code as random as the right one: one with a pattern, such as nothing but nines, occurs in a fraction of
/// seconds too.
pub(crate) fn shifted(code: &str, by: u32) -> String {
    let shift = |digit: char| char::from_digit((digit.to_digit(10).unwrap() + by) % 10, 10).unwrap();
    code.chars().map(shift).collect()
}

/// Everything of one run.
pub(crate) struct Walk {
    pub(crate) meta: Meta,
    pub(crate) serve: Serve,
    pub(crate) client: Client,
    pub(crate) secrets: Secrets,
}

impl Walk {
    /// Begins on a store in memory.
    async fn begin(log: &'static str) -> Self {
        Self::begin_with(|plan| Plan { log, ..plan }).await
    }

    /// Begins under a plan with these changes.
    pub(crate) async fn begin_with(change: impl FnOnce(Plan) -> Plan) -> Self {
        let meta = Meta::start(Pace::instant()).await;
        let policy = "code_length = 12\nsettle_wait = \"2s\"\nfault_memory = \"1s\"\n\
                      retry = { tries_max = 6, first_wait = \"50ms\", wait_max = \"50ms\" }";
        let plan = change(Plan::new(meta.base_url()).policy(policy));
        let serve = Serve::start_logging(&plan, "trace").await;
        let client = serve.client().await;
        let mut secrets = Secrets::of_every_plan();
        for (what, secret) in [
            ("a stranger's token", STRANGER),
            ("a malformed phone", MALFORMED.trim_start_matches('+')),
            ("a malformed code", MALFORMED_CODE),
            ("a context", PAYEE),
            ("an address", ADDRESS),
            ("a device", DEVICE),
            ("an answer to a challenge", ANSWER),
        ] {
            secrets.add(what, secret);
        }
        Self {
            meta,
            serve,
            client,
            secrets,
        }
    }

    /// Opens a verification: its id and its code, which are noted with the phone.
    pub(crate) async fn open(&mut self, phone: &str) -> (String, String) {
        self.secrets.add_phone(phone);
        let id = open(&self.client, phone).await.id;
        let code = self.meta.code_for(phone).await;
        self.secrets.add("a code", &code);
        (id, code)
    }

    /// Guesses wrong; the guess is noted.
    async fn guess_wrong(&mut self, id: &str, guess: &str) {
        self.secrets.add("a guess", guess);
        assert_ne!(check(&self.client, id, guess).await, v1::CheckOutcome::Approved);
    }

    /// Goes every way there is.
    pub(crate) async fn go_everywhere(&mut self) {
        self.go_right().await;
        self.go_wrong().await;
        self.be_refused().await;
        self.be_answered_back().await;
        self.be_told().await;
    }

    /// From start to approval, with webhooks, wrong guesses, joins, and another context.
    async fn go_right(&mut self) {
        self.meta.controls.set_callback_url(&self.serve.callback()).unwrap();
        let (id, code) = self.open("+5511987650001").await;
        soon("that it is read", self.meta.phone.wait_for_status(1, Status::Read)).await;
        self.guess_wrong(&id, &shifted(&code, 7)).await;
        let client = v1::Client {
            ip_address: ADDRESS.to_owned(),
            device_id: DEVICE.to_owned(),
            challenge_answer: ANSWER.to_owned(),
            challenged: true,
        };
        let bound = v1::CheckVerificationRequest {
            context: [("payee".to_owned(), PAYEE.to_owned())].into(),
            client: Some(client.clone()),
            ..check_request(&id, &code)
        };
        self.client.clone().check_verification(bound).await.unwrap();
        let known = v1::StartVerificationRequest {
            client: Some(client.clone()),
            ..start_request("shop", "+5511987650001")
        };
        start(&self.client, known).await.unwrap();
        let malformed = v1::Client {
            ip_address: format!("[{ADDRESS}]:443"),
            device_id: format!("{DEVICE} and more"),
            ..client
        };
        let malformed = v1::StartVerificationRequest {
            client: Some(malformed),
            ..start_request("shop", "+5511987650001")
        };
        start(&self.client, malformed).await.unwrap_err();
        assert_eq!(check(&self.client, &id, &code).await, v1::CheckOutcome::Approved);
        assert_eq!(check(&self.client, &id, &code).await, v1::CheckOutcome::AlreadyApproved);
        self.meta.controls.clear_callback_url();
    }

    /// Guesses until nothing is left, and cancels another one.
    async fn go_wrong(&mut self) {
        let (id, code) = self.open("+5511987650002").await;
        for by in 1..=6 {
            self.guess_wrong(&id, &shifted(&code, by)).await;
        }
        let (id, code) = self.open("+5511987650003").await;
        let request = v1::CancelVerificationRequest {
            verification: Some(by_id(&id)),
        };
        self.client.clone().cancel_verification(request).await.unwrap();
        assert_eq!(check(&self.client, &id, &code).await, v1::CheckOutcome::Canceled);
    }

    /// Starts and checks that are refused, by callers known and unknown.
    async fn be_refused(&mut self) {
        for (app, phone) in [
            ("shop", MALFORMED),
            ("shop", "+4915198765432"),
            ("nobody", "+5511987650004"),
        ] {
            self.secrets.add("a refused phone", phone.trim_start_matches('+'));
            start(&self.client, start_request(app, phone)).await.unwrap_err();
        }
        let (id, code) = self.open("+5511987650005").await;
        let malformed = check_request(&id, MALFORMED_CODE);
        self.client.clone().check_verification(malformed).await.unwrap_err();
        let token = ClientToken::new(STRANGER).unwrap();
        let address = format!("http://{}", self.serve.grpc);
        let stranger = connect(&address, Some(token), PATIENCE).await.unwrap();
        stranger
            .clone()
            .check_verification(check_request(&id, &code))
            .await
            .unwrap_err();
        start(&stranger, start_request("shop", "+5511987650005"))
            .await
            .unwrap_err();
    }

    /// Meta answers with errors that repeat the phone and the code, whatever is wrong.
    async fn be_answered_back(&mut self) {
        let phone = "+5511987650006";
        self.meta.controls.fail_next(1, Fault::AcceptThenHangUp);
        let (id, code) = self.open(phone).await;
        let wamid = self.meta.phone.messages_to(phone)[0].id.clone();
        let spoken = format!("to {phone} (55 11 98765-0006) with {code} as {wamid}");
        let fail = |times, fault| self.meta.controls.fail_next(times, fault);
        fail(
            1,
            error_answer(429, 130_429, &format!("(#130429) slow down {spoken}"), &spoken),
        );
        fail(1, error_answer(500, 131_016, &spoken, &format!("details: {spoken}")));
        fail(
            1,
            Fault::Answer {
                status: 503,
                body: format!("<html>{spoken}</html>"),
            },
        );
        fail(1, error_answer(400, 131_026, &format!("(#131026) {spoken}"), &spoken));
        let failed = eventually("that Meta refuses for good", async || {
            let verification = get(&self.client, &id).await;
            (verification.state() == v1::VerificationState::Failed).then_some(verification)
        })
        .await;
        let report = format!("{:?}", failed.deliveries[0].report);
        let told = |secret: &str| report.contains(secret);
        assert!(
            !told(&phone[1..]) && !told(&code) && !told(&wamid),
            "a caller is told: {report}"
        );

        let phone = "+5511987650007";
        self.secrets.add_phone(phone);
        let token = format!("Malformed access token {META_TOKEN} for {phone}");
        fail(
            1,
            error_answer(401, 190, &token, &format!("secret {META_APP_SECRET}, {phone}")),
        );
        let id = open(&self.client, phone).await.id;
        eventually("that the token is refused", async || {
            (get(&self.client, &id).await.state() == v1::VerificationState::Failed).then_some(())
        })
        .await;
        start(&self.client, start_request("shop", "+5511987650008"))
            .await
            .unwrap_err();
        self.secrets.add_phone("+5511987650008");
    }

    /// Webhooks with everything Meta and strangers may put into them.
    async fn be_told(&mut self) {
        let phone = "+5511987650009";
        self.secrets.add_phone(phone);
        eventually("a start that may try again", async || {
            start(&self.client, start_request("shop", phone)).await.ok()
        })
        .await;
        self.secrets.add("a code", &self.meta.code_for(phone).await);
        let message = self.meta.phone.messages_to(phone)[0].clone();
        let spoken = format!("{phone} {} {}", message.code, message.id);
        let mut failed = status_webhook(&message, "failed");
        failed["entry"][0]["changes"][0]["value"]["statuses"][0]["errors"] = json!([{
            "code": 131_026, "title": spoken, "message": spoken, "error_data": { "details": spoken },
        }]);
        let said = envelope(&json!({
            "messaging_product": "whatsapp",
            "contacts": [{ "wa_id": &phone[1..], "profile": { "name": spoken } }],
            "messages": [{ "from": &phone[1..], "id": message.id, "type": "text", "text": { "body": spoken } }],
            "errors": [{ "code": 131_031, "title": spoken, "message": spoken, "error_data": { "details": spoken } }],
        }));
        let callback = self.serve.callback();
        let bodies = [
            failed.to_string(),
            said.to_string(),
            format!("{{ {spoken}"),
            status_webhook(&message, &spoken).to_string(),
        ];
        for body in bodies {
            assert_eq!(post_signed(&callback, &body).await.status, 200);
            assert_eq!(
                post_with(&callback, &signature(META_TOKEN, body.as_bytes()), &body)
                    .await
                    .status,
                401
            );
        }
        let query = "hub.mode=subscribe&hub.challenge=1&hub.verify_token=";
        assert_eq!(
            http::get(&format!("{callback}?{query}{META_VERIFY_TOKEN}"))
                .await
                .status,
            200
        );
        assert_eq!(http::get(&format!("{callback}?{query}{STRANGER}")).await.status, 403);
    }

    /// Ends the process and looks at everything it wrote.
    pub(crate) async fn end(mut self, marks: &[&str]) {
        for message in self.meta.phone.messages() {
            self.secrets.add_message_id(&message.id);
            self.secrets.add("a code", &message.code);
        }
        self.serve.process.signal("TERM");
        let ended = self.serve.process.ended().await;
        assert_eq!(ended.code, Some(0));
        let written = format!("{}{}", ended.stdout, ended.stderr);
        for mark in marks {
            assert!(
                ended.stderr.contains(mark),
                "no line has {mark}, so little was looked at"
            );
        }
        let (looked_at, looked_for) = (written.lines().count(), self.secrets.count());
        println!("{looked_at} lines of the log looked at for {looked_for} texts");
        assert!(looked_at > 200 && looked_for > 200);
        let found = self.secrets.found_in(&written);
        assert!(found.is_empty(), "{found:#?}");
    }
}

async fn walk_everywhere(log: &'static str, marks: &[&str]) {
    let mut walk = Walk::begin(log).await;
    walk.go_everywhere().await;
    walk.end(marks).await;
}

/// What shows that every part of the walk was written down.
pub(crate) const MARKS: [&str; 7] = [
    "delivery failed",
    "start refused",
    "exhausted",
    "a call without valid credentials was refused",
    "message refused: an operator has to act",
    "Meta reports a problem of the account",
    "message failed, says a webhook",
];

#[tokio::test]
async fn a_log_in_json_at_trace_level_tells_no_secret() {
    walk_everywhere("json", &[&["\"TRACE\""][..], &MARKS].concat()).await;
}

#[tokio::test]
async fn a_log_in_text_at_trace_level_tells_no_secret() {
    walk_everywhere("text", &[&["TRACE"][..], &MARKS].concat()).await;
}

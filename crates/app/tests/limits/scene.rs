//! Instances of the service on one Redis with rules and budgets, two callers of it, and somebody who reads its books.
//!
//! The quotas of these tests are budgets of a month, in which nothing refills while a test runs.

use std::collections::BTreeMap;

use countersign_grpc::{AdminClient, Client, ClientToken, connect, connect_admin, reason, token_sha256, v1};
use countersign_simulator::{Config, Message, Pace};
use countersign_testkit::redis_server::RedisServer;
use countersign_testkit::wait::{PATIENCE, eventually};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::common::calls::{assert_refused, start_request};
use crate::common::http;
use crate::common::meta::{Meta, post_signed, status_webhook};
use crate::common::plan::{CALLER_TOKEN, Plan};
use crate::common::serve::Serve;

/// A pace at which nothing happens to a message by itself.
pub(crate) const SILENT: Pace = Pace {
    to_sent: None,
    to_delivered: None,
    to_read: None,
};
/// The token of the caller `bank`.
const OTHER_CALLER_TOKEN: &str = "caller-token-of-the-bank-6b02ee917c";
/// What a message to Brazil costs by the shipped prices, in millionths.
pub(crate) const PRICE: i64 = 6_800;

/// One or more instances, and everybody around them.
pub(crate) struct Scene {
    pub(crate) serves: Vec<Serve>,
    pub(crate) meta: Meta,
    pub(crate) redis: RedisServer,
    /// The caller `shop`, at the first instance.
    pub(crate) client: Client,
    /// The same one, as an operator.
    admin: AdminClient,
}

/// What a scene is set with.
pub(crate) struct Setting<'a> {
    /// Lines of `[limits]`.
    pub(crate) limits: &'a str,
    /// Lines of `[guard]`.
    pub(crate) guard: &'a str,
    /// Tables at the end, such as those of `[money]`.
    pub(crate) tables: &'a str,
    pub(crate) instances: usize,
    pub(crate) pace: Pace,
    /// Further lines of `redis.conf`.
    pub(crate) redis: &'a [(&'a str, &'a str)],
}

impl Default for Setting<'_> {
    fn default() -> Self {
        Self {
            limits: "defaults = false",
            guard: "action = \"shadow\"",
            tables: "",
            instances: 1,
            pace: SILENT,
            redis: &[],
        }
    }
}

impl Scene {
    pub(crate) async fn set(setting: Setting<'_>) -> Self {
        Self::set_under("", setting).await
    }

    /// One whose app has these lines of a policy.
    pub(crate) async fn set_under(policy: &str, setting: Setting<'_>) -> Self {
        let Setting {
            limits,
            guard,
            tables,
            instances,
            pace,
            redis,
        } = setting;
        let redis = RedisServer::start_with(redis);
        let meta = Meta::start_with(pace, |config: &mut Config| config.magic_numbers = true).await;
        let plan = Plan {
            limits: limits.to_owned(),
            guard: guard.to_owned(),
            ..Plan::new(meta.base_url()).policy(policy).redis(&redis.address(), "")
        };
        let bank = data_encoding::HEXLOWER.encode(&token_sha256(OTHER_CALLER_TOKEN).unwrap());
        let config = format!(
            "{}operates = true\n\n[callers.bank]\ntoken_sha256 = [\"{bank}\"]\napps = [\"shop\"]\n\n{tables}\n",
            plan.text()
        );
        let mut serves = Vec::new();
        for _ in 0..instances {
            serves.push(Serve::start_with(&config).await);
        }
        meta.controls.set_callback_url(&serves[0].callback()).unwrap();
        let client = serves[0].client().await;
        let address = format!("http://{}", serves[0].grpc);
        let token = ClientToken::new(CALLER_TOKEN).unwrap();
        let admin = connect_admin(&address, Some(token), PATIENCE).await.unwrap();
        Self {
            serves,
            meta,
            redis,
            client,
            admin,
        }
    }

    /// The caller `bank`.
    pub(crate) async fn other_caller(&self) -> Client {
        let token = ClientToken::new(OTHER_CALLER_TOKEN).unwrap();
        let address = format!("http://{}", self.serves[0].grpc);
        connect(&address, Some(token), PATIENCE).await.unwrap()
    }

    /// How the first quota of each rule and budget stands before a start: by the name of the rule.
    pub(crate) async fn standings(&self, start: v1::StartVerificationRequest) -> BTreeMap<String, v1::QuotaStanding> {
        let mut standings = BTreeMap::new();
        for standing in self.explain(start).await.quotas {
            standings.entry(standing.rule.clone()).or_insert(standing);
        }
        standings
    }

    /// How much of the first quota of a rule or budget is used, as far as a start would be charged.
    pub(crate) async fn used(&self, rule: &str, start: v1::StartVerificationRequest) -> i64 {
        self.standings(start).await[rule].used
    }

    /// Waits until so much of a rule or budget is used.
    pub(crate) async fn until_used(&self, rule: &str, start: v1::StartVerificationRequest, wanted: i64) {
        let mut last = -1;
        eventually(&format!("that {wanted} of {rule} is used"), async || {
            let used = self.used(rule, start.clone()).await;
            if used != last {
                println!("{rule}: {used} used, {wanted} wanted");
                last = used;
            }
            (used == wanted).then_some(())
        })
        .await;
    }

    /// What a start would come to.
    pub(crate) async fn explain(&self, start: v1::StartVerificationRequest) -> v1::ExplainStartResponse {
        let request = v1::ExplainStartRequest {
            start: Some(start),
            caller: String::new(),
        };
        self.admin.clone().explain_start(request).await.unwrap().into_inner()
    }

    /// Erases a phone.
    pub(crate) async fn erase(&self, phone: &str) {
        let request = v1::EraseRecipientRequest {
            phone: phone.to_owned(),
        };
        self.admin.clone().erase_recipient(request).await.unwrap();
    }

    /// The sum of one series over all instances; nothing when none has it.
    pub(crate) async fn metric(&self, series: &str) -> u64 {
        let mut sum = 0;
        for serve in &self.serves {
            let page = http::get(&format!("http://{}/metrics", serve.http)).await.body;
            let mut lines = page.lines();
            let prefix = format!("countersign_{series} ");
            let number: Option<u64> = lines.find_map(|line| line.strip_prefix(&prefix)?.parse().ok());
            sum += number.unwrap_or_default();
        }
        sum
    }

    /// Waits until a series has a sum.
    pub(crate) async fn until_metric(&self, series: &str, wanted: u64) {
        let mut last = None;
        eventually(&format!("that {series} is {wanted}"), async || {
            let sum = self.metric(series).await;
            if last != Some(sum) {
                println!("{series}: {sum}, {wanted} wanted");
                last = Some(sum);
            }
            (sum == wanted).then_some(())
        })
        .await;
    }
}

/// A start for a purpose, from an address; nothing is said of what is empty.
pub(crate) fn from(phone: &str, purpose: &str, address: &str) -> v1::StartVerificationRequest {
    let mut request = start_request("shop", phone);
    purpose.clone_into(&mut request.recipient.as_mut().unwrap().purpose);
    let client = v1::Client {
        ip_address: address.to_owned(),
        ..v1::Client::default()
    };
    request.client = Some(client);
    request
}

/// A start to sign in, without an address.
pub(crate) fn plain(phone: &str) -> v1::StartVerificationRequest {
    start_request("shop", phone)
}

/// Demands that a rule refused, and said so in every way there is.
#[track_caller]
pub(crate) fn assert_limited(status: &Status, rule: &str, key: &str) {
    let details = assert_refused(status, Code::ResourceExhausted, reason::LIMIT_REACHED);
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!((metadata["rule"].as_str(), metadata["key"].as_str()), (rule, key));
    let wait = details.retry_info().unwrap().retry_delay.unwrap();
    assert!(!wait.is_zero(), "{rule} says to come back at once");
    let quota = details.quota_failure().unwrap();
    let told: Vec<_> = quota.violations.iter().map(|it| it.subject.as_str()).collect();
    assert_eq!(told, [rule]);
    assert!(!quota.violations[0].description.is_empty());
}

/// A webhook that tells one status of a message, and what it is billed as.
pub(crate) fn priced_webhook(message: &Message, status: &str, is_free: bool) -> Value {
    let mut webhook = status_webhook(message, status);
    webhook["entry"][0]["changes"][0]["value"]["statuses"][0]["pricing"] = json!({
        "billable": !is_free,
        "pricing_model": "PMP",
        "type": if is_free { "free_customer_service" } else { "regular" },
        "category": "authentication",
    });
    webhook
}

/// Posts a webhook until it is taken, as Meta does, a few times at most.
pub(crate) async fn until_taken(callback: &str, body: &str) {
    for _ in 0..10 {
        if post_signed(callback, body).await.status == 200 {
            return;
        }
    }
    panic!("a webhook is not taken");
}

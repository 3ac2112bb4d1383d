//! One service that manages the templates of its account, with a stand-in for Meta and its callers.

use std::sync::Mutex;

use countersign_grpc::{Client, v1};
use countersign_simulator::{Config, Template, TemplateOrder};
use serde_json::Value;
use tonic::Status;

use crate::common::calls::{get, start};
use crate::common::http;
use crate::common::meta::Meta;
use crate::common::plan::{CALLER_TOKEN, Plan};
use crate::common::process::{Ended, countersign, run};
use crate::common::secrets::Secrets;
use crate::common::serve::Serve;
use countersign_testkit::wait::eventually;

/// What the log says of a template that messages keep away from.
pub(crate) const PASSED_OVER: &str = "a template is faulty and passed over";
/// What the log says of a template that messages go out with in spite of what is wrong.
pub(crate) const USED: &str = "a template is faulty and used all the same";
/// What the log says when that is no longer wrong.
pub(crate) const OVER: &str = "a fault of a template is over";

/// The account of the stand-in for Meta, as a configuration names it.
const ACCOUNT: &str = "[whatsapp.accounts.shop]\nbusiness_account_id = \"102290129340398\"\n\
    token = { file = \"token\" }\n\n[whatsapp.webhook]";
/// What of a plan's text gives way to what a scene describes.
const DESCRIBED: &str = "[apps.shop.template]\nname = \"verification_code\"\nlanguages = [\"en_US\", \"pt_BR\"]\n";

pub(crate) struct Scene {
    pub(crate) meta: Meta,
    pub(crate) serve: Serve,
    pub(crate) client: Client,
    /// What must not be found in the log: every phone that was asked for, and every message there was.
    secrets: Mutex<Secrets>,
}

/// A configuration that describes other templates than every plan does.
pub(crate) struct Described {
    /// Lines of the app itself.
    pub(crate) app: &'static str,
    /// The tables of its templates.
    pub(crate) templates: String,
    /// Lines of the app's policy.
    pub(crate) policy: &'static str,
    /// The tables of the other apps, with all that each needs.
    pub(crate) others: Vec<(String, String)>,
}

impl Described {
    /// One app with these tables of templates, for people of every country.
    pub(crate) fn new(templates: &str) -> Self {
        Self {
            app: "",
            templates: templates.to_owned(),
            policy: "",
            others: Vec::new(),
        }
    }

    /// The text of the configuration, before the plan's base URL.
    pub(crate) fn text(&self, base_url: String) -> String {
        let policy = format!("code_length = 12\n{}", self.policy);
        let text = Plan::new(base_url).policy(&policy).text();
        let app = format!("throughput = 1000\n{}\n", self.app);
        let mut apps = vec!["\"shop\"".to_owned()];
        let mut tables = String::new();
        for (name, table) in &self.others {
            apps.push(format!("\"{name}\""));
            tables.push_str(table);
        }
        text.replace("[whatsapp.webhook]", ACCOUNT)
            .replace("throughput = 1000\n", &app)
            .replace(DESCRIBED, &self.templates)
            .replace("countries = [\"BR\"]", "countries = [\"*\"]")
            .replace(
                "apps = [\"shop\"]",
                &format!("apps = [{}]\nmanage_templates = true", apps.join(", ")),
            )
            .replace("[callers.shop]", &format!("{tables}\n[callers.shop]"))
    }
}

impl Scene {
    /// A service over an account that has these templates.
    pub(crate) async fn set(described: &Described, has: Vec<Template>) -> Self {
        Self::set_after(described, has, |_| {}).await
    }

    /// Like [`Scene::set`], after something happened to the account.
    pub(crate) async fn set_after(described: &Described, has: Vec<Template>, happened: impl FnOnce(&Meta)) -> Self {
        let meta = Meta::start_with(crate::SILENT, |config: &mut Config| {
            config.templates = has;
            config.management_limits.edits = false;
        })
        .await;
        happened(&meta);
        let text = described.text(meta.base_url());
        Self::set_before(meta, &text).await
    }

    /// A service with the text of a configuration, before a Meta that is there already, once it has asked what the
    /// account has.
    pub(crate) async fn set_before(meta: Meta, text: &str) -> Self {
        let serve = Serve::start_with(text).await;
        // Not the answer, only that nothing that happens from now on is in it.
        eventually("the first look", async || meta.controls.management_calls().pop()).await;
        meta.controls.set_callback_url(&serve.callback()).unwrap();
        let client = serve.client().await;
        Self {
            meta,
            serve,
            client,
            secrets: Mutex::new(Secrets::of_every_plan()),
        }
    }

    /// Starts, and demands that a verification was opened; hands its message back once Meta was asked to send it.
    pub(crate) async fn sent(&self, request: v1::StartVerificationRequest) -> v1::Delivery {
        let started = self.start(request).await.unwrap();
        let id = started.verification.unwrap().id;
        eventually("that the message was handed in", async || {
            let seen = get(&self.client, &id).await.deliveries.pop()?;
            let waits = [v1::DeliveryState::Due, v1::DeliveryState::Sending];
            (!waits.contains(&seen.state())).then_some(seen)
        })
        .await
    }

    /// Starts as nobody demands that it works.
    pub(crate) async fn start(
        &self,
        request: v1::StartVerificationRequest,
    ) -> Result<v1::StartVerificationResponse, Status> {
        if let Some(recipient) = &request.recipient {
            self.secrets.lock().unwrap().add_phone(&recipient.phone);
        }
        start(&self.client, request).await
    }

    /// Has something done to a template in a language.
    pub(crate) fn order(&self, template: &str, language: &str, order: TemplateOrder) {
        order_at(&self.meta, template, language, order);
    }

    /// Runs a command of the command line against the service.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        let folder = tempfile::tempdir().unwrap();
        let mut command = countersign(folder.path());
        command
            .args(args)
            .args(["--server", &format!("http://{}", self.serve.grpc)])
            .env("COUNTERSIGN_TOKEN", CALLER_TOKEN);
        run(&mut command).await
    }

    /// The lines of the log so far that say this.
    pub(crate) fn said(&self, message: &str) -> Vec<Value> {
        let written = self.serve.process.written().stderr;
        let lines = written
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["message"] == message).collect()
    }

    /// Waits until the log has said something of the app `shop` in a language for the `times`-th time, and hands that
    /// line back.
    pub(crate) async fn tells(&self, message: &str, language: &str, drift: &str, times: usize) -> Value {
        let what = format!("{message}: {drift} in {language}, {times} times");
        eventually(&what, async || {
            let mut lines = self.said(message);
            lines.retain(|it| it["app"] == "shop" && it["language"] == language && it["drift"] == drift);
            lines.into_iter().nth(times - 1)
        })
        .await
    }

    /// What the metrics say of a fault of the app `shop`; `None` when they do not speak of it.
    pub(crate) async fn fault_of(&self, template: &str, language: &str, drift: &str) -> Option<u64> {
        let page = http::get(&format!("http://{}/metrics", self.serve.http)).await.body;
        let series = format!(
            "countersign_template_fault{{app=\"shop\",account=\"shop\",template=\"{template}\",\
             language=\"{language}\",drift=\"{drift}\"}} "
        );
        page.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok())
    }

    /// Notes what is secret about the messages that a stand-in for Meta took.
    pub(crate) fn keep_secret(&self, meta: &Meta) {
        let mut secrets = self.secrets.lock().unwrap();
        for message in meta.phone.messages() {
            secrets.add_phone(&message.to);
            secrets.add("a code", &message.code);
            secrets.add_message_id(&message.id);
        }
    }

    /// Ends the service and looks for everything secret in what it wrote.
    pub(crate) async fn end(self) {
        self.keep_secret(&self.meta);
        let Self { mut serve, secrets, .. } = self;
        serve.process.signal("TERM");
        let ended = serve.process.ended().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains("\"stopped\""), "nothing was written to look at");
        let found = secrets.into_inner().unwrap().found_in(&ended.stderr);
        assert!(found.is_empty() && ended.stdout.is_empty(), "{found:#?}");
    }
}

/// Has something done to a template in a language, before there is a scene.
#[track_caller]
pub(crate) fn order_at(meta: &Meta, template: &str, language: &str, order: TemplateOrder) {
    let entry = meta.controls.template_in(template, language).unwrap();
    meta.controls.order_template(&entry.id, order).unwrap();
}

/// Asks a number, as an app, to sign in, with a message in a language if one is given.
pub(crate) fn request(app: &str, phone: &str, language: &str) -> v1::StartVerificationRequest {
    v1::StartVerificationRequest {
        language: language.to_owned(),
        ..crate::common::calls::start_request(app, phone)
    }
}

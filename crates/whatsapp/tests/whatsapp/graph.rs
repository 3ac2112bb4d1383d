//! A stage of the Graph for templates: as much of Meta as an account without limits and reviews needs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_domain::template::Category;
use countersign_testkit::contract::template_catalog::{Behaviour, SLOW_DOWN, Seed};
use serde_json::{Value, json};

use crate::stub::{Answers, Clerk, Request};

/// The business account that the stage has.
pub(crate) const BUSINESS_ACCOUNT: &str = "102290129340398";
/// The token it asks for.
pub(crate) const TOKEN: &str = "EAAGm0PX4ZCpsBAKZCkZBz9vQ7xZAt0ken";

/// The stage.
pub(crate) struct Graph {
    state: Mutex<State>,
}

struct State {
    behaviour: Behaviour,
    page: usize,
    /// As they are read back.
    templates: Vec<Value>,
    next_id: u64,
}

impl Default for Graph {
    fn default() -> Self {
        let state = State {
            behaviour: Behaviour::Obeys,
            page: 25,
            templates: Vec::new(),
            next_id: 954_638_012_257_287,
        };
        Self {
            state: Mutex::new(state),
        }
    }
}

impl Graph {
    pub(crate) fn behave(&self, behaviour: Behaviour) {
        self.state().behaviour = behaviour;
    }

    pub(crate) fn page(&self, templates: usize) {
        self.state().page = templates;
    }

    pub(crate) fn seed(&self, seeds: &[Seed]) {
        let mut state = self.state();
        for seed in seeds {
            let category = match seed.category {
                Category::Authentication => "AUTHENTICATION",
                Category::Other => "MARKETING",
            };
            let order = json!({
                "name": seed.name.as_str(),
                "category": category,
                "components": [{"type": "BODY"}, {"type": "BUTTONS", "buttons": [{"otp_type": "COPY_CODE"}]}],
            });
            state.make(&order, seed.language.as_str());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clerk for Graph {
    fn answer(&self, request: &Request) -> Answers {
        let mut state = self.state();
        let said = format!("the token was {TOKEN}");
        let refuses =
            |status, headers, error: Value| Answers::With(status, headers, json!({"error": error}).to_string());
        match state.behaviour {
            Behaviour::DeniesToken => refuses(401, "", json!({"code": 190, "message": said})),
            Behaviour::Refuses => refuses(
                400,
                "",
                json!({
                    "code": 100, "error_subcode": 2_388_072, "message": "Invalid parameter",
                    "error_user_title": "Body is wrong", "error_user_msg": said,
                }),
            ),
            Behaviour::Throttles => {
                assert_eq!(SLOW_DOWN.as_secs(), 17);
                refuses(400, "Retry-After: 17\r\n", json!({"code": 80_008, "message": said}))
            }
            Behaviour::Fails => refuses(500, "", json!({"code": 2, "message": said})),
            Behaviour::LosesAnswers => {
                state.obey(request);
                Answers::Closes("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"data\": [".to_owned())
            }
            Behaviour::AnswersGarbage => {
                state.obey(request);
                Answers::With(200, "", format!("<html>{said}</html>"))
            }
            Behaviour::NoPreviews if request.path.ends_with("_previews") => refuses(
                400,
                "",
                json!({"code": 100, "message": "(#100) This edge cannot be read.", "type": "OAuthException"}),
            ),
            Behaviour::Obeys | Behaviour::Unreachable | Behaviour::NoPreviews => state.obey(request),
        }
    }
}

impl State {
    fn obey(&mut self, request: &Request) -> Answers {
        assert!(
            request
                .head
                .contains(&format!("authorization: bearer {}", TOKEN.to_lowercase()))
        );
        let path = request.path.strip_prefix("/v23.0/").expect("the version");
        let edge = path.strip_prefix(BUSINESS_ACCOUNT).map(|it| it.trim_start_matches('/'));
        let done = match (request.method.as_str(), edge) {
            ("GET", Some("message_templates")) => Some(self.listed(request)),
            ("POST", Some("message_templates")) => {
                let node = self.make(&request.body, request.body["language"].as_str().expect("a language"));
                Some(json!({"id": node["id"], "status": node["status"], "category": node["category"]}))
            }
            ("POST", Some("upsert_message_templates")) => Some(self.upserted(&request.body)),
            ("DELETE", Some("message_templates")) => self.deleted(request),
            ("GET", Some("message_template_previews")) => Some(previews(request)),
            ("GET", None) => self.templates.iter().find(|it| it["id"] == path).cloned(),
            ("POST", None) => self.edited(path, &request.body),
            other => panic!("{other:?} is no call of Meta's"),
        };
        if let Some(body) = done {
            return Answers::With(200, "Content-Type: application/json\r\n", body.to_string());
        }
        let error = json!({"code": 100, "error_subcode": 33, "message": "Unsupported request."});
        Answers::With(400, "", json!({ "error": error }).to_string())
    }

    fn listed(&self, request: &Request) -> Value {
        let from = request.query.get("after").map_or(0, |it| it.parse().expect("a cursor"));
        let to = (from + self.page).min(self.templates.len());
        let mut answer = json!({"data": self.templates[from..to]});
        answer["paging"] = json!({"cursors": {"before": from.to_string(), "after": to.to_string()}});
        if to < self.templates.len() {
            // Meta writes the token into it. Whoever follows it shows it to every proxy.
            answer["paging"]["next"] = format!("https://graph.invalid/?access_token={TOKEN}&after={to}").into();
        }
        answer
    }

    fn make(&mut self, order: &Value, language: &str) -> Value {
        let id = self.next_id.to_string();
        self.next_id += 1;
        let mut node = json!({
            "id": id, "name": order["name"], "language": language, "category": order["category"],
            "status": "APPROVED", "rejected_reason": "NONE", "quality_score": {"score": "UNKNOWN"},
        });
        write(&mut node, order);
        self.templates.push(node.clone());
        node
    }

    fn upserted(&mut self, order: &Value) -> Value {
        let languages = order["languages"].as_array().expect("languages");
        let mut receipts = Vec::new();
        for language in languages {
            let same = |it: &&mut Value| it["name"] == order["name"] && it["language"] == *language;
            let node = if let Some(node) = self.templates.iter_mut().find(same) {
                write(node, order);
                node.clone()
            } else {
                self.make(order, language.as_str().expect("a language"))
            };
            receipts.push(json!({"id": node["id"], "status": node["status"], "language": language}));
        }
        json!({ "data": receipts })
    }

    fn edited(&mut self, id: &str, order: &Value) -> Option<Value> {
        let node = self.templates.iter_mut().find(|it| it["id"] == id)?;
        write(node, order);
        Some(json!({"success": true}))
    }

    fn deleted(&mut self, request: &Request) -> Option<Value> {
        let name = request.query.get("name").expect("a name").as_str();
        let id = request.query.get("hsm_id").map(String::as_str);
        let before = self.templates.len();
        self.templates
            .retain(|it| it["name"] != name || id.is_some_and(|id| it["id"] != id));
        (self.templates.len() < before).then(|| json!({"success": true}))
    }
}

/// Writes what was ordered as it is read back: rendered, and with a link for a button.
fn write(node: &mut Value, order: &Value) {
    let mut components = order["components"].clone();
    for component in components.as_array_mut().expect("components") {
        match component["type"].as_str() {
            Some("BODY") => component["text"] = "*{{1}}* is your verification code.".into(),
            Some("FOOTER") => component["text"] = "This code expires soon.".into(),
            _ => {
                let link = link(&component["buttons"][0]);
                component["buttons"] = json!([{"type": "URL", "text": "Copy code", "url": link}]);
            }
        }
    }
    node["components"] = components;
    node["message_send_ttl_seconds"] = order["message_send_ttl_seconds"].clone();
    node["last_updated_time"] = "2025-10-15T12:34:56+0000".into();
}

fn link(button: &Value) -> String {
    let kind = button["otp_type"].as_str().expect("a kind");
    let apps = button["supported_apps"].as_array().cloned().unwrap_or_default();
    let listed = |key: &str| {
        let values: Vec<_> = apps.iter().map(|it| it[key].as_str().expect("a text")).collect();
        values
            .join(",")
            .replace('/', "%2F")
            .replace('+', "%2B")
            .replace('=', "%3D")
    };
    let mut link = format!("https://www.whatsapp.com/otp/code/?otp_type={kind}");
    if !apps.is_empty() {
        let (packages, hashes) = (listed("package_name"), listed("signature_hash"));
        let apps = format!("&cta_display_name=Autofill&package_name={packages}&signature_hash={hashes}");
        link.push_str(&apps);
    }
    link + "&code=otp{{1}}"
}

fn previews(request: &Request) -> Value {
    let languages = request.query.get("languages").expect("languages").split(',');
    let minutes = request.query.get("code_expiration_minutes");
    let previews = languages.map(|language| {
        let mut preview = json!({
            "body": "*{{1}}* is your verification code.",
            "buttons": [{"autofill_text": "Autofill", "text": "Copy code"}],
            "language": language,
        });
        if let Some(minutes) = minutes {
            preview["footer"] = format!("This code expires in {minutes} minutes.").into();
        }
        preview
    });
    json!({"data": previews.collect::<Vec<_>>()})
}

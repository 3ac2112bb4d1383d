//! What follows a change of the catalogue: webhooks in Meta's shapes, and alarms for what happens by itself later. Kept
//! out: the changes themselves (see `store`).
//!
//! Meta: webhooks reference, `message_template_status_update` and its neighbors.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bodies;
use crate::catalogue::entry::Entry;
use crate::catalogue::node;
use crate::senders::Quality;
use crate::shared::Shared;
use crate::telling;

/// Gathered while the catalogue changes, carried out once it has changed.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    news: Vec<(&'static str, Value)>,
    alarms: Vec<Alarm>,
}

/// Something that happens to a template later, unless its status has changed by then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alarm {
    pub(crate) id: u64,
    pub(crate) turn: u64,
    pub(crate) after: Duration,
    pub(crate) then: Then,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    EndReview,
    EndPause,
    DeleteArchived,
}

/// What `other_info` says of a pause.
#[derive(Clone, Copy, Debug)]
pub(crate) enum About {
    FirstPause,
    SecondPause,
    Pacing,
    Unpaused,
    Disabled,
}

/// How long before a change of category it is announced.
const A_DAY_S: u64 = 24 * 3_600;

impl Changes {
    /// The status is another one. `event` is mostly the word of the status.
    pub(crate) fn status(&mut self, entry: &Entry, event: &str, about: Option<About>) {
        let mut value = named(entry);
        value["event"] = event.into();
        value["message_template_category"] = entry.category.clone().into();
        value["reason"] = entry.rejected_reason.clone().unwrap_or_else(|| "NONE".into()).into();
        if let Some(reason) = &entry.rejected_reason {
            let recommendation = "Change what the reason names, and edit the template.";
            value["rejection_info"] = json!({ "reason": reason, "recommendation": recommendation });
        }
        if let Some((title, description)) = about.map(About::words) {
            value["other_info"] = json!({ "title": title, "description": description });
        }
        if matches!(about, Some(About::Disabled)) {
            value["disable_info"] = json!({ "disable_date": entry.changed_at_ms / 1_000 });
        }
        self.news.push(("message_template_status_update", value));
    }

    /// People receive it otherwise than before.
    pub(crate) fn quality(&mut self, entry: &Entry, before: Quality) {
        let mut value = named(entry);
        value["previous_quality_score"] = json!(before);
        value["new_quality_score"] = json!(entry.quality);
        self.news.push(("message_template_quality_update", value));
    }

    /// Meta will put it into another category a day later. What is called new is what it has now.
    pub(crate) fn category_to_come(&mut self, entry: &Entry, to_come: &str, now_ms: u64) {
        let mut value = named(entry);
        value["correct_category"] = to_come.into();
        value["new_category"] = entry.category.clone().into();
        value["category_update_timestamp"] = (now_ms / 1_000 + A_DAY_S).into();
        self.news.push(("template_category_update", value));
    }

    /// Meta has put it into another category.
    pub(crate) fn category(&mut self, entry: &Entry, before: &str) {
        let mut value = named(entry);
        value["previous_category"] = before.into();
        value["new_category"] = entry.category.clone().into();
        self.news.push(("template_category_update", value));
    }

    /// It says something else than before.
    pub(crate) fn components(&mut self, entry: &Entry) {
        let mut value = named(entry);
        let words = node::Words::of(&entry.content, &entry.language);
        value["message_template_element"] = words.body.into();
        if let Some(footer) = words.footer {
            value["message_template_footer"] = footer.into();
        }
        value["message_template_buttons"] = json!([{
            "message_template_button_type": "URL",
            "message_template_button_text": words.button,
            "message_template_button_url": words.url,
        }]);
        self.news.push(("message_template_components_update", value));
    }

    /// Sets an alarm for a template as it is now.
    pub(crate) fn alarm(&mut self, entry: &Entry, after: Duration, then: Then) {
        self.alarms.push(Alarm {
            id: entry.id,
            turn: entry.turn,
            after,
            then,
        });
    }

    /// Posts the webhooks, one after the other, and waits for the alarms, all in the background.
    pub(crate) fn follow_up(self, shared: &Arc<Shared>) {
        let account = &shared.config.business_account_id;
        let at_ms = shared.now_ms();
        let bodies = self.news.iter();
        let bodies = bodies.map(|(field, value)| bodies::account(account, field, value, at_ms));
        telling::in_order(shared, bodies.collect());
        for alarm in self.alarms {
            wait_for(shared, alarm);
        }
    }
}

impl About {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::FirstPause => ("FIRST_PAUSE", "Paused for 3 hours for low quality."),
            Self::SecondPause => ("SECOND_PAUSE", "Paused for 6 hours for low quality."),
            Self::Pacing => ("RATE_LIMITING_PAUSE", "Paused while its first messages are judged."),
            Self::Unpaused => ("UNPAUSE", "The pause is over."),
            Self::Disabled => ("DISABLED", "Disabled for low quality."),
        }
    }
}

/// What every webhook about a template begins with. The id is a number, and the language has a dash, unlike anywhere in
/// the API.
fn named(entry: &Entry) -> Value {
    json!({
        "message_template_id": entry.id,
        "message_template_name": entry.name,
        "message_template_language": entry.language.replace('_', "-"),
    })
}

fn wait_for(shared: &Arc<Shared>, alarm: Alarm) {
    let busy = shared.time.busy();
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let rung = async {
            shared.time.sleep(alarm.after).await;
            let changes = shared.catalogue.ring(alarm, shared.now_ms());
            changes.follow_up(&shared);
        };
        tokio::select! {
            () = rung => {}
            () = shared.ended() => {}
        }
        drop(busy);
    });
}

//! The state of the sender numbers: quality, and whether Meta has paused them. Kept out: what is fixed about a number,
//! which is configuration.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::config::PhoneNumber;
use crate::wire::GraphError;

/// How people receive what a number or a template sends (Meta: quality rating).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Quality {
    /// High.
    #[default]
    Green,
    /// Medium.
    Yellow,
    /// Low.
    Red,
    /// Not rated yet.
    Unknown,
}

/// The code of a locked account, with which a paused number answers unless told otherwise.
pub(crate) const LOCKED: u32 = 131_031;

/// Messages a second from which Meta calls the throughput of a number high.
const HIGH_THROUGHPUT: u32 = 1_000;

#[derive(Default)]
pub(crate) struct Senders {
    states: Mutex<BTreeMap<String, State>>,
}

#[derive(Clone, Copy, Default)]
struct State {
    quality: Quality,
    paused_with: Option<u32>,
}

impl Senders {
    pub(crate) fn set_quality(&self, id: &str, quality: Quality) {
        self.states().entry(id.to_owned()).or_default().quality = quality;
    }

    pub(crate) fn pause(&self, id: &str, code: Option<u32>) {
        self.states().entry(id.to_owned()).or_default().paused_with = code;
    }

    /// The error every send of this number is answered with, while it is paused.
    pub(crate) fn paused_with(&self, id: &str) -> Option<u32> {
        self.states().get(id)?.paused_with
    }

    /// The node of a number with the fields that were asked for; without any, those Meta gives unasked.
    pub(crate) fn node(&self, number: &PhoneNumber, fields: Option<&str>) -> Result<Value, GraphError> {
        let state = self.states().get(&number.id).copied().unwrap_or_default();
        let mut node = Map::new();
        let unasked = "verified_name,display_phone_number,quality_rating";
        let names = fields.filter(|fields| !fields.is_empty()).unwrap_or(unasked);
        for name in names.split(',').map(str::trim) {
            let value = match name {
                "id" => continue,
                "display_phone_number" => format!("+{}", number.display).into(),
                "verified_name" => number.verified_name.clone().into(),
                "quality_rating" => json!(state.quality),
                "throughput" if number.throughput >= HIGH_THROUGHPUT => json!({ "level": "HIGH" }),
                "throughput" => json!({ "level": "STANDARD" }),
                "status" if state.paused_with.is_some() => "RESTRICTED".into(),
                "status" => "CONNECTED".into(),
                "account_mode" => "LIVE".into(),
                unknown => {
                    let message = format!("Tried accessing nonexistent field ({unknown})");
                    return Err(GraphError::new(100, &message));
                }
            };
            node.insert(name.to_owned(), value);
        }
        node.insert("id".into(), number.id.clone().into());
        Ok(node.into())
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

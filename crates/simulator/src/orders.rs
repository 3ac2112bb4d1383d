//! Scenarios over HTTP: their JSON, and the four requests about them. Kept out: what a scenario does.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::fate::{Event, Fate, LifeEnd, Step, Telling};
use crate::fault::Fault;
use crate::pricing::PricingType;
use crate::scenario::Scenario;
use crate::shared::Shared;
use crate::wire::digits_of;

/// Most scenarios waiting at once; one more is refused.
const SCENARIOS_MAX: usize = 1_000;
/// Most steps of a fate.
const STEPS_MAX: usize = 32;
/// Most times a webhook is told.
const TIMES_MAX: u8 = 10;

/// `POST /api/scenarios`.
pub(crate) async fn add(
    State(shared): State<Arc<Shared>>,
    scenario: Result<Json<ScenarioView>, JsonRejection>,
) -> Response {
    let scenario = match scenario {
        Ok(Json(view)) => view.checked(),
        Err(rejection) => Err(rejection.body_text()),
    };
    let scenario = match scenario {
        Ok(scenario) => scenario,
        Err(problem) => return (StatusCode::BAD_REQUEST, Json(json!({ "error": problem }))).into_response(),
    };
    if shared.scenarios.count() >= SCENARIOS_MAX {
        let problem = json!({ "error": "1000 scenarios are waiting already" });
        return (StatusCode::TOO_MANY_REQUESTS, Json(problem)).into_response();
    }
    let number = shared.scenarios.add(scenario);
    (StatusCode::CREATED, Json(json!({ "number": number }))).into_response()
}

/// `GET /api/scenarios`: those still to come.
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Json<Vec<Numbered>> {
    let list = shared.scenarios.list().into_iter();
    let numbered = list.map(|(number, scenario)| Numbered {
        number,
        scenario: ScenarioView::from(&scenario),
    });
    Json(numbered.collect())
}

/// `DELETE /api/scenarios`.
pub(crate) async fn clear(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.scenarios.clear();
    StatusCode::NO_CONTENT
}

/// `DELETE /api/scenarios/{number}`.
pub(crate) async fn remove(State(shared): State<Arc<Shared>>, Path(number): Path<u64>) -> StatusCode {
    if shared.scenarios.remove(number) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

#[derive(Serialize)]
pub(crate) struct Numbered {
    number: u64,
    #[serde(flatten)]
    scenario: ScenarioView,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioView {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<FaultView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fate: Option<FateView>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum FaultView {
    Answer { status: u16, body: String },
    Error { code: u32 },
    Throttle { code: u32, regain_ms: u64 },
    Html { status: u16 },
    Empty { status: u16 },
    Silence,
    HangUp,
    AcceptThenSilence,
    AcceptThenHangUp,
    AcceptThenHalfAnswer,
    AcceptThenError { code: u32 },
    AcceptThenAnswerAfter { wait_ms: u64 },
    AcceptedHeld,
}

/// A fate as JSON shows it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FateView {
    #[serde(default)]
    held: bool,
    #[serde(default)]
    steps: Vec<StepView>,
    #[serde(default)]
    life_end: LifeEndView,
    #[serde(default)]
    pricing: PricingType,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LifeEndView {
    #[default]
    Untold,
    Failed,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the fields of `Telling`, flat")]
struct StepView {
    event: EventView,
    /// For `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<u32>,
    /// `null` for a read that waits for the page.
    #[serde(default = "at_once")]
    after_ms: Option<u64>,
    #[serde(default = "once")]
    times: u8,
    #[serde(default)]
    late_ms: u64,
    #[serde(default)]
    reversed: bool,
    #[serde(default)]
    batched: bool,
    #[serde(default)]
    without_recipient: bool,
    #[serde(default)]
    forged: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EventView {
    Sent,
    Delivered,
    Read,
    Failed,
    DidNotRequest,
    NewIdentity,
}

#[expect(clippy::unnecessary_wraps, reason = "a default of an optional field")]
fn at_once() -> Option<u64> {
    Some(0)
}

fn once() -> u8 {
    1
}

impl ScenarioView {
    /// The scenario, or what is wrong with it in a sentence.
    fn checked(self) -> Result<Scenario, String> {
        let Self { times, to, fault, fate } = self;
        if fault.is_none() && fate.is_none() {
            return Err("a scenario needs `fault` or `fate`".into());
        }
        if to.as_deref().is_some_and(|to| digits_of(to).is_none()) {
            return Err("`to` is not a phone number".into());
        }
        Ok(Scenario {
            times,
            to,
            fault: fault.map(Fault::from),
            fate: fate.map(FateView::checked).transpose()?,
        })
    }
}

impl FateView {
    fn checked(self) -> Result<Fate, String> {
        let Self {
            held,
            steps,
            life_end,
            pricing,
        } = self;
        if steps.len() > STEPS_MAX {
            return Err(format!("a fate has at most {STEPS_MAX} steps"));
        }
        Ok(Fate {
            held,
            steps: steps.into_iter().map(StepView::checked).collect::<Result<_, _>>()?,
            life_end: match life_end {
                LifeEndView::Untold => LifeEnd::Untold,
                LifeEndView::Failed => LifeEnd::Failed,
            },
            pricing,
        })
    }
}

impl StepView {
    fn checked(self) -> Result<Step, String> {
        let event = match (self.event, self.code) {
            (EventView::Failed, Some(code)) => Event::Failed { code },
            (EventView::Failed, None) => return Err("`failed` needs a `code`".into()),
            (_, Some(_)) => return Err("only `failed` has a `code`".into()),
            (EventView::Sent, None) => Event::Sent,
            (EventView::Delivered, None) => Event::Delivered,
            (EventView::Read, None) => Event::Read,
            (EventView::DidNotRequest, None) => Event::DidNotRequest,
            (EventView::NewIdentity, None) => Event::NewIdentity,
        };
        if self.times > TIMES_MAX {
            return Err(format!("`times` of a step is at most {TIMES_MAX}"));
        }
        Ok(Step {
            event,
            after: self.after_ms.map(Duration::from_millis),
            told: Telling {
                times: self.times,
                late: Duration::from_millis(self.late_ms),
                reversed: self.reversed,
                batched: self.batched,
                without_recipient: self.without_recipient,
                forged: self.forged,
            },
        })
    }
}

impl From<&Scenario> for ScenarioView {
    fn from(scenario: &Scenario) -> Self {
        let Scenario { times, to, fault, fate } = scenario;
        Self {
            times: *times,
            to: to.clone(),
            fault: fault.as_ref().map(FaultView::from),
            fate: fate.as_ref().map(FateView::from),
        }
    }
}

impl From<FaultView> for Fault {
    fn from(view: FaultView) -> Self {
        match view {
            FaultView::Answer { status, body } => Self::Answer { status, body },
            FaultView::Error { code } => Self::Error { code },
            FaultView::Throttle { code, regain_ms } => Self::Throttle {
                code,
                regain: Duration::from_millis(regain_ms),
            },
            FaultView::Html { status } => Self::Html { status },
            FaultView::Empty { status } => Self::Empty { status },
            FaultView::Silence => Self::Silence,
            FaultView::HangUp => Self::HangUp,
            FaultView::AcceptThenSilence => Self::AcceptThenSilence,
            FaultView::AcceptThenHangUp => Self::AcceptThenHangUp,
            FaultView::AcceptThenHalfAnswer => Self::AcceptThenHalfAnswer,
            FaultView::AcceptThenError { code } => Self::AcceptThenError { code },
            FaultView::AcceptThenAnswerAfter { wait_ms } => Self::AcceptThenAnswerAfter(Duration::from_millis(wait_ms)),
            FaultView::AcceptedHeld => Self::AcceptedHeld,
        }
    }
}

impl From<&Fault> for FaultView {
    fn from(fault: &Fault) -> Self {
        match fault {
            Fault::Answer { status, body } => Self::Answer {
                status: *status,
                body: body.clone(),
            },
            Fault::Error { code } => Self::Error { code: *code },
            Fault::Throttle { code, regain } => Self::Throttle {
                code: *code,
                regain_ms: millis(*regain),
            },
            Fault::Html { status } => Self::Html { status: *status },
            Fault::Empty { status } => Self::Empty { status: *status },
            Fault::Silence => Self::Silence,
            Fault::HangUp => Self::HangUp,
            Fault::AcceptThenSilence => Self::AcceptThenSilence,
            Fault::AcceptThenHangUp => Self::AcceptThenHangUp,
            Fault::AcceptThenHalfAnswer => Self::AcceptThenHalfAnswer,
            Fault::AcceptThenError { code } => Self::AcceptThenError { code: *code },
            Fault::AcceptThenAnswerAfter(wait) => Self::AcceptThenAnswerAfter { wait_ms: millis(*wait) },
            Fault::AcceptedHeld => Self::AcceptedHeld,
        }
    }
}

impl From<&Fate> for FateView {
    fn from(fate: &Fate) -> Self {
        let Fate {
            held,
            steps,
            life_end,
            pricing,
        } = fate;
        Self {
            held: *held,
            steps: steps.iter().map(StepView::from).collect(),
            life_end: match life_end {
                LifeEnd::Untold => LifeEndView::Untold,
                LifeEnd::Failed => LifeEndView::Failed,
            },
            pricing: *pricing,
        }
    }
}

impl From<&Step> for StepView {
    fn from(step: &Step) -> Self {
        let Step { event, after, told } = *step;
        let (event, code) = match event {
            Event::Sent => (EventView::Sent, None),
            Event::Delivered => (EventView::Delivered, None),
            Event::Read => (EventView::Read, None),
            Event::Failed { code } => (EventView::Failed, Some(code)),
            Event::DidNotRequest => (EventView::DidNotRequest, None),
            Event::NewIdentity => (EventView::NewIdentity, None),
        };
        Self {
            event,
            code,
            after_ms: after.map(millis),
            times: told.times,
            late_ms: millis(told.late),
            reversed: told.reversed,
            batched: told.batched,
            without_recipient: told.without_recipient,
            forged: told.forged,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

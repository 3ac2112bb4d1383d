//! Log lines about limits, money, the guard, and what operators do.

use countersign_domain::event::Event;
use countersign_domain::id::AppId;

/// What stands for the whole service where an app is named.
const SERVICE: &str = "*";

/// Writes an event about limits, money, the guard or an operator; nothing for any other.
pub(super) fn about_protection(event: &Event) {
    match event {
        Event::Shadowed {
            app,
            purpose,
            rule,
            parts,
        } => {
            tracing::info!(%app, %purpose, %rule, key = %parts, "a shadow rule would have refused");
        }
        Event::GuardShadowed { app, area, rung } => {
            tracing::info!(%app, area, rung = rung.name(), "the guard would have stopped a start");
        }
        Event::ChallengeAsked { app, refusal } => {
            tracing::info!(%app, answer = refusal.name(), "start challenged");
        }
        Event::GuardAlarmed {
            app,
            area,
            country,
            alarm,
            rung,
            score,
        } => {
            let (app, country) = (scope(app.as_ref()), country.map(tracing::field::display));
            let (alarm, rung) = (alarm.name(), rung.name());
            tracing::warn!(app, area, country, alarm, rung, score, "the guard raised an alarm");
        }
        Event::GuardUnheard => {
            tracing::warn!("the guard cannot share what it heard; it keeps it and tries again");
        }
        Event::LineLearnt => {
            tracing::debug!("a number is another spelling of a line");
        }
        Event::BudgetNear {
            rule,
            parts,
            spent,
            amount,
        } => {
            let (spent_micros, amount_micros) = (spent.micros(), amount.micros());
            tracing::warn!(%rule, key = %parts, spent_micros, amount_micros, "a budget runs out");
        }
        Event::BudgetCharged {
            app,
            country: _,
            rule,
            parts,
            spent,
            amount,
        } => {
            let (spent_micros, amount_micros) = (spent.micros(), amount.micros());
            tracing::debug!(%app, %rule, key = %parts, spent_micros, amount_micros, "a budget was charged");
        }
        Event::ChargeLost { rule } => tracing::warn!(%rule, "a budget could not be charged for what was spent"),
        Event::Reserved { app, country, amount } => {
            let (country, micros) = (country.map(tracing::field::display), amount.micros());
            tracing::debug!(%app, country, micros, "money reserved");
        }
        Event::Settled { app, reserved, actual } => {
            let (reserved_micros, actual_micros) = (reserved.micros(), actual.micros());
            tracing::debug!(%app, reserved_micros, actual_micros, "money settled");
        }
        Event::RecipientHeld {
            caller,
            recipient,
            until,
        } => {
            let until_ms = until.unix_millis();
            tracing::info!(%caller, ?recipient, until_ms, "an operator holds a recipient");
        }
        Event::RecipientReleased { caller, recipient } => {
            tracing::info!(%caller, ?recipient, "an operator released a recipient");
        }
        Event::PhoneErased {
            caller,
            records,
            traces,
        } => {
            tracing::info!(%caller, records, traces, "an operator had a phone erased");
        }
        Event::Unblocked { caller, app, area } => {
            tracing::info!(%caller, app = scope(app.as_ref()), area, "an operator lifted a block");
        }
        _ => {}
    }
}

fn scope(app: Option<&AppId>) -> &str {
    app.map_or(SERVICE, AppId::as_str)
}

//! The log: what the process says, and what the domain's events look like in it. Never a phone, a code or a token. And
//! how everybody who wants to hear of events does.

mod protection;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::delivery::{DeliveryNumber, DeliveryState, ProviderReport};
use countersign_domain::event::Event;
use countersign_domain::id::Identified;
use countersign_domain::ports::Observer;
use countersign_domain::use_case::TemplateFault;
use countersign_domain::verification::{EndReason, VerificationState};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;
use crate::environment::Environment;

/// Starts the log on standard error. `COUNTERSIGN_LOG` chooses what is written, as in `info,countersign=debug`.
pub(crate) fn start(format: LogFormat, environment: &Environment) -> Result<(), String> {
    let wanted = environment.get("COUNTERSIGN_LOG").unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(&wanted).map_err(|error| {
        format!("COUNTERSIGN_LOG is {wanted:?}, must look like \"info,countersign=debug\": {error}")
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).init(),
        LogFormat::Text => registry.with(lines.with_target(false)).init(),
    }
    Ok(())
}

/// Tells every event to each of several observers, in order.
pub(crate) struct Observers(pub(crate) Vec<Arc<dyn Observer>>);

impl Observer for Observers {
    fn record(&self, event: &Event) {
        self.0.iter().for_each(|observer| observer.record(event));
    }
}

/// Writes every event into the log, readable alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EventLog;

impl Observer for EventLog {
    fn record(&self, event: &Event) {
        match event {
            // What is recorded has a place of its own.
            Event::Decided(_) => {}
            Event::Shadowed { .. }
            | Event::GuardShadowed { .. }
            | Event::ChallengeAsked { .. }
            | Event::GuardAlarmed { .. }
            | Event::GuardUnheard
            | Event::LineLearnt
            | Event::BudgetNear { .. }
            | Event::BudgetCharged { .. }
            | Event::ChargeLost { .. }
            | Event::Reserved { .. }
            | Event::Settled { .. }
            | Event::RecipientHeld { .. }
            | Event::RecipientReleased { .. }
            | Event::PhoneErased { .. }
            | Event::Unblocked { .. } => protection::about_protection(event),
            Event::Started { .. } | Event::StartRefused { .. } | Event::Checked { .. } => asked(event),
            Event::Ended {
                subject,
                state,
                reason,
                open_for,
            } => ended(subject, state, *reason, *open_for),
            Event::DeliveryMoved {
                subject,
                delivery,
                to,
                tries,
                report,
                ..
            } => {
                moved(subject, *delivery, *to, *tries, report.as_ref());
            }
            Event::ResultLost { subject, delivery } => {
                let Identified {
                    app,
                    purpose,
                    verification,
                } = subject;
                tracing::warn!(%app, %purpose, %verification, delivery, "the result of a send could not be recorded");
            }
            Event::UncertainSettled { subject, delivery, by } => {
                let Identified {
                    app,
                    purpose,
                    verification,
                } = subject;
                let by = by.name();
                tracing::info!(%app, %purpose, %verification, delivery, by, "an uncertain send is accounted for");
            }
            Event::Disowned { subject, canceled } => {
                let Identified {
                    app,
                    purpose,
                    verification,
                } = subject;
                tracing::warn!(%app, %purpose, %verification, canceled, "a person says that they did not ask for the code");
            }
            Event::AnswerIgnored => tracing::debug!("a person's answer is about no message that is still known"),
            Event::SenderShut { .. }
            | Event::SenderSlowed { .. }
            | Event::SenderRecovered { .. }
            | Event::SenderRated { .. }
            | Event::SenderUnseen { .. } => about_sender(event),
            Event::TemplateFaulty { .. }
            | Event::TemplateWell { .. }
            | Event::TemplateRated { .. }
            | Event::TemplatesUnseen { .. }
            | Event::TemplatesSeen { .. }
            | Event::TemplateHeard { .. } => about_template(event),
            Event::ReportIgnored { why } => tracing::debug!(?why, "webhook status ignored"),
            Event::GiveBackLost { rule } => tracing::warn!(%rule, "a charge could not be given back"),
            Event::WakeFailed { recipient, .. } => {
                tracing::warn!(
                    ?recipient,
                    "a recipient could not be looked after; it is tried again soon"
                );
            }
        }
    }
}

fn about_sender(event: &Event) {
    match event {
        Event::SenderShut {
            sender,
            app,
            fault,
            report,
            retry_after,
        } => {
            let (retry_after_ms, report) = (whole_millis(*retry_after), report.as_ref().map(ToString::to_string));
            let report = report.as_deref();
            tracing::error!(%sender, %app, ?fault, report, retry_after_ms, "a sender is shut: an operator has to act");
        }
        Event::SenderSlowed {
            sender,
            report,
            retry_after,
        } => {
            let (retry_after_ms, report) = (whole_millis(*retry_after), report.as_ref().map(ToString::to_string));
            tracing::warn!(%sender, report = report.as_deref(), retry_after_ms, "a sender is slowed down by the provider");
        }
        Event::SenderRecovered { sender } => tracing::info!(%sender, "a sender works again"),
        Event::SenderRated { sender, quality } => {
            tracing::warn!(%sender, quality = quality.name(), "the provider rates a sender anew");
        }
        Event::SenderUnseen { sender } => tracing::debug!(%sender, "the provider does not say how a sender is"),
        _ => {}
    }
}

fn about_template(event: &Event) {
    match event {
        Event::TemplateFaulty { fault } => faulty(fault),
        Event::TemplateWell {
            app,
            account,
            template,
            language,
            was,
        } => {
            let drift = was.name();
            tracing::info!(%app, %account, %template, %language, drift, "a fault of a template is over");
        }
        Event::TemplateRated {
            account,
            template,
            language,
            quality,
        } => {
            tracing::warn!(%account, %template, %language, quality = quality.name(), "the provider rates a template anew");
        }
        Event::TemplatesUnseen { account, why, report } => {
            let report = report.as_ref().map(ToString::to_string);
            let report = report.as_deref();
            tracing::warn!(%account, why, report, "the provider does not say which templates an account has");
        }
        Event::TemplatesSeen { account } => {
            tracing::info!(%account, "the provider says again which templates an account has");
        }
        Event::TemplateHeard {
            template,
            language,
            word,
            outcome,
        } => {
            tracing::debug!(%template, %language, word, outcome = outcome.name(), "a webhook speaks of a template");
        }
        _ => {}
    }
}

/// What callers asked for, and what they were told.
fn asked(event: &Event) {
    match event {
        Event::Started {
            caller,
            subject,
            outcome,
            ..
        } => {
            let Identified {
                app,
                purpose,
                verification,
            } = subject;
            tracing::info!(%caller, %app, %purpose, %verification, outcome = outcome.name(), "start");
        }
        Event::StartRefused {
            caller,
            app,
            purpose,
            rule,
            parts,
            retry_after,
        } => {
            let retry_after_ms = retry_after.map(whole_millis);
            tracing::info!(%caller, %app, %purpose, %rule, key = %parts, retry_after_ms, "start refused");
        }
        Event::Checked {
            caller,
            subject,
            outcome,
            ..
        } => {
            let Identified {
                app,
                purpose,
                verification,
            } = subject;
            tracing::info!(%caller, %app, %purpose, %verification, outcome = outcome.name(), "check");
        }
        _ => {}
    }
}

/// An error when codes cannot be sent with the template, and otherwise a warning.
fn faulty(fault: &TemplateFault) {
    let TemplateFault {
        app,
        account,
        template,
        language,
        drift,
        passed_over,
    } = fault;
    let (name, what) = (drift.name(), drift.to_string());
    if *passed_over {
        tracing::error!(%app, %account, %template, %language, drift = name, what, "a template is faulty and passed over");
    } else {
        tracing::warn!(%app, %account, %template, %language, drift = name, what, "a template is faulty and used all the same");
    }
}

fn ended(subject: &Identified, state: &VerificationState, reason: EndReason, open_for: Duration) {
    let Identified {
        app,
        purpose,
        verification,
    } = subject;
    let (state, reason, open_for_ms) = (state.name(), reason.name(), whole_millis(open_for));
    tracing::info!(%app, %purpose, %verification, state, reason, open_for_ms, "verification ended");
}

fn moved(
    subject: &Identified,
    delivery: DeliveryNumber,
    to: DeliveryState,
    tries: u8,
    report: Option<&ProviderReport>,
) {
    let Identified {
        app,
        purpose,
        verification,
    } = subject;
    let (state, report) = (to.name(), report.map(ToString::to_string));
    let report = report.as_deref();
    if let DeliveryState::Failed(reason) = to {
        let reason = reason.name();
        tracing::warn!(%app, %purpose, %verification, delivery, tries, state, reason, report, "delivery failed");
    } else {
        tracing::info!(%app, %purpose, %verification, delivery, tries, state, report, "delivery");
    }
}

fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

//! The log: what the process says, and what the domain's events look like in it. Never a phone, a code or a token.

use countersign_domain::delivery::DeliveryState;
use countersign_domain::event::Event;
use countersign_domain::id::Identified;
use countersign_domain::ports::Observer;
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
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).init(),
        LogFormat::Text => registry.with(lines.with_target(false)).init(),
    }
    Ok(())
}

/// Writes every event into the log, readable alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EventLog;

impl Observer for EventLog {
    fn record(&self, event: &Event) {
        match event {
            Event::Started {
                caller,
                subject,
                outcome,
            } => {
                let Identified {
                    app,
                    purpose,
                    verification,
                } = subject;
                tracing::info!(%caller, %app, %purpose, %verification, ?outcome, "start");
            }
            Event::StartRefused {
                caller,
                app,
                purpose,
                rule,
                retry_after,
            } => {
                tracing::info!(%caller, %app, %purpose, %rule, ?retry_after, "start refused");
            }
            Event::Checked {
                caller,
                subject,
                outcome,
            } => {
                let Identified {
                    app,
                    purpose,
                    verification,
                } = subject;
                tracing::info!(%caller, %app, %purpose, %verification, ?outcome, "check");
            }
            Event::Ended {
                subject,
                state,
                open_for,
            } => {
                let Identified {
                    app,
                    purpose,
                    verification,
                } = subject;
                tracing::info!(%app, %purpose, %verification, ?state, ?open_for, "verification ended");
            }
            Event::DeliveryMoved {
                subject,
                delivery,
                to,
                tries,
                report,
                ..
            } => {
                let Identified {
                    app,
                    purpose,
                    verification,
                } = subject;
                let report = report.as_ref().map(ToString::to_string);
                if matches!(to, DeliveryState::Failed(_)) {
                    tracing::warn!(%app, %purpose, %verification, delivery, tries, ?report, state = ?to, "delivery failed");
                } else {
                    tracing::info!(%app, %purpose, %verification, delivery, tries, ?report, state = ?to, "delivery");
                }
            }
            Event::ResultLost { subject, delivery } => {
                let Identified {
                    app,
                    purpose,
                    verification,
                } = subject;
                tracing::warn!(%app, %purpose, %verification, delivery, "the result of a send could not be recorded");
            }
            Event::ReportIgnored { why } => tracing::debug!(?why, "webhook status ignored"),
            Event::GiveBackLost { rule } => tracing::warn!(%rule, "a charge could not be given back"),
            Event::WakeFailed { recipient, .. } => {
                tracing::warn!(
                    ?recipient,
                    "a recipient could not be looked after; the next round tries again"
                );
            }
        }
    }
}

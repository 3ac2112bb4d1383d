//! What happened since the process began, as numbers that Prometheus reads. Kept out: when to read them, and HTTP.

mod codes;
mod families;
mod labels;
mod protection;

use std::fmt;

use countersign_domain::app::Apps;
use countersign_domain::delivery::{DeliveryState, ProviderReport};
use countersign_domain::event::Event;
use countersign_domain::id::AppId;
use countersign_domain::ports::Observer;
use countersign_domain::use_case::TemplateFault;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use codes::Codes;
use families::Families;
use labels::{
    Answer, Drifted, End, Failure, Move, News, No, OfAccount, OfApp, OfSender, Refusal, Rule, Settled, Shut, State,
    TemplateRating, Why,
};
use protection::Protection;

/// What the name of every metric begins with.
const PREFIX: &str = "countersign";

/// Counts events, and renders what it counted.
///
/// One per process; it begins at zero and keeps nothing. Labels are names from the configuration and words of the
/// domain, so that there are never many series: no phone, code, id of a verification or a message, and no recipient.
///
/// An [`Observer`]: counting allocates a few short texts and touches an atomic. Only while a series is new may it wait,
/// for the rendering of that one metric.
pub struct Metrics {
    registry: Registry,
    families: Families,
    protection: Protection,
    codes: Codes,
}

/// What is not counted but asked for when somebody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current {
    /// How many recipients wait to be looked after, of all instances; `None` when the store does not say.
    pub backlog: Option<u64>,
    /// How many watches are open at this instance.
    pub watches_open: usize,
}

impl Metrics {
    /// Nothing has happened yet. What is rare stands at zero for each app and sender of `apps`.
    pub fn new(apps: &Apps) -> Self {
        let families = Families::new();
        let mut registry = Registry::with_prefix(PREFIX);
        families.register(&mut registry);
        families.begin(apps);
        let protection = Protection::default();
        protection.register(&mut registry);
        protection.begin(apps.iter().map(|(app, _)| app));
        Self {
            registry,
            families,
            protection,
            codes: Codes::default(),
        }
    }

    /// Every metric in the text format of `OpenMetrics` 1.0, which Prometheus reads.
    pub fn render(&self, current: &Current) -> String {
        let mut text = String::new();
        // Writing into a text cannot fail.
        let _ = encode_registry(&mut text, &self.registry);
        let _ = encode_registry(&mut text, &current.registry());
        let _ = encode_eof(&mut text);
        text
    }

    fn moved(&self, app: &AppId, from: Option<DeliveryState>, to: DeliveryState, report: Option<&ProviderReport>) {
        let state = State {
            app: app.to_string(),
            state: to.name(),
        };
        self.families.moved.get_or_create(&state).inc();
        match to {
            DeliveryState::Failed(reason) => {
                let failure = Failure {
                    app: app.to_string(),
                    reason: reason.name(),
                    code: self.codes.label(report),
                };
                self.families.failed.get_or_create(&failure).inc();
            }
            DeliveryState::Unknown { settle_at: Some(_) } => {
                self.families.uncertain.get_or_create(&OfApp::new(app)).inc();
            }
            DeliveryState::Unknown { settle_at: None } => {
                self.families.uncertain_left.get_or_create(&OfApp::new(app)).inc();
            }
            DeliveryState::Delivered | DeliveryState::Read => self.reached(app, from, to),
            DeliveryState::Due { .. }
            | DeliveryState::Sending { .. }
            | DeliveryState::Accepted
            | DeliveryState::Held
            | DeliveryState::Sent
            | DeliveryState::Dropped => {}
        }
    }

    fn reached(&self, app: &AppId, from: Option<DeliveryState>, to: DeliveryState) {
        let Some(from @ (DeliveryState::Dropped | DeliveryState::Failed(_))) = from else {
            return;
        };
        let late = Move {
            app: app.to_string(),
            from: from.name(),
            to: to.name(),
        };
        self.families.late_truth.get_or_create(&late).inc();
    }

    fn about_sender(&self, event: &Event) {
        let families = &self.families;
        match event {
            Event::SenderShut { sender, app, fault, .. } => {
                let shut = Shut {
                    sender: sender.to_string(),
                    app: app.to_string(),
                    fault: fault.name(),
                };
                families.senders_shut.get_or_create(&shut).inc();
                families.shut.get_or_create(&OfSender::new(sender)).set(1);
            }
            Event::SenderSlowed { sender, .. } => {
                families.senders_slowed.get_or_create(&OfSender::new(sender)).inc();
            }
            Event::SenderRecovered { sender } => {
                let sender = OfSender::new(sender);
                families.senders_recovered.get_or_create(&sender).inc();
                families.shut.get_or_create(&sender).set(0);
            }
            Event::SenderRated { sender, quality } => families.rate(sender, *quality),
            Event::SenderUnseen { sender } => {
                families.senders_unseen.get_or_create(&OfSender::new(sender)).inc();
            }
            _ => {}
        }
    }

    fn about_template(&self, event: &Event) {
        let families = &self.families;
        match event {
            Event::TemplateFaulty { fault } => {
                let TemplateFault {
                    app,
                    account,
                    template,
                    language,
                    drift,
                    passed_over: _,
                } = fault;
                let drifted = Drifted::new(app, account, template, language, drift);
                families.template_faults.get_or_create(&drifted).inc();
                families.template_fault.get_or_create(&drifted).set(1);
            }
            Event::TemplateWell {
                app,
                account,
                template,
                language,
                was,
            } => {
                let drifted = Drifted::new(app, account, template, language, was);
                families.template_fault.get_or_create(&drifted).set(0);
            }
            Event::TemplateRated {
                account,
                template,
                language,
                quality,
            } => families.rate_template(*quality, |quality| TemplateRating {
                account: account.to_string(),
                template: template.to_string(),
                language: language.to_string(),
                quality,
            }),
            Event::TemplatesUnseen { account, .. } => {
                families.templates_unseen.get_or_create(&OfAccount::new(account)).set(1);
            }
            Event::TemplatesSeen { account } => {
                families.templates_unseen.get_or_create(&OfAccount::new(account)).set(0);
            }
            Event::TemplateHeard { word, outcome, .. } => {
                let outcome = outcome.name();
                families.template_news.get_or_create(&News { word, outcome }).inc();
            }
            _ => {}
        }
    }
}

impl Observer for Metrics {
    fn record(&self, event: &Event) {
        let families = &self.families;
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
            | Event::Unblocked { .. } => self.protection.count(event),
            Event::Started { subject, outcome, .. } => {
                families
                    .starts
                    .get_or_create(&Answer::of(subject, outcome.name()))
                    .inc();
            }
            Event::StartRefused { app, purpose, rule, .. } => {
                let refusal = Refusal {
                    app: app.to_string(),
                    purpose: purpose.to_string(),
                    rule: rule.to_string(),
                };
                families.starts_refused.get_or_create(&refusal).inc();
            }
            Event::Checked { subject, outcome, .. } => {
                families
                    .checks
                    .get_or_create(&Answer::of(subject, outcome.name()))
                    .inc();
            }
            Event::Ended {
                subject,
                state,
                reason,
                open_for,
            } => {
                let (app, state) = (subject.app.to_string(), state.name());
                let end = End {
                    app: app.clone(),
                    purpose: subject.purpose.to_string(),
                    state,
                    reason: reason.name(),
                };
                families.ended.get_or_create(&end).inc();
                let open = families.open.get_or_create(&State { app, state });
                open.observe(open_for.as_secs_f64());
            }
            Event::DeliveryMoved {
                subject,
                from,
                to,
                report,
                ..
            } => self.moved(&subject.app, *from, *to, report.as_ref()),
            Event::ResultLost { subject, .. } => {
                families.results_lost.get_or_create(&OfApp::new(&subject.app)).inc();
            }
            Event::UncertainSettled { subject, by, .. } => {
                let settled = Settled::new(&subject.app, *by);
                families.uncertain_settled.get_or_create(&settled).inc();
            }
            Event::SenderShut { .. }
            | Event::SenderSlowed { .. }
            | Event::SenderRecovered { .. }
            | Event::SenderRated { .. }
            | Event::SenderUnseen { .. } => self.about_sender(event),
            Event::TemplateFaulty { .. }
            | Event::TemplateWell { .. }
            | Event::TemplateRated { .. }
            | Event::TemplatesUnseen { .. }
            | Event::TemplatesSeen { .. }
            | Event::TemplateHeard { .. } => self.about_template(event),
            Event::Disowned { subject, canceled } => {
                families.disowned.get_or_create(&No::new(&subject.app, *canceled)).inc();
            }
            Event::AnswerIgnored => {
                families.answers_ignored.inc();
            }
            Event::ReportIgnored { why } => {
                families.reports_ignored.get_or_create(&Why { why: why.name() }).inc();
            }
            Event::GiveBackLost { rule } => {
                families
                    .give_backs_lost
                    .get_or_create(&Rule { rule: rule.to_string() })
                    .inc();
            }
            Event::WakeFailed { .. } => {
                families.wakes_failed.inc();
            }
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Current {
    /// These numbers in a registry of their own, in which a number that nobody knows is missing.
    fn registry(&self) -> Registry {
        let Self { backlog, watches_open } = *self;
        let mut registry = Registry::with_prefix(PREFIX);
        let mut add = |name, help, value| {
            let gauge: Gauge = Gauge::default();
            gauge.set(value);
            registry.register(name, help, gauge);
        };
        if let Some(backlog) = backlog {
            add(
                "backlog",
                "Recipients whose time to be looked after has come, of all instances",
                i64::try_from(backlog).unwrap_or(i64::MAX),
            );
        }
        add(
            "watches_open",
            "Watches that are open at this instance",
            i64::try_from(watches_open).unwrap_or(i64::MAX),
        );
        registry
    }
}

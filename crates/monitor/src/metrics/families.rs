//! Every metric by its name: what is registered, what it says of itself, and what stands at zero from the start.
//!
//! A counter of something rare begins at zero and not with its first event, where its labels are known beforehand: of a
//! series that appears with a one, nobody can tell that it rose.

use std::hash::Hash;

use countersign_domain::app::Apps;
use countersign_domain::event::{HeardNews, IgnoredReport, Settlement};
use countersign_domain::reference::ReferenceError;
use countersign_domain::sender::{Quality, SenderId};
use countersign_domain::template::TemplateWord;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::labels::{
    Answer, Drifted, End, Failure, Move, News, No, OfAccount, OfApp, OfSender, Rating, Refusal, Rule, Settled, Shut,
    State, TemplateRating, Why,
};

/// Bounds of how long verifications were open, in seconds: from a person who has the code at hand to the longest life
/// of a code, 90 minutes.
const OPEN_SECONDS: [f64; 11] = [
    5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 2_700.0, 5_400.0,
];

/// Everything the provider may think of a sender.
const QUALITIES: [Quality; 4] = [Quality::Unknown, Quality::Green, Quality::Yellow, Quality::Red];

/// Every reason not to apply a status.
const IGNORED: [IgnoredReport; 6] = [
    IgnoredReport::Unreferenced,
    IgnoredReport::Reference(ReferenceError::NotOurs),
    IgnoredReport::Reference(ReferenceError::OtherEnvironment),
    IgnoredReport::Reference(ReferenceError::Forged),
    IgnoredReport::Forgotten,
    IgnoredReport::Stale,
];

type OpenTimes = Family<State, Histogram, fn() -> Histogram>;

/// The metrics, each a handle on what the registry renders.
pub(super) struct Families {
    pub(super) starts: Family<Answer, Counter>,
    pub(super) starts_refused: Family<Refusal, Counter>,
    pub(super) checks: Family<Answer, Counter>,
    pub(super) ended: Family<End, Counter>,
    pub(super) open: OpenTimes,
    pub(super) moved: Family<State, Counter>,
    pub(super) failed: Family<Failure, Counter>,
    pub(super) late_truth: Family<Move, Counter>,
    pub(super) uncertain: Family<OfApp, Counter>,
    pub(super) uncertain_settled: Family<Settled, Counter>,
    pub(super) uncertain_left: Family<OfApp, Counter>,
    pub(super) results_lost: Family<OfApp, Counter>,
    pub(super) disowned: Family<No, Counter>,
    pub(super) answers_ignored: Counter,
    pub(super) reports_ignored: Family<Why, Counter>,
    pub(super) give_backs_lost: Family<Rule, Counter>,
    pub(super) wakes_failed: Counter,
    pub(super) senders_shut: Family<Shut, Counter>,
    pub(super) senders_slowed: Family<OfSender, Counter>,
    pub(super) senders_recovered: Family<OfSender, Counter>,
    pub(super) senders_unseen: Family<OfSender, Counter>,
    pub(super) shut: Family<OfSender, Gauge>,
    pub(super) quality: Family<Rating, Gauge>,
    pub(super) template_faults: Family<Drifted, Counter>,
    pub(super) template_fault: Family<Drifted, Gauge>,
    pub(super) template_quality: Family<TemplateRating, Gauge>,
    pub(super) template_news: Family<News, Counter>,
    pub(super) templates_unseen: Family<OfAccount, Gauge>,
}

impl Families {
    /// The metrics with nothing counted.
    pub(super) fn new() -> Self {
        Self {
            starts: Family::default(),
            starts_refused: Family::default(),
            checks: Family::default(),
            ended: Family::default(),
            open: Family::new_with_constructor(|| Histogram::new(OPEN_SECONDS)),
            moved: Family::default(),
            failed: Family::default(),
            late_truth: Family::default(),
            uncertain: Family::default(),
            uncertain_settled: Family::default(),
            uncertain_left: Family::default(),
            results_lost: Family::default(),
            disowned: Family::default(),
            answers_ignored: Counter::default(),
            reports_ignored: Family::default(),
            give_backs_lost: Family::default(),
            wakes_failed: Counter::default(),
            senders_shut: Family::default(),
            senders_slowed: Family::default(),
            senders_recovered: Family::default(),
            senders_unseen: Family::default(),
            shut: Family::default(),
            quality: Family::default(),
            template_faults: Family::default(),
            template_fault: Family::default(),
            template_quality: Family::default(),
            template_news: Family::default(),
            templates_unseen: Family::default(),
        }
    }

    /// Puts every metric into `registry`.
    pub(super) fn register(&self, registry: &mut Registry) {
        self.register_verifications(registry);
        self.register_deliveries(registry);
        self.register_webhooks_and_store(registry);
        self.register_senders(registry);
        self.register_templates(registry);
    }

    /// Puts what is rare at zero, for every app and sender of the configuration.
    pub(super) fn begin(&self, apps: &Apps) {
        for why in IGNORED {
            appear(&self.reports_ignored, &Why { why: why.name() });
        }
        for (app, _) in apps.iter() {
            appear(&self.uncertain, &OfApp::new(app));
            appear(&self.uncertain_left, &OfApp::new(app));
            appear(&self.results_lost, &OfApp::new(app));
            for by in [Settlement::Webhook, Settlement::Repeat] {
                appear(&self.uncertain_settled, &Settled::new(app, by));
            }
            for canceled in [false, true] {
                appear(&self.disowned, &No::new(app, canceled));
            }
        }
        for word in TemplateWord::NAMES {
            for outcome in HeardNews::ALL.map(HeardNews::name) {
                appear(&self.template_news, &News { word, outcome });
            }
        }
        for (id, sender) in apps.senders() {
            appear(&self.templates_unseen, &OfAccount::new(&sender.account));
            let labels = OfSender::new(id);
            appear(&self.senders_slowed, &labels);
            appear(&self.senders_recovered, &labels);
            appear(&self.senders_unseen, &labels);
            appear(&self.shut, &labels);
            self.rate(id, Quality::Unknown);
        }
    }

    /// Says what the provider thinks of a sender now, and no longer what it thought before.
    pub(super) fn rate(&self, sender: &SenderId, now: Quality) {
        for quality in QUALITIES {
            let labels = Rating {
                sender: sender.to_string(),
                quality: quality.name(),
            };
            self.quality.get_or_create(&labels).set(i64::from(quality == now));
        }
    }

    /// Says what people think of a template now, and no longer what they thought before.
    pub(super) fn rate_template(&self, now: Quality, labels: impl Fn(&'static str) -> TemplateRating) {
        for quality in QUALITIES {
            let gauge = self.template_quality.get_or_create(&labels(quality.name()));
            gauge.set(i64::from(quality == now));
        }
    }

    fn register_verifications(&self, registry: &mut Registry) {
        registry.register("starts", "Starts that were carried out", self.starts.clone());
        registry.register(
            "starts_refused",
            "Starts that a rule refused",
            self.starts_refused.clone(),
        );
        registry.register("checks", "Checks that were answered", self.checks.clone());
        registry.register("verifications_ended", "Verifications that ended", self.ended.clone());
        registry.register_with_unit(
            "verification_open",
            "How long verifications that ended had been open",
            Unit::Seconds,
            self.open.clone(),
        );
        registry.register(
            "disowned",
            "Messages whose person says that they did not ask for a code",
            self.disowned.clone(),
        );
        registry.register(
            "answers_ignored",
            "Answers of persons about no message that is still known",
            self.answers_ignored.clone(),
        );
    }

    fn register_deliveries(&self, registry: &mut Registry) {
        registry.register(
            "deliveries_moved",
            "Messages that came into a state",
            self.moved.clone(),
        );
        registry.register(
            "deliveries_failed",
            "Messages that failed for good, with the provider's code",
            self.failed.clone(),
        );
        registry.register(
            "late_truth",
            "Messages that reached the phone after they counted as dropped or failed",
            self.late_truth.clone(),
        );
        registry.register(
            "uncertain_sends",
            "Attempts whose answer was lost and that wait for a webhook before they are repeated",
            self.uncertain.clone(),
        );
        registry.register(
            "uncertain_settled",
            "Uncertain messages that are accounted for: by a webhook, or by sending them once more",
            self.uncertain_settled.clone(),
        );
        registry.register(
            "uncertain_left",
            "Uncertain messages that are not sent again and can only wait for word",
            self.uncertain_left.clone(),
        );
        registry.register(
            "results_lost",
            "Attempts whose result could not be recorded",
            self.results_lost.clone(),
        );
    }

    fn register_webhooks_and_store(&self, registry: &mut Registry) {
        registry.register(
            "reports_ignored",
            "Statuses of webhooks that were not applied",
            self.reports_ignored.clone(),
        );
        registry.register(
            "give_backs_lost",
            "Charges that could not be given back",
            self.give_backs_lost.clone(),
        );
        registry.register(
            "wakes_failed",
            "Recipients that could not be looked after and are tried again",
            self.wakes_failed.clone(),
        );
    }

    fn register_senders(&self, registry: &mut Registry) {
        registry.register(
            "senders_shut",
            "Times the provider said that a sender cannot send",
            self.senders_shut.clone(),
        );
        registry.register(
            "senders_slowed",
            "Times the provider slowed a sender down",
            self.senders_slowed.clone(),
        );
        registry.register(
            "senders_recovered",
            "Times a sender that was shut worked again",
            self.senders_recovered.clone(),
        );
        registry.register(
            "senders_unseen",
            "Times the provider did not say how a sender is",
            self.senders_unseen.clone(),
        );
        registry.register(
            "sender_shut",
            "Whether the provider refused the sender and has taken no message from it since",
            self.shut.clone(),
        );
        registry.register(
            "sender_quality",
            "What the provider thinks of the sender: one for its word, zero for the others",
            self.quality.clone(),
        );
    }

    fn register_templates(&self, registry: &mut Registry) {
        registry.register(
            "template_faults",
            "Times something was found to be wrong with a template",
            self.template_faults.clone(),
        );
        registry.register(
            "template_news",
            "What webhooks said about templates",
            self.template_news.clone(),
        );
        registry.register(
            "template_fault",
            "Whether that is wrong with the template",
            self.template_fault.clone(),
        );
        registry.register(
            "template_quality",
            "What people think of the template: one for the provider's word, zero for the others",
            self.template_quality.clone(),
        );
        registry.register(
            "templates_unseen",
            "Whether the provider does not say which templates the account has",
            self.templates_unseen.clone(),
        );
    }
}

/// Makes a metric appear as it is when nothing has happened.
fn appear<L: Clone + Eq + Hash, M: Default>(family: &Family<L, M>, labels: &L) {
    drop(family.get_or_create(labels));
}

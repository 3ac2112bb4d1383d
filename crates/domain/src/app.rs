//! Apps and callers: who may ask, for what, and under which policy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{AppId, CallerId, Purpose};
use crate::policy::{Mistake, Policy};
use crate::sender::{Sender, SenderId};
use crate::template::Templates;

/// One product that asks for verifications.
#[derive(Clone, Debug)]
pub struct App {
    /// The templates its codes are sent with. Without one, nothing can be started.
    pub templates: Templates,
    /// The phone numbers its messages go out from. Without one, nothing can be started.
    pub senders: Vec<Sender>,
    /// The policy of each purpose it knows.
    pub purposes: BTreeMap<Purpose, Arc<Policy>>,
}

/// Every app of the installation.
#[derive(Clone, Debug, Default)]
pub struct Apps(BTreeMap<AppId, App>);

impl Apps {
    /// The apps by their names.
    pub fn new(apps: impl IntoIterator<Item = (AppId, App)>) -> Self {
        Self(apps.into_iter().collect())
    }

    /// What is wrong with the apps as a whole: numbers that are counted over all of them must be the same everywhere.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let policies = || self.0.values().flat_map(|app| app.purposes.values());
        let mut mistakes = Vec::new();
        if let Some(first) = policies().next()
            && policies().any(|it| it.unanswered_sends_max != first.unanswered_sends_max || it.silence != first.silence)
        {
            mistakes.push(Mistake {
                field: "unanswered_sends_max",
                problem: "it and silence must be the same for every app and purpose: a phone's unanswered sends are \
                          counted over all of them"
                    .to_owned(),
            });
        }
        let mut throughputs = BTreeMap::new();
        for sender in self.0.values().flat_map(|app| &app.senders) {
            let known = *throughputs
                .entry(&sender.id)
                .or_insert((sender.throughput, &sender.account));
            if known != (sender.throughput, &sender.account) {
                mistakes.push(Mistake {
                    field: "senders",
                    problem: format!(
                        "sender {} must have the same throughput and account in every app that uses it",
                        sender.id
                    ),
                });
            }
        }
        mistakes
    }

    /// The apps that send from `sender`.
    pub fn sending_from<'a>(&'a self, sender: &'a SenderId) -> impl Iterator<Item = (&'a AppId, &'a App)> {
        let uses = move |app: &App| app.senders.iter().any(|it| it.id == *sender);
        self.0.iter().filter(move |(_, app)| uses(app))
    }

    /// Every app.
    pub fn iter(&self) -> impl Iterator<Item = (&AppId, &App)> {
        self.0.iter()
    }

    /// Every sender, once.
    pub fn senders(&self) -> BTreeMap<&SenderId, &Sender> {
        self.0
            .values()
            .flat_map(|app| &app.senders)
            .map(|it| (&it.id, it))
            .collect()
    }

    /// The app of that name.
    pub fn get(&self, id: &AppId) -> Option<&App> {
        self.0.get(id)
    }

    /// The policy of an app's purpose.
    pub fn policy(&self, app: &AppId, purpose: &Purpose) -> Option<&Arc<Policy>> {
        self.0.get(app)?.purposes.get(purpose)
    }
}

/// An internal service that has proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its name.
    pub id: CallerId,
    /// The apps it may speak for.
    pub apps: BTreeSet<AppId>,
    /// Whether it may plan and change the templates of those apps.
    pub manages_templates: bool,
    /// Whether it may explain starts, lift blocks, and hold, release and erase recipients of those apps.
    pub operates: bool,
}

impl Caller {
    /// Whether the caller may speak for `app`.
    pub fn may_use(&self, app: &AppId) -> bool {
        self.apps.contains(app)
    }

    /// Whether the caller may operate `app`.
    pub fn may_operate(&self, app: &AppId) -> bool {
        self.operates && self.may_use(app)
    }

    /// Whether the caller may manage the templates of `app`.
    pub fn may_manage_templates(&self, app: &AppId) -> bool {
        self.manages_templates && self.may_use(app)
    }
}

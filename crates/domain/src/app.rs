//! Apps and callers: who may ask, for what, and under which policy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{AppId, CallerId, Purpose};
use crate::policy::Policy;
use crate::template::Template;

/// One product that asks for verifications.
#[derive(Clone, Debug)]
pub struct App {
    /// The template its codes are sent with. Without one, nothing can be started.
    pub template: Option<Template>,
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
}

impl Caller {
    /// Whether the caller may speak for `app`.
    pub fn may_use(&self, app: &AppId) -> bool {
        self.apps.contains(app)
    }
}

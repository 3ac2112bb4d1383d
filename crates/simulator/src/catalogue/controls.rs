//! What tests do to the templates of a running simulator, in Rust. Kept out: how any of it is carried out.

use crate::catalogue::book::{Calls, ManagementCall};
use crate::catalogue::changes::Changes;
use crate::catalogue::entry::{CatalogueEntry, Entry};
use crate::catalogue::life::{OrderRefused, TemplateOrder};
use crate::catalogue::settings::{Readable, Review};
use crate::controls::Controls;
use crate::fault::Fault;

impl Controls {
    /// Every template of the account, newest first.
    pub fn templates(&self) -> Vec<CatalogueEntry> {
        self.shared.catalogue.all().iter().map(Entry::view).collect()
    }

    /// The template with this id.
    pub fn template(&self, id: &str) -> Option<CatalogueEntry> {
        let entry = self.shared.catalogue.find(id.parse().ok()?)?;
        Some(entry.view())
    }

    /// The template of this name in this language.
    pub fn template_in(&self, name: &str, language: &str) -> Option<CatalogueEntry> {
        let id = self.shared.catalogue.id_of(name, language)?;
        self.shared.catalogue.find(id).map(|entry| entry.view())
    }

    /// Has something done to a template, and the webhooks about it posted in the background.
    pub fn order_template(&self, id: &str, order: TemplateOrder) -> Result<(), OrderRefused> {
        let id = id.parse().map_err(|_| OrderRefused::NotFound)?;
        let mut changes = Changes::default();
        self.shared
            .catalogue
            .order(id, order, self.shared.now_ms(), &mut changes)?;
        changes.follow_up(&self.shared);
        Ok(())
    }

    /// Says how reviews go from now on. One that goes on keeps its time, and ends as is said by then.
    pub fn set_review(&self, review: Review) {
        self.shared.catalogue.set_review(review);
    }

    /// Says what the account may read from now on.
    pub fn set_readable(&self, readable: Readable) {
        self.shared.catalogue.set_readable(readable);
    }

    /// Makes every cursor given out so far a stale one, which is answered with 131059.
    pub fn expire_cursors(&self) {
        self.shared.catalogue.expire_cursors();
    }

    /// Makes calls about templates go wrong, after faults ordered before. Those with `Accept` in their names carry the
    /// call out first. Every call counts, valid or not.
    pub fn fail_management(&self, calls: Calls, fault: Fault) {
        self.shared.management.fail(calls, fault);
    }

    /// Forgets every fault of [`Controls::fail_management`].
    pub fn clear_management_faults(&self) {
        self.shared.management.clear_faults();
    }

    /// The calls about templates, oldest first; the last 1,000.
    pub fn management_calls(&self) -> Vec<ManagementCall> {
        self.shared.management.calls()
    }

    /// Forgets the calls so far.
    pub fn forget_management_calls(&self) {
        self.shared.management.forget_calls();
    }
}

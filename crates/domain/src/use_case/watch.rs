//! Watch: follow a verification through its changes, until it ends.
//!
//! Holds no timer. A hint may be lost, and nobody hints at what time alone does (a life that ends, a wait that is
//! over): whoever watches also looks every few seconds without having been told.

use std::future::pending;
use std::sync::Arc;

use crate::app::Caller;
use crate::id::VerificationId;
use crate::ports::ChangeHints;
use crate::recipient::VerificationView;
use crate::use_case::{Error, Records, VerificationName};

/// Lets callers follow a verification.
pub struct Watch {
    records: Arc<Records>,
}

/// One verification that is followed. Dropping it ends the listening.
pub struct Watching {
    records: Arc<Records>,
    /// `None` once the feed has ended.
    hints: Option<Box<dyn ChangeHints>>,
    view: VerificationView,
}

impl Watch {
    /// Wires the use case to its records.
    pub fn new(records: &Arc<Records>) -> Self {
        Self {
            records: Arc::clone(records),
        }
    }

    /// Begins to follow a verification, and reads it for the first time.
    ///
    /// The newest one of a recipient is settled here: a newer one that takes its place is not followed. Fails like
    /// [`super::Get`], and with [`Error::Store`] too when the feed cannot be listened to.
    pub async fn begin(&self, caller: &Caller, name: &VerificationName) -> Result<Watching, Error> {
        let identity = &self.records.rulebook.identity;
        let key = name.key(&self.records);
        // Before the record is read: what changes from here on is heard, and what changed before is in the record.
        let hints = self.records.listen(key).await?;
        let (recipient, moment) = self.records.read(key).await?;
        let serial = name.resolve(recipient.as_ref(), caller, identity)?;
        let view = recipient
            .and_then(|it| it.view(identity, key, serial, &moment.policy, moment.now))
            .ok_or(Error::NotFound)?;
        Ok(Watching {
            records: Arc::clone(&self.records),
            hints: Some(hints),
            view,
        })
    }
}

impl Watching {
    /// The verification as it was last seen.
    pub const fn view(&self) -> &VerificationView {
        &self.view
    }

    /// Whether the verification has ended: there is nothing more to wait for.
    pub const fn is_final(&self) -> bool {
        !self.view.verification.is_open()
    }

    /// Waits until the record may have changed. Several changes may come as one hint, and a wait that is dropped
    /// loses none. Never ends once the feed has ended.
    pub async fn hint(&mut self) {
        if let Some(hints) = &mut self.hints {
            if hints.next().await.is_some() {
                return;
            }
            self.hints = None;
        }
        pending::<()>().await;
    }

    /// Reads the verification again: what it is now if that differs from what was last seen, else `None`. Changes
    /// that came one after the other are seen as one.
    ///
    /// [`Error::NotFound`] once the verification is no longer kept. After [`Error::Store`] it may be tried again.
    pub async fn look(&mut self) -> Result<Option<&VerificationView>, Error> {
        let view = read(&self.records, self.view.id).await?;
        if view == self.view {
            return Ok(None);
        }
        self.view = view;
        Ok(Some(&self.view))
    }
}

async fn read(records: &Records, id: VerificationId) -> Result<VerificationView, Error> {
    let identity = &records.rulebook.identity;
    let key = id.recipient();
    let (recipient, moment) = records.read(key).await?;
    // The record of a store that lost what it held is begun anew, and counts its verifications from 1 again.
    recipient
        .filter(|it| id.belongs_to(identity, &it.salt.0))
        .and_then(|it| it.view(identity, key, id.serial(), &moment.policy, moment.now))
        .ok_or(Error::NotFound)
}

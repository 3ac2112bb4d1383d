//! Admin: what an operator may do about blocks and recipients. Nobody can approve here, and nobody sees a code (R46).

mod erase;

use std::sync::Arc;
use std::time::Duration;

use crate::app::{App, Caller};
use crate::code::Salt;
use crate::event::Event;
use crate::guard::{Block, BucketKey, Rung};
use crate::id::{AppId, Purpose};
use crate::phone::{PhoneError, PhoneNumber};
use crate::ports::{GuardStore, LimitStore, NumberingPlan, Observer, Random, StoredBlock};
use crate::recipient::Recipient;
use crate::time::{DAY, Timestamp};
use crate::use_case::records::Decision;
use crate::use_case::{DECISIONS_MAX, Error, Field, Guard, Ports, Records};

/// The shortest an operator may hold a recipient: less is over before anybody notices.
pub const HOLD_MIN: Duration = Duration::from_secs(60);
/// The longest: a year, and a month to look at it again. The record is kept as long.
pub const HOLD_MAX: Duration = DAY.saturating_mul(400);
/// How many blocks are listed.
pub const BLOCKS_LISTED_MAX: usize = 1_000;
/// How many blocks are read to find those of a caller that operates some of the apps.
const BLOCKS_READ_MAX: usize = 10_000;

/// A block as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedBlock {
    /// What it is lifted by.
    pub key: BucketKey,
    /// The block.
    pub block: Block,
    /// The rung in force; `None` while only the memory of the last alarm is left, and when the guard is off.
    pub in_force: Option<Rung>,
    /// When the rung in force ends; `None` when only an operator ends it, or none is in force.
    pub ends_at: Option<Timestamp>,
}

/// What an operator may do. Every verb needs a caller that operates the app; blocks of the whole service need one that
/// operates every app.
pub struct Admin {
    records: Arc<Records>,
    guard: Arc<Guard>,
    store: Arc<dyn GuardStore>,
    limits: Arc<dyn LimitStore>,
    numbering: Arc<dyn NumberingPlan>,
    random: Arc<dyn Random>,
    observer: Arc<dyn Observer>,
}

impl Admin {
    /// Wires the use case to its ports.
    pub fn new(records: &Arc<Records>, guard: &Arc<Guard>, ports: &Ports) -> Self {
        Self {
            records: Arc::clone(records),
            guard: Arc::clone(guard),
            store: Arc::clone(&ports.guard),
            limits: Arc::clone(&ports.limits),
            numbering: Arc::clone(&ports.numbering),
            random: Arc::clone(&ports.random),
            observer: Arc::clone(&ports.observer),
        }
    }

    /// The blocks of the caller's apps, and of the whole service when it operates every app; those raised last first, at
    /// most [`BLOCKS_LISTED_MAX`].
    pub async fn list_blocks(&self, caller: &Caller) -> Result<Vec<ListedBlock>, Error> {
        if !caller.operates {
            return Err(Error::MayNotOperate);
        }
        let now = self.records.clock.now();
        let read = if self.operates_all(caller) {
            BLOCKS_LISTED_MAX
        } else {
            BLOCKS_READ_MAX
        };
        let blocks = self.store.blocks(read).await?;
        let visible = blocks.into_iter().filter(|it| self.may_see(caller, &it.block));
        Ok(visible
            .filter_map(|it| self.listed(it.block, now))
            .take(BLOCKS_LISTED_MAX)
            .collect())
    }

    /// Lifts a block and empties its score. [`Error::NotFound`] when there is none the caller may know of.
    ///
    /// What this instance has heard and not shared yet is shared first, so that it is lifted, too. What other instances
    /// heard within the last second counts again.
    pub async fn unblock(&self, caller: &Caller, key: BucketKey) -> Result<(), Error> {
        if !caller.operates {
            return Err(Error::MayNotOperate);
        }
        self.guard.flush().await?;
        for _ in 0..DECISIONS_MAX {
            let view = self.store.look(&[key], None).await?;
            let stored = view.blocks.into_iter().next().flatten();
            let Some(StoredBlock { version, block }) = stored.filter(|it| self.may_see(caller, &it.block)) else {
                return Err(Error::NotFound);
            };
            let now = self.records.clock.now();
            if self.store.replace(key, Some(version), None, now, now).await? {
                self.observer.record(&Event::Unblocked {
                    caller: caller.id.clone(),
                    area: block.bucket.area.name(),
                    app: block.bucket.app,
                });
                return Ok(());
            }
        }
        Err(Error::Contended)
    }

    /// Holds a recipient for [`HOLD_MIN`] to [`HOLD_MAX`]: nothing is sent to it and no guess at it is compared. What is
    /// open is blocked. A hold before is replaced. Without a purpose all of the app's. Answers until when.
    ///
    /// A phone that was never asked is held as well. When the store fails half-way some purposes may be held; repeating
    /// it holds all.
    pub async fn hold_recipient(
        &self,
        caller: &Caller,
        app: &AppId,
        phone: &PhoneNumber,
        purpose: Option<&Purpose>,
        hold: Duration,
    ) -> Result<Timestamp, Error> {
        let purposes = self.purposes(caller, app, purpose)?;
        if !(HOLD_MIN..=HOLD_MAX).contains(&hold) {
            return Err(Error::invalid(Field::Hold, &"must be 1 minute to 400 days"));
        }
        if !self.numbering.lookup(phone).possible {
            return Err(Error::invalid(Field::Phone, &PhoneError::Impossible));
        }
        let until = self.records.clock.now().plus(hold);
        for purpose in purposes {
            let key = self.records.key_of(app, purpose, phone);
            let salt = self.fresh_salt();
            self.records
                .decide(key, None, None, |recipient, moment| {
                    let mut recipient = recipient.unwrap_or_else(|| Recipient::new(app.clone(), purpose.clone(), salt));
                    recipient.hold(until, moment.now);
                    Ok(Decision::Replace {
                        recipient,
                        charges: Vec::new(),
                        answer: (),
                    })
                })
                .await?;
            self.observer.record(&Event::RecipientHeld {
                caller: caller.id.clone(),
                recipient: key,
                until,
            });
        }
        Ok(until)
    }

    /// Ends every hold of a recipient, an operator's and that for wrong guesses in a row. Without a purpose those of all
    /// of the app's. Answers whether there was one.
    pub async fn release_recipient(
        &self,
        caller: &Caller,
        app: &AppId,
        phone: &PhoneNumber,
        purpose: Option<&Purpose>,
    ) -> Result<bool, Error> {
        let mut was_held = false;
        for purpose in self.purposes(caller, app, purpose)? {
            let key = self.records.key_of(app, purpose, phone);
            let decided = self
                .records
                .decide(key, None, None, |recipient, moment| {
                    let Some(mut recipient) = recipient else {
                        return Ok(Decision::Keep(false));
                    };
                    if !recipient.end_holds(moment.now) {
                        return Ok(Decision::Keep(false));
                    }
                    Ok(Decision::Replace {
                        recipient,
                        charges: Vec::new(),
                        answer: true,
                    })
                })
                .await?;
            if decided.answer {
                was_held = true;
                self.observer.record(&Event::RecipientReleased {
                    caller: caller.id.clone(),
                    recipient: key,
                });
            }
        }
        Ok(was_held)
    }

    /// The purposes that are meant, of an app that the caller operates.
    fn purposes(&self, caller: &Caller, app: &AppId, purpose: Option<&Purpose>) -> Result<Vec<&Purpose>, Error> {
        let apps = &self.records.rulebook.apps;
        let known = apps.get(app).filter(|_| caller.may_use(app)).ok_or(Error::NotFound)?;
        if !caller.may_operate(app) {
            return Err(Error::MayNotOperate);
        }
        let meant = |it: &Purpose| purpose.is_none_or(|purpose| purpose == it);
        let purposes: Vec<_> = known.purposes.keys().filter(|it| meant(it)).collect();
        if purposes.is_empty() {
            return Err(unknown_purpose(known));
        }
        Ok(purposes)
    }

    fn fresh_salt(&self) -> Salt {
        let mut salt = Salt([0; 16]);
        self.random.fill(&mut salt.0);
        salt
    }

    fn operates_all(&self, caller: &Caller) -> bool {
        self.records
            .rulebook
            .apps
            .iter()
            .all(|(app, _)| caller.may_operate(app))
    }

    fn may_see(&self, caller: &Caller, block: &Block) -> bool {
        match &block.bucket.app {
            Some(app) => caller.may_operate(app),
            None => self.operates_all(caller),
        }
    }

    /// The block as it is now; `None` once it equals no block at all.
    fn listed(&self, block: Block, now: Timestamp) -> Option<ListedBlock> {
        let key = block.bucket.key(&self.records.rulebook.identity);
        let settings = self.records.rulebook.guard.as_ref();
        if settings.is_some_and(|it| block.kept_until(it) <= now) {
            return None;
        }
        let in_force = settings.and_then(|it| block.in_force(it, now));
        let ends_at = settings.filter(|_| in_force.is_some()).and_then(|it| block.ends_at(it));
        Some(ListedBlock {
            key,
            block,
            in_force,
            ends_at,
        })
    }
}

fn unknown_purpose(app: &App) -> Error {
    let known: Vec<_> = app.purposes.keys().map(Purpose::as_str).collect();
    let problem = format!("is not a purpose of this app; it knows {}", known.join(", "));
    Error::invalid(Field::Purpose, &problem)
}

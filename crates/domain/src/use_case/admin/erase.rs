//! Erasing: after it, nothing that is stored can be found by starting from the phone.

use std::collections::BTreeSet;

use crate::app::Caller;
use crate::client::Client;
use crate::event::Event;
use crate::guard::PersonKey;
use crate::id::{AppId, Purpose, RecipientKey};
use crate::limit::{KeyPart, LimitKey, RuleName};
use crate::phone::PhoneNumber;
use crate::rule::{Action, Subject};
use crate::use_case::Error;
use crate::use_case::admin::Admin;

impl Admin {
    /// Erases everything that is known about a phone in the apps the caller operates, and its shared limits and
    /// memories, under each of its spellings. Answers how many records there were.
    ///
    /// What is open ends as if the caller canceled it: its message may still arrive, and its code is worthless.
    ///
    /// Counters of many people, of a block or a country for one, stay. So do those of a rule that tells phones apart
    /// together with another caller, an address or a device: nothing leads to them from the phone alone. They are keyed
    /// digests, name nobody, and are gone when their quota is full again. The same goes for records of a purpose that
    /// left the configuration. A line that this phone turned out to be another spelling of loses what its limits
    /// counted, too; its own records and memories stay until its own number is erased. A start at the same moment
    /// counts as one after the erasure, and so do a message that is on its way to the provider and an approval that
    /// another instance heard of within the last second.
    ///
    /// When it fails half-way, some of it is gone and no event says so: repeating it erases the rest.
    pub async fn erase_recipient(&self, caller: &Caller, phone: &PhoneNumber) -> Result<usize, Error> {
        if !caller.operates {
            return Err(Error::MayNotOperate);
        }
        let spellings = self.spellings(phone);
        let mut records = 0;
        for key in self.record_keys(caller, &spellings) {
            records += usize::from(self.records.erase(key).await?);
        }
        // What this instance has heard of the person, it would remember after the erasure.
        self.guard.flush().await?;
        let lines = self.lines(&spellings).await?;
        let limits: Vec<_> = self.limit_keys(caller, &spellings, &lines).into_iter().collect();
        let forgotten = self.limits.forget(&limits).await?;
        // Afterwards, because a line leads to limits: what fails before is found again.
        let persons = self.forget_persons(&spellings).await?;
        let traces = persons.saturating_add(usize::try_from(forgotten).unwrap_or(usize::MAX));
        self.observer.record(&Event::PhoneErased {
            caller: caller.id.clone(),
            records,
            traces,
        });
        Ok(records)
    }

    /// The canonical spelling and the others: what was written before there was a canonical one is under any of them.
    fn spellings(&self, phone: &PhoneNumber) -> Vec<PhoneNumber> {
        let canonical = self.numbering.canonical(phone);
        let aliases = self.numbering.aliases(&canonical);
        let mut spellings = vec![canonical];
        for other in aliases.into_iter().chain([phone.clone()]) {
            if !spellings.contains(&other) {
                spellings.push(other);
            }
        }
        spellings
    }

    /// The purposes of every app the caller operates.
    fn places(&self, caller: &Caller) -> Vec<(&AppId, &Purpose)> {
        let apps = self.records.rulebook.apps.iter();
        let own = apps.filter(|(id, _)| caller.may_operate(id));
        own.flat_map(|(id, app)| app.purposes.keys().map(move |purpose| (id, purpose)))
            .collect()
    }

    fn record_keys(&self, caller: &Caller, spellings: &[PhoneNumber]) -> Vec<RecipientKey> {
        let identity = &self.records.rulebook.identity;
        let places = self.places(caller);
        let of = |(app, purpose)| {
            let key = move |phone| RecipientKey::derive(identity, app, purpose, phone);
            spellings.iter().map(key)
        };
        places.into_iter().flat_map(of).collect()
    }

    /// The lines that limits about this phone count for: those of its spellings, and those that these turned out to be.
    async fn lines(&self, spellings: &[PhoneNumber]) -> Result<BTreeSet<PersonKey>, Error> {
        let mut lines = BTreeSet::new();
        for phone in spellings {
            let person = PersonKey::of(&self.records.rulebook.identity, phone);
            lines.insert(person);
            lines.extend(self.store.look(&[], Some(person)).await?.line);
        }
        Ok(lines)
    }

    /// Forgets that the person gave a code back lately, and the line. Answers how much of it was known.
    async fn forget_persons(&self, spellings: &[PhoneNumber]) -> Result<usize, Error> {
        let mut known = 0;
        for phone in spellings {
            let person = PersonKey::of(&self.records.rulebook.identity, phone);
            let view = self.store.look(&[], Some(person)).await?;
            known += usize::from(view.is_returning) + usize::from(view.line.is_some());
            self.store.forget(person).await?;
        }
        Ok(known)
    }

    /// The limits that are about this phone and that follow from it, the configuration and the caller.
    fn limit_keys(
        &self,
        caller: &Caller,
        spellings: &[PhoneNumber],
        lines: &BTreeSet<PersonKey>,
    ) -> BTreeSet<LimitKey> {
        let rulebook = &self.records.rulebook;
        let client = Client::default();
        let mut keys = BTreeSet::new();
        for (phone, line) in spellings
            .iter()
            .flat_map(|phone| lines.iter().map(move |line| (phone, *line)))
        {
            let rule = RuleName::UnansweredSends;
            keys.insert(LimitKey::derive(&rulebook.identity, rule, line.as_bytes()));
            let country = self.numbering.lookup(phone).country;
            for (app, purpose) in self.places(caller) {
                let subject = Subject {
                    phone,
                    line,
                    country,
                    client: &client,
                    app,
                    purpose,
                    caller: &caller.id,
                };
                let charges = Action::ALL
                    .into_iter()
                    .flat_map(|action| rulebook.rules.charges(&rulebook.identity, action, &subject));
                keys.extend(charges.filter(|it| it.parts.has(KeyPart::Phone)).map(|it| it.key));
            }
        }
        keys
    }
}

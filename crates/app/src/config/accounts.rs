//! Business accounts: whose templates are managed, and with which token. Each is `[whatsapp.accounts.NAME]`, by the name
//! that senders have in `account`.

use std::collections::{BTreeMap, BTreeSet};

use countersign_domain::app::{App, Apps};
use countersign_domain::id::AppId;
use countersign_domain::sender::AccountId;
use countersign_domain::template::Template;
use countersign_whatsapp::{Account, Secret};

use crate::config::reader::{Mistakes, SecretSources, Section};
use crate::config::senders::{ReadSenders, optional};

/// Reads every account. One that is not right is left out, so that what follows from it is no second mistake.
pub(super) fn read_accounts(
    whatsapp: &mut Section,
    senders: &ReadSenders,
    secrets: &SecretSources<'_>,
    mistakes: &mut Mistakes,
) -> BTreeMap<AccountId, Account> {
    let mut accounts = BTreeMap::new();
    let known = senders.accounts();
    for (name, mut section) in whatsapp.sections("accounts", mistakes) {
        let path = format!("whatsapp.accounts.{name}");
        let before = mistakes.0.len();
        let text = |text: &str| Ok::<_, String>(text.to_owned());
        let business_account_id = section.required("business_account_id", text, mistakes);
        let secret = |section: &mut Section, key, mistakes: &mut Mistakes| {
            let written = optional(section, key, secrets, mistakes);
            written.map(|it| Secret::new(&it.text))
        };
        let token = secret(&mut section, "token", mistakes);
        let app_secret = secret(&mut section, "app_secret", mistakes);
        section.end(mistakes);
        match AccountId::parse(&name) {
            // An app whose senders could not be read has accounts that are not known here.
            Ok(id) if !known.contains(&id) && !known.is_empty() => {
                let there_are = known.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
                let problem = format!("is the account of no sender; write the name it has there: {there_are}");
                mistakes.add(&path, problem);
            }
            Ok(id) if mistakes.0.len() == before => {
                let business_account_id = business_account_id.unwrap_or_default();
                let account = Account {
                    business_account_id,
                    token,
                    app_secret,
                };
                accounts.insert(id, account);
            }
            Ok(_) => {}
            Err(error) => mistakes.add(&path, error.to_string()),
        }
    }
    accounts
}

/// Two apps that describe one template of a business account otherwise would edit it back and forth for ever.
pub(super) fn check_templates(apps: &Apps, accounts: &BTreeMap<AccountId, Account>, mistakes: &mut Mistakes) {
    let business_accounts = |app: &App| {
        let named = app.senders.iter().filter_map(|it| accounts.get(&it.account));
        named.map(|it| it.business_account_id.clone()).collect::<BTreeSet<_>>()
    };
    let apps: Vec<_> = apps.iter().map(|(id, app)| (id, app, business_accounts(app))).collect();
    for (index, (id, app, theirs)) in apps.iter().enumerate() {
        for (other, earlier, others) in &apps[..index] {
            if theirs.is_disjoint(others) {
                continue;
            }
            let described = earlier.templates.iter();
            let pairs = described.filter_map(|it| Some((it, app.templates.get(&it.name)?)));
            for (first, second) in pairs.filter(|(first, second)| first.contradicts(second)) {
                add_contradiction((other, first), (id, second), mistakes);
            }
        }
    }
}

fn add_contradiction((other, first): (&AppId, &Template), (id, second): (&AppId, &Template), mistakes: &mut Mistakes) {
    let minutes = |it: &Template| it.footer_minutes.map_or("none".to_owned(), |it| it.to_string());
    let problem = format!(
        "says otherwise than apps.{other} what {} is, and both have it in one business account (footer_minutes {} and {}, \
         message_life {} s and {} s); describe it alike, or give it two names",
        first.name,
        minutes(second),
        minutes(first),
        second.message_life.as_secs(),
        first.message_life.as_secs(),
    );
    mistakes.add(&format!("apps.{id}.template"), problem);
}

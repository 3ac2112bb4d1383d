//! Business accounts: whose templates are managed, and with which token. Each is `[whatsapp.accounts.NAME]`, by the name
//! that senders have in `account`.

use std::collections::BTreeMap;

use countersign_domain::sender::AccountId;
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

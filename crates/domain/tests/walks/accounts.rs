//! A pool of senders in two accounts, of which each has its own templates: starts and messages decide alike.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use countersign_domain::app::{App, Apps};
use countersign_domain::limit::RuleName;
use countersign_domain::policy::{OnDrift, Policy, PolicySettings};
use countersign_domain::sender::{AccountId, Sender, SenderId};
use countersign_domain::template::{Template, TemplateNews, TemplateStatus, TemplateWord, Templates};
use countersign_domain::use_case::{Error, Rulebook, StartRequest};
use countersign_testkit::fixture;

use crate::Walk;
use crate::posts::to;
use crate::senders::{ACCOUNT, apps_under, of_account};

/// A house that sends from `1` of account `a1` and from `2` of account `a2`, in those languages.
fn sending_in(languages: &[&str], senders: Vec<Sender>) -> Walk {
    let policy = Policy::new(PolicySettings {
        on_drift: OnDrift::Alarm,
        ..fixture::policy_settings()
    });
    let rulebook = apps_under(policy.expect("the numbers hold together"), [("demo", senders)]);
    let template = Template {
        languages: languages.iter().map(|it| fixture::language(it)).collect(),
        ..fixture::template()
    };
    let templates = Templates::new(vec![template], None, BTreeMap::new());
    let apps = rulebook.apps.iter().map(|(id, app)| {
        let app = App {
            templates: templates.clone(),
            ..app.clone()
        };
        (id.clone(), app)
    });
    let rulebook = Rulebook {
        apps: Apps::new(apps),
        ..rulebook
    };
    Walk::ruled_by(rulebook, 1)
}

fn two() -> Vec<Sender> {
    vec![of_account("a1", "1"), of_account("a2", "2")]
}

fn sender(id: &str) -> SenderId {
    SenderId::parse(id).expect("a sender's id")
}

impl Walk {
    /// Hears that an account's template was paused in a language.
    fn hears_of_pause(&self, account: &str, language: &str) {
        self.house.use_cases.board.hear(&TemplateNews {
            account: Some(AccountId::parse(account).expect("an account's id")),
            name: fixture::template_name(),
            language: fixture::language(language),
            at: None,
            word: TemplateWord::Status {
                status: TemplateStatus::Paused,
                reason: String::new(),
            },
        });
    }

    /// Starts for the `n`-th person, and does not send yet.
    async fn claimed_for(&self, n: u32, language: &str) -> Result<(), Error> {
        let request = StartRequest {
            language: Some(fixture::language(language)),
            ..to(fixture::phone_number(n))
        };
        let answer = self.house.use_cases.start.execute(&fixture::caller(), request).await;
        answer.map(|_| ())
    }

    /// Who the messages to the `n`-th person went out from, and in which language.
    fn went_to(&self, n: u32) -> Vec<(String, String)> {
        let sent = self.house.messenger.sent().into_iter();
        let sent = sent.filter(|it| it.to == fixture::phone_number(n));
        sent.map(|it| (it.sender.to_string(), it.language.to_string()))
            .collect()
    }
}

fn pair(sender: &str, language: &str) -> (String, String) {
    (sender.to_owned(), language.to_owned())
}

#[tokio::test]
async fn what_a_start_tries_in_spite_of_the_board_its_message_tries_too() {
    let walk = sending_in(&["en_US"], two());
    walk.opened_to(0).await;
    walk.hears_failure_from(&sender("2"), ACCOUNT).await;
    walk.hears_of_pause("a1", "en_US");
    // The board knows of no fault at the other account, but its sender is shut: the paused one is all there is.
    walk.opened_to(1).await;
    assert_eq!(walk.went_to(1), [pair("1", "en_US")]);
}

#[tokio::test]
async fn a_message_that_fails_is_tried_in_spite_of_the_board_when_there_is_nothing_else() {
    let walk = sending_in(&["en_US"], two());
    walk.hears_of_pause("a1", "en_US");
    walk.house.messenger.answer_next(Err(ACCOUNT));
    walk.opened_to(0).await;
    assert_eq!(walk.went_to(0), [pair("2", "en_US"), pair("1", "en_US")]);
}

#[tokio::test]
async fn a_message_whose_senders_cannot_send_for_different_reasons_takes_what_one_of_them_can() {
    let walk = sending_in(&["en_US", "pt_BR"], two());
    walk.opened_to(0).await;
    walk.claimed_for(1, "pt_BR").await.expect("nothing stands in the way");
    walk.hears_of_pause("a2", "pt_BR");
    walk.hears_failure_from(&sender("1"), ACCOUNT).await;
    assert_eq!(walk.went_to(1), [pair("2", "en_US")]);
}

#[tokio::test]
async fn a_sender_that_the_board_rules_out_hides_no_crowd_at_the_other() {
    let slow = Sender {
        throughput: NonZeroU16::MIN,
        ..of_account("a2", "2")
    };
    let walk = sending_in(&["en_US"], vec![of_account("a1", "1"), slow]);
    walk.hears_of_pause("a1", "en_US");
    for n in 0..600 {
        if let Err(refused) = walk.start_to(n).await {
            let crowd = matches!(
                refused,
                Error::LimitReached {
                    rule: RuleName::SenderThroughput,
                    ..
                }
            );
            assert!(crowd, "{refused:?}");
            return;
        }
    }
    panic!("messages were taken on that nobody can send in time");
}

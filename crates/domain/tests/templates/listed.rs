//! What the accounts of an app have, beside what it describes.

use std::time::Duration;

use countersign_domain::template::{Drift, MessageLife, Said, Template};
use countersign_testkit::catalog::agreeing_entry;
use countersign_testkit::fixture::{app_id, caller, language, template};

use crate::world::{World, account, name};

#[tokio::test]
async fn what_an_account_has_and_lacks_is_listed_with_what_is_wrong() {
    let world = World::of(vec![template()]);
    let mut long = agreeing_entry(&template(), &language("pt_BR"));
    long.message_life = Said::Yes(MessageLife::Unlimited);
    let old = Template {
        name: name("old"),
        ..template()
    };
    let well = agreeing_entry(&template(), &language("es"));
    for entry in [long.clone(), well.clone(), agreeing_entry(&old, &language("it"))] {
        world.catalog.seed(&account(), entry);
    }
    let [list] = world
        .manage
        .list(&caller(), &app_id())
        .await
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(list.account, account());
    let listed: Vec<_> = list
        .templates
        .iter()
        .map(|it| {
            (
                format!("{} {}", it.name, it.language),
                it.configured,
                it.drifts.as_slice(),
            )
        })
        .collect();
    let (life, code_life) = (MessageLife::Unlimited, Duration::from_secs(600));
    assert_eq!(
        listed,
        [
            ("otp en_US".to_owned(), true, &[Drift::Missing][..]),
            (
                "otp pt_BR".to_owned(),
                true,
                &[Drift::MessageLife { life, code_life }][..]
            ),
            ("otp es".to_owned(), true, &[][..]),
            ("old it".to_owned(), false, &[][..]),
        ]
    );
    assert_eq!(list.templates[1].entry.as_ref(), Some(&long));
}

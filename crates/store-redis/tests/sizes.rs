//! How large the record of a recipient is on the server, with what was charged for its message and without.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

use std::time::Duration;

use countersign_domain::country::CountryCode;
use countersign_domain::delivery::{Delivery, DeliveryState, MessageTag};
use countersign_domain::limit::LimitKey;
use countersign_domain::money::Amount;
use countersign_domain::ports::RecipientStore;
use countersign_domain::recipient::{ChargeTag, Charged, Conversion, MessagePrice, Recipient, Settles};
use countersign_domain::template::{ButtonKind, ChosenTemplate, LanguageStep};
use countersign_domain::time::DAY;
use countersign_domain::verification::VerificationState;
use countersign_store_redis::Redis;
use countersign_testkit::fixture::{language, now, template_name};
use countersign_testkit::redis_server::RedisServer;

use crate::common::open;
use crate::common::records::{key_in, record, write};

/// A charge as default rules make them: most of a few units, every fourth a sum of money.
fn charge(n: u8) -> Charged {
    Charged {
        tag: ChargeTag([n; 4]),
        key: LimitKey::from_bytes([n; 16]),
        amount: if n % 4 == 3 { 62_500 } else { 1 },
        settles: if n % 4 == 3 {
            Settles::Price
        } else {
            Settles::Acceptance
        },
    }
}

/// A recipient with one open verification whose message was accepted, and with so many charges that are not settled.
fn open_with(charges: u8) -> Recipient {
    let mut recipient = record(1, now(), Some(now().plus(Duration::from_secs(600))));
    recipient.sends = vec![now()];
    recipient.keep_until = now().plus(DAY);
    recipient.verifications[0].deliveries.push(Delivery {
        number: 1,
        generation: 0,
        language: language("pt_BR"),
        template: Some(ChosenTemplate {
            name: template_name(),
            button: ButtonKind::CopyCode,
            step: LanguageStep::Exact,
        }),
        created_at: now(),
        updated_at: now().plus(Duration::from_millis(300)),
        tries: 1,
        repeated: false,
        drop_at: Some(now().plus(Duration::from_secs(630))),
        state: DeliveryState::Accepted,
        report: None,
        messages: vec![MessageTag([7; 8])],
        charges: (0..charges).map(charge).collect(),
        charged_at: now(),
        price: (charges > 0).then_some(MessagePrice {
            amount: Amount::from_micros(62_500),
            is_settled: false,
            country: CountryCode::parse("BR"),
        }),
        conversion: if charges > 0 {
            Conversion::Awaited
        } else {
            Conversion::NotCounted
        },
        matures_at: (charges > 0).then(|| now().plus(Duration::from_secs(120))),
    });
    recipient
}

/// The same once it is approved, and the charges that settle then are gone.
fn approved_with(charges: u8) -> Recipient {
    let mut recipient = open_with(charges);
    recipient.phone = None;
    recipient.approved_at = Some(now());
    recipient.verifications[0].state = VerificationState::Approved { at: now() };
    recipient
}

/// The bytes of the record itself, and those it takes on the server.
async fn size(server: &RedisServer, redis: &Redis, n: u32, recipient: &Recipient) -> (i64, i64) {
    let (store, name) = (
        redis.recipients(),
        [&b"cs:{1}:r:"[..], key_in(1, n).as_bytes()].concat(),
    );
    write(&store, key_in(1, n), None, recipient, now()).await;
    let there = store.load(key_in(1, n)).await.unwrap().unwrap();
    assert_eq!(there.recipient, *recipient);
    let bytes = server.ask(&[b"STRLEN", &name]).integer();
    (bytes, server.ask(&[b"MEMORY", b"USAGE", &name]).integer())
}

#[tokio::test]
async fn what_was_charged_for_a_message_makes_its_record_little_longer_than_itself() {
    let (server, redis) = open().await;
    let (plain, _) = size(&server, &redis, 0, &open_with(0)).await;
    for (n, charges) in (1..).zip([1, 3, 7, 14]) {
        let (bytes, _) = size(&server, &redis, n, &open_with(charges)).await;
        let (count, sums) = (i64::from(charges), i64::from(charges / 4));
        // A charge has 21 bytes, a sum of money two more, a price and its country six, and when the message matures three.
        let longer = bytes - plain;
        assert!(
            (count * 21..=count * 21 + sums * 2 + 9).contains(&longer),
            "{charges} charges take {longer} bytes"
        );
    }
}

#[tokio::test]
async fn a_recipient_on_the_server_takes_no_more_than_a_few_hundred_bytes() {
    let (server, redis) = open().await;
    let all = [
        ("open, nothing charged", open_with(0), 240),
        ("open, before the provider has it", open_with(14), 600),
        ("open, accepted", open_with(3), 340),
        ("approved, nothing charged", approved_with(0), 240),
        ("approved, with a reserved sum", approved_with(1), 280),
    ];
    for (n, (what, recipient, most)) in (0..).zip(all) {
        let (bytes, usage) = size(&server, &redis, n, &recipient).await;
        println!("{what}: {bytes} bytes, {usage} on the server");
        assert!(usage <= most, "{what}: {usage} bytes on the server");
    }
}

//! Nothing on the server tells a phone or a code, however it is written: not in a key, not in a value, not in an index
//! and not in the append-only file.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

use countersign_domain::delivery::DeliveryReport;
use countersign_domain::phone::PhoneNumber;
use countersign_domain::policy::{Policy, PolicySettings};
use countersign_domain::ports::GuardStore;
use countersign_domain::time::DAY;
use countersign_domain::use_case::VerificationName;
use countersign_domain::verification::CheckOutcome;
use countersign_testkit::fixture::{now, phone_number, policy_settings, rulebook_with};
use countersign_testkit::house::House;
use countersign_testkit::redis_server::{RedisServer, Reply};
use std::sync::Arc;

use crate::common::guard::{block, bucket_in};
use crate::common::service::{check, instance_of_house, post, said_of, start};
use crate::common::{config, open};

/// As many digits as no number has that is there by chance.
const CODE_LENGTH: u8 = 14;

/// A number as many programs would write it.
fn ways_to_write(digits: &str) -> Vec<Vec<u8>> {
    let mut ways = Vec::new();
    let backwards: String = digits.chars().rev().collect();
    for digits in [digits, &backwards] {
        ways.push(digits.as_bytes().to_vec());
        let hex = |upper: bool| {
            let one = |byte: u8| {
                if upper {
                    format!("{byte:02X}")
                } else {
                    format!("{byte:02x}")
                }
            };
            digits.bytes().map(one).collect::<String>().into_bytes()
        };
        ways.extend([hex(false), hex(true)]);
        // Two digits to a byte, either way round, and shifted by one.
        let values: Vec<u8> = digits.bytes().map(|it| it - b'0').collect();
        for values in [&values[..], &values[1..]] {
            ways.push(values.chunks_exact(2).map(|it| it[0] << 4 | it[1]).collect());
            ways.push(values.chunks_exact(2).map(|it| it[1] << 4 | it[0]).collect());
        }
        ways.push(values);
    }
    for text in [digits.to_owned(), format!("+{digits}")] {
        // Base-64 at each of three places within its four characters, without the ends that depend on neighbors.
        for shift in 0..3 {
            let bytes = [&vec![0; shift][..], text.as_bytes()].concat();
            let whole = &bytes[..bytes.len() / 3 * 3];
            ways.push(base64(whole)[4..].to_vec());
        }
    }
    let number: u64 = digits.parse().unwrap();
    let trimmed = |bytes: [u8; 8], is_zero_first: bool| {
        let bytes: Vec<_> = if is_zero_first {
            bytes.into()
        } else {
            bytes.into_iter().rev().collect()
        };
        let bytes: Vec<_> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
        if is_zero_first {
            bytes
        } else {
            bytes.into_iter().rev().collect()
        }
    };
    ways.push(trimmed(number.to_be_bytes(), true));
    ways.push(trimmed(number.to_le_bytes(), false));
    ways.push(varint(number));
    ways.push(varint(number << 1));
    ways
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let four = |three: &[u8]| {
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        [18, 12, 6, 0].map(|shift| SYMBOLS[usize::try_from(bits >> shift & 63).unwrap()])
    };
    bytes.chunks_exact(3).flat_map(four).collect()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 128 {
        bytes.push(u8::try_from(number & 127).unwrap() | 128);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

/// Everything that can be read from the server: keys, values, members, and the append-only file.
fn everything(server: &RedisServer) -> Vec<u8> {
    let mut all = server.appended();
    for key in server.every_key() {
        let kind = server.ask(&[b"TYPE", &key]).text().to_owned();
        let held = match kind.as_str() {
            "string" => server.ask(&[b"GET", &key]),
            "hash" => server.ask(&[b"HGETALL", &key]),
            "zset" => server.ask(&[b"ZRANGE", &key, b"0", b"-1", b"WITHSCORES"]),
            other => panic!("{other} is not documented"),
        };
        all.extend(key);
        match held {
            Reply::Array(items) => items.iter().for_each(|it| all.extend(it.bytes())),
            held => all.extend(held.bytes()),
        }
        all.push(b'\n');
    }
    all
}

fn holds(all: &[u8], needle: &[u8]) -> bool {
    assert!(needle.len() >= 4, "so short a thing is there by chance");
    all.windows(needle.len()).any(|window| window == needle)
}

/// A house with long codes.
fn house(server: &RedisServer, redis: &countersign_store_redis::Redis) -> House {
    let settings = PolicySettings {
        code_length: CODE_LENGTH,
        ..policy_settings()
    };
    assert!(server.pid() > 0);
    let builder = House::builder(Arc::new(redis.recipients()), Arc::new(redis.limits()), redis.feed());
    builder.rulebook(rulebook_with(Policy::new(settings).unwrap())).build()
}

#[tokio::test]
async fn neither_a_phone_nor_a_code_nor_a_guess_can_be_found_on_the_server() {
    let server = RedisServer::start();
    let redis = instance_of_house(&config(&server));
    redis.look().await.unwrap();
    let house = house(&server, &redis);
    let phones: Vec<PhoneNumber> = (0..12).map(|n| phone_number(n * 7_654_321)).collect();
    let mut secrets = Vec::new();
    for (n, phone) in phones.iter().enumerate() {
        let id = start(&house, phone).await.unwrap().view.id;
        house.run_errands().await;
        post(&house, vec![said_of(&house, phone, DeliveryReport::Delivered)]).await;
        let code = house.messenger.last_code_for(phone).unwrap();
        let guess = format!("{:014}", 31_415_926_535_897_u64 + u64::try_from(n).unwrap());
        let name = VerificationName::Id(id);
        let wrong = check(&house, name.clone(), &guess).await.unwrap();
        assert_eq!(wrong.outcome, CheckOutcome::Incorrect);
        if n % 2 == 0 {
            let right = check(&house, name, &code).await.unwrap();
            assert_eq!(right.outcome, CheckOutcome::Approved);
        }
        house.run_errands().await;
        let digits = phone.expose().trim_start_matches('+').to_owned();
        // With and without the country, as people write it.
        secrets.extend([digits[2..].to_owned(), digits, code, guess]);
    }
    let all = everything(&server);
    assert!(all.len() > 10_000);
    for secret in &secrets {
        for way in ways_to_write(secret) {
            assert!(
                !holds(&all, &way),
                "a secret of {} digits is there as {way:?}",
                secret.len()
            );
        }
    }
}

#[tokio::test]
async fn the_digits_that_the_numbers_of_a_block_begin_with_cannot_be_found_on_the_server() {
    let (server, redis) = open().await;
    let guard = redis.guard();
    let prefixes = ["551198765", "5511987654", "12025550", "49151234567"];
    for (n, digits) in (0..).zip(prefixes) {
        let new = block(&format!("+{digits}"), now());
        let written = guard
            .replace(bucket_in(1, n), None, Some(&new), now().plus(DAY), now())
            .await;
        assert!(written.unwrap());
    }
    assert_eq!(guard.blocks(10).await.unwrap().len(), prefixes.len());
    let all = everything(&server);
    for digits in prefixes {
        for way in ways_to_write(digits).iter().filter(|way| way.len() >= 4) {
            assert!(
                !holds(&all, way),
                "a prefix of {} digits is there as {way:?}",
                digits.len()
            );
        }
    }
}

#[tokio::test]
async fn what_is_looked_for_would_be_found() {
    let server = RedisServer::start();
    let secret = "5511987654321";
    for way in ways_to_write(secret) {
        server.ask(&[b"SET", b"a", &[b"before ", &way[..], b" after"].concat()]);
        assert!(holds(&everything(&server), &way));
        server.ask_text("DEL a");
    }
    // An encoder that knows nothing of this file.
    server.ask(&[b"SET", b"a", b"NTUxMTk4NzY1NDMyMQ=="]);
    let all = everything(&server);
    assert!(ways_to_write(secret).iter().any(|way| holds(&all, way)));
}

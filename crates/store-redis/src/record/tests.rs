//! The bytes of a record: what is written stays readable, and what is not a record is refused.

use countersign_domain::country::CountryCode;
use countersign_domain::id::RecipientKey;
use countersign_domain::limit::LimitKey;
use countersign_domain::money::Amount;
use countersign_domain::ports::{StoreError, Version};
use countersign_domain::recipient::{ChargeTag, Charged, Conversion, Freed, MessagePrice, Recipient, Settles};
use countersign_domain::time::Timestamp;
use countersign_testkit::fixture::recipient_with_everything;
use countersign_testkit::random::seed_or;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use zeroize::Zeroizing;

use super::seal::Sealer;
use super::{BODY, FORMAT, read, write};

const KEY: RecipientKey = RecipientKey::from_bytes([0x5a; 16]);
const VERSION: Version = Version(0x0102_0304_0506_0708);

/// What format 1 made of the fixture of its time. It is read for ever.
const GOLDEN_1: &str = include_str!("golden_1.hex");
/// What format 2 made of the fixture of its time. It is read for ever.
const GOLDEN_2: &str = include_str!("golden_2.hex");
/// What format 3 made of the fixture of its time. It is read for ever.
const GOLDEN_3: &str = include_str!("golden_3.hex");
/// What format 4 made of the fixture of its time. It is read for ever.
const GOLDEN_4: &str = include_str!("golden_4.hex");
/// What format 5 made of the fixture when it was new. A difference means that instances of two versions, which run side
/// by side during a roll-out, do not understand each other.
const GOLDEN_5: &str = include_str!("golden_5.hex");

fn sealer() -> Sealer {
    Sealer::new(&Zeroizing::new([7; 32]))
}

fn hex(bytes: &[u8]) -> String {
    let line = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(String::new(), |line, byte| line + &format!("{byte:02x}"))
    };
    bytes.chunks(50).map(|bytes| line(bytes) + "\n").collect()
}

fn read_golden(golden: &str) -> Recipient {
    let digits: String = golden.split_whitespace().collect();
    let pairs = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]);
    let bytes: Vec<_> = pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    read(&sealer(), KEY, &bytes).unwrap().recipient
}

/// The fixture as it was before lines were learnt.
fn without_line() -> Recipient {
    let mut without = recipient_with_everything();
    without.line = None;
    without
}

/// The fixture as it was before anything was charged.
fn without_costs() -> Recipient {
    let mut without = without_line();
    without.operator_hold_until = None;
    for delivery in without.verifications.iter_mut().flat_map(|it| &mut it.deliveries) {
        delivery.charges = Vec::new();
        delivery.price = None;
        delivery.conversion = Conversion::NotCounted;
        delivery.charged_at = delivery.created_at;
        delivery.matures_at = None;
    }
    without
}

#[test]
fn format_5_is_what_it_was_when_it_was_new() {
    let written = write(&sealer(), KEY, VERSION, &recipient_with_everything());
    assert_eq!(hex(&written), GOLDEN_5);
}

#[test]
fn a_record_of_format_4_is_read_as_one_whose_phone_is_its_own_line() {
    assert_eq!(read_golden(GOLDEN_4), without_line());
}

#[test]
fn a_record_of_format_3_is_read_as_one_in_which_nothing_was_charged_or_counted() {
    assert_eq!(read_golden(GOLDEN_3), without_costs());
}

#[test]
fn a_record_of_format_2_is_read_as_one_in_which_nobody_chose_a_template() {
    let mut without = without_costs();
    for delivery in without.verifications.iter_mut().flat_map(|it| &mut it.deliveries) {
        delivery.template = None;
    }
    assert_eq!(read_golden(GOLDEN_2), without);
}

#[test]
fn a_record_of_format_1_is_read_as_one_that_knows_no_messages_and_no_identity() {
    let read = read_golden(GOLDEN_1);
    let now = recipient_with_everything();
    assert_eq!(
        (&read.phone, &read.requests, &read.sends),
        (&now.phone, &now.requests, &now.sends)
    );
    assert!(read.identity.is_none() && read.verifications.iter().all(|it| it.identity.is_none()));
    let mut deliveries = read.verifications.iter().flat_map(|it| &it.deliveries);
    assert!(deliveries.all(|it| it.messages.is_empty()));
    assert!(read.verifications.len() > 10);
}

#[test]
fn a_record_comes_back_with_its_version() {
    let everything = recipient_with_everything();
    let stored = read(&sealer(), KEY, &write(&sealer(), KEY, VERSION, &everything)).unwrap();
    assert_eq!((stored.version, stored.recipient), (VERSION, everything));
}

/// Thousands of random deliveries. `COUNTERSIGN_SEED` replays them.
#[test]
fn what_was_charged_comes_back_whatever_the_charges() {
    let seed = seed_or(0x5EED);
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut recipient = recipient_with_everything();
    for _ in 0..500 {
        recipient.operator_hold_until = random
            .random_bool(0.5)
            .then(|| Timestamp::from_unix_millis(random.random()));
        for delivery in recipient.verifications.iter_mut().flat_map(|it| &mut it.deliveries) {
            let count = random.random_range(0..4);
            delivery.charges = (0..count).map(|_| any_charge(&mut random)).collect();
            delivery.price = random.random_bool(0.7).then(|| MessagePrice {
                amount: Amount::from_micros(any_amount(&mut random)),
                is_settled: random.random(),
                country: CountryCode::parse("BR").filter(|_| random.random()),
            });
            let moment = |random: &mut StdRng| Timestamp::from_unix_millis(random.random());
            delivery.charged_at = if random.random() {
                delivery.created_at
            } else {
                moment(&mut random)
            };
            delivery.matures_at = random.random_bool(0.5).then(|| moment(&mut random));
            delivery.conversion = [
                Conversion::NotCounted,
                Conversion::Awaited,
                Conversion::Missed,
                Conversion::Finished,
            ][random.random_range(0..4)];
        }
        let stored = read(&sealer(), KEY, &write(&sealer(), KEY, VERSION, &recipient)).unwrap();
        assert_eq!(stored.recipient, recipient);
    }
}

fn any_charge(random: &mut StdRng) -> Charged {
    Charged {
        tag: ChargeTag(random.random()),
        key: LimitKey::from_bytes(random.random()),
        amount: any_amount(random),
        settles: [Settles::Acceptance, Settles::Approval, Settles::Price][random.random_range(0..3)],
    }
}

/// Of every size, the ends of the range included.
fn any_amount(random: &mut StdRng) -> u64 {
    match random.random_range(0..8) {
        0 => 0,
        1 => u64::MAX,
        _ => random.random::<u64>() >> random.random_range(0..64),
    }
}

#[test]
fn what_follows_from_a_decision_is_never_stored() {
    let everything = recipient_with_everything();
    let mut owing = everything.clone();
    owing.effects.freed.push(Freed {
        charges: vec![any_charge(&mut StdRng::seed_from_u64(1))],
        taken_at: everything.changed_at,
    });
    assert_eq!(
        write(&sealer(), KEY, VERSION, &owing),
        write(&sealer(), KEY, VERSION, &everything)
    );
}

#[test]
fn a_charge_of_one_unit_takes_21_bytes() {
    let mut recipient = recipient_with_everything();
    let before = write(&sealer(), KEY, VERSION, &recipient).len();
    let delivery = recipient.verifications[0].deliveries.first_mut().unwrap();
    let charge = Charged {
        amount: 1,
        ..any_charge(&mut StdRng::seed_from_u64(1))
    };
    delivery.charges.extend([charge; 14]);
    let after = write(&sealer(), KEY, VERSION, &recipient).len();
    assert_eq!(after - before, 14 * 21);
}

#[test]
fn neither_a_cut_record_nor_a_longer_one_nor_another_format_is_read() {
    let written = write(&sealer(), KEY, VERSION, &recipient_with_everything());
    for length in [0, 1, BODY - 1, BODY, BODY + 10, written.len() - 1] {
        assert_corrupt(&written[..length]);
    }
    assert_corrupt(&[&written[..], &[0]].concat());
    let mut newer = written;
    newer[8] = FORMAT + 1;
    assert_corrupt(&newer);
}

#[test]
fn the_error_says_nothing_of_what_is_in_the_record() {
    let mut written = write(&sealer(), KEY, VERSION, &recipient_with_everything());
    let app = countersign_testkit::fixture::app_id();
    let place = written
        .windows(app.as_str().len())
        .position(|it| it == app.as_str().as_bytes())
        .unwrap();
    written[place] = b'!';
    let Err(StoreError::Corrupt(cause)) = read(&sealer(), KEY, &written) else {
        panic!("an app that is no slug was read");
    };
    assert_eq!(cause.to_string(), "its app is not one");
}

#[track_caller]
fn assert_corrupt(bytes: &[u8]) {
    assert!(matches!(read(&sealer(), KEY, bytes), Err(StoreError::Corrupt(_))));
}

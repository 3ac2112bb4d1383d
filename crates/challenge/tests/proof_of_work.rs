//! What a proof of work lets pass: the answer to one of our challenges, for whom it was given out, in time, and nothing
//! else, whatever is sent.

use std::time::Duration;

use countersign_challenge::{CallersWord, ProofOfWork, ProofOfWorkSettings};
use countersign_domain::client::{CHALLENGE_ANSWER_BYTES_MAX, Client};
use countersign_domain::id::AppId;
use countersign_domain::key::{Identity, SecretKey};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::{
    CHALLENGE_LIFE_MAX, ChallengePass, ChallengeRefusal, ChallengeSubject, ChallengeVerifier, Random,
};
use countersign_domain::time::Timestamp;
use countersign_testkit::random::{SeededRandom, seed_or};
use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use ChallengeRefusal::{Expired, Malformed, Missing, Wrong};

const NONCE: [u8; 16] = *b"sixteen bytes ok";
const NOW: Timestamp = Timestamp::from_unix_millis(1_800_000_000_123);

/// An easy challenge, and what it is checked with.
struct Case {
    verifier: ProofOfWork,
    app: AppId,
    phone: PhoneNumber,
}

impl Case {
    fn new() -> Self {
        Self::of("shop", "+5511987654321")
    }

    fn of(app: &str, phone: &str) -> Self {
        let settings = ProofOfWorkSettings {
            number_max: 1_000,
            ..ProofOfWorkSettings::default()
        };
        Self {
            verifier: ProofOfWork::with_settings(&identity(7), settings).expect("fair settings"),
            app: AppId::parse(app).expect("a slug"),
            phone: PhoneNumber::parse(phone).expect("E.164"),
        }
    }

    fn subject(&self) -> ChallengeSubject<'_> {
        ChallengeSubject {
            app: &self.app,
            phone: &self.phone,
        }
    }

    fn challenge(&self) -> Value {
        let issued = self.verifier.issue(&self.subject(), NONCE, NOW).expect("a challenge");
        serde_json::from_str(&issued.text).expect("JSON")
    }

    fn answer(&self) -> Value {
        solved(&self.challenge()).expect("a number")
    }

    fn verify(&self, answer: &Value, now: Timestamp) -> Result<ChallengePass, ChallengeRefusal> {
        self.verify_text(&written(answer), now)
    }

    fn verify_text(&self, answer: &str, now: Timestamp) -> Result<ChallengePass, ChallengeRefusal> {
        let client = Client {
            challenge_answer: Some(answer.to_owned()),
            ..Client::default()
        };
        self.verifier.verify(&self.subject(), &client, now)
    }
}

fn identity(byte: u8) -> Identity {
    Identity::new(SecretKey::new([byte; 32]))
}

/// What a person's device does: tries one number after the other.
fn solved(challenge: &Value) -> Option<Value> {
    let salt = challenge["salt"].as_str()?;
    let hash = |number: &u64| HEXLOWER.encode(&Sha256::digest(format!("{salt}{number}")));
    let number = (0..=challenge["maxnumber"].as_u64()?).find(|it| hash(it) == challenge["challenge"])?;
    Some(json!({
        "algorithm": challenge["algorithm"],
        "challenge": challenge["challenge"],
        "number": number,
        "salt": salt,
        "signature": challenge["signature"],
        "took": 12,
    }))
}

fn written(answer: &Value) -> String {
    BASE64.encode(answer.to_string().as_bytes())
}

fn with(answer: &Value, field: &str, value: Value) -> Value {
    let mut answer = answer.clone();
    answer[field] = value;
    answer
}

#[test]
fn whoever_finds_the_number_passes_and_the_pass_is_named_by_the_nonce() {
    let case = Case::new();
    let answer = case.answer();
    assert_eq!(case.verify(&answer, NOW), Ok(ChallengePass { once: Some(NONCE) }));
    // The same answer again gives the same name, by which the use case knows it.
    assert_eq!(case.verify(&answer, NOW), Ok(ChallengePass { once: Some(NONCE) }));
}

#[test]
fn a_challenge_has_the_form_of_altcha_and_no_phone_in_it() {
    let case = Case::new();
    let issued = case.verifier.issue(&case.subject(), NONCE, NOW).expect("a challenge");
    let challenge: Value = serde_json::from_str(&issued.text).expect("JSON");
    let seconds = (NOW.unix_millis() + 600_000) / 1000;
    assert_eq!(issued.expires_at, Timestamp::from_unix_millis(seconds * 1000));
    assert_eq!(challenge["algorithm"], "SHA-256");
    assert_eq!(challenge["maxnumber"], 1_000);
    assert_eq!(
        challenge["salt"],
        format!("{}?expires={seconds}&", HEXLOWER.encode(&NONCE))
    );
    assert_eq!(challenge["challenge"].as_str().map(str::len), Some(64));
    assert_eq!(challenge["signature"].as_str().map(str::len), Some(64));
    assert!(!issued.text.contains("987654321") && !issued.text.contains("shop"));
}

#[test]
fn numbers_are_spread_over_the_whole_range_and_cannot_be_told_from_the_nonce() {
    let case = Case::new();
    let other = ProofOfWork::new(&identity(8));
    let mut tenths = [0; 10];
    for round in 0..1000_u32 {
        let mut nonce = NONCE;
        nonce[..4].copy_from_slice(&round.to_be_bytes());
        let issued = case.verifier.issue(&case.subject(), nonce, NOW).expect("a challenge");
        let answer = solved(&serde_json::from_str(&issued.text).expect("JSON")).expect("a number");
        tenths[usize::try_from(answer["number"].as_u64().expect("a number") * 10 / 1_001).expect("small")] += 1;
        let elsewhere = other.issue(&case.subject(), nonce, NOW).expect("a challenge");
        assert_ne!(issued.text, elsewhere.text);
    }
    // 100 each on average, with a deviation of about ten.
    assert!(tenths.iter().all(|it| (50..=150).contains(it)), "{tenths:?}");
}

#[test]
fn an_answer_for_another_phone_or_app_or_of_another_installation_is_wrong() {
    let answer = Case::new().answer();
    for (app, phone) in [
        ("shop", "+5511987654322"),
        ("shoq", "+5511987654321"),
        ("sho", "+5511987654321"),
    ] {
        assert_eq!(Case::of(app, phone).verify(&answer, NOW), Err(Wrong), "{app} {phone}");
    }
    let stranger = Case {
        verifier: ProofOfWork::new(&identity(8)),
        ..Case::new()
    };
    assert_eq!(stranger.verify(&answer, NOW), Err(Wrong));
}

#[test]
fn an_answer_is_accepted_until_it_expires_and_not_a_moment_longer() {
    let case = Case::new();
    let answer = case.answer();
    let issued = case.verifier.issue(&case.subject(), NONCE, NOW).expect("a challenge");
    let last = issued.expires_at.minus(Duration::from_millis(1));
    assert!(case.verify(&answer, last).is_ok());
    assert_eq!(case.verify(&answer, issued.expires_at), Err(Expired));
    // A clock that stepped back harms nobody: what is asked for is that the work was done.
    assert!(case.verify(&answer, NOW.minus(Duration::from_secs(3600))).is_ok());
}

#[test]
fn an_answer_in_which_anything_was_changed_is_refused() {
    let case = Case::new();
    let answer = case.answer();
    let number = answer["number"].as_u64().expect("a number");
    let (salt, text) = (answer["salt"].as_str().expect("a salt"), |it: &str| {
        Value::from(it.to_owned())
    });
    let hex = |of: &str| format!("{}{}", &of[..63], if of.ends_with('0') { '1' } else { '0' });
    let challenge = answer["challenge"].as_str().expect("hex");
    let signature = answer["signature"].as_str().expect("hex");
    let later = salt.replace("expires=1800000600", "expires=1800099999");
    assert_ne!(later, salt);
    for (field, value, refusal) in [
        ("number", Value::from(number + 1), Wrong),
        ("number", Value::from(u64::MAX), Wrong),
        ("challenge", text(&hex(challenge)), Wrong),
        ("signature", text(&hex(signature)), Wrong),
        ("salt", text(&later), Wrong),
        ("salt", text(&salt.replacen('7', "8", 1)), Wrong),
        // A number cannot be moved from one side of the salt's end to the other.
        ("salt", text(&format!("{}{number}&", salt.trim_end_matches('&'))), Wrong),
        ("salt", text(salt.trim_end_matches('&')), Malformed),
        ("salt", text(&salt.replace("expires=", "expires=+")), Malformed),
        ("salt", text(&salt.replace("expires=", "expires=0")), Malformed),
        (
            "salt",
            text(&salt.replace("1800000600", "18446744073709551615")),
            Malformed,
        ),
        ("salt", text(""), Malformed),
        ("algorithm", text("SHA-1"), Malformed),
        ("algorithm", text("sha-256"), Malformed),
        ("number", Value::from(-1), Malformed),
        ("number", Value::from(1.5), Malformed),
        ("number", text(&number.to_string()), Malformed),
        ("challenge", text(&challenge.to_uppercase()), Malformed),
        ("signature", text(""), Malformed),
        ("signature", text(&format!("{signature}00")), Malformed),
        ("signature", Value::Null, Malformed),
    ] {
        assert_eq!(
            case.verify(&with(&answer, field, value.clone()), NOW),
            Err(refusal),
            "{field}: {value}"
        );
    }
}

/// The largest number is a word to the solver alone: who makes it smaller finds nothing, and to put another into an
/// answer changes nothing.
#[test]
fn another_largest_number_gives_nobody_an_answer() {
    let case = Case::new();
    let answer = case.answer();
    let smaller = answer["number"].as_u64().expect("a number").saturating_sub(1);
    assert!(solved(&with(&case.challenge(), "maxnumber", Value::from(smaller))).is_none());
    let told = with(&answer, "maxnumber", Value::from(1));
    assert!(case.verify(&told, NOW).is_ok());
    assert_eq!(case.verify(&with(&told, "number", Value::from(1000)), NOW), Err(Wrong));
}

#[test]
fn no_answer_is_missing_and_what_is_none_is_malformed() {
    let case = Case::new();
    let none = case.verifier.verify(&case.subject(), &Client::default(), NOW);
    assert_eq!(none, Err(Missing));
    assert_eq!(case.verify_text("", NOW), Err(Missing));
    let good = written(&case.answer());
    for text in [
        " ".to_owned(),
        "challenge".to_owned(),
        "{}".to_owned(),
        BASE64.encode(b"{}"),
        BASE64.encode(b"[]"),
        BASE64.encode(b"null"),
        BASE64.encode(&[b'['; 700]),
        BASE64.encode(&[0xff; 32]),
        format!(" {good}"),
        format!("{good}\n"),
        good[..good.len() - 4].to_owned(),
        good.repeat(2),
        "A".repeat(CHALLENGE_ANSWER_BYTES_MAX),
        "A".repeat(1 << 20),
        "\u{0}\u{202e}\u{660}".to_owned(),
    ] {
        assert_eq!(case.verify_text(&text, NOW), Err(Malformed), "{} bytes", text.len());
    }
}

/// The bound is the one that callers are told.
#[test]
fn an_answer_of_every_length_that_callers_may_give_is_read_and_none_that_is_longer() {
    let case = Case::new();
    let answer = case.answer();
    let as_long_as = |bytes: usize| {
        let beside = with(&answer, "took", Value::from("")).to_string().len();
        // Three bytes are four characters of base64.
        written(&with(&answer, "took", Value::from("x".repeat(bytes / 4 * 3 - beside))))
    };
    let longest = as_long_as(CHALLENGE_ANSWER_BYTES_MAX);
    assert_eq!(longest.len(), CHALLENGE_ANSWER_BYTES_MAX);
    assert!(case.verify_text(&longest, NOW).is_ok());
    let longer = as_long_as(CHALLENGE_ANSWER_BYTES_MAX + 4);
    assert_eq!(case.verify_text(&longer, NOW), Err(Malformed));
}

/// A caller's word is for another adapter.
#[test]
fn the_word_of_a_caller_is_no_proof_of_work() {
    let case = Case::new();
    let client = Client {
        is_challenged: true,
        ..Client::default()
    };
    assert_eq!(case.verifier.verify(&case.subject(), &client, NOW), Err(Missing));
    assert_eq!(
        CallersWord.verify(&case.subject(), &client, NOW),
        Ok(ChallengePass { once: None })
    );
    assert_eq!(
        CallersWord.verify(&case.subject(), &Client::default(), NOW),
        Err(Missing)
    );
    assert!(CallersWord.issue(&case.subject(), NONCE, NOW).is_none());
}

#[test]
fn whatever_is_done_to_an_answer_only_the_answer_itself_passes() {
    let seed = seed_or(0x5eed_0011);
    println!("COUNTERSIGN_SEED={seed}");
    let random = SeededRandom::new(seed);
    let case = Case::new();
    let answer = case.answer();
    let json = answer.to_string();
    let good = BASE64.encode(json.as_bytes());
    let mut passed = 0;
    for round in 0..100_000 {
        let mut dice = [0; 16];
        random.fill(&mut dice);
        // Half of the changes are made to the JSON, which would otherwise hardly ever be reached.
        let mut bytes = if dice[0] % 2 == 0 { json.clone() } else { good.clone() }.into_bytes();
        for change in dice[1..].chunks(3).take(1 + usize::from(dice[15] % 4)) {
            mutate(&mut bytes, change);
        }
        let text = if dice[0] % 2 == 0 {
            BASE64.encode(&bytes)
        } else {
            String::from_utf8_lossy(&bytes).into_owned()
        };
        if case.verify_text(&text, NOW).is_ok() {
            passed += 1;
            let decoded = BASE64.decode(text.as_bytes()).expect("it was read");
            let read: Value = serde_json::from_slice(&decoded).expect("it was read");
            for field in ["algorithm", "challenge", "number", "salt", "signature"] {
                assert_eq!(read[field], answer[field], "round {round}");
            }
        }
    }
    // Blanks, and what is said about how long it took.
    assert!(passed < 20_000, "{passed}");
}

fn mutate(bytes: &mut Vec<u8>, dice: &[u8]) {
    let at = (usize::from(dice[0]) * 256 + usize::from(dice[1])) % (bytes.len() + 1);
    match dice[2] % 6 {
        0 => bytes.insert(at, dice[2]),
        1 => bytes.truncate(at),
        2 if at < bytes.len() => drop(bytes.remove(at)),
        3 if at < bytes.len() => bytes[at] ^= 1 << (dice[2] / 32),
        4 if at < bytes.len() => bytes[at] = b"0123456789abcdef\"{}:,&"[usize::from(dice[2]) % 22],
        _ => {
            let tail = bytes[at..].to_vec();
            bytes.extend_from_slice(&tail);
        }
    }
}

#[test]
fn settings_that_make_no_sense_are_all_named() {
    let moment = Duration::from_millis(1);
    for (number_max, life) in [
        (0, Duration::from_secs(3600)),
        (999, CHALLENGE_LIFE_MAX + moment),
        (1_000_001, Duration::from_secs(60).saturating_sub(moment)),
    ] {
        let settings = ProofOfWorkSettings { number_max, life };
        let mistakes = ProofOfWork::with_settings(&identity(7), settings).expect_err("two mistakes");
        let fields: Vec<_> = mistakes.iter().map(|it| it.field).collect();
        assert_eq!(fields, ["number_max", "life"]);
    }
    for (number_max, life) in [(1_000, Duration::from_secs(60)), (1_000_000, CHALLENGE_LIFE_MAX)] {
        let settings = ProofOfWorkSettings { number_max, life };
        assert_eq!(settings.mistakes(), []);
    }
    assert_eq!(ProofOfWorkSettings::default().mistakes(), []);
}

#[test]
fn the_key_is_in_no_debug_output() {
    let shown = format!("{:?}", Case::new().verifier);
    assert!(shown.contains("number_max: 1000") && !shown.contains("key"), "{shown}");
}

//! The code's derivation: published vectors, uniformity, and that no two owners ever share an input.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and its helpers with it"
)]

use countersign_domain::code::{Alphabet, Code, CodeOwner, CodeRecipe, Guess, Salt};
use countersign_domain::context::ContextDigest;
use countersign_domain::id::{AppId, Purpose};
use countersign_domain::key::{KeyId, SecretKey};
use countersign_domain::phone::PhoneNumber;
use proptest::prelude::*;

/// One line of the table in `docs/code-derivation.md`.
struct Vector {
    app: &'static str,
    purpose: &'static str,
    phone: &'static str,
    serial: u32,
    generation: u16,
    bound: bool,
    length: u8,
    alphabet: Alphabet,
}

impl Default for Vector {
    fn default() -> Self {
        Self {
            app: "shop",
            purpose: "sign_in",
            phone: "+5511987654321",
            serial: 1,
            generation: 0,
            bound: false,
            length: 6,
            alphabet: Alphabet::Numeric,
        }
    }
}

impl Vector {
    fn code(&self) -> String {
        self.code_with(&counting())
    }

    fn code_with(&self, key: &SecretKey) -> String {
        let owner = CodeOwner {
            app: &AppId::parse(self.app).unwrap(),
            purpose: &Purpose::parse(self.purpose).unwrap(),
            phone: &PhoneNumber::parse(self.phone).unwrap(),
            salt: &Salt(std::array::from_fn(|i| u8::try_from(i).unwrap())),
            serial: self.serial,
        };
        let recipe = CodeRecipe {
            key: KeyId::parse("k1").unwrap(),
            generation: self.generation,
            keep_previous: false,
            length: self.length,
            alphabet: self.alphabet,
            context: self.bound.then(|| ContextDigest::from_bytes([0xAB; 16])),
        };
        Code::derive(key, &owner, &recipe, self.generation).expose().to_owned()
    }
}

fn counting() -> SecretKey {
    SecretKey::new(std::array::from_fn(|i| u8::try_from(i).unwrap()))
}

#[test]
fn the_published_vectors_hold() {
    let cases = [
        (Vector::default(), "788776"),
        (
            Vector {
                serial: 2,
                ..Vector::default()
            },
            "008119",
        ),
        (
            Vector {
                generation: 1,
                ..Vector::default()
            },
            "075417",
        ),
        (
            Vector {
                purpose: "payment",
                bound: true,
                ..Vector::default()
            },
            "304212",
        ),
        (
            Vector {
                phone: "+16505551234",
                length: 4,
                ..Vector::default()
            },
            "3236",
        ),
        (
            Vector {
                phone: "+16505551234",
                length: 15,
                ..Vector::default()
            },
            "323674392097848",
        ),
        (
            Vector {
                phone: "+16505551234",
                length: 14,
                alphabet: Alphabet::Unambiguous,
                ..Vector::default()
            },
            "HMYPNJ9HP6QNPG",
        ),
    ];
    let published = include_str!("../../../docs/code-derivation.md");
    for (vector, expected) in cases {
        assert_eq!(vector.code(), expected);
        assert!(
            published.contains(expected),
            "{expected} is missing from docs/code-derivation.md"
        );
    }
}

/// The chi-square statistic of observed counts against equal ones.
fn chi_square(counts: &[u64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let counts: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
    #[expect(clippy::cast_precision_loss, reason = "a handful of bins")]
    let expected = counts.iter().sum::<f64>() / counts.len() as f64;
    counts.iter().map(|count| (count - expected).powi(2) / expected).sum()
}

#[test]
fn a_hundred_thousand_codes_are_uniform_over_digits_and_positions() {
    let mut positions = [[0_u64; 10]; 6];
    let mut thousands = vec![0_u64; 1_000];
    for serial in 1..=100_000 {
        let code = Vector {
            serial,
            ..Vector::default()
        }
        .code();
        for (position, digit) in code.bytes().enumerate() {
            positions[position][usize::from(digit - b'0')] += 1;
        }
        thousands[code[..3].parse::<usize>().unwrap()] += 1;
    }
    // 9 degrees of freedom: 27.88 is the 0.1 % point. The derivation is fixed, so this either holds or never does.
    for (position, counts) in positions.iter().enumerate() {
        let statistic = chi_square(counts);
        println!("position {position}: chi-square {statistic:.2} (9 degrees of freedom)");
        assert!(statistic < 27.88, "position {position} is not uniform: {statistic}");
    }
    // 999 degrees of freedom: 1142.9 is the 0.1 % point. Catches digits that depend on each other.
    let statistic = chi_square(&thousands);
    println!("first three digits: chi-square {statistic:.2} (999 degrees of freedom)");
    assert!(
        statistic < 1142.9,
        "the first three digits are not uniform: {statistic}"
    );
}

#[test]
fn letters_are_uniform_although_256_is_no_multiple_of_24() {
    let mut counts = [0_u64; 24];
    for serial in 1..=20_000 {
        let vector = Vector {
            serial,
            alphabet: Alphabet::Unambiguous,
            ..Vector::default()
        };
        for symbol in vector.code().bytes() {
            counts[Alphabet::Unambiguous
                .symbols()
                .iter()
                .position(|it| *it == symbol)
                .unwrap()] += 1;
        }
    }
    // 23 degrees of freedom: 49.73 is the 0.1 % point.
    assert!(chi_square(&counts) < 49.73, "{counts:?}");
}

/// Changing any one input changes the whole derivation, so long codes of two inputs never agree.
#[test]
fn every_input_takes_part() {
    let base = || Vector {
        length: 15,
        ..Vector::default()
    };
    let varied = [
        Vector { app: "shop2", ..base() },
        Vector {
            purpose: "sign_up",
            ..base()
        },
        Vector {
            phone: "+5511987654322",
            ..base()
        },
        Vector { serial: 2, ..base() },
        Vector {
            generation: 1,
            ..base()
        },
        Vector { bound: true, ..base() },
    ];
    for vector in varied {
        assert_ne!(vector.code(), base().code());
    }
    assert_ne!(base().code_with(&SecretKey::new([7; 32])), base().code());
}

proptest! {
    /// Moving characters across a field's border is what a missing length prefix would not notice.
    #[test]
    fn no_two_owners_share_an_input(text in "[a-z]{4,30}", cut in 1_usize..3, other in 1_usize..3) {
        prop_assume!(cut != other);
        let code = |cut: usize| {
            let owner = CodeOwner {
                app: &AppId::parse(&text[..cut]).unwrap(),
                purpose: &Purpose::parse(&text[cut..]).unwrap(),
                phone: &PhoneNumber::parse("+5511987654321").unwrap(),
                salt: &Salt([0; 16]),
                serial: 1,
            };
            let recipe = CodeRecipe {
                key: KeyId::parse("k1").unwrap(),
                generation: 0,
                keep_previous: false,
                length: 15,
                alphabet: Alphabet::Numeric,
                context: None,
            };
            Code::derive(&counting(), &owner, &recipe, 0).expose().to_owned()
        };
        prop_assert_ne!(code(cut), code(other));
    }

    #[test]
    fn only_the_code_itself_matches(guess in "[0-9]{6}") {
        let vector = Vector::default();
        let owner = CodeOwner {
            app: &AppId::parse(vector.app).unwrap(),
            purpose: &Purpose::parse(vector.purpose).unwrap(),
            phone: &PhoneNumber::parse(vector.phone).unwrap(),
            salt: &Salt(std::array::from_fn(|i| u8::try_from(i).unwrap())),
            serial: 1,
        };
        let recipe = CodeRecipe {
            key: KeyId::parse("k1").unwrap(), generation: 0, keep_previous: false, length: 6,
            alphabet: Alphabet::Numeric, context: None,
        };
        let code = Code::derive(&counting(), &owner, &recipe, 0);
        prop_assert_eq!(code.matches(&Guess::parse(&guess).unwrap()), guess == "788776");
    }
}

#[test]
fn what_cannot_be_a_code_is_no_guess() {
    for text in [
        "",
        "123",
        "12345678901234567",
        "12 456",
        "12345a",
        "１２３４５６",
        "123456\n",
        "-12345",
        "12.456",
    ] {
        assert!(Guess::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn debug_shows_neither_code_nor_guess_nor_key() {
    let guess = Guess::parse("788776").unwrap();
    let text = format!("{guess:?} {:?}", counting());
    assert_eq!(text, "Guess(redacted) SecretKey(redacted)");
}

//! Posts as somebody hands them in: a body and headers, genuine, damaged or forged.

use axum::http::HeaderValue;
use sha2::{Digest as _, Sha256};

use super::draw::Draw;
use super::oracle::{hmac, spelled};
use super::world::World;
use super::{SECRETS, STRANGER, references, spoil};

const HEADER: &str = "X-Hub-Signature-256";

/// One post.
pub(super) struct Post {
    pub(super) body: Vec<u8>,
    pub(super) headers: Vec<(String, HeaderValue)>,
    pub(super) kind: Kind,
}

/// What was done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Nothing: Meta's own post.
    Genuine,
    /// The body was changed and then signed with a secret of ours.
    SignedAfterwards,
    /// A reference in it was changed, and then it was signed with a secret of ours.
    ReferenceSignedAfterwards,
    /// The body was changed after it was signed.
    Body,
    /// The spelling of the signature was changed.
    Spelling,
    /// Both were.
    Both,
    /// The signature is of something else, or made in another way.
    Forged,
    /// There are several headers, or none, or one of another name.
    Headers,
}

/// Every kind.
pub(super) const KINDS: [Kind; 8] = [
    Kind::Genuine,
    Kind::SignedAfterwards,
    Kind::ReferenceSignedAfterwards,
    Kind::Body,
    Kind::Spelling,
    Kind::Both,
    Kind::Forged,
    Kind::Headers,
];

/// Draws a post.
pub(super) fn post(draw: &mut Draw, world: &World) -> Post {
    let kind = match draw.below(100) {
        0..3 => Kind::Genuine,
        3..23 => Kind::SignedAfterwards,
        23..38 => Kind::ReferenceSignedAfterwards,
        38..63 => Kind::Body,
        63..78 => Kind::Spelling,
        78..83 => Kind::Both,
        83..93 => Kind::Forged,
        _ => Kind::Headers,
    };
    let original = draw.one_of(&world.bodies);
    let body = match kind {
        Kind::SignedAfterwards | Kind::Body | Kind::Both => spoil::spoil(draw, original, &world.bodies),
        Kind::ReferenceSignedAfterwards => references::spoil(draw, original, &world.references, &world.foreign),
        Kind::Genuine | Kind::Spelling | Kind::Forged | Kind::Headers => original.clone(),
    };
    let secret = draw.word(&SECRETS).as_bytes();
    let before = || spelled(&hmac(secret, original));
    let mut headers = match kind {
        Kind::Genuine | Kind::SignedAfterwards | Kind::ReferenceSignedAfterwards => {
            vec![named(HEADER, spelled(&hmac(secret, &body)))]
        }
        Kind::Body => vec![named(HEADER, before())],
        Kind::Spelling | Kind::Both => vec![named(HEADER, spelling(draw, &before()))],
        Kind::Forged => vec![named(HEADER, forged(draw, world, original))],
        Kind::Headers => several(draw, before()),
    };
    if draw.percent(80) {
        headers.push(named(
            "Content-Type",
            draw.word(&["application/json", "text/plain", ""]),
        ));
    }
    // What a header's value cannot be never comes out of HTTP.
    let headers = headers
        .into_iter()
        .filter_map(|(name, value)| Some((name, HeaderValue::from_bytes(&value).ok()?)));
    Post {
        headers: headers.collect(),
        body,
        kind,
    }
}

type Header = (String, Vec<u8>);

fn named(name: &str, value: impl Into<Vec<u8>>) -> Header {
    (name.to_owned(), value.into())
}

/// A right signature in a wrong spelling, or with a wrong digit.
fn spelling(draw: &mut Draw, genuine: &str) -> Vec<u8> {
    let digits = genuine.trim_start_matches("sha256=");
    let at = draw.below(genuine.len());
    let mut bytes = genuine.as_bytes().to_vec();
    let text = match draw.below(20) {
        0..3 => {
            bytes[at] ^= 1 << draw.below(8);
            return bytes;
        }
        3 => {
            bytes[at] = draw.byte();
            return bytes;
        }
        4 => {
            bytes.insert(at, *draw.one_of(b" \t0=aF,;\x80\xe9\xff"));
            return bytes;
        }
        5 => {
            bytes.remove(at);
            return bytes;
        }
        6 => {
            let other = draw.below(bytes.len());
            bytes.swap(at, other);
            return bytes;
        }
        7 => genuine[..at].to_owned(),
        8 => genuine[at..].to_owned(),
        9 => genuine.to_ascii_uppercase(),
        10 => format!("sha256={}", digits.to_ascii_uppercase()),
        11 => {
            bytes[at] = bytes[at].to_ascii_uppercase();
            return bytes;
        }
        12 => format!(
            "{}{digits}",
            draw.word(&["SHA256=", "Sha256=", "sha1=", "sha512=", "sha256:", "sha-256=", "="])
        ),
        13 => digits.to_owned(),
        14 => format!(
            "{}{genuine}{}",
            draw.word(&["", " ", "\t", "\""]),
            draw.word(&["", " ", "\t", "\"", ","])
        ),
        15 => format!("{genuine}{}", draw.word(&["00", "0", &digits[..2], digits])),
        16 => format!("{genuine},{genuine}"),
        17 => format!("sha256={}", draw.word(&["0", "f", "g", "é"]).repeat(64)),
        18 => format!("sha256=0x{digits}"),
        _ => String::new(),
    };
    text.into_bytes()
}

/// A signature that somebody makes who has seen others, and does not know the secret.
fn forged(draw: &mut Draw, world: &World, body: &[u8]) -> String {
    let secret = draw.word(&SECRETS);
    let digest: [u8; 32] = match draw.below(12) {
        0..3 => hmac(STRANGER.as_bytes(), body),
        3 => hmac(b"", body),
        4 => hmac(&secret.as_bytes()[..draw.below(secret.len())], body),
        5 => hmac(
            format!("{secret}{}", draw.word(&["\n", " ", "\0x", "="])).as_bytes(),
            body,
        ),
        6 => hmac(secret.to_ascii_uppercase().as_bytes(), body),
        // Another post's, which is genuine there.
        7 => {
            let other: &Vec<u8> = draw.one_of(&world.bodies);
            hmac(secret.as_bytes(), other)
        }
        8 => hmac(body, secret.as_bytes()),
        9 => Sha256::digest(body).into(),
        10 => Sha256::new().chain_update(secret).chain_update(body).finalize().into(),
        // Of what a proxy would have cut or added.
        _ => hmac(secret.as_bytes(), &[body, b"\n"].concat()),
    };
    spelled(&digest)
}

/// A right signature among others, or under another name, or none at all.
fn several(draw: &mut Draw, genuine: String) -> Vec<Header> {
    let wrong = spelled(&[draw.byte(); 32]);
    let right = named(
        draw.word(&[HEADER, "x-hub-signature-256", "X-HUB-SIGNATURE-256"]),
        genuine.clone(),
    );
    let again = |value: String| named("x-Hub-signature-256", value);
    match draw.below(8) {
        0 => Vec::new(),
        1 => vec![right, again(genuine)],
        2 => vec![right, again(wrong)],
        3 => vec![again(wrong), right],
        4 => vec![right, again(String::new())],
        5 => {
            let name = draw.word(&[
                "X-Hub-Signature",
                "X-Hub-Signature-512",
                "Hub-Signature-256",
                "X_Hub_Signature_256",
            ]);
            vec![named(name, genuine)]
        }
        // Beside the older header, and in any case: these are genuine.
        6 => vec![named("X-Hub-Signature", wrong), right],
        _ => vec![right],
    }
}

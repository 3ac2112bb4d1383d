//! Who calls: bearer tokens, of which the server knows digests only.
//!
//! What a caller may do is not decided here: its apps are given to the domain with its name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use countersign_domain::app::Caller;
use countersign_domain::id::{AppId, CallerId};
use countersign_domain::policy::Mistake;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use thiserror::Error;

/// The fewest characters a configured token may have.
const TOKEN_CHARS_MIN: usize = 16;
/// The most characters a token may have; longer ones are refused before any work (R10).
const TOKEN_CHARS_MAX: usize = 256;

/// An internal service and how it proves itself.
#[derive(Clone)]
pub struct CallerEntry {
    /// Its name, for logs and request ids. One entry per name.
    pub id: CallerId,
    /// The SHA-256 of each token it may show: one, or two while the token is being changed.
    pub token_sha256: Vec<[u8; 32]>,
    /// The apps it may speak for.
    pub apps: BTreeSet<AppId>,
    /// Whether it may plan and change the templates of those apps.
    pub manages_templates: bool,
    /// Whether it may explain starts, lift blocks, and hold, release and erase recipients of those apps.
    pub operates: bool,
}

impl fmt::Debug for CallerEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerEntry")
            .field("id", &self.id)
            .field("apps", &self.apps)
            .finish_non_exhaustive()
    }
}

/// The digest to configure for a token.
///
/// Plain SHA-256 is enough because tokens are drawn and not thought up: take 32 random bytes as text.
pub fn token_sha256(token: &str) -> Result<[u8; 32], TokenError> {
    if token.len() >= TOKEN_CHARS_MIN && is_token(token.as_bytes()) {
        Ok(digest(token.as_bytes()))
    } else {
        Err(TokenError::Shape)
    }
}

/// Why a text cannot be a token. The message never repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// The text has the wrong shape.
    #[error("must be 16 to 256 printable ASCII characters without spaces, for example 32 random bytes in hexadecimal")]
    Shape,
}

pub(crate) fn is_token(bytes: &[u8]) -> bool {
    (1..=TOKEN_CHARS_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Every caller of the installation. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Callers(Arc<Known>);

struct Known {
    callers: Vec<Arc<Caller>>,
    /// A digest, and which of `callers` it stands for.
    tokens: Vec<([u8; 32], u32)>,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known")
            .field("callers", &self.callers)
            .finish_non_exhaustive()
    }
}

impl Callers {
    /// Takes the callers, or says everything that is wrong with them. Without any, nobody may call.
    pub fn new(entries: impl IntoIterator<Item = CallerEntry>) -> Result<Self, Vec<Mistake>> {
        let mut known = Known {
            callers: Vec::new(),
            tokens: Vec::new(),
        };
        let mut mistakes = Vec::new();
        let mut owners: BTreeMap<[u8; 32], CallerId> = BTreeMap::new();
        for (index, entry) in (0_u32..).zip(entries) {
            let CallerEntry {
                id,
                token_sha256,
                apps,
                manages_templates,
                operates,
            } = entry;
            let mut problems = Vec::new();
            if known.callers.iter().any(|it| it.id == id) {
                problems.push(format!("{id} is there twice; give each service its own name"));
            }
            if token_sha256.is_empty() {
                problems.push(format!("{id} has no token and could never call"));
            }
            if apps.is_empty() {
                problems.push(format!("{id} may speak for no app"));
            }
            for token in token_sha256 {
                if let Some(owner) = owners.insert(token, id.clone()) {
                    problems.push(format!(
                        "{owner} and {id} have a token in common; each token stands for one caller"
                    ));
                }
                known.tokens.push((token, index));
            }
            known.callers.push(Arc::new(Caller {
                id,
                apps,
                manages_templates,
                operates,
            }));
            mistakes.extend(problems.into_iter().map(|problem| Mistake {
                field: "callers",
                problem,
            }));
        }
        if mistakes.is_empty() {
            Ok(Self(Arc::new(known)))
        } else {
            Err(mistakes)
        }
    }

    /// The caller of that name.
    pub(crate) fn named(&self, id: &CallerId) -> Option<Arc<Caller>> {
        self.0.callers.iter().find(|it| it.id == *id).cloned()
    }

    /// Who shows this token. Compares the digest with every known one, whatever the others said.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Denied> {
        let token = bearer(headers)?;
        let shown = digest(token);
        // Counted from 1; 0 is nobody.
        let mut found = 0_u32;
        for (known, index) in &self.0.tokens {
            found.conditional_assign(&(index + 1), known.ct_eq(&shown));
        }
        let index = found.checked_sub(1).ok_or(Denied::Unknown)?;
        usize::try_from(index)
            .ok()
            .and_then(|index| self.0.callers.get(index))
            .cloned()
            .ok_or(Denied::Unknown)
    }
}

/// Why nobody was recognised. For the log: callers hear one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// There is no `authorization`.
    Missing,
    /// It is there twice, is no bearer token, or has the wrong shape.
    Malformed,
    /// Nobody has that token.
    Unknown,
}

fn bearer(headers: &HeaderMap) -> Result<&[u8], Denied> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Denied::Missing)?;
    if values.next().is_some() {
        return Err(Denied::Malformed);
    }
    let (scheme, token) = value.as_bytes().split_at_checked(7).ok_or(Denied::Malformed)?;
    // The scheme is compared without case (RFC 9110, 11.1).
    if scheme.eq_ignore_ascii_case(b"bearer ") && is_token(token) {
        Ok(token)
    } else {
        Err(Denied::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    const ONE: &str = "one-token-of-many-characters";
    const NEW: &str = "new-token-of-many-characters";
    const TWO: &str = "two-token-of-many-characters";

    fn entry(id: &str, tokens: &[&str]) -> CallerEntry {
        CallerEntry {
            id: CallerId::parse(id).unwrap(),
            token_sha256: tokens.iter().map(|it| token_sha256(it).unwrap()).collect(),
            apps: BTreeSet::from([AppId::parse("shop").unwrap()]),
            manages_templates: false,
            operates: false,
        }
    }

    fn callers() -> Callers {
        Callers::new([entry("one", &[ONE, NEW]), entry("two", &[TWO])]).unwrap()
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn each_token_stands_for_its_caller_and_rotation_takes_two() {
        for (token, id) in [(ONE, "one"), (NEW, "one"), (TWO, "two")] {
            let shown = headers(&[&format!("bearer {token}")]);
            assert_eq!(callers().authenticate(&shown).unwrap().id.as_str(), id);
        }
    }

    #[test]
    fn nothing_else_is_let_in() {
        let long = format!("Bearer {}", "x".repeat(TOKEN_CHARS_MAX + 1));
        let one = format!("Bearer {ONE}");
        let cases: [(&[&str], Denied); 8] = [
            (&[], Denied::Missing),
            (&[""], Denied::Malformed),
            (&["Bearer "], Denied::Malformed),
            (&["Basic dXNlcjpwYXNz"], Denied::Malformed),
            (&[&long], Denied::Malformed),
            (&["Bearer a b"], Denied::Malformed),
            (&[&one, &one], Denied::Malformed),
            (&["Bearer one-token-of-many-characterz"], Denied::Unknown),
        ];
        for (values, denied) in cases {
            assert_eq!(
                callers().authenticate(&headers(values)).unwrap_err(),
                denied,
                "{values:?}"
            );
        }
    }

    #[test]
    fn every_mistake_of_the_callers_is_reported_at_once() {
        let nobody = CallerEntry {
            apps: BTreeSet::new(),
            ..entry("idle", &[])
        };
        let mistakes = Callers::new([entry("one", &[ONE]), entry("one", &[ONE]), nobody]).unwrap_err();
        assert_eq!(mistakes.len(), 4, "{mistakes:?}");
    }

    #[test]
    fn a_short_token_is_not_configured() {
        assert_eq!(token_sha256("short"), Err(TokenError::Shape));
    }

    #[test]
    fn debug_shows_no_digest() {
        let text = format!("{:?} {:?}", entry("one", &[ONE]), callers());
        let first = token_sha256(ONE).unwrap()[0].to_string();
        assert!(!text.contains(&format!("[{first}, ")), "{text}");
    }
}

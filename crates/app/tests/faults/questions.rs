//! What the service asks Redis, read off the wire by the names in the store's `keys.rs` and the words of its scripts.

use countersign_domain::id::VerificationId;

/// The raw bytes of a recipient's key.
pub(crate) type Key = [u8; 16];
/// The version in front of a record.
pub(crate) type Version = [u8; 8];

/// Whose verification this is.
pub(crate) fn key_of(id: &str) -> Key {
    *VerificationId::parse(id).unwrap().recipient().as_bytes()
}

/// Bytes on their way to Redis, cut into commands. A connection writes nothing but arrays of bulk strings.
#[derive(Default)]
pub(crate) struct Questions(Vec<u8>);

/// One command.
pub(crate) struct Question {
    /// As it was on the wire.
    pub(crate) raw: Vec<u8>,
    words: Vec<Vec<u8>>,
}

/// A write of one record: the script `swap.lua`.
pub(crate) struct Swap {
    pub(crate) key: Key,
    pub(crate) version: Version,
    /// Whether there was no record before.
    pub(crate) is_first: bool,
    /// When somebody has to look again, in milliseconds since the Unix epoch.
    pub(crate) wake_at_ms: Option<u64>,
}

impl Questions {
    /// Takes what was read.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next command, once all of it is there.
    pub(crate) fn next(&mut self) -> Option<Question> {
        let mut at = 0;
        let count = number(&self.0, &mut at, b'*')?;
        let mut words = Vec::new();
        for _ in 0..count {
            let length = number(&self.0, &mut at, b'$')?;
            words.push(self.0.get(at..at + length)?.to_vec());
            at += length + b"\r\n".len();
        }
        if self.0.len() < at {
            return None;
        }
        let raw = self.0.drain(..at).collect();
        Some(Question { raw, words })
    }
}

/// Reads `<kind><number>\r\n`.
fn number(bytes: &[u8], at: &mut usize, kind: u8) -> Option<usize> {
    let rest = bytes.get(*at..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    assert_eq!(rest[0], kind, "not a command of RESP");
    let number = std::str::from_utf8(&rest[1..end]).unwrap().parse().unwrap();
    *at += end + b"\r\n".len();
    Some(number)
}

impl Question {
    /// The write of a record that this is, if it is one.
    pub(crate) fn swap(&self) -> Option<Swap> {
        let words: Vec<&[u8]> = self.words.iter().map(Vec::as_slice).collect();
        let [b"EVALSHA", _, b"2", record, _, seen, new, _, wake_at, _, _] = words[..] else {
            return None;
        };
        let wake_at = std::str::from_utf8(wake_at).unwrap();
        Some(Swap {
            key: key_of_record(record)?,
            version: new[..size_of::<Version>()].try_into().unwrap(),
            is_first: seen.is_empty(),
            wake_at_ms: wake_at.parse().ok(),
        })
    }
}

/// The recipient in `cs:{n}:r:<16>`.
fn key_of_record(record: &[u8]) -> Option<Key> {
    let key = record.last_chunk()?;
    record[..record.len() - key.len()].ends_with(b":r:").then_some(*key)
}

//! What may happen to the bytes of a body.

use serde_json::Value;

use super::draw::Draw;

/// Bytes that mean something to JSON, to UTF-8 or to C.
const TELLING: &[u8] = b"{}[]\",:\\0eE+-. \t\r\n\x00\x7f\xc3\xef\xff";
/// What a careless writer puts where it does not belong.
const SCRAPS: [&str; 12] = [
    "\u{feff}",
    "[[[[[[[[[[[[[[[[",
    "\"status\":\"read\",",
    "\"biz_opaque_callback_data\":null,",
    "\"statuses\":[],",
    "null",
    "1e999999",
    "-",
    "\\ud800",
    "/*x*/",
    "\r\n\r\n",
    "ﬁ",
];

/// The body after one to four things happened to it. It may be the same again.
pub(super) fn spoil(draw: &mut Draw, body: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    let mut body = body.to_vec();
    let times = if draw.percent(70) { 1 } else { 2 + draw.below(3) };
    for _ in 0..times {
        body = once(draw, body, others);
    }
    body
}

fn once(draw: &mut Draw, mut body: Vec<u8>, others: &[Vec<u8>]) -> Vec<u8> {
    if body.is_empty() {
        return vec![draw.byte()];
    }
    let at = draw.below(body.len());
    match draw.below(16) {
        0 | 1 => body[at] ^= 1 << draw.below(8),
        2 => body[at] = *draw.one_of(TELLING),
        3 => body[at] = draw.byte(),
        4 => body.insert(at, *draw.one_of(TELLING)),
        5 => body.insert(at, draw.byte()),
        6 => drop(body.remove(at)),
        7 => {
            let other = draw.below(body.len());
            body.swap(at, other);
        }
        8 => body.truncate(at),
        9 => drop(body.drain(..at)),
        10 => {
            let end = (at + 1 + draw.below(64)).min(body.len());
            let piece = body[at..end].to_vec();
            if draw.percent(50) {
                body.splice(at..at, piece);
            } else {
                body.drain(at..end);
            }
        }
        11 => {
            let scrap = draw.word(&SCRAPS);
            body.splice(at..at, scrap.bytes());
        }
        12 => {
            let other = draw.one_of(others);
            let from = draw.below(other.len());
            body.truncate(at);
            body.extend_from_slice(&other[from..]);
        }
        13 => {
            let space = *draw.one_of(b" \t\r\n\x0b\x00");
            match draw.below(3) {
                0 => body.push(space),
                1 => body.insert(0, space),
                _ => body.insert(after_a_mark(&body, at), space),
            }
        }
        14 => return written_again(draw, body),
        _ => {
            let turn = if draw.percent(50) {
                u8::to_ascii_uppercase
            } else {
                u8::to_ascii_lowercase
            };
            let end = (at + 1 + draw.below(64)).min(body.len());
            body[at..end].iter_mut().for_each(|byte| *byte = turn(byte));
        }
    }
    body
}

/// The place behind the next comma, colon or bracket, where white space means nothing to JSON.
fn after_a_mark(body: &[u8], from: usize) -> usize {
    let mark = body[from..].iter().position(|byte| b",:[{".contains(byte));
    mark.map_or(body.len(), |it| from + it + 1)
}

/// What somebody would sign who does not sign the bytes: the same JSON, read and written again.
fn written_again(draw: &mut Draw, body: Vec<u8>) -> Vec<u8> {
    let Ok(value) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    match draw.below(3) {
        0 => value.to_string().into_bytes(),
        1 => serde_json::to_vec_pretty(&value).unwrap_or(body),
        _ => {
            let text = value.to_string();
            let escape = |letter: char| {
                if letter.is_ascii() {
                    letter.to_string()
                } else {
                    format!("\\u{:04x}", u32::from(letter) & 0xffff)
                }
            };
            text.chars().map(escape).collect::<String>().into_bytes()
        }
    }
}

//! The provider's words without anything that could be a phone number, a message id, a code or a token.

/// What stands for what was hidden.
const HIDDEN: char = '…';
/// A phone number has at least this many digits (E.164 with country code).
const PHONE_DIGITS_MIN: usize = 7;
/// A token or a secret has at least this many characters.
const TOKEN_CHARS_MIN: usize = 20;
/// No word and no name in the provider's texts is longer than this.
const WORD_CHARS_MAX: usize = 40;
/// A code has at least this many characters.
const CODE_DIGITS_MIN: usize = 4;

/// `text` with every run of digits hidden that is long enough to be a phone number, whatever separates its digits, and
/// with message ids, which hold the number in base-64, tokens and secrets, which some errors repeat, and the code
/// hidden. Control characters become spaces, so that no text can forge a line of a log.
///
/// With `code` exactly that code is hidden; without it every run of digits that is long enough to be one. Meta's own
/// code in front, `(#131026)`, always stays.
pub(crate) fn masked(text: &str, code: Option<&str>) -> String {
    let (front, rest) = split_error_code(text);
    let without_tokens = hide_tokens(&hide_message_ids(rest));
    let without_code = match code {
        Some(code) if !code.is_empty() => without_tokens.replace(code, "…"),
        _ => without_tokens,
    };
    let shortest = if code.is_some() {
        PHONE_DIGITS_MIN
    } else {
        CODE_DIGITS_MIN
    };
    let mut masked = front.to_owned();
    let mut run = Run::default();
    for character in without_code.chars() {
        if character.is_numeric() {
            run.digits += 1;
            run.text.push_str(&std::mem::take(&mut run.separators));
            run.text.push(character);
        } else if run.digits > 0 && separates(character) {
            run.separators.push(character);
        } else {
            run.end(shortest, &mut masked);
            masked.push(if character.is_control() { ' ' } else { character });
        }
    }
    run.end(shortest, &mut masked);
    masked
}

/// `text` with what follows each `wamid.` hidden, as far as it is base-64.
fn hide_message_ids(text: &str) -> String {
    const MARK: &str = "wamid.";
    let is_base64 = |character: char| character.is_ascii_alphanumeric() || "+/=-_".contains(character);
    let mut pieces = text.split(MARK);
    let mut hidden = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        hidden.push_str(MARK);
        hidden.push(HIDDEN);
        hidden.push_str(piece.trim_start_matches(is_base64));
    }
    hidden
}

/// `text` with every run of letters and digits hidden that is too long for a word: access tokens, app secrets, keys.
fn hide_tokens(text: &str) -> String {
    let in_run = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    let mut hidden = String::with_capacity(text.len());
    for piece in text.split_inclusive(|character| !in_run(character)) {
        let run = piece.trim_end_matches(|character| !in_run(character));
        let has_digit = run.bytes().any(|byte| byte.is_ascii_digit());
        // Names such as `authentication_international` are long, and have no digits.
        let is_token = run.len() >= TOKEN_CHARS_MIN && (has_digit || run.len() >= WORD_CHARS_MAX);
        if is_token {
            hidden.push(HIDDEN);
        } else {
            hidden.push_str(run);
        }
        hidden.push_str(&piece[run.len()..]);
    }
    hidden
}

/// Digits in a row, with what separates them.
#[derive(Default)]
struct Run {
    digits: usize,
    text: String,
    /// What came after the last digit; belongs to the run only if another digit follows.
    separators: String,
}

impl Run {
    fn end(&mut self, shortest: usize, masked: &mut String) {
        if self.digits >= shortest {
            masked.push(HIDDEN);
        } else {
            masked.push_str(&self.text);
        }
        masked.push_str(&self.separators);
        *self = Self::default();
    }
}

fn separates(character: char) -> bool {
    matches!(
        character,
        ' ' | '\u{a0}' | '\u{202f}' | '-' | '\u{2010}'..='\u{2015}' | '+' | '.' | '(' | ')' | '/'
    )
}

/// Splits `(#131026)` off the front, if there is one.
fn split_error_code(text: &str) -> (&str, &str) {
    let end = text
        .strip_prefix("(#")
        .and_then(|rest| rest.split_once(')'))
        .filter(|(digits, _)| (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(0, |(digits, _)| digits.len() + "(#)".len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_token_that_the_provider_repeats_is_hidden_and_long_names_are_not() {
        let token = "EAAGm0PX4ZCpsBAKZCkZBz9v";
        let secret = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
        for code in [None, Some("482913")] {
            let text = masked(&format!("Malformed access token {token}, secret={secret}."), code);
            assert_eq!(text, "Malformed access token …, secret=….");
            let name = "authentication_international rates do not apply";
            assert_eq!(masked(name, code), name);
            let letters = "E".repeat(60);
            assert_eq!(masked(&letters, code), "…");
        }
    }

    #[test]
    fn phones_are_hidden_however_they_are_written() {
        for (text, expected) in [
            ("to 5511987654321 failed", "to … failed"),
            ("to +5511987654321", "to +…"),
            ("to +55 11 98765-4321, sorry", "to +…, sorry"),
            ("to (011) 9.8765.4321!", "to (…!"),
            ("to +55\u{a0}11\u{2011}98765\u{2013}4321", "to +…"),
            ("to ٥٥١١٩٨٧٦٥٤", "to …"),
            ("5511987654321", "…"),
            ("wait 24 hours, 3 times", "wait 24 hours, 3 times"),
            ("params (1) of (2)", "params (1) of (2)"),
            ("no\r\nforged\u{1b}[31m line", "no  forged [31m line"),
        ] {
            assert_eq!(masked(text, Some("482913")), expected, "{text}");
        }
    }

    #[test]
    fn metas_code_in_front_stays() {
        assert_eq!(masked("(#131026) Undeliverable", None), "(#131026) Undeliverable");
        assert_eq!(masked("(#131026) 5511987654321", Some("131026")), "(#131026) …");
        assert_eq!(masked("(#5511987654321) no", None), "(#…) no");
        assert_eq!(masked("(#131026", None), "(#…");
    }

    #[test]
    fn message_ids_are_hidden() {
        let text = "no wamid.HBgNNTUxMTk4NzY1NDMyMRUC/+A= here, wamid.x; wamid.";
        assert_eq!(masked(text, None), "no wamid.… here, wamid.…; wamid.…");
    }

    #[test]
    fn the_code_is_hidden_known_or_not() {
        assert_eq!(masked("bad value 4829", Some("4829")), "bad value …");
        assert_eq!(masked("bad value K7WQ", Some("K7WQ")), "bad value …");
        assert_eq!(masked("bad value 4829", None), "bad value …");
        assert_eq!(masked("bad value 482", None), "bad value 482");
        assert_eq!(masked("anything", Some("")), "anything");
    }
}

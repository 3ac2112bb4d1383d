//! Every form a number or a text may be written down in.

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, Encoding, HEXLOWER, HEXUPPER};

/// A form by name, and its bytes.
pub(crate) type Form = (&'static str, Vec<u8>);

/// Every form of a number that is written in digits.
pub(crate) fn of_digits(digits: &str) -> Vec<Form> {
    let mut forms = of_text(digits);
    let values: Vec<u8> = digits.bytes().map(|digit| digit - b'0').collect();
    forms.push(("one byte for each digit", values.clone()));
    for (name, packed) in packed(&values) {
        forms.extend(in_letters(&packed));
        forms.push((name, packed));
    }
    let number: u64 = digits.parse().unwrap();
    let big = number.to_be_bytes();
    let short = &big[number.leading_zeros() as usize / 8..];
    forms.push(("big-endian", big.to_vec()));
    forms.push(("big-endian without zeros", short.to_vec()));
    forms.push(("little-endian", number.to_le_bytes().to_vec()));
    forms.push(("little-endian without zeros", short.iter().rev().copied().collect()));
    forms.push(("varint", varint(number)));
    forms.push(("zigzag varint", varint(number << 1)));
    #[expect(clippy::cast_precision_loss, reason = "15 digits are exact in a double")]
    let double = number as f64;
    forms.push(("double, big-endian", double.to_be_bytes().to_vec()));
    forms.push(("double, little-endian", double.to_le_bytes().to_vec()));
    forms.push(("number in hexadecimal", format!("{number:x}").into_bytes()));
    forms.push(("number in upper hexadecimal", format!("{number:X}").into_bytes()));
    forms.extend(in_letters(short));
    forms
}

/// Every form of a text.
pub(crate) fn of_text(text: &str) -> Vec<Form> {
    let wide = text.encode_utf16();
    let mut forms = vec![
        ("as it is", text.as_bytes().to_vec()),
        ("backwards", text.bytes().rev().collect()),
        ("UTF-16, big-endian", wide.clone().flat_map(u16::to_be_bytes).collect()),
        ("UTF-16, little-endian", wide.flat_map(u16::to_le_bytes).collect()),
    ];
    forms.extend(in_letters(text.as_bytes()));
    forms
}

/// Bytes as letters: hexadecimal, and Base64 and Base32 wherever they begin in a longer text.
fn in_letters(bytes: &[u8]) -> Vec<Form> {
    let mut forms = vec![
        ("in hexadecimal", HEXLOWER.encode(bytes).into_bytes()),
        ("in upper hexadecimal", HEXUPPER.encode(bytes).into_bytes()),
    ];
    for shift in 0..3 {
        forms.push(("in Base64", known_letters(&BASE64_NOPAD, 6, bytes, shift)));
        forms.push(("in Base64 for URLs", known_letters(&BASE64URL_NOPAD, 6, bytes, shift)));
    }
    for shift in 0..5 {
        let upper = known_letters(&BASE32_NOPAD, 5, bytes, shift);
        forms.push(("in lower Base32", upper.to_ascii_lowercase()));
        forms.push(("in Base32", upper));
    }
    forms
}

/// The letters that are the same whatever stands around the bytes, which begin after `shift` others.
fn known_letters(encoding: &Encoding, bits: usize, bytes: &[u8], shift: usize) -> Vec<u8> {
    let letters = encoding.encode(&[&vec![0; shift], bytes].concat());
    let (from, to) = ((8 * shift).div_ceil(bits), 8 * (shift + bytes.len()) / bits);
    letters.as_bytes()[from..to].to_vec()
}

/// Two digits to a byte: in either order, whatever fills the place an odd number leaves, and beginning in the middle of
/// a byte.
fn packed(values: &[u8]) -> Vec<Form> {
    let mut forms = Vec::new();
    let filled: Vec<Vec<u8>> = if values.len().is_multiple_of(2) {
        vec![values.to_vec(), values[1..values.len() - 1].to_vec()]
    } else {
        let with = |front: &[u8], back: &[u8]| [front, values, back].concat();
        vec![
            with(&[], &[0x0]),
            with(&[], &[0xf]),
            with(&[0x0], &[]),
            with(&[0xf], &[]),
            values[1..].to_vec(),
            values[..values.len() - 1].to_vec(),
        ]
    };
    for nibbles in filled {
        let pairs = || nibbles.chunks_exact(2);
        forms.push(("two digits to a byte", pairs().map(|it| it[0] << 4 | it[1]).collect()));
        forms.push((
            "two digits to a byte, swapped",
            pairs().map(|it| it[1] << 4 | it[0]).collect(),
        ));
    }
    forms
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[test]
fn forms_are_what_they_are_called() {
    let forms = of_digits("5511987654321");
    let has = |name: &str, bytes: &[u8]| {
        let found = forms.iter().any(|form| *form == (name, bytes.to_vec()));
        assert!(found, "{name}: {bytes:02x?}");
    };
    has("as it is", b"5511987654321");
    has("backwards", b"1234567891155");
    has(
        "UTF-16, little-endian",
        b"5\x005\x001\x001\x009\x008\x007\x006\x005\x004\x003\x002\x001\x00",
    );
    has("two digits to a byte", &[0x55, 0x11, 0x98, 0x76, 0x54, 0x32, 0x1f]);
    has("two digits to a byte", &[0x05, 0x51, 0x19, 0x87, 0x65, 0x43, 0x21]);
    has(
        "two digits to a byte, swapped",
        &[0x55, 0x11, 0x89, 0x67, 0x45, 0x23, 0xf1],
    );
    has("big-endian without zeros", &[0x05, 0x03, 0x5c, 0x10, 0xee, 0xb1]);
    has("little-endian", &[0xb1, 0xee, 0x10, 0x5c, 0x03, 0x05, 0x00, 0x00]);
    has("varint", &[0xb1, 0xdd, 0xc3, 0xe0, 0xb5, 0xa0, 0x01]);
    has("number in hexadecimal", b"5035c10eeb1");
    has("in hexadecimal", b"35353131393837363534333231");
    for before in ["", "x", "xy", "xyz", "\u{1c}\u{18}\r"] {
        let text = format!("{before}5511987654321-after");
        for encoded in [
            BASE64_NOPAD.encode(text.as_bytes()),
            BASE64URL_NOPAD.encode(text.as_bytes()),
            BASE32_NOPAD.encode(text.as_bytes()).to_lowercase(),
        ] {
            let is_in = |form: &Form| encoded.as_bytes().windows(form.1.len()).any(|it| it == form.1);
            assert!(forms.iter().any(is_in), "{encoded}");
        }
    }
}

//! Keys: every part tells its own difference apart, and nothing else does.

use std::collections::BTreeSet;
use std::net::IpAddr;

use countersign_domain::country::CountryCode;
use countersign_domain::key::{Identity, SecretKey};
use countersign_domain::limit::{KeyPart, KeyParts};
use countersign_domain::rule::QUOTAS_MAX;
use proptest::prelude::*;

use crate::{Request, identity, name};

#[test]
fn each_part_changes_the_key_and_nothing_else_does() {
    use KeyPart::{App, Caller, ClientIp, ClientNetwork, Country, Device, NumberBlock, Phone, Purpose};
    let base = Request::new();
    let no_country = Request {
        country: None,
        ..base.clone()
    };
    // What is changed, and the parts that are to notice it.
    let changes: [(Request, &[KeyPart]); 16] = [
        (base.clone().phone("+5511987654322"), &[Phone]),
        (base.clone().phone("+5511987664321"), &[Phone, NumberBlock]),
        (base.clone().phone("+551198765432"), &[Phone, NumberBlock]),
        // The other spelling of a line is one phone, in a block of its own; and a line is nothing else that is told
        // apart.
        (
            base.clone().phone("+5511987664321").line("+5511987654321"),
            &[NumberBlock],
        ),
        (base.clone().line("+5511987664321"), &[Phone]),
        (base.clone().address(Some("203.0.113.8")), &[ClientIp]),
        (base.clone().address(Some("203.0.114.7")), &[ClientIp, ClientNetwork]),
        (base.clone().address(Some("2001:db8::1")), &[ClientIp, ClientNetwork]),
        (base.clone().address(None), &[ClientIp, ClientNetwork]),
        (base.clone().device("device-2"), &[Device]),
        (base.clone().device(""), &[Device]),
        (
            Request {
                country: CountryCode::parse("PT"),
                ..base.clone()
            },
            &[Country],
        ),
        (no_country, &[Country]),
        (base.clone().app("bank"), &[App]),
        (base.clone().purpose("payment"), &[Purpose]),
        (base.clone().caller("backend"), &[Caller]),
    ];
    for (changed, by) in changes {
        // Every set of parts there is.
        for bits in 0_u16..1 << KeyPart::ALL.len() {
            let parts: KeyParts = KeyPart::ALL
                .into_iter()
                .filter(|it| bits & (1 << *it as u16) != 0)
                .collect();
            let notices = by.iter().any(|part| parts.has(*part));
            assert_eq!(changed.key(parts) != base.key(parts), notices, "{by:?} of {parts}");
        }
    }
}

#[test]
fn an_address_has_one_key_however_it_is_written() {
    let both = [
        KeyParts::of(&[KeyPart::ClientIp]),
        KeyParts::of(&[KeyPart::ClientNetwork]),
    ];
    for parts in both {
        let key = |text: &str| Request::new().address(Some(text)).key(parts);
        assert_eq!(key("203.0.113.7"), key("::ffff:203.0.113.7"));
        assert_eq!(key("2001:db8::1"), key("2001:0DB8:0:0:0:0:0:1"));
    }
}

#[test]
fn a_network_is_24_bits_of_ipv4_and_64_of_ipv6() {
    let key = |text: &str| {
        Request::new()
            .address(Some(text))
            .key(KeyParts::of(&[KeyPart::ClientNetwork]))
    };
    assert_eq!(key("203.0.113.0"), key("203.0.113.255"));
    assert_ne!(key("203.0.113.0"), key("203.0.112.0"));
    assert_eq!(key("2001:db8:1:2::"), key("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert_ne!(key("2001:db8:1:2::"), key("2001:db8:1:3::"));
}

#[test]
fn a_block_is_the_ten_thousand_numbers_that_differ_in_their_last_four_digits() {
    let key = |text: &str| Request::new().phone(text).key(KeyParts::of(&[KeyPart::NumberBlock]));
    assert_eq!(key("+5511987650000"), key("+5511987659999"));
    assert_ne!(key("+5511987650000"), key("+5511987640000"));
    assert_eq!(key("+1230000"), key("+1239999"));
}

#[test]
fn a_missing_address_counts_with_every_other_request_of_the_caller_that_has_none() {
    for part in [KeyPart::ClientIp, KeyPart::ClientNetwork] {
        let key = |request: Request| request.address(None).key(KeyParts::of(&[part]));
        let base = key(Request::new());
        let other = Request::new().phone("+34600000000").app("bank").purpose("payment");
        assert_eq!(key(other.device("another")), base);
        assert_ne!(
            key(Request::new().caller("backend")),
            base,
            "callers do not throttle each other"
        );
    }
    let device = KeyParts::of(&[KeyPart::Device]);
    let base = Request::new().device("").key(device);
    assert_eq!(Request::new().address(None).app("bank").device("").key(device), base);
    assert_ne!(Request::new().caller("backend").device("").key(device), base);
}

#[test]
fn nobody_can_name_the_bucket_of_what_is_missing() {
    // The caller's name as a device id is a device id.
    let device = KeyParts::of(&[KeyPart::Device]);
    assert_ne!(
        Request::new().device("storefront").key(device),
        Request::new().device("").key(device)
    );
}

#[test]
fn phones_of_no_country_count_as_one_country() {
    let key = |text: &str, caller: &str| {
        let request = Request {
            country: None,
            ..Request::new()
        };
        request
            .phone(text)
            .caller(caller)
            .key(KeyParts::of(&[KeyPart::Country]))
    };
    assert_eq!(key("+88213000001", "storefront"), key("+80012345678", "backend"));
}

#[test]
fn rules_and_their_quotas_have_keys_of_their_own() {
    let request = Request::new();
    let mut keys = BTreeSet::new();
    for rule in ["one", "two"] {
        for parts in [KeyParts::EVERYTHING, KeyParts::of(&[KeyPart::Phone])] {
            for quota in 0..QUOTAS_MAX {
                keys.insert(request.subject().key(&identity(), name(rule), parts, quota));
            }
        }
    }
    assert_eq!(keys.len(), 4 * QUOTAS_MAX);
    let other = Identity::new(SecretKey::new([4; 32]));
    assert!(!keys.contains(&request.subject().key(&other, name("one"), KeyParts::EVERYTHING, 0)));
}

#[test]
fn the_order_in_which_parts_are_named_does_not_matter() {
    let one = KeyParts::of(&[KeyPart::Phone, KeyPart::App]);
    let other = KeyParts::of(&[KeyPart::App, KeyPart::Phone]);
    assert_eq!(Request::new().key(one), Request::new().key(other));
}

/// A request of few values, so that two of them often have something in common.
pub(crate) fn request() -> impl Strategy<Value = Request> {
    let phone = prop::sample::select(vec!["+5511987654321", "+5511987654322", "+34600000000"]);
    let country = prop::sample::select(vec![CountryCode::parse("BR"), CountryCode::parse("ES"), None]);
    let addresses = [
        Some("203.0.113.7"),
        Some("203.0.113.8"),
        Some("::ffff:203.0.113.7"),
        Some("2001:db8::1"),
        None,
    ];
    let address = prop::sample::select(addresses.to_vec());
    let device = prop::sample::select(vec!["", "one", "two"]);
    let app = prop::sample::select(vec!["shop", "bank"]);
    let purpose = prop::sample::select(vec!["sign_in", "payment"]);
    let caller = prop::sample::select(vec!["storefront", "backend"]);
    (phone, country, address, device, app, purpose, caller).prop_map(
        |(phone, country, address, device, app, purpose, caller)| {
            let request = Request {
                country,
                ..Request::new()
            };
            let request = request.phone(phone).address(address).device(device);
            request.app(app).purpose(purpose).caller(caller)
        },
    )
}

/// What a part says of a request, as a person would put it.
fn said(part: KeyPart, request: &Request) -> String {
    let or_caller = |value: Option<String>| value.unwrap_or_else(|| format!("none of {}", request.caller));
    let address = request.client.address.map(|it| it.to_canonical());
    match part {
        KeyPart::Phone => request.phone.expose().to_owned(),
        KeyPart::ClientIp => or_caller(address.map(|it| it.to_string())),
        KeyPart::ClientNetwork => or_caller(address.map(|it| match it {
            IpAddr::V4(it) => format!("{:?}", &it.octets()[..3]),
            IpAddr::V6(it) => format!("{:?}", &it.segments()[..4]),
        })),
        KeyPart::Device => or_caller(request.client.device.as_ref().map(|it| it.expose().to_owned())),
        KeyPart::NumberBlock => request.phone.expose()[..request.phone.expose().len() - 4].to_owned(),
        KeyPart::Country => format!("{:?}", request.country),
        KeyPart::App => request.app.to_string(),
        KeyPart::Purpose => request.purpose.to_string(),
        KeyPart::Caller => request.caller.to_string(),
    }
}

proptest! {
    #[test]
    fn two_requests_share_a_key_exactly_when_no_part_tells_them_apart(
        one in request(),
        other in request(),
        parts in prop::collection::btree_set(prop::sample::select(KeyPart::ALL.to_vec()), 0..5),
    ) {
        let parts: KeyParts = parts.into_iter().collect();
        let alike = parts.iter().all(|part| said(part, &one) == said(part, &other));
        prop_assert_eq!(one.key(parts) == other.key(parts), alike, "{}", parts);
    }
}

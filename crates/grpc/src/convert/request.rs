//! Requests: every malformed field is named with its path, all of them at once, and no value is ever repeated.

use std::fmt::Display;
use std::net::IpAddr;

use countersign_domain::client::{CHALLENGE_ANSWER_BYTES_MAX, Client, DeviceId};
use countersign_domain::code::Guess;
use countersign_domain::id::{AppId, Purpose, VerificationId};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::request::RequestId;
use countersign_domain::supported_app::PackageName;
use countersign_domain::template::{Language, Platform};
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{CheckRequest, StartRequest, VerificationName};
use tonic_types::FieldViolation;

use crate::v1;
use crate::v1::verification_name::Name;

/// What is wrong with a request so far.
#[derive(Default)]
pub(super) struct Violations(pub(super) Vec<FieldViolation>);

impl Violations {
    pub(super) fn add(&mut self, path: &str, problem: &impl Display) {
        self.0.push(FieldViolation::new(path, problem.to_string()));
    }

    /// Keeps what was read, or notes why it could not be.
    pub(super) fn read<T, E: Display>(&mut self, path: &str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|problem| self.add(path, &problem)).ok()
    }

    fn request_id(&mut self, text: &str) -> Option<RequestId> {
        self.read("request_id", RequestId::parse(text)).flatten()
    }

    fn platform(&mut self, number: i32) -> Platform {
        match v1::Platform::try_from(number) {
            Ok(v1::Platform::Unspecified) => Platform::Unknown,
            Ok(v1::Platform::Android) => Platform::Android,
            Ok(v1::Platform::Ios) => Platform::Ios,
            Ok(v1::Platform::Web) => Platform::Web,
            Err(_) => {
                self.add("platform", &"must be ANDROID, IOS or WEB, or be left out");
                Platform::Unknown
            }
        }
    }

    /// What a caller says about a device. What it leaves out is unknown, and what is malformed is never taken for that.
    fn client(&mut self, client: Option<v1::Client>) -> Client {
        let Some(v1::Client {
            ip_address,
            device_id,
            challenge_answer,
            challenged,
        }) = client
        else {
            return Client::default();
        };
        Client {
            address: self.address(&ip_address),
            device: self.read("client.device_id", DeviceId::parse(&device_id)).flatten(),
            challenge_answer: self.challenge_answer(challenge_answer),
            is_challenged: challenged,
        }
    }

    fn address(&mut self, text: &str) -> Option<IpAddr> {
        if text.is_empty() {
            return None;
        }
        let problem =
            "must be an IPv4 or IPv6 address such as 203.0.113.7 or 2001:db8::7, without port, brackets or zone";
        let address: Result<IpAddr, _> = text.parse().map_err(|_| problem);
        self.read("client.ip_address", address).map(|it| it.to_canonical())
    }

    fn challenge_answer(&mut self, text: String) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        if text.len() <= CHALLENGE_ANSWER_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Some(text);
        }
        let problem = format!("must be at most {CHALLENGE_ANSWER_BYTES_MAX} printable ASCII characters without spaces");
        self.add("client.challenge_answer", &problem);
        None
    }

    pub(super) fn recipient(
        &mut self,
        path: &str,
        recipient: &v1::RecipientName,
    ) -> Option<(AppId, PhoneNumber, Purpose)> {
        let app = self.read(&format!("{path}.app"), AppId::parse(&recipient.app));
        let phone = self.read(&format!("{path}.phone"), PhoneNumber::parse(&recipient.phone));
        let purpose = self.read(&format!("{path}.purpose"), Purpose::parse(&recipient.purpose));
        Some((app?, phone?, purpose?))
    }

    fn name(&mut self, name: Option<v1::VerificationName>) -> Option<VerificationName> {
        match name.and_then(|it| it.name) {
            Some(Name::Id(id)) => {
                let id = self.read("verification.id", VerificationId::parse(&id))?;
                Some(VerificationName::Id(id))
            }
            Some(Name::Recipient(recipient)) => {
                let (app, phone, purpose) = self.recipient("verification.recipient", &recipient)?;
                Some(VerificationName::Newest { app, phone, purpose })
            }
            None => {
                self.add("verification", &"is required: give the id, or app, phone and purpose");
                None
            }
        }
    }
}

/// Reads a request to start.
pub(crate) fn start_request(
    request: v1::StartVerificationRequest,
    deadline: Timestamp,
) -> Result<StartRequest, Vec<FieldViolation>> {
    let mut violations = Violations::default();
    let recipient = if let Some(recipient) = &request.recipient {
        violations.recipient("recipient", recipient)
    } else {
        violations.add("recipient", &"is required: app, phone and purpose");
        None
    };
    let request_id = violations.request_id(&request.request_id);
    let language = match request.language.as_str() {
        "" => None,
        text => violations.read("language", Language::parse(text)),
    };
    let platform = violations.platform(request.platform);
    let package = match request.app_package.as_str() {
        "" => None,
        text => violations.read("app_package", PackageName::parse(text)),
    };
    let client = violations.client(request.client);
    match (recipient, violations.0) {
        (Some((app, phone, purpose)), violations) if violations.is_empty() => Ok(StartRequest {
            client,
            app,
            phone,
            purpose,
            language,
            platform,
            package,
            context: request.context,
            accept_identity_change: request.accept_identity_change,
            request_id,
            deadline: Some(deadline),
        }),
        (_, violations) => Err(violations),
    }
}

/// Reads a request to check.
pub(crate) fn check_request(
    request: v1::CheckVerificationRequest,
    deadline: Timestamp,
) -> Result<CheckRequest, Vec<FieldViolation>> {
    let mut violations = Violations::default();
    let name = violations.name(request.verification);
    let guess = violations.read("code", Guess::parse(&request.code));
    let request_id = violations.request_id(&request.request_id);
    let client = violations.client(request.client);
    match (name, guess, violations.0) {
        (Some(name), Some(guess), violations) if violations.is_empty() => Ok(CheckRequest {
            client,
            name,
            guess,
            context: request.context,
            request_id,
            deadline: Some(deadline),
        }),
        (_, _, violations) => Err(violations),
    }
}

/// Reads the name of a verification.
pub(crate) fn name(name: Option<v1::VerificationName>) -> Result<VerificationName, Vec<FieldViolation>> {
    let mut violations = Violations::default();
    violations.name(name).ok_or(violations.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(violations: &[FieldViolation]) -> Vec<&str> {
        violations.iter().map(|it| it.field.as_str()).collect()
    }

    #[test]
    fn every_malformed_field_is_named_at_once_and_none_is_repeated() {
        let request = v1::StartVerificationRequest {
            recipient: Some(v1::RecipientName {
                app: "Shop".to_owned(),
                phone: "4915112345678".to_owned(),
                purpose: "sign in".to_owned(),
            }),
            request_id: "with space".to_owned(),
            language: "portuguese".to_owned(),
            platform: 77,
            app_package: "shop".to_owned(),
            ..v1::StartVerificationRequest::default()
        };
        let violations = start_request(request, Timestamp::EPOCH).unwrap_err();
        let wanted = [
            "recipient.app",
            "recipient.phone",
            "recipient.purpose",
            "request_id",
            "language",
            "platform",
            "app_package",
        ];
        assert_eq!(paths(&violations), wanted);
        let said: String = violations.iter().map(|it| it.description.as_str()).collect();
        for value in [
            "Shop",
            "4915112345678",
            "sign in",
            "with space",
            "portuguese",
            "77",
            "'shop'",
        ] {
            assert!(!said.contains(value), "{said}");
        }
    }

    fn started_from(client: v1::Client) -> Result<Client, Vec<FieldViolation>> {
        let recipient = v1::RecipientName {
            app: "shop".to_owned(),
            phone: "+4915112345678".to_owned(),
            purpose: "sign_in".to_owned(),
        };
        let request = v1::StartVerificationRequest {
            recipient: Some(recipient),
            client: Some(client),
            ..v1::StartVerificationRequest::default()
        };
        start_request(request, Timestamp::EPOCH).map(|it| it.client)
    }

    fn from_address(text: &str) -> Result<Option<IpAddr>, Vec<FieldViolation>> {
        let client = v1::Client {
            ip_address: text.to_owned(),
            ..v1::Client::default()
        };
        started_from(client).map(|it| it.address)
    }

    #[test]
    fn an_address_is_ipv4_or_ipv6_and_nothing_else() {
        for (text, read) in [
            ("203.0.113.7", "203.0.113.7"),
            ("2001:DB8:0:0::7", "2001:db8::7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
        ] {
            assert_eq!(from_address(text).unwrap().unwrap().to_string(), read);
        }
        assert_eq!(from_address("").unwrap(), None);
        for text in [
            "198.51.100.7:443",
            "198.51.100",
            "198.51.100.007",
            "198.51.100.256",
            "[2001:db8::9]",
            "[2001:db8::9]:443",
            "fe80::1%eth0",
            "2001:db8::/64",
            " 198.51.100.7",
            "198.51.100.7, 10.0.0.1",
            "localhost",
            "\u{662}03.0.113.7",
        ] {
            let violations = from_address(text).unwrap_err();
            assert_eq!(paths(&violations), ["client.ip_address"], "{text:?}");
            assert!(!violations[0].description.contains(text));
        }
    }

    #[test]
    fn what_is_known_of_a_device_is_read_or_named_and_never_dropped() {
        let right = v1::Client {
            ip_address: "203.0.113.7".to_owned(),
            device_id: "device-7".to_owned(),
            challenge_answer: "x".repeat(CHALLENGE_ANSWER_BYTES_MAX),
            challenged: true,
        };
        let client = started_from(right.clone()).unwrap();
        assert_eq!(client.device.as_ref().unwrap().expose(), "device-7");
        assert_eq!(
            client.challenge_answer.as_deref(),
            Some(right.challenge_answer.as_str())
        );
        assert!(client.is_challenged && client.address.is_some());
        assert_eq!(started_from(v1::Client::default()).unwrap(), Client::default());
        let wrong = v1::Client {
            ip_address: "nowhere".to_owned(),
            device_id: "a device".to_owned(),
            challenge_answer: "x".repeat(CHALLENGE_ANSWER_BYTES_MAX + 1),
            challenged: false,
        };
        let wanted = ["client.ip_address", "client.device_id", "client.challenge_answer"];
        assert_eq!(paths(&started_from(wrong.clone()).unwrap_err()), wanted);
        let check = v1::CheckVerificationRequest {
            client: Some(wrong),
            ..v1::CheckVerificationRequest::default()
        };
        let violations = check_request(check, Timestamp::EPOCH).unwrap_err();
        assert_eq!(paths(&violations)[2..], wanted);
    }

    #[test]
    fn callers_are_told_how_long_an_answer_to_a_challenge_may_be() {
        let proto = include_str!("../../../../proto/countersign/v1/verification_service.proto");
        let pages = [
            include_str!("../../../../docs/challenge.md"),
            include_str!("../../../../docs/api.md"),
        ];
        let most = CHALLENGE_ANSWER_BYTES_MAX;
        let most = format!("at most {},{:03} printable ASCII characters", most / 1000, most % 1000);
        for text in [proto].into_iter().chain(pages) {
            assert!(text.contains(&most), "{most}");
        }
    }

    #[test]
    fn an_empty_request_names_what_is_required() {
        let start = start_request(v1::StartVerificationRequest::default(), Timestamp::EPOCH).unwrap_err();
        assert_eq!(paths(&start), ["recipient"]);
        let check = check_request(v1::CheckVerificationRequest::default(), Timestamp::EPOCH).unwrap_err();
        assert_eq!(paths(&check), ["verification", "code"]);
        assert_eq!(paths(&name(None).unwrap_err()), ["verification"]);
    }
}

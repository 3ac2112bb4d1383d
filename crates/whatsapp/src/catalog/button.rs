//! A button as the Graph reads it back, in each of the forms it has had (Meta: authentication templates).
//!
//! Meta keeps an OTP button as a link and returns it as one, with what was ordered in the link's query. Old templates
//! have the one app in the button itself, and its hash URL-encoded.

use countersign_domain::supported_app::{PackageName, SignatureHash, SupportedApp};
use countersign_domain::template::{ButtonKind, Said, SeenButton};
use reqwest::Url;
use serde_json::Value;

/// The first button that hands codes over, if there is one.
pub(super) fn read(buttons: &[Value]) -> Option<SeenButton> {
    buttons.iter().find_map(read_one)
}

fn read_one(button: &Value) -> Option<SeenButton> {
    let text = |name: &str| Some(button.get(name)?.as_str()?.to_owned());
    let link = text("url").and_then(|it| Link::read(&it));
    let kind = text("otp_type").or_else(|| link.as_ref()?.first("otp_type"));
    let kind = kind.or_else(|| text("type")).as_deref().and_then(kind_of);
    let is_otp = text("type").is_some_and(|it| it.eq_ignore_ascii_case("OTP"));
    let is_code_link = link.as_ref().is_some_and(Link::is_code);
    if kind.is_none() && !is_otp && !is_code_link {
        return None;
    }
    let apps = supported_apps(button)
        .or_else(|| own_app(button))
        .or_else(|| link.as_ref()?.apps());
    Some(SeenButton {
        kind: kind.map_or(Said::No, Said::Yes),
        copy_text: text("text"),
        autofill_text: text("autofill_text").or_else(|| link.as_ref()?.first("cta_display_name")),
        apps: apps.map_or(Said::No, Said::Yes),
    })
}

/// `COPY_CODE`, `copy_code`, `Copy-Code` and `copycode` are one: Meta's pages do not agree with themselves.
fn kind_of(word: &str) -> Option<ButtonKind> {
    let letters: String = word.chars().filter(char::is_ascii_alphabetic).collect();
    match letters.to_ascii_lowercase().as_str() {
        "copycode" => Some(ButtonKind::CopyCode),
        "onetap" => Some(ButtonKind::OneTap),
        "zerotap" => Some(ButtonKind::ZeroTap),
        _ => None,
    }
}

/// The form of Graph v21 and later. One app that cannot be read leaves all of them unsaid: half a list would look like
/// a difference.
fn supported_apps(button: &Value) -> Option<Vec<SupportedApp>> {
    let apps = button.get("supported_apps")?.as_array()?;
    apps.iter().map(own_app).map(|it| it?.pop()).collect()
}

/// The form of before, and one app of the form of today.
fn own_app(holder: &Value) -> Option<Vec<SupportedApp>> {
    let text = |name: &str| holder.get(name)?.as_str();
    Some(vec![app(text("package_name")?, &decoded(text("signature_hash")?))?])
}

fn app(package: &str, hash: &str) -> Option<SupportedApp> {
    Some(SupportedApp {
        package: PackageName::parse(package).ok()?,
        hash: SignatureHash::parse(hash).ok()?,
    })
}

/// `text` without URL encoding. A hash has no `%` of its own, so this changes none that is not encoded.
fn decoded(text: &str) -> String {
    let link = Link::read(&format!("https://hash.invalid/?hash={text}"));
    link.and_then(|link| link.first("hash"))
        .map_or_else(|| text.to_owned(), |hash| with_pluses(&hash))
}

/// A plus in a query is read as a space. In a hash it is a plus, and there are no spaces.
fn with_pluses(hash: &str) -> String {
    hash.replace(' ', "+")
}

/// The link behind a button.
struct Link(Url);

impl Link {
    fn read(text: &str) -> Option<Self> {
        Url::parse(text).ok().map(Self)
    }

    /// Whether the link is one of WhatsApp's own that hand a code over, whatever its query says.
    fn is_code(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        (host == "whatsapp.com" || host.ends_with(".whatsapp.com")) && self.0.path().starts_with("/otp/")
    }

    /// What the query says under that name, decoded.
    fn all(&self, name: &str) -> Vec<String> {
        let pairs = self.0.query_pairs().filter(|(key, _)| key == name);
        pairs.map(|(_, value)| value.into_owned()).collect()
    }

    fn first(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next()
    }

    /// Several apps share one parameter, with commas between them. Neither a package nor a hash has one of its own.
    fn apps(&self) -> Option<Vec<SupportedApp>> {
        let listed = |name| {
            let values = self.all(name);
            let items = values.iter().flat_map(|it| it.split(',')).map(str::to_owned);
            items.collect::<Vec<_>>()
        };
        let packages = listed("package_name");
        let hashes = listed("signature_hash");
        if packages.is_empty() || packages.len() != hashes.len() {
            return None;
        }
        let apps = packages.iter().zip(&hashes);
        apps.map(|(package, hash)| app(package, &with_pluses(hash))).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(kind: Said<ButtonKind>, copy: &str, autofill: Option<&str>, apps: Option<&[(&str, &str)]>) -> SeenButton {
        let read = |apps: &[(&str, &str)]| {
            let apps = apps.iter().map(|(package, hash)| app(package, hash));
            apps.collect::<Option<Vec<_>>>().expect("apps")
        };
        SeenButton {
            kind,
            copy_text: Some(copy.to_owned()),
            autofill_text: autofill.map(str::to_owned),
            apps: apps.map(read).map_or(Said::No, Said::Yes),
        }
    }

    #[test]
    fn every_form_of_a_button_is_read() {
        let shrub = [("com.example.luckyshrub", "K8a/AINcGX7")];
        let both = [shrub[0], ("com.example.other", "+8a/AINcGX=")];
        let link = |query: &str| {
            let url = format!("https://www.whatsapp.com/otp/code/?{query}&code=otp{{{{1}}}}");
            json!({"type": "URL", "text": "Copy code", "url": url})
        };
        let one_app = "package_name=com.example.luckyshrub&signature_hash=K8a%2FAINcGX7";
        let listed =
            "package_name=com.example.luckyshrub%2Ccom.example.other&signature_hash=K8a%2FAINcGX7,%2B8a/AINcGX%3D";
        let two_apps = format!("{one_app}&package_name=com.example.other&signature_hash=+8a/AINcGX%3D");
        for (button, expected) in [
            (
                json!({"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy code"}),
                seen(Said::Yes(ButtonKind::CopyCode), "Copy code", None, None),
            ),
            (
                json!({"type": "otp", "otp_type": "copy_code", "text": "Copy code"}),
                seen(Said::Yes(ButtonKind::CopyCode), "Copy code", None, None),
            ),
            (
                json!({"type": "copy_code", "text": "Copy code"}),
                seen(Said::Yes(ButtonKind::CopyCode), "Copy code", None, None),
            ),
            (
                link("otp_type=COPY_CODE"),
                seen(Said::Yes(ButtonKind::CopyCode), "Copy code", None, None),
            ),
            (
                link(&format!(
                    "otp_type=ONE_TAP&cta_display_name=Autofill&{one_app}&code_expiration_minutes=10"
                )),
                seen(
                    Said::Yes(ButtonKind::OneTap),
                    "Copy code",
                    Some("Autofill"),
                    Some(&shrub),
                ),
            ),
            (
                link(&format!("otp_type=zero_tap&cta_display_name=Fill+in&{two_apps}")),
                seen(
                    Said::Yes(ButtonKind::ZeroTap),
                    "Copy code",
                    Some("Fill in"),
                    Some(&both),
                ),
            ),
            (
                link(&format!("otp_type=ONE_TAP&cta_display_name=Autofill&{listed}")),
                seen(
                    Said::Yes(ButtonKind::OneTap),
                    "Copy code",
                    Some("Autofill"),
                    Some(&both),
                ),
            ),
            (
                json!({
                    "type": "OTP", "otp_type": "ONE_TAP", "text": "Copy code", "autofill_text": "Autofill",
                    "package_name": "com.example.luckyshrub", "signature_hash": "K8a%2FAINcGX7",
                }),
                seen(
                    Said::Yes(ButtonKind::OneTap),
                    "Copy code",
                    Some("Autofill"),
                    Some(&shrub),
                ),
            ),
            (
                json!({
                    "type": "OTP", "otp_type": "ZERO_TAP", "text": "Copy code", "supported_apps": [
                        {"package_name": "com.example.luckyshrub", "signature_hash": "K8a/AINcGX7"},
                        {"package_name": "com.example.other", "signature_hash": "+8a/AINcGX="},
                    ],
                }),
                seen(Said::Yes(ButtonKind::ZeroTap), "Copy code", None, Some(&both)),
            ),
            (
                json!({"type": "OTP", "otp_type": "NEW_KIND", "text": "Copy code", "supported_apps": [{}]}),
                seen(Said::No, "Copy code", None, None),
            ),
            (
                json!({"type": "URL", "url": "https://www.whatsapp.com/otp/new/{{1}}", "text": "Copy code"}),
                seen(Said::No, "Copy code", None, None),
            ),
        ] {
            assert_eq!(
                read(&[json!({"type": "QUICK_REPLY"}), button.clone()]),
                Some(expected),
                "{button}"
            );
        }
    }

    #[test]
    fn other_buttons_hand_no_code_over() {
        let others = [
            json!({"type": "URL", "url": "https://shop.example/?code={{1}}", "text": "Shop"}),
            json!({"type": "URL", "url": "https://notwhatsapp.com/otp/code/", "text": "Copy code"}),
            json!({"type": "URL", "url": "no link", "text": "Copy code"}),
            json!({"type": "PHONE_NUMBER", "text": "Call"}),
            json!({"text": 7}),
            json!(null),
        ];
        assert_eq!(read(&others), None);
    }
}

//! What an answer to a send means. Pure: the bytes are already here.

use countersign_domain::delivery::{Fault, MessageId, NextStep, ProviderReport, ThrottleScope};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::Accepted;
use serde::Deserialize;
use serde_json::Value;

use crate::errors::{self, Meaning};
use crate::http::Waits;
use crate::provider_error::ProviderError;

/// A whole answer.
pub(crate) struct Answer<'a> {
    /// The HTTP status.
    pub(crate) status: u16,
    /// How long its headers ask to wait.
    pub(crate) waits: Waits,
    /// Its body.
    pub(crate) body: &'a [u8],
}

/// A message that was not taken, or may not have been.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) step: NextStep,
    pub(crate) report: Option<ProviderReport>,
}

impl From<NextStep> for Refusal {
    fn from(step: NextStep) -> Self {
        Self { step, report: None }
    }
}

/// The part of a good answer that says something (Meta: messages API).
#[derive(Deserialize)]
struct Taken {
    messages: Vec<TakenMessage>,
    /// Whatever it is: only a number of the person in it says something.
    #[serde(default)]
    contacts: Value,
}

#[derive(Deserialize)]
struct TakenMessage {
    /// A secret: it holds the phone number in base-64. The domain keeps a tag of it.
    id: String,
    #[serde(default)]
    message_status: Value,
}

impl Taken {
    /// The number WhatsApp knows the person by: Meta writes its digits without a plus, and may leave it out. What is no
    /// number is none, and nobody hears what it was.
    fn number(&self) -> Option<PhoneNumber> {
        let digits = self.contacts.get(0)?.get("wa_id")?.as_str()?;
        PhoneNumber::parse(&format!("+{digits}")).ok()
    }
}

impl Answer<'_> {
    /// What the answer means for a message with that code.
    ///
    /// An error is decided by its code alone, whatever the HTTP status is. Without a code, and for one that the table
    /// does not know, `is_transient` and then the HTTP status decide. An id that is too long to be one is taken for an
    /// answer that is not understood: the message may be on its way.
    pub(crate) fn judge(&self, code: &str) -> Result<Accepted, Refusal> {
        if let Some(accepted) = self.taken() {
            return Ok(accepted);
        }
        let Some(error) = self.error() else {
            return Err(self.by_status().into());
        };
        let step = match error.code.and_then(errors::row) {
            Some(row) => row.meaning.step(self.waits),
            None if error.is_transient => NextStep::Unavailable,
            // An error in words, with a status that says all is well: refused, for a reason nobody knows.
            None if self.is_success() => NextStep::Misconfigured(Fault::Request),
            None => self.by_status(),
        };
        Err(Refusal {
            step,
            report: Some(error.report(Some(code))),
        })
    }

    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    fn taken(&self) -> Option<Accepted> {
        if !self.is_success() {
            return None;
        }
        let taken: Taken = serde_json::from_slice(self.body).ok()?;
        let message = taken.messages.first()?;
        let id = MessageId::new(&message.id)?;
        // Held messages are let go later or fail with 132015. What "paused" becomes Meta does not say, but it has an
        // id and no error: it may still be sent. To call it failed would end a verification whose code arrives later.
        let held = matches!(
            message.message_status.as_str(),
            Some("held_for_quality_assessment" | "paused")
        );
        Some(Accepted {
            held,
            message: Some(id),
            number: taken.number(),
        })
    }

    fn error(&self) -> Option<ProviderError> {
        let body: Value = serde_json::from_slice(self.body).ok()?;
        ProviderError::read(body.get("error")?)
    }

    /// For answers without a code that says more: they may come from something in between.
    fn by_status(&self) -> NextStep {
        match self.status {
            401 | 403 => NextStep::Misconfigured(Fault::Account),
            429 => Meaning::Slow(ThrottleScope::Account).step(self.waits),
            // Nobody acted on the request: a server that stopped waiting for it, or one that says that it failed.
            408 | 500 | 503 => NextStep::Unavailable,
            // Also redirects, which are not followed: it was not sent, and sending it again changes nothing.
            300..500 => NextStep::Misconfigured(Fault::Request),
            // A yes to nobody knows what; a gateway that lost the answer of somebody behind it who may have acted; and
            // what is not known well enough to be trusted.
            _ => NextStep::Uncertain,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    /// Whether it was held, or what to do next.
    fn judge(status: u16, body: &[u8]) -> Result<bool, NextStep> {
        let answer = Answer {
            status,
            waits: Waits::default(),
            body,
        };
        let accepted = answer.judge("482913").map_err(|refusal| refusal.step)?;
        assert!(accepted.message.is_some());
        Ok(accepted.held)
    }

    fn judge_json(status: u16, body: &Value) -> Result<bool, NextStep> {
        judge(status, body.to_string().as_bytes())
    }

    #[test]
    fn a_message_with_an_id_is_taken_and_held_when_it_says_so() {
        let with = |status: Value| json!({"messages": [{"id": "wamid.x", "message_status": status}]});
        for (status, held) in [
            (Value::Null, false),
            (json!("accepted"), false),
            (json!("something_new"), false),
            (json!(7), false),
            (json!("held_for_quality_assessment"), true),
            (json!("paused"), true),
        ] {
            assert_eq!(judge_json(200, &with(status)), Ok(held));
        }
        assert_eq!(judge_json(200, &json!({"messages": [{"id": "wamid.x"}]})), Ok(false));
    }

    #[test]
    fn the_number_that_whatsapp_knows_the_person_by_is_read_when_it_is_one() {
        let number = |contacts: Value| {
            let body = json!({"messages": [{"id": "wamid.x"}], "contacts": contacts}).to_string();
            let answer = Answer {
                status: 200,
                waits: Waits::default(),
                body: body.as_bytes(),
            };
            answer
                .judge("482913")
                .expect("taken whatever it says of the person")
                .number
        };
        let known = number(json!([{"input": "+5511987654321", "wa_id": "551187654321"}]));
        assert_eq!(known, PhoneNumber::parse("+551187654321").ok());
        for strange in [
            Value::Null,
            json!([]),
            json!({}),
            json!("551187654321"),
            json!([{"input": "+5511987654321", "user_id": "US.1349"}]),
            json!([{"wa_id": null}]),
            json!([{"wa_id": 551_187_654_321_u64}]),
            json!([{"wa_id": "+551187654321"}]),
            json!([{"wa_id": "55 11 8765-4321"}]),
            json!([{"wa_id": "0551187654321"}]),
            json!([{"wa_id": "1".repeat(16)}]),
            json!([{"wa_id": ""}]),
        ] {
            assert_eq!(number(strange.clone()), None, "{strange}");
        }
    }

    #[test]
    fn a_yes_that_is_not_understood_is_uncertain() {
        for body in [
            "",
            "<html>ok</html>",
            "{",
            "null",
            "[]",
            "{}",
            r#"{"messages":[]}"#,
            r#"{"messages":[{}]}"#,
            r#"{"messages":[{"id":""}]}"#,
            r#"{"messages":"wamid.x"}"#,
            r#"{"error":"no"}"#,
        ] {
            assert_eq!(judge(200, body.as_bytes()), Err(NextStep::Uncertain), "{body}");
        }
        assert_eq!(judge(200, &[0xff, 0xfe]), Err(NextStep::Uncertain));
    }

    #[test]
    fn without_a_code_the_status_decides() {
        let account = NextStep::Misconfigured(Fault::Account);
        let request = NextStep::Misconfigured(Fault::Request);
        let throttled = NextStep::Throttled {
            scope: ThrottleScope::Account,
            retry_after: None,
        };
        for (status, step) in [
            (301, request),
            (400, request),
            (401, account),
            (403, account),
            (404, request),
            (408, NextStep::Unavailable),
            (429, throttled),
            (500, NextStep::Unavailable),
            (502, NextStep::Uncertain),
            (503, NextStep::Unavailable),
            (504, NextStep::Uncertain),
            (520, NextStep::Uncertain),
        ] {
            for body in ["", "<html>no</html>", "{\"error\":{\"message\":\"no\"}}"] {
                assert_eq!(judge(status, body.as_bytes()), Err(step), "{status} {body}");
            }
        }
    }

    #[test]
    fn a_code_nobody_knows_is_decided_by_what_came_with_it() {
        let error = |transient: bool| json!({"error": {"code": 999_999, "is_transient": transient}});
        let request = NextStep::Misconfigured(Fault::Request);
        assert_eq!(judge_json(400, &error(false)), Err(request));
        assert_eq!(judge_json(200, &error(false)), Err(request));
        assert_eq!(judge_json(400, &error(true)), Err(NextStep::Unavailable));
        assert_eq!(judge_json(500, &error(false)), Err(NextStep::Unavailable));
    }

    #[test]
    fn every_code_decides_whatever_the_status_is() {
        for row in errors::ROWS {
            let expected = row.meaning.step(Waits::default());
            for code in [*row.codes.start(), *row.codes.end()] {
                for status in [200, 400, 401, 403, 404, 429, 500, 502, 503] {
                    let body = json!({"error": {"message": "(#0) no", "code": code, "is_transient": true}});
                    assert_eq!(judge_json(status, &body), Err(expected), "{code} with {status}");
                }
            }
        }
    }

    #[test]
    fn the_report_is_masked_and_has_our_title_when_there_is_none() {
        let report = |error: Value| {
            let body = json!({ "error": error }).to_string();
            let answer = Answer {
                status: 400,
                waits: Waits::default(),
                body: body.as_bytes(),
            };
            answer.judge("482913").expect_err("an error").report.expect("a report")
        };
        let spoken = json!({"code": "131026", "message": "(#131026) no", "error_data": {"details": "to +5511987654321, code 482913"}});
        assert_eq!(
            report(spoken),
            ProviderReport::new(131_026, "(#131026) no", "to +…, code …")
        );
        let plain = json!({"code": 131_026, "error_data": "to 5511 98765-4321"});
        assert_eq!(report(plain), ProviderReport::new(131_026, "undeliverable", "to …"));
        let nothing = json!({});
        assert_eq!(report(nothing), ProviderReport::new(0, "", ""));
    }

    #[test]
    fn the_headers_say_how_long_to_wait() {
        let body = json!({"error": {"code": 80_007}}).to_string();
        let answer = Answer {
            status: 400,
            waits: Waits {
                retry_after: None,
                account: Some(Duration::from_secs(300)),
            },
            body: body.as_bytes(),
        };
        let expected = NextStep::Throttled {
            scope: ThrottleScope::Account,
            retry_after: Some(Duration::from_secs(300)),
        };
        assert_eq!(answer.judge("1").map_err(|it| it.step), Err(expected));
    }
}

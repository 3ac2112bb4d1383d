//! What a person sees of a verification that goes on: a line for each change, with its time.

use countersign_grpc::v1::{Allowance, Delivery, Verification};
use jiff::Timestamp;

use crate::client::print;
use crate::client::words::{self, Moment, say};

/// What happened, and when.
type Line = (Timestamp, String);

/// Prints what is watched, and what happened so far.
pub(super) fn begin(it: &Verification) {
    say!("Watching {}, {} / {}\n", it.id, it.app, it.purpose);
    let opened = it.create_time.as_ref().map_or_else(words::now, words::moment);
    let expires = it.expire_time.as_ref().map(clock).unwrap_or_default();
    let mut lines = vec![(opened, format!("opened, lives until {expires}"))];
    lines.extend(it.deliveries.iter().flat_map(first_words));
    if it.end_time.is_none() {
        let now = words::now();
        lines.push((now, format!("{} left", print::guesses(it.guesses_left))));
        lines.extend(later(it.send.as_ref(), "resend").map(|text| (now, text)));
        lines.extend(later(it.check.as_ref(), "guesses").map(|text| (now, text)));
    }
    lines.extend(end(it));
    tell(lines);
}

/// Prints what is different.
pub(super) fn print(before: &Verification, after: &Verification) {
    tell(differences(before, after));
}

fn tell(mut lines: Vec<Line>) {
    // What came as one is told in the order in which it happened.
    lines.sort_by_key(|(at, _)| *at);
    for (at, text) in lines {
        say!("{}  {text}", words::clock(at));
    }
}

fn differences(before: &Verification, after: &Verification) -> Vec<Line> {
    let mut lines = Vec::new();
    for delivery in &after.deliveries {
        match before.deliveries.iter().find(|it| it.number == delivery.number) {
            None => lines.extend(first_words(delivery)),
            Some(known) if known != delivery => lines.extend(next_words(known, delivery)),
            Some(_) => {}
        }
    }
    if let Some(end) = end(after) {
        // What may be done next is no longer about this one.
        lines.push(end);
        return lines;
    }
    let now = words::now();
    match after.guesses_left - before.guesses_left {
        0 => {}
        -1 => lines.push((now, format!("wrong guess, {} left", after.guesses_left))),
        fewer @ ..-1 => lines.push((now, format!("{} wrong guesses, {} left", -fewer, after.guesses_left))),
        1.. => lines.push((now, format!("{} left again", print::guesses(after.guesses_left)))),
    }
    let allowances = [
        (&before.send, &after.send, "resend"),
        (&before.check, &after.check, "guesses"),
    ];
    for (before, after, what) in allowances {
        lines.extend(allowance(before.as_ref(), after.as_ref(), what).map(|text| (now, text)));
    }
    lines
}

/// The first lines about a message: what it is written with, and how far it got.
fn first_words(it: &Delivery) -> [Line; 2] {
    let made_at = it.create_time.as_ref().map_or_else(words::now, words::moment);
    let text = format!(
        "message {} {}{}",
        it.number,
        print::delivery_state(it),
        print::aside(it)
    );
    [(made_at, wording(it)), (changed_at(it), text)]
}

/// Further lines about a message. What Meta said is told once.
fn next_words(before: &Delivery, after: &Delivery) -> impl Iterator<Item = Line> {
    let mut news = after.clone();
    if before.report == after.report && before.state() != after.state() {
        news.report = None;
    }
    let text = format!(
        "message {} {}{}",
        after.number,
        print::delivery_state(after),
        print::aside(&news)
    );
    let is_reworded = (&before.template, &before.language) != (&after.template, &after.language);
    let reworded = is_reworded.then(|| (changed_at(after), wording(after)));
    reworded.into_iter().chain([(changed_at(after), text)])
}

/// What a message is written with, and why.
fn wording(it: &Delivery) -> String {
    let mut text = format!("message {} in {}", it.number, it.language);
    if let Some((why, template)) = print::why(it).zip(print::template(it)) {
        text = format!("{text}, {why}, with {template}");
    }
    text
}

fn changed_at(it: &Delivery) -> Timestamp {
    it.update_time.as_ref().map_or_else(words::now, words::moment)
}

/// The last line: how it ended, and why.
fn end(it: &Verification) -> Option<Line> {
    let at = words::moment(it.end_time.as_ref()?);
    Some((at, print::state(it)))
}

/// What is said when something is allowed that was not, or the other way about.
fn allowance(before: Option<&Allowance>, after: Option<&Allowance>, what: &str) -> Option<String> {
    if before == after {
        return None;
    }
    match after {
        Some(it) if it.allowed => Some(format!("{what} allowed now")),
        it => later(it, what),
    }
}

/// When something will be allowed that is not allowed now.
fn later(it: Option<&Allowance>, what: &str) -> Option<String> {
    let it = it?;
    let at = it.next_time.as_ref()?;
    Some(format!("{what} allowed from {} on ({})", clock(at), it.rule))
}

fn clock(it: &Moment) -> String {
    words::clock(words::moment(it))
}

#[cfg(test)]
mod tests {
    use countersign_grpc::v1::{DeliveryState, LanguageStep, TemplateButton};

    use super::*;

    fn message(language: &str, step: LanguageStep, state: DeliveryState) -> Delivery {
        Delivery {
            number: 1,
            language: language.to_owned(),
            template: "otp".to_owned(),
            button: TemplateButton::OneTap.into(),
            language_step: step.into(),
            state: state.into(),
            ..Delivery::default()
        }
    }

    fn texts(before: &Delivery, after: &Delivery) -> Vec<String> {
        next_words(before, after).map(|(_, text)| text).collect()
    }

    #[test]
    fn what_a_message_is_written_with_is_said_again_only_when_it_is_something_else() {
        let sending = message("es", LanguageStep::Exact, DeliveryState::Sending);
        let reworded = message("fr", LanguageStep::Default, DeliveryState::Sending);
        let accepted = message("fr", LanguageStep::Default, DeliveryState::Accepted);
        let wording = "message 1 in fr, the app's default language, with otp (one tap)";
        assert_eq!(texts(&sending, &reworded), [wording, "message 1 sending"]);
        assert_eq!(texts(&reworded, &accepted), ["message 1 accepted"]);
    }

    #[test]
    fn a_message_of_which_it_was_not_kept_why_has_a_language() {
        let old = Delivery {
            template: String::new(),
            button: 0,
            ..message("es", LanguageStep::Unspecified, DeliveryState::Sent)
        };
        let said = first_words(&old).map(|(_, text)| text);
        assert_eq!(said, ["message 1 in es", "message 1 sent"]);
    }
}

//! Looking: list, check and preview, which change nothing.

use countersign_simulator::{Button, Quality, Readable, Review, SupportedApp, Template, TemplateOrder};

use crate::business::Business;

const DESCRIBED: &str = "[apps.shop.template]\nname = \"otp\"\nlanguages = [\"en_US\", \"pt_BR\", \"he\"]\n";

/// The words of a page, with one space between each: the day of a change and the width of a column come and go.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_list_has_a_row_for_everything_under_heads_and_says_what_is_wrong_below() {
    let business = Business::with(DESCRIBED, |config| {
        let app = SupportedApp {
            package_name: "com.example.app".to_owned(),
            signature_hash: "6hJDclzb7Pi".to_owned(),
        };
        let older = Template {
            button: Button::zero_tap([app]),
            code_expiration_minutes: None,
            message_life: None,
            ..Template::new("older", ["fr"])
        };
        config.templates = vec![Template::new("otp", ["en_US", "pt_BR"]), older];
    })
    .await;
    let quality = Quality::Yellow;
    business.order("otp", "en_US", TemplateOrder::SetQuality { quality });
    let reason = "INVALID_FORMAT".to_owned();
    business.order("otp", "pt_BR", TemplateOrder::Reject { reason: reason.clone() });
    business.order("older", "fr", TemplateOrder::Reject { reason });
    let listed = business.run(&["list"]).await;
    assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""));
    let (page, today) = without_day(&listed.stdout);
    assert_eq!(today, 3, "a day for each that is there: {}", listed.stdout);
    let expected = "account shop

     TEMPLATE  LANGUAGE  STATUS    QUALITY  BUTTON     FOOTER  LIFE     CHANGED
     otp       en_US     approved  yellow   copy code  10 min  600 s    DAY
  !  otp       pt_BR     rejected  -        copy code  10 min  600 s    DAY
               cannot be sent, its status is rejected (INVALID_FORMAT): change what Meta objects to and run \
                    `countersign templates apply`, or appeal in WhatsApp Manager
  !  otp       he        missing   -        -          -       -        -
               the account has no such template in this language: run `countersign templates apply`
  ?  older     fr        rejected  -        zero tap   none    30 days  DAY
               rejected: INVALID_FORMAT

  ? the app does not describe it; nothing is done about it
";
    assert_eq!(page, expected);
}

/// The page with `DAY` for each day of a change, and how many there were.
fn without_day(page: &str) -> (String, usize) {
    let is_day = |word: &str| word.len() == 10 && word.split('-').map(str::len).eq([4, 2, 2]);
    let days: Vec<_> = page.split_whitespace().filter(|it| is_day(it)).collect();
    let blank = days.iter().fold(page.to_owned(), |page, day| page.replace(day, "DAY"));
    (blank, days.len())
}

#[tokio::test]
async fn a_check_says_every_fault_in_one_line_with_what_to_do_and_ends_with_three() {
    let languages = ["en_US", "pt_BR", "fr", "de", "es_ES", "it", "nl"];
    let described = DESCRIBED.replace(
        "\"pt_BR\", \"he\"",
        "\"pt_BR\", \"fr\", \"de\", \"es_ES\", \"it\", \"nl\", \"he\"",
    );
    let business = Business::with(&described, |config| {
        config.templates = vec![Template::new("otp", languages), Template::new("older", ["en_US"])];
    })
    .await;
    let category = "MARKETING".to_owned();
    business.order("otp", "pt_BR", TemplateOrder::SetCategory { category });
    business.order("otp", "fr", TemplateOrder::SetLife { seconds: None });
    business.order("otp", "de", TemplateOrder::SetExpiry { minutes: Some(20) });
    business.order("otp", "es_ES", TemplateOrder::Pause);
    business.order("otp", "it", TemplateOrder::Disable);
    let status = "SLEEPING".to_owned();
    business.order("otp", "nl", TemplateOrder::SetStatus { status });
    let page = "\
shop otp pt_BR: is no authentication template any more, and no other may carry a code: describe it under a new name \
     and run `countersign templates apply`
shop otp fr: messages live 30 days, longer than codes (600 s): set message_life to at most 600 s and run `countersign \
     templates apply`
shop otp de: the footer promises 20 min, more than codes live (600 s): set footer_minutes to at most 10 and run \
     `countersign templates apply`
shop otp es_ES: cannot be sent, its status is paused: it comes back by itself; find out what people complain about
shop otp it: cannot be sent, its status is disabled: it does not come back; describe it under a new name and run \
     `countersign templates apply`
shop otp nl: cannot be sent, its status is sleeping: look at it in WhatsApp Manager
shop otp he: the account has no such template in this language: run `countersign templates apply`
";
    let check = business.run(&["check"]).await;
    assert_eq!(check.stdout, page);
    assert_eq!((check.code, check.stderr.as_str()), (Some(3), ""));
    assert_eq!(business.changes(), []);
}

#[tokio::test]
async fn a_check_of_what_is_as_it_should_be_says_so_and_a_review_is_a_fault_until_it_ends() {
    let business = Business::with(DESCRIBED, |config| config.review = Review::by_order()).await;
    business.settle().await;
    let waits =
        |language| format!("shop otp {language}: cannot be sent, its status is pending: wait for Meta's review\n");
    business
        .assert_prints(&["check"], 3, &["en_US", "pt_BR", "he"].map(waits).concat())
        .await;
    for language in ["en_US", "pt_BR", "he"] {
        business.order("otp", language, TemplateOrder::Approve);
    }
    let right = "nothing is wrong with the templates of shop: 3 looked at\n";
    business.assert_prints(&["check"], 0, right).await;
}

#[tokio::test]
async fn a_preview_is_marked_when_the_words_are_this_versions_own_or_english() {
    let business = Business::of(&DESCRIBED.replace("\"pt_BR\"", "\"ha\"")).await;
    let from_meta = business.run(&["preview"]).await;
    assert_eq!(from_meta.code, Some(0), "{}", from_meta.stderr);
    assert!(!from_meta.stdout.contains("Meta did not tell"), "{}", from_meta.stdout);
    let previews = false;
    business.meta.controls.set_readable(Readable {
        previews,
        settings: true,
    });
    let shown = business.run(&["preview"]).await;
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""));
    let pages: Vec<_> = shown.stdout.split("\n\n").collect();
    let [english, hausa, hebrew] = pages.as_slice() else {
        panic!("{}", shown.stdout)
    };
    let own = "╯\nMeta did not tell: these are its fixed texts as this version knows them.";
    assert!(
        english.starts_with("otp in en_US\n") && english.ends_with(own),
        "{english}"
    );
    assert!(
        hebrew.starts_with("otp in he\n") && hebrew.trim_end().ends_with(own),
        "{hebrew}"
    );
    let in_english = "Meta did not tell, and this version does not know its texts in this language: shown in English.";
    assert!(
        hausa.starts_with("otp in ha\n") && hausa.ends_with(in_english),
        "{hausa}"
    );
    assert!(hausa.contains("│ 123456 is your verification code."), "{hausa}");
}

#[tokio::test]
async fn a_preview_from_right_to_left_stands_at_the_right_and_apart_from_its_frame() {
    let business = Business::of(DESCRIBED).await;
    let shown = business.run(&["preview", "otp", "--language", "he"]).await;
    let lines: Vec<_> = shown.stdout.lines().collect();
    assert_eq!(lines[0], "otp in he", "{}", shown.stdout);
    // Each line of text is isolated: else a terminal would take the frame for a part of it.
    let text: Vec<_> = lines.iter().filter(|line| line.contains('\u{2067}')).collect();
    assert!(text.len() >= 3, "{}", shown.stdout);
    for line in &text {
        assert!(line.starts_with("│ ") && line.ends_with(" │"), "{line}");
        assert_eq!(
            line.matches('\u{2067}').count(),
            line.matches('\u{2069}').count(),
            "{line}"
        );
    }
    assert!(
        text[1].ends_with("\u{2069} │") && text[1].starts_with("│     "),
        "{}",
        text[1]
    );
    assert!(text.iter().any(|line| line.contains("123456")), "{}", shown.stdout);
}

#[tokio::test]
async fn a_preview_of_a_tap_has_both_labels_and_those_of_the_configuration() {
    let tap = "[apps.shop.template]\nname = \"otp\"\nlanguages = [\"en_US\", \"fr\"]\nbutton = \"one_tap\"\n\
               supported_apps = [{ package = \"com.example.app\", hash = \"6hJDclzb7Pi\" }]\n\
               button_texts.autofill.fr = \"Remplir\"\nbutton_texts.copy.fr = \"Copier\"\n";
    let business = Business::of(tap).await;
    let shown = business.run(&["preview"]).await;
    let (english, french) = shown.stdout.split_once("\n\n").unwrap();
    assert!(english.contains(" Autofill "), "{english}");
    assert!(
        english.ends_with("Where the app cannot take the code, the button says \"Copy code\"."),
        "{english}"
    );
    assert!(french.contains(" Remplir "), "{french}");
    assert!(words(french).ends_with("the button says \"Copier\"."), "{french}");
}

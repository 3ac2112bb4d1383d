//! `preview`: messages as a phone would show them.

use std::io::IsTerminal;
use std::process::ExitCode;

use countersign_grpc::v1::{PreviewSource, PreviewTemplatesRequest, TemplatePreview};
use serde_json::{Value, json};
use textwrap::core::display_width;

use crate::cli::PreviewArgs;
use crate::client::failure::Failure;
use crate::client::words::{bare, none_if_empty, say};
use crate::environment::Environment;
use crate::templates::desk;

/// The widest a bubble may be, its border included.
const BUBBLE_WIDTH: usize = 48;
/// What is left of it for text: a border and a space on each side.
const TEXT_WIDTH: usize = BUBBLE_WIDTH - 4;
/// The code of the example.
const CODE: &str = "123456";
/// Right-to-left isolate, and its end (Unicode: UAX 9). Without them the terminal would mix the text with the border.
const ISOLATE: (char, char) = ('\u{2067}', '\u{2069}');

/// Prints the messages.
pub(super) async fn run(args: &PreviewArgs, environment: &Environment) -> Result<ExitCode, Failure> {
    let mut desk = desk::open(&args.templates, environment).await?;
    let request = PreviewTemplatesRequest {
        app: desk.app.clone(),
        template: args.template.clone(),
        languages: args.languages.clone(),
    };
    let previews = desk.client.preview_templates(request).await?.into_inner().previews;
    if args.templates.client.json {
        let previews: Vec<_> = previews.iter().map(to_json).collect();
        say!("{:#}", json!({ "app": desk.app, "previews": previews }));
        return Ok(ExitCode::SUCCESS);
    }
    let is_bold = std::io::stdout().is_terminal() && environment.get("NO_COLOR").is_none();
    for (index, preview) in previews.iter().enumerate() {
        if index > 0 {
            say!();
        }
        say!("{} in {}", preview.template, preview.language);
        for line in bubble(preview) {
            say!("{}", if is_bold { with_bold_code(&line) } else { line });
        }
        if let Some(remark) = remark(preview) {
            say!("{remark}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The message in a frame: body, footer, button.
fn bubble(preview: &TemplatePreview) -> Vec<String> {
    let rule = |left, right| format!("{left}{}{right}", "─".repeat(BUBBLE_WIDTH - 2));
    let text = |text: &str| {
        let lines = textwrap::wrap(text, TEXT_WIDTH);
        lines
            .iter()
            .map(|it| framed(it, preview.right_to_left))
            .collect::<Vec<_>>()
    };
    let mut lines = vec![rule('╭', '╮')];
    lines.extend(text(&body(preview)));
    if !preview.footer.is_empty() {
        lines.push(framed("", false));
        lines.extend(text(&preview.footer));
    }
    lines.push(rule('├', '┤'));
    lines.push(centered(button(preview), preview.right_to_left));
    lines.push(rule('╰', '╯'));
    lines
}

/// The body with the example's code. Its stars are WhatsApp's way to write bold.
fn body(preview: &TemplatePreview) -> String {
    preview.body.replace("*{{1}}*", CODE).replace("{{1}}", CODE)
}

/// What the button says on the phone of somebody for whom it was made.
fn button(preview: &TemplatePreview) -> &str {
    none_if_empty(&preview.autofill_text).unwrap_or(&preview.copy_text)
}

/// What there is to say about a preview beside the message itself.
fn remark(preview: &TemplatePreview) -> Option<String> {
    let elsewhere = none_if_empty(&preview.autofill_text).map(|_| {
        format!(
            "Where the app cannot take the code, the button says \"{}\".",
            preview.copy_text
        )
    });
    let source = match preview.source() {
        PreviewSource::Provider | PreviewSource::Unspecified => None,
        PreviewSource::Own => Some("Meta did not tell: these are its fixed texts as this version knows them."),
        PreviewSource::OwnInEnglish => {
            Some("Meta did not tell, and this version does not know its texts in this language: shown in English.")
        }
    };
    let said: Vec<_> = elsewhere.into_iter().chain(source.map(str::to_owned)).collect();
    (!said.is_empty()).then(|| said.join("\n"))
}

/// One line of text between the borders, at the side from which it is read.
fn framed(text: &str, right_to_left: bool) -> String {
    let space = " ".repeat(TEXT_WIDTH.saturating_sub(display_width(text)));
    if right_to_left {
        let (begin, end) = ISOLATE;
        format!("│ {space}{begin}{text}{end} │")
    } else {
        format!("│ {text}{space} │")
    }
}

fn centered(text: &str, right_to_left: bool) -> String {
    let space = TEXT_WIDTH.saturating_sub(display_width(text));
    let (before, after) = (" ".repeat(space / 2), " ".repeat(space - space / 2));
    if right_to_left {
        let (begin, end) = ISOLATE;
        format!("│ {before}{begin}{text}{end}{after} │")
    } else {
        format!("│ {before}{text}{after} │")
    }
}

fn with_bold_code(line: &str) -> String {
    line.replace(CODE, &format!("\u{1b}[1m{CODE}\u{1b}[22m"))
}

fn to_json(preview: &TemplatePreview) -> Value {
    json!({
        "template": preview.template,
        "language": preview.language,
        "body": preview.body,
        "footer": none_if_empty(&preview.footer),
        "copy_text": preview.copy_text,
        "autofill_text": none_if_empty(&preview.autofill_text),
        "source": bare(preview.source().as_str_name(), "PREVIEW_SOURCE_"),
        "right_to_left": preview.right_to_left,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(body: &str, footer: &str, copy_text: &str) -> TemplatePreview {
        TemplatePreview {
            body: body.to_owned(),
            footer: footer.to_owned(),
            copy_text: copy_text.to_owned(),
            ..TemplatePreview::default()
        }
    }

    #[test]
    fn a_message_is_drawn_as_a_phone_would() {
        let body = "*{{1}}* is your verification code. For your security, do not share this code.";
        let expected = [
            "╭──────────────────────────────────────────────╮",
            "│ 123456 is your verification code. For your   │",
            "│ security, do not share this code.            │",
            "│                                              │",
            "│ This code expires in 10 minutes.             │",
            "├──────────────────────────────────────────────┤",
            "│                  Copy code                   │",
            "╰──────────────────────────────────────────────╯",
        ];
        assert_eq!(
            bubble(&preview(body, "This code expires in 10 minutes.", "Copy code")),
            expected
        );
    }

    #[test]
    fn every_line_is_as_wide_as_the_frame_also_in_wide_letters_and_without_spaces() {
        let bodies = [
            "*{{1}}* 是你的验证码。为安全起见,请勿分享此验证码。为安全起见,请勿分享此验证码。",
            "*{{1}}* は認証コードです。セキュリティ保護のため、このコードは共有しないでください。",
            "*{{1}}* คือรหัสยืนยันของคุณเพื่อความปลอดภัยของคุณอย่าแชร์รหัสนี้กับผู้อื่นโดยเด็ดขาด",
            "*{{1}}* आपका सत्यापन कोड है। आपकी सुरक्षा के लिए, यह कोड किसी से शेयर न करें।",
        ];
        for body in bodies {
            for line in bubble(&preview(body, "", "复制验证码")) {
                assert_eq!(display_width(&line), BUBBLE_WIDTH, "{line}");
            }
        }
    }

    #[test]
    fn text_from_right_to_left_stands_at_the_right_and_is_kept_apart_from_the_frame() {
        let hebrew = TemplatePreview {
            right_to_left: true,
            ..preview("*{{1}}* הוא קוד האימות שלך.", "", "העתק קוד")
        };
        let lines = bubble(&hebrew);
        assert!(
            lines[1].starts_with("│  ") && lines[1].ends_with("\u{2069} │"),
            "{lines:?}"
        );
        assert_eq!(lines[1].matches('\u{2067}').count(), 1);
        assert!(lines[3].contains("\u{2067}העתק קוד\u{2069}"), "{lines:?}");
        for line in lines {
            assert_eq!(display_width(&line), BUBBLE_WIDTH, "{line}");
        }
    }

    #[test]
    fn the_button_of_a_tap_says_what_it_does_there_and_what_elsewhere() {
        let tap = TemplatePreview {
            autofill_text: "Autofill".to_owned(),
            source: PreviewSource::Own.into(),
            ..preview("*{{1}}*", "", "Copy code")
        };
        assert!(bubble(&tap)[3].contains(" Autofill "));
        let remark = remark(&tap).unwrap();
        assert!(
            remark.contains("\"Copy code\"") && remark.contains("Meta did not tell"),
            "{remark}"
        );
    }

    #[test]
    fn only_the_code_is_bold() {
        assert_eq!(with_bold_code("│ 123456 is │"), "│ \u{1b}[1m123456\u{1b}[22m is │");
    }
}

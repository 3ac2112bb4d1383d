//! Whether Meta would take a message: one JSON body in, an order to deliver or Meta's error out. Kept out: who asks
//! (token, sender number) and what happens to the order.
//!
//! The codes are those of Meta's error codes page; checks come in the order in which the body is read from outside in.

use std::fmt;

use serde_json::Value;

use crate::catalogue::{Catalogue, Sendable};
use crate::wire::{GraphError, digits_of};

/// A message Meta would take.
pub(crate) struct Order {
    /// The recipient as written.
    pub(crate) input: String,
    /// The recipient's digits.
    pub(crate) digits: String,
    pub(crate) code: String,
    pub(crate) template: Sendable,
    pub(crate) language: String,
    pub(crate) reference: Option<String>,
    /// The identity hash the sender believes the recipient to have.
    pub(crate) believed_identity: Option<String>,
}

/// Meta: authentication templates page.
const CODE_LENGTH_MAX: usize = 15;
/// Meta: send messages page.
const REFERENCE_LENGTH_MAX: usize = 512;
/// What Meta lists when it refuses a `sub_type`.
const SUB_TYPES: [&str; 10] = [
    "booking_confirmation",
    "catalog",
    "copy_code",
    "flow",
    "mpm",
    "order_details",
    "quick_reply",
    "reminder",
    "url",
    "voice_call",
];

/// Parses the body of a send as far as JSON goes.
pub(crate) fn parse(body: &[u8]) -> Result<Value, GraphError> {
    serde_json::from_slice(body).map_err(|_| invalid("The request body must be valid JSON."))
}

/// The digits of whom a body is for, valid otherwise or not.
pub(crate) fn recipient_of(body: &Value) -> Option<String> {
    match &body["to"] {
        Value::String(input) => digits_of(input),
        Value::Number(input) => digits_of(&input.to_string()),
        _ => None,
    }
}

/// Reads the body of a send.
pub(crate) fn read(body: &Value, catalogue: &Catalogue) -> Result<Order, GraphError> {
    if !body.is_object() {
        return Err(invalid("The request body must be a JSON object."));
    }
    read_product(body)?;
    let (input, digits) = read_recipient(body)?;
    let reference = read_reference(body)?;
    let believed_identity = read_identity(body)?;
    let (template, language) = read_template(body, catalogue)?;
    let code = read_code(&body["template"]["components"])?;
    Ok(Order {
        input,
        digits,
        code,
        template,
        language,
        reference,
        believed_identity,
    })
}

fn read_product(body: &Value) -> Result<(), GraphError> {
    match &body["messaging_product"] {
        Value::Null => return Err(invalid("The parameter messaging_product is required.")),
        Value::String(product) if product.eq_ignore_ascii_case("whatsapp") => {}
        _ => return Err(invalid("Param messaging_product must be one of {WHATSAPP}.")),
    }
    match &body["recipient_type"] {
        Value::Null => Ok(()),
        Value::String(kind) if kind.eq_ignore_ascii_case("individual") => Ok(()),
        _ => Err(invalid(
            "Param recipient_type must be INDIVIDUAL for a template message.",
        )),
    }
}

fn read_recipient(body: &Value) -> Result<(String, String), GraphError> {
    let input = match &body["to"] {
        Value::Null if body["recipient"].is_string() => {
            let error = GraphError::new(131_062, "Business-scoped user IDs are not supported for this message");
            return Err(error.with_details("Authentication templates need a phone number."));
        }
        Value::Null => return Err(invalid("The parameter to is required.")),
        Value::String(input) => input.clone(),
        Value::Number(input) => input.to_string(),
        _ => return Err(bad_value("Recipient phone number is not a string.")),
    };
    let digits = digits_of(&input).ok_or_else(|| bad_value("Recipient phone number is not valid."))?;
    Ok((input, digits))
}

fn read_reference(body: &Value) -> Result<Option<String>, GraphError> {
    match &body["biz_opaque_callback_data"] {
        Value::Null => Ok(None),
        Value::String(text) if text.chars().count() <= REFERENCE_LENGTH_MAX => Ok(Some(text.clone())),
        Value::String(_) => Err(invalid(
            "Param biz_opaque_callback_data must be at most 512 characters long.",
        )),
        _ => Err(invalid("Param biz_opaque_callback_data must be a string.")),
    }
}

fn read_identity(body: &Value) -> Result<Option<String>, GraphError> {
    match &body["recipient_identity_key_hash"] {
        Value::Null => Ok(None),
        Value::String(hash) => Ok(Some(hash.clone())),
        _ => Err(invalid("Param recipient_identity_key_hash must be a string.")),
    }
}

fn read_template(body: &Value, catalogue: &Catalogue) -> Result<(Sendable, String), GraphError> {
    match body["type"].as_str() {
        Some(kind) if kind.eq_ignore_ascii_case("template") => {}
        _ => {
            let error = GraphError::new(131_051, "Unsupported message type");
            return Err(error.with_details("The simulator takes messages of type template."));
        }
    }
    let template = &body["template"];
    if !template.is_object() {
        return Err(missing("The parameter template is required."));
    }
    let name = template["name"]
        .as_str()
        .ok_or_else(|| missing("template: name is required."))?;
    let language = &template["language"]["code"];
    let language = language
        .as_str()
        .ok_or_else(|| missing("template: language code is required."))?;
    let template = catalogue.sendable(name, language)?;
    Ok((template, language.into()))
}

/// Finds the code in the body and in the button, where it must be the same.
fn read_code(components: &Value) -> Result<String, GraphError> {
    let components = match components {
        Value::Null => &[],
        Value::Array(components) => components.as_slice(),
        _ => return Err(invalid("Param template['components'] must be an array.")),
    };
    let mut in_body = None;
    let mut in_button = None;
    for component in components {
        match lowercase(&component["type"]).as_str() {
            "body" => in_body = Some(parameters_of(component)),
            "button" => {
                if let Some(parameters) = read_button(component)? {
                    in_button = Some(parameters);
                }
            }
            "header" | "footer" => return Err(wrong_count(&lowercase(&component["type"]), component, 0)),
            _ => return Err(invalid("Param template['components'] has a component of unknown type.")),
        }
    }
    let in_body = match in_body.unwrap_or_default() {
        [only] => text_of(only)?,
        others => return Err(wrong_count_of("body", others.len(), 1)),
    };
    let in_button = match in_button.unwrap_or_default() {
        [] => return Err(missing("Button at index 0 of type Url requires a parameter")),
        [only] => text_of(only)?,
        others => return Err(wrong_count_of("button", others.len(), 1)),
    };
    check_code(in_body)?;
    if in_body != in_button {
        return Err(unfit("The code in the body and the code in the button differ."));
    }
    Ok(in_body.into())
}

/// The parameters of the one-time-code button, or nothing when the component is meant for a button of another type.
fn read_button(component: &Value) -> Result<Option<&[Value]>, GraphError> {
    let sub_type = lowercase(&component["sub_type"]);
    if !SUB_TYPES.contains(&sub_type.as_str()) {
        let known = SUB_TYPES.join(", ").to_uppercase();
        return Err(invalid(&format!(
            "Param sub_type of a button must be one of {{{known}}}."
        )));
    }
    let index = match &component["index"] {
        Value::String(index) => index.parse().ok(),
        index => index.as_u64(),
    };
    match index {
        None => Err(missing("Button component requires an index.")),
        Some(0) if sub_type == "url" => Ok(Some(parameters_of(component))),
        // The template has one button, of type URL: the parameter went astray and the button is left without one.
        Some(_) => Ok(None),
    }
}

fn parameters_of(component: &Value) -> &[Value] {
    component["parameters"].as_array().map_or(&[], Vec::as_slice)
}

fn text_of(parameter: &Value) -> Result<&str, GraphError> {
    if lowercase(&parameter["type"]) != "text" {
        let error = GraphError::new(
            132_012,
            "Parameter format does not match format in the created template",
        );
        return Err(error.with_details("The parameter must be of type text."));
    }
    match parameter["text"].as_str() {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(missing("Parameter of type text is missing text value")),
    }
}

fn check_code(code: &str) -> Result<(), GraphError> {
    if code.chars().count() > CODE_LENGTH_MAX {
        let error = GraphError::new(132_005, "Translated text too long");
        return Err(error.with_details("A one-time code has at most 15 characters."));
    }
    let lowered = code.to_lowercase();
    if lowered.contains("://") || lowered.starts_with("www.") || lowered.starts_with("http") {
        return Err(unfit("A one-time code cannot be a URL."));
    }
    if code.chars().any(is_emoji) {
        return Err(unfit("A one-time code cannot contain an emoji."));
    }
    if code.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err(unfit("A one-time code cannot contain white space."));
    }
    Ok(())
}

fn is_emoji(letter: char) -> bool {
    matches!(u32::from(letter), 0x200d | 0x20e3 | 0x2190..=0x2bff | 0xfe0f | 0x1f000..=0x1faff)
}

fn lowercase(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_ascii_lowercase()
}

fn invalid(message: &str) -> GraphError {
    GraphError::new(100, message)
}

fn missing(details: &str) -> GraphError {
    GraphError::new(131_008, "Required parameter is missing").with_details(details)
}

fn bad_value(details: &str) -> GraphError {
    GraphError::new(131_009, "Parameter value is not valid").with_details(details)
}

fn unfit(details: &str) -> GraphError {
    GraphError::new(132_018, "Template parameter validation failed").with_details(details)
}

fn wrong_count(place: &str, component: &Value, expected: usize) -> GraphError {
    wrong_count_of(place, parameters_of(component).len(), expected)
}

fn wrong_count_of(place: &str, count: usize, expected: usize) -> GraphError {
    GraphError::new(
        132_000,
        "Number of parameters does not match the expected number of params",
    )
    .with_details(format!(
        "{place}: number of localizable_params ({count}) does not match the expected number of params ({expected})"
    ))
}

impl fmt::Debug for Order {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Order")
            .field("template", &self.template.name)
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

//! The page at `/`: four files that are part of the binary. Kept out: what is on it, which the browser fetches.

use axum::response::{IntoResponse as _, Response};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};

/// Nothing from elsewhere, nothing inline: a message cannot become markup or script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /`.
pub(crate) async fn index() -> Response {
    file("text/html; charset=utf-8", include_str!("page/index.html"))
}

/// `GET /style.css`.
pub(crate) async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("page/style.css"))
}

/// `GET /script.js`.
pub(crate) async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("page/script.js"))
}

/// `GET /templates.js`.
pub(crate) async fn templates_script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("page/templates.js"))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, &str); 5] = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, text).into_response()
}

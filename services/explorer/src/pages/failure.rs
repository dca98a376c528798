//! Pages that say what went wrong and what to do next.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use synod_service::ApiError;

use super::page::{Page, Visit, respond};
use crate::explore::ExploreError;
use crate::http::reply::Refusal;
use crate::http::state::Explorer;

/// A page that says what went wrong.
#[derive(Template)]
#[template(path = "failure.html")]
struct Failure {
    page: Page,
    text: String,
    /// True for a page that looks again by itself.
    is_passing: bool,
}

/// Says that there is no such thing.
pub(super) fn missing(explorer: &Explorer, visit: &Visit, title: &str, text: &str) -> Response {
    let page = Page::new(explorer, visit, title);
    respond(
        StatusCode::NOT_FOUND,
        &Failure {
            page,
            text: text.to_owned(),
            is_passing: false,
        },
    )
}

/// Says why there is no answer.
pub(super) fn failed(explorer: &Explorer, visit: &Visit, error: impl Into<Refusal>) -> Response {
    let refusal: Refusal = error.into();
    let t = visit.language.words();
    let (title, text, is_passing) = match refusal.status {
        StatusCode::SERVICE_UNAVAILABLE => (t.unavailable, t.unavailable_text.to_owned(), true),
        StatusCode::BAD_REQUEST => (t.bad_request, refusal.text, false),
        _ => (t.failed, t.failed_text.to_owned(), false),
    };
    let page = Page::new(explorer, visit, title);
    respond(
        refusal.status,
        &Failure {
            page,
            text,
            is_passing,
        },
    )
}

/// What a page gives back: itself, or why there is none.
pub(super) type Outcome = Result<Response, ExploreError>;

/// Turns a failure into its page.
pub(super) fn finish(explorer: &Explorer, visit: &Visit, outcome: Outcome) -> Response {
    outcome.unwrap_or_else(|error| failed(explorer, visit, error))
}

/// Answers for a path that does not exist: a page to people, a problem document to programs.
pub(crate) async fn no_such_page(
    State(explorer): State<Explorer>,
    visit: Visit,
    headers: HeaderMap,
) -> Response {
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default();
    if !accepts.contains("text/html") {
        return ApiError::not_found("There is no such route.").into_response();
    }
    let t = visit.language.words();
    missing(&explorer, &visit, t.not_found, t.not_found_text)
}

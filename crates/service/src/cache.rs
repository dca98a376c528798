//! Cache headers: what never changes, and what must be asked for again.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

/// Answers what can never change (found by its hash) and may be kept for ever.
///
/// `etag` is a strong one with its quotes. With a matching `If-None-Match` the answer is 304 and
/// `build` is not called. Errors that `build` answers are not marked.
pub fn immutable(headers: &HeaderMap, etag: &str, build: impl FnOnce() -> Response) -> Response {
    answer(headers, etag, "public, max-age=31536000, immutable", build)
}

/// Answers what may change at any time: kept, but asked for again each time.
///
/// `etag` is a strong one with its quotes. With a matching `If-None-Match` the answer is 304 and
/// `build` is not called. Errors that `build` answers are not marked.
pub fn revalidated(headers: &HeaderMap, etag: &str, build: impl FnOnce() -> Response) -> Response {
    answer(headers, etag, "no-cache", build)
}

fn answer(
    headers: &HeaderMap,
    etag: &str,
    control: &'static str,
    build: impl FnOnce() -> Response,
) -> Response {
    let mut response = if matches_none(headers, etag) {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        build()
    };
    let status = response.status();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        let fields = response.headers_mut();
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
        if let Ok(value) = HeaderValue::from_str(etag) {
            fields.insert(header::ETAG, value);
        }
    }
    response
}

/// RFC 9110, section 13.1.2: the weak comparison, over all values of all fields.
fn matches_none(headers: &HeaderMap, etag: &str) -> bool {
    let opaque = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(','))
        .any(|it| it.trim() == "*" || opaque(it) == opaque(etag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(sent: &str) -> StatusCode {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::IF_NONE_MATCH,
            HeaderValue::from_str(sent).expect("a header"),
        );
        immutable(&headers, "\"a\"", Response::default).status()
    }

    #[test]
    fn a_matching_tag_saves_the_body() {
        for sent in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert_eq!(status(sent), StatusCode::NOT_MODIFIED, "{sent}");
        }
        for sent in ["\"b\"", "a", ""] {
            assert_eq!(status(sent), StatusCode::OK, "{sent}");
        }
    }

    #[test]
    fn an_error_is_never_kept() {
        let response = immutable(&HeaderMap::new(), "\"a\"", || {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        });
        assert!(response.headers().get(header::CACHE_CONTROL).is_none());
    }
}

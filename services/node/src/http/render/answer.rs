//! Answers in JSON or raw, with what caches need.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use synod_service::{ApiError, cache};

/// The media type of raw bytes.
pub(crate) const OCTETS: &str = "application/octet-stream";

/// Says whether a request prefers raw bytes to JSON (RFC 9110, section 12.5.1).
pub(crate) fn wants_raw(headers: &HeaderMap) -> bool {
    let mut raw = 0;
    let mut json = 0;
    let fields = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|it| it.to_str().ok());
    for range in fields.flat_map(|it| it.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts
            .find_map(|it| it.strip_prefix("q="))
            .map_or(1000, thousandths);
        match kind.as_str() {
            OCTETS => raw = raw.max(weight),
            "application/json" | "application/*" | "*/*" => json = json.max(weight),
            _ => {}
        }
    }
    raw > json
}

/// Reads a weight between 0 and 1; one that is malformed counts as 0.
fn thousandths(weight: &str) -> u32 {
    match weight.split_once('.') {
        None if weight == "1" => 1000,
        Some(("1", rest)) if rest.bytes().all(|it| it == b'0') => 1000,
        Some(("0", rest)) if rest.len() <= 3 && rest.bytes().all(|it| it.is_ascii_digit()) => {
            format!("{rest:0<3}").parse().unwrap_or_default()
        }
        _ => 0,
    }
}

/// Answers 304 when the client has what `etag` names.
pub(crate) fn not_modified(headers: &HeaderMap, etag: &str) -> Option<Response> {
    let answer = cache::revalidated(headers, etag, Response::default);
    (answer.status() == StatusCode::NOT_MODIFIED).then(|| varied(answer))
}

/// Answers raw bytes.
pub(crate) fn octets(bytes: Bytes) -> Response {
    varied(([(header::CONTENT_TYPE, OCTETS)], bytes).into_response())
}

/// Answers JSON that is written already.
pub(crate) fn written(json: Bytes) -> Response {
    varied(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// Writes JSON.
///
/// # Errors
/// The body has a part that is not JSON: a bug.
pub(crate) fn write<T: Serialize>(body: &T) -> Result<Bytes, ApiError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(ApiError::internal)
}

/// Answers JSON that may be another one the next time; its tag is a digest of what it says.
///
/// # Errors
/// The body has a part that is not JSON: a bug.
pub(crate) fn json<T: Serialize>(headers: &HeaderMap, body: &T) -> Result<Response, ApiError> {
    Ok(kept(headers, write(body)?))
}

/// Answers with JSON that was written before, under a tag that follows from its content.
pub(crate) fn kept(headers: &HeaderMap, json: Bytes) -> Response {
    let mut hasher = DefaultHasher::new();
    json.hash(&mut hasher);
    let etag = format!("\"{:016x}\"", hasher.finish());
    varied(cache::revalidated(headers, &etag, || written(json)))
}

/// Tells caches that the answer has another form for another `Accept`.
fn varied(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(accept: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().expect("a header"));
        }
        wants_raw(&headers)
    }

    #[test]
    fn raw_bytes_are_for_those_who_prefer_them() {
        for accept in [
            &["application/octet-stream"][..],
            &["Application/Octet-Stream"],
            &["application/octet-stream, */*;q=0.8"],
            &["application/octet-stream;q=0.5", "application/json;q=0.499"],
            &["text/html", "application/octet-stream;q=0.001"],
        ] {
            assert!(raw(accept), "{accept:?}");
        }
        for accept in [
            &[][..],
            &["*/*"],
            &["application/json"],
            &["application/octet-stream, application/json"],
            &["application/octet-stream;q=0.5, */*;q=0.5"],
            &["application/octet-stream;q=0"],
            &["application/octet-stream;q=nonsense"],
            &["application/octet-stream;q=0.+9"],
            &["application/octet-streams"],
        ] {
            assert!(!raw(accept), "{accept:?}");
        }
    }

    #[test]
    fn the_tag_follows_the_content() {
        let tag = |body: &[u32]| {
            let answer = json(&HeaderMap::new(), &body).expect("json");
            answer.headers().get(header::ETAG).cloned().expect("a tag")
        };
        assert_eq!(tag(&[1, 2]), tag(&[1, 2]));
        assert_ne!(tag(&[1, 2]), tag(&[1, 3]));
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, tag(&[1]));
        assert_eq!(
            json(&headers, &[1]).expect("json").status(),
            StatusCode::NOT_MODIFIED
        );
        assert_eq!(json(&headers, &[2]).expect("json").status(), StatusCode::OK);
    }
}

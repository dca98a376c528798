//! The pages' own files, named by what is in them so that they can be kept for ever.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use synod_service::cache;

const CSS: &str = include_str!("../../assets/explorer.css");
const JS: &str = include_str!("../../assets/explorer.js");
const ICON: &str = include_str!("../../assets/favicon.svg");

fn named(name: &str, body: &str, ending: &str) -> String {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("/assets/{name}-{:016x}.{ending}", hasher.finish())
}

static CSS_PATH: LazyLock<String> = LazyLock::new(|| named("explorer", CSS, "css"));
static JS_PATH: LazyLock<String> = LazyLock::new(|| named("explorer", JS, "js"));

/// Where the style sheet is.
pub(crate) fn css_path() -> &'static str {
    &CSS_PATH
}

/// Where the script is.
pub(crate) fn js_path() -> &'static str {
    &JS_PATH
}

/// `GET /assets/{file}`.
pub(crate) async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let path = format!("/assets/{file}");
    let (content_type, body) = if path == css_path() {
        ("text/css; charset=utf-8", CSS)
    } else if path == js_path() {
        ("text/javascript; charset=utf-8", JS)
    } else if file == "favicon.svg" {
        ("image/svg+xml", ICON)
    } else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = format!("\"{file}\"");
    let answer = || ([(header::CONTENT_TYPE, content_type)], body).into_response();
    if file == "favicon.svg" {
        cache::revalidated(&headers, &etag, answer)
    } else {
        cache::immutable(&headers, &etag, answer)
    }
}

/// `GET /favicon.ico`: browsers ask for it without being told to.
pub(crate) async fn icon(headers: HeaderMap) -> Response {
    asset(Path("favicon.svg".to_owned()), headers).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_small_and_nothing_is_loaded_from_elsewhere() {
        assert!(JS.len() < 10 * 1024, "{} bytes", JS.len());
        for file in [CSS, JS] {
            assert!(!file.contains("http://") && !file.contains("https://"));
            assert!(!file.contains("eval(") && !file.contains("@import"));
        }
    }
}

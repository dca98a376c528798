//! `GET /preferences`: remembers a language or a theme and goes back.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use synod_service::Query;

use super::page::Theme;
use super::words::Language;

/// How long a choice is remembered, in seconds: a year.
const REMEMBER: u32 = 31_536_000;

/// What is to be remembered.
#[derive(Deserialize)]
pub(crate) struct Choice {
    lang: Option<String>,
    theme: Option<String>,
    back: Option<String>,
}

/// Writes text as a value in a query.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Remembers a choice in a cookie and leads back to the page.
///
/// Security: it leads nowhere but to a path of this service, and the cookie holds one of a few
/// known words.
pub(crate) async fn remember(Query(choice): Query<Choice>) -> Response {
    let language = choice
        .lang
        .as_deref()
        .and_then(Language::parse)
        .map(|it| ("lang", it.code()));
    let theme = choice
        .theme
        .as_deref()
        .and_then(Theme::parse)
        .map(|it| ("theme", it.name()));
    let back = choice
        .back
        .filter(|it| is_own_path(it))
        .unwrap_or_else(|| "/".to_owned());
    let back = HeaderValue::from_str(&without_language(&back));
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::LOCATION,
        back.unwrap_or(HeaderValue::from_static("/")),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in [language, theme].into_iter().flatten() {
        let cookie = format!("{name}={value}; Path=/; Max-Age={REMEMBER}; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    response
}

fn is_own_path(path: &str) -> bool {
    let is_plain = path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    path.starts_with('/') && !path.starts_with("//") && is_plain
}

/// Takes a language out of a query: the choice goes before it.
fn without_language(place: &str) -> String {
    let Some((path, query)) = place.split_once('?') else {
        return place.to_owned();
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.starts_with("lang="))
        .collect();
    if kept.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", kept.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_on_this_service() {
        for path in ["/", "/tx/00?lang=zh", "/search?q=a%20b"] {
            assert!(is_own_path(path), "{path}");
        }
        for path in [
            "//evil.example",
            "https://evil.example",
            "/\\evil",
            "",
            "/a\nb",
        ] {
            assert!(!is_own_path(path), "{path}");
        }
        assert_eq!(without_language("/a?lang=zh&x=1"), "/a?x=1");
        assert_eq!(without_language("/a?lang=zh"), "/a");
    }
}

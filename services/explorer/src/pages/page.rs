//! What every page has: language, theme, network, and the headers of its answer.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::assets;
use super::words::{Language, Words};
use crate::http::state::Explorer;

/// What pages may load: their own files and nothing else.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; \
    base-uri 'none'; form-action 'self'";

/// The colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Theme {
    Auto,
    Light,
    Dark,
}

impl Theme {
    /// Reads a theme's name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "light" => Some(Self::Light),
            "dark" => Some(Self::Dark),
            _ => None,
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// What a reader has chosen, and where they are.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) language: Language,
    pub(crate) theme: Theme,
    /// Path and query of the page.
    pub(crate) place: String,
}

/// Finds a value in the `Cookie` headers.
fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Finds a value in a query.
fn in_query<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

impl Visit {
    fn of(parts: &Parts) -> Self {
        let headers = &parts.headers;
        let query = parts.uri.query().unwrap_or_default();
        let accepted = headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|it| it.to_str().ok());
        let language = in_query(query, "lang")
            .and_then(Language::parse)
            .or_else(|| cookie(headers, "lang").and_then(Language::parse))
            .or_else(|| accepted.and_then(Language::parse))
            .unwrap_or(Language::English);
        let theme = cookie(headers, "theme")
            .and_then(Theme::parse)
            .unwrap_or(Theme::Auto);
        let place = parts
            .uri
            .path_and_query()
            .map_or("/", |it| it.as_str())
            .to_owned();
        Self {
            language,
            theme,
            place,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

/// The frame of a page.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) t: &'static Words,
    pub(crate) theme: &'static str,
    pub(crate) title: String,
    pub(crate) network: String,
    pub(crate) has_faucet: bool,
    /// Blocks are sealed by validators.
    pub(crate) has_validators: bool,
    /// What stands in the search field.
    pub(crate) query: String,
    /// The page in the other language.
    pub(crate) language_link: String,
    /// The page in the next theme, and the present theme's words.
    pub(crate) theme_link: String,
    pub(crate) theme_words: &'static str,
    pub(crate) css: &'static str,
    pub(crate) js: &'static str,
    /// The part of the site that the page belongs to.
    pub(crate) section: &'static str,
    pub(crate) is_behind: bool,
}

impl Page {
    /// Makes the frame of a page with a title.
    pub(crate) fn new(explorer: &Explorer, visit: &Visit, title: impl Into<String>) -> Self {
        let t = visit.language.words();
        let back = super::preferences::encode(&visit.place);
        let (next, theme_words) = match visit.theme {
            Theme::Auto => (Theme::Light, t.theme_auto),
            Theme::Light => (Theme::Dark, t.theme_light),
            Theme::Dark => (Theme::Auto, t.theme_dark),
        };
        let network = explorer.follower.network();
        Self {
            t,
            theme: visit.theme.name(),
            title: title.into(),
            network: network.map_or_else(String::new, |it| it.name.clone()),
            has_faucet: explorer.faucet.is_some(),
            has_validators: explorer
                .follower
                .network()
                .is_some_and(|it| it.engine != "pow"),
            query: String::new(),
            language_link: format!("/preferences?lang={}&back={back}", t.other_lang_code),
            theme_link: format!("/preferences?theme={}&back={back}", next.name()),
            theme_words,
            css: assets::css_path(),
            js: assets::js_path(),
            section: "",
            is_behind: !explorer.follower.has_caught_up(),
        }
    }

    /// Says which part of the site the page belongs to.
    #[must_use]
    pub(crate) fn in_section(mut self, section: &'static str) -> Self {
        self.section = section;
        self
    }
}

/// Answers with a rendered page.
pub(crate) fn respond(status: StatusCode, page: &impl askama::Template) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (
            header::VARY,
            HeaderValue::from_static("Cookie, Accept-Language"),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
    ];
    (status, headers, html).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn visit(path: &str, headers: &[(&str, &str)]) -> Visit {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Visit::of(&request.body(()).expect("a request").into_parts().0)
    }

    #[test]
    fn the_query_goes_before_the_cookie_before_the_browser() {
        let browser = ("accept-language", "zh-CN");
        assert_eq!(visit("/", &[]).language, Language::English);
        assert_eq!(visit("/", &[browser]).language, Language::Chinese);
        assert_eq!(
            visit("/", &[browser, ("cookie", "a=b; lang=en")]).language,
            Language::English
        );
        let all = [browser, ("cookie", "lang=en")];
        assert_eq!(visit("/?lang=zh", &all).language, Language::Chinese);
    }

    #[test]
    fn an_unknown_theme_is_the_systems() {
        assert_eq!(visit("/", &[("cookie", "theme=dark")]).theme, Theme::Dark);
        assert_eq!(visit("/", &[("cookie", "theme=<x>")]).theme, Theme::Auto);
    }
}

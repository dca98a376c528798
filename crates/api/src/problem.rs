//! Errors on the wire: problem documents of RFC 9457.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::hex::HashHex;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem document: what went wrong, for people in `detail`, for programs in `code`.
///
/// `code` is Bitcoin Core's reject string where a block or transaction broke a rule, else one of
/// [`code`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A reference that names the kind of problem.
    #[serde(rename = "type", default = "about_blank")]
    #[schema(examples("about:blank"))]
    pub kind: String,
    /// The kind of problem in a few words.
    #[serde(default)]
    #[schema(examples("Unprocessable Content"))]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    #[schema(examples(422))]
    pub status: u16,
    /// What went wrong this time, as one sentence.
    #[serde(default)]
    pub detail: String,
    /// The path that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The stable code that programs compare.
    #[serde(default)]
    #[schema(examples("bad-txns-inputs-missingorspent"))]
    pub code: String,
    /// The id under which the service logged the request.
    #[serde(default)]
    pub request_id: String,
    /// The script interpreter's error, where a script failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script_error: Option<String>,
    /// The block where the branch fails, when it is not the posted one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<HashHex>,
    /// True when the verdict was remembered from an earlier request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<bool>,
    /// What to do about it, as one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Further members.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

fn about_blank() -> String {
    "about:blank".to_owned()
}

impl Problem {
    /// Describes a problem; the service fills in `instance` and `request_id`.
    #[must_use]
    pub fn new(status: u16, title: &str, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: about_blank(),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            instance: None,
            code: code.to_owned(),
            request_id: String::new(),
            script_error: None,
            at: None,
            known: None,
            hint: None,
            more: BTreeMap::new(),
        }
    }
}

/// The codes of problems that have no reject string of the ledger.
pub mod code {
    /// The request's syntax is wrong: path, query, header or body.
    pub const BAD_REQUEST: &str = "bad-request";
    /// The body is not JSON.
    pub const BAD_JSON: &str = "bad-json";
    /// The body is JSON of another shape than the route takes.
    pub const BAD_BODY: &str = "bad-body";
    /// The bearer token is missing or wrong.
    pub const UNAUTHORIZED: &str = "unauthorized";
    /// The `Origin` header names a page of another site.
    pub const FORBIDDEN_ORIGIN: &str = "forbidden-origin";
    /// The `Host` header names another service.
    pub const MISDIRECTED: &str = "misdirected-host";
    /// There is no such thing, or no such route.
    pub const NOT_FOUND: &str = "not-found";
    /// The route exists, but not with this method.
    pub const METHOD_NOT_ALLOWED: &str = "method-not-allowed";
    /// The request did not arrive in time.
    pub const REQUEST_TIMEOUT: &str = "request-timeout";
    /// The request contradicts the present state.
    pub const CONFLICT: &str = "conflict";
    /// The sender asks for more than its share.
    pub const TOO_MANY_REQUESTS: &str = "too-many-requests";
    /// The body is larger than the route takes.
    pub const TOO_LARGE: &str = "body-too-large";
    /// The body has a media type or encoding that the route does not take.
    pub const UNSUPPORTED_MEDIA_TYPE: &str = "unsupported-media-type";
    /// The service broke; the log has the cause under the request id.
    pub const INTERNAL: &str = "internal";
    /// The service is at a limit; try again after the stated time.
    pub const OVERLOADED: &str = "overloaded";
    /// The service is starting, stopping, or waits for another service.
    pub const UNAVAILABLE: &str = "unavailable";
    /// The service did not finish the request in time.
    pub const TIMEOUT: &str = "timeout";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_are_not_known_are_kept() {
        let text = r#"{"type":"about:blank","title":"t","status":422,"detail":"d","code":"c",
            "request_id":"r","known":true,"limit":5}"#;
        let problem: Problem = serde_json::from_str(text).expect("a problem");
        assert_eq!(problem.known, Some(true));
        assert_eq!(problem.more["limit"], 5);
        let again = serde_json::to_value(&problem).expect("json");
        assert_eq!(again["limit"], 5);
        assert!(again.get("hint").is_none());
    }
}

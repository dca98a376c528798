//! Who may ask: Host and Origin checks against DNS rebinding and forged requests, and CORS.

use std::net::IpAddr;

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version, header,
};
use axum::response::Response;
use synod_api::problem::code;

use crate::ApiError;
use crate::server::LocalAddress;

/// How long a browser may remember the answer to a preflight, in seconds.
const PREFLIGHT_MAX_AGE: &str = "600";
/// The headers that a page of another site may send. `authorization` is not among them: no page
/// of another site can use a token.
const ALLOWED_HEADERS: &str = "accept, content-type, if-none-match, last-event-id, x-request-id";

/// Which hosts and origins a service answers.
#[derive(Debug, Clone)]
pub struct AccessPolicy {
    /// Host names besides loopback ones and the connection's own address; `*` allows any.
    pub allowed_hosts: Vec<String>,
    /// Origins besides the service's own that may write, such as `http://localhost:3000`.
    pub allowed_origins: Vec<String>,
    /// True when pages of any site may read what needs no token.
    pub is_publicly_readable: bool,
    /// Paths that pages of any site may post to (they need no token and move nobody's coins).
    pub public_writes: Vec<String>,
}

impl Default for AccessPolicy {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            is_publicly_readable: true,
            public_writes: Vec::new(),
        }
    }
}

impl AccessPolicy {
    /// Checks the request's Host and Origin.
    ///
    /// # Errors
    /// 400 without exactly one host, 421 for the host of another service, 403 for a write by a
    /// page of another site.
    pub(crate) fn check<B>(&self, request: &Request<B>) -> Result<(), ApiError> {
        let host = host_of(request)?;
        if let Some(host) = &host {
            self.check_host(host, request.extensions().get::<LocalAddress>())?;
        }
        let is_read = matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        );
        if is_read || self.is_public_write(request.method(), request.uri().path()) {
            return Ok(());
        }
        self.check_origin(request.headers(), host.as_deref())
    }

    /// Security: a page that makes its own DNS name point at this machine still sends that name
    /// as the host.
    fn check_host(&self, host: &str, local: Option<&LocalAddress>) -> Result<(), ApiError> {
        let name = host_name(host);
        let is_listed = self
            .allowed_hosts
            .iter()
            .any(|it| it == "*" || it.eq_ignore_ascii_case(&name) || it.eq_ignore_ascii_case(host));
        let is_local = name == "localhost"
            || name.ends_with(".localhost")
            || name
                .parse::<IpAddr>()
                .is_ok_and(|it| it.is_loopback() || local.is_some_and(|local| local.0.ip() == it));
        if is_listed || is_local {
            return Ok(());
        }
        let detail = "The Host header names another service than this one.";
        Err(
            ApiError::new(StatusCode::MISDIRECTED_REQUEST, code::MISDIRECTED, detail)
                .with_hint("Name the host by --allowed-host when the service starts."),
        )
    }

    /// Security: browsers send `Origin` with every write; other clients send none.
    fn check_origin(&self, headers: &HeaderMap, host: Option<&str>) -> Result<(), ApiError> {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return Ok(());
        };
        let origin = origin.to_str().unwrap_or_default();
        let bare = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        let is_own = match (bare, host) {
            (Some(bare), Some(host)) => bare.eq_ignore_ascii_case(host),
            _ => false,
        };
        if is_own || self.allowed_origins.iter().any(|it| it == origin) {
            return Ok(());
        }
        Err(forbidden_origin())
    }

    fn is_public_write(&self, method: &Method, path: &str) -> bool {
        *method == Method::POST && self.public_writes.iter().any(|it| it == path)
    }

    fn is_open(&self, method: &Method, path: &str) -> bool {
        match *method {
            Method::GET | Method::HEAD => self.is_publicly_readable,
            _ => self.is_public_write(method, path),
        }
    }

    /// Answers a browser's preflight; none when the request is none.
    pub(crate) fn preflight<B>(&self, request: &Request<B>) -> Option<Result<Response, ApiError>> {
        let headers = request.headers();
        let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
        if *request.method() != Method::OPTIONS || !headers.contains_key(header::ORIGIN) {
            return None;
        }
        let method = Method::from_bytes(wanted.as_bytes()).unwrap_or(Method::CONNECT);
        if !self.is_open(&method, request.uri().path()) {
            return Some(Err(forbidden_origin()));
        }
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
        let methods = if method == Method::POST {
            "POST"
        } else {
            "GET, HEAD"
        };
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE),
        ] {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        Some(Ok(response))
    }

    /// Lets pages of any site read an answer that is for everybody.
    pub(crate) fn open(&self, method: &Method, path: &str, headers: &mut HeaderMap) {
        if self.is_open(method, path) {
            let any = HeaderValue::from_static("*");
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any.clone());
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, any);
        }
        let nosniff = HeaderName::from_static("x-content-type-options");
        headers
            .entry(nosniff)
            .or_insert(HeaderValue::from_static("nosniff"));
    }
}

fn forbidden_origin() -> ApiError {
    let detail = "Pages of other sites may not do this.";
    ApiError::new(StatusCode::FORBIDDEN, code::FORBIDDEN_ORIGIN, detail)
}

/// Finds the one host that the request names; none only before HTTP/1.1.
fn host_of<B>(request: &Request<B>) -> Result<Option<String>, ApiError> {
    let mut named = request.headers().get_all(header::HOST).iter();
    let first = named.next();
    if named.next().is_some() {
        return Err(ApiError::bad_request(
            "The request names more than one host.",
        ));
    }
    let sent = first.and_then(|it| it.to_str().ok()).map(str::to_owned);
    match (request.uri().authority(), sent) {
        // RFC 9112, section 3.2.2: the target's authority goes before the header.
        (Some(authority), _) => Ok(Some(authority.as_str().to_owned())),
        (None, Some(host)) if !host.is_empty() => Ok(Some(host)),
        (None, None) if first.is_none() && request.version() < Version::HTTP_11 => Ok(None),
        _ => Err(ApiError::bad_request("The request names no host.")),
    }
}

/// Strips the port, the brackets of an IPv6 address and a final dot.
fn host_name(host: &str) -> String {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_is_answered(policy: &AccessPolicy, host: &str) -> bool {
        let request = Request::builder()
            .uri("/")
            .header(header::HOST, host)
            .body(())
            .expect("ok");
        policy.check(&request).is_ok()
    }

    #[test]
    fn only_loopback_names_are_answered_by_default() {
        let policy = AccessPolicy::default();
        for host in [
            "localhost",
            "LOCALHOST:9330",
            "127.0.0.1:9330",
            "127.8.9.1",
            "[::1]:9330",
        ] {
            assert!(host_is_answered(&policy, host), "{host}");
        }
        for host in [
            "evil.com",
            "localhost.evil.com",
            "127.0.0.1.evil.com:9330",
            "0.0.0.0:9330",
            "169.254.169.254",
            "2130706433",
            "[::ffff:127.0.0.1]",
            "",
            ":9330",
        ] {
            assert!(!host_is_answered(&policy, host), "{host}");
        }
    }

    #[test]
    fn a_named_host_is_answered_on_any_port() {
        let policy = AccessPolicy {
            allowed_hosts: vec!["node".to_owned()],
            ..AccessPolicy::default()
        };
        assert!(host_is_answered(&policy, "node"));
        assert!(host_is_answered(&policy, "Node:9330"));
        assert!(!host_is_answered(&policy, "node.evil.com"));
    }

    #[test]
    fn writes_are_for_the_own_origin_and_named_paths() {
        let policy = AccessPolicy {
            public_writes: vec!["/tx".to_owned()],
            ..AccessPolicy::default()
        };
        let post = |path: &str, origin: &str| {
            let request = Request::post(path)
                .header(header::HOST, "localhost:9332")
                .header(header::ORIGIN, origin)
                .body(())
                .expect("a request");
            policy.check(&request).map_err(|it| it.status())
        };
        assert_eq!(post("/faucet", "http://localhost:9332"), Ok(()));
        assert_eq!(
            post("/faucet", "http://localhost:1"),
            Err(StatusCode::FORBIDDEN)
        );
        assert_eq!(
            post("/faucet", "http://evil.com"),
            Err(StatusCode::FORBIDDEN)
        );
        assert_eq!(post("/faucet", "null"), Err(StatusCode::FORBIDDEN));
        assert_eq!(post("/tx", "http://evil.com"), Ok(()));
    }
}

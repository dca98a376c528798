//! One service over HTTP: URLs, the token, limits on answers.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ClientError;
use crate::problem::{self, Problem};

/// The most bytes of a problem document that are read.
const MAX_PROBLEM_BYTES: usize = 64 * 1024;

/// How long an unused connection is kept: shorter than the services' own limit of 5 seconds, so
/// that no request goes out on a connection that is being closed.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// The media type of raw blocks and transactions.
pub(super) const OCTETS: &str = "application/octet-stream";

/// Limits of a client.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The longest time to connect.
    pub connect_timeout: Duration,
    /// The longest time of a request until its last byte; streams and long polls have their own.
    pub timeout: Duration,
    /// The most bytes of an answer.
    pub max_response_bytes: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            max_response_bytes: 64 * 1024 * 1024,
        }
    }
}

/// A service: its root, its token, and the limits on its answers.
#[derive(Clone)]
pub(super) struct Http {
    client: reqwest::Client,
    root: Url,
    token: Option<HeaderValue>,
    options: ClientOptions,
}

impl Http {
    pub(super) fn new(root: &str, options: ClientOptions) -> Result<Self, ClientError> {
        let bad = || ClientError::Url {
            url: root.to_owned(),
        };
        let url = Url::parse(root).map_err(|_| bad())?;
        let is_root = url.scheme() == "http"
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !is_root {
            return Err(bad());
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .user_agent(concat!("synod/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ClientError::from)?;
        Ok(Self {
            client,
            root: url,
            token: None,
            options,
        })
    }

    pub(super) fn with_token(mut self, token: &str) -> Result<Self, ClientError> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
            .map_err(|_| ClientError::Token)?;
        value.set_sensitive(true);
        self.token = Some(value);
        Ok(self)
    }

    pub(super) fn root(&self) -> &str {
        self.root.as_str().trim_end_matches('/')
    }

    /// Starts a request; each part of the path is percent-encoded.
    pub(super) fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> RequestBuilder {
        let mut url = self.root.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self
            .client
            .request(method, url)
            .timeout(self.options.timeout);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        request
    }

    pub(super) fn get(&self, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        self.request(Method::GET, path, query)
    }

    pub(super) fn post<B: Serialize>(&self, path: &[&str], body: &B) -> RequestBuilder {
        self.request(Method::POST, path, &[]).json(body)
    }

    pub(super) fn post_bytes(&self, path: &[&str], body: impl Into<Bytes>) -> RequestBuilder {
        let body: Bytes = body.into();
        self.request(Method::POST, path, &[])
            .header(CONTENT_TYPE, OCTETS)
            .body(body)
    }

    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, ClientError> {
        let bytes = self
            .read(request.header(ACCEPT, "application/json"))
            .await?;
        serde_json::from_slice(&bytes).map_err(|error| ClientError::Body(error.to_string()))
    }

    pub(super) async fn bytes(&self, request: RequestBuilder) -> Result<Bytes, ClientError> {
        self.read(request.header(ACCEPT, OCTETS)).await
    }

    pub(super) async fn empty(&self, request: RequestBuilder) -> Result<(), ClientError> {
        self.read(request).await.map(drop)
    }

    async fn read(&self, request: RequestBuilder) -> Result<Bytes, ClientError> {
        let response = check(request.send().await?).await?;
        collect(response, self.options.max_response_bytes).await
    }
}

/// Passes a success on and turns everything else into an error.
pub(super) async fn check(response: Response) -> Result<Response, ClientError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let is_problem = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|it| it.to_str().ok())
        .is_some_and(|it| it.starts_with(problem::MEDIA_TYPE));
    let plain = ClientError::Status {
        status: status.as_u16(),
    };
    if !is_problem {
        return Err(plain);
    }
    let bytes = collect(response, MAX_PROBLEM_BYTES).await?;
    let Ok(mut problem) = serde_json::from_slice::<Problem>(&bytes) else {
        return Err(plain);
    };
    // The status that was sent is the one that counts, whatever the document says.
    problem.status = status.as_u16();
    Err(ClientError::Problem(Box::new(problem)))
}

/// Reads a body to its end, or to one byte past the limit.
async fn collect(mut response: Response, limit: usize) -> Result<Bytes, ClientError> {
    let claimed = response.content_length().unwrap_or(0);
    if claimed > limit as u64 {
        return Err(ClientError::TooLarge { limit });
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(ClientError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// Gives a client its constructors.
macro_rules! constructors {
    ($name:ident, $what:literal) => {
        impl $name {
            #[doc = concat!("Makes a client of the ", $what, " at a root such as `http://127.0.0.1:9330`.")]
            ///
            /// # Errors
            /// The text is not the root of an http service.
            pub fn new(root: &str) -> Result<Self, crate::ClientError> {
                Self::with_options(root, crate::client::ClientOptions::default())
            }

            /// Makes a client with limits of its own.
            ///
            /// # Errors
            /// The text is not the root of an http service.
            pub fn with_options(
                root: &str,
                options: crate::client::ClientOptions,
            ) -> Result<Self, crate::ClientError> {
                Ok(Self { http: crate::client::http::Http::new(root, options)? })
            }

            /// Sends a bearer token with each request.
            ///
            /// # Errors
            /// The token has characters that a header cannot carry.
            pub fn with_token(self, token: &str) -> Result<Self, crate::ClientError> {
                Ok(Self { http: self.http.with_token(token)? })
            }

            /// Returns the service's root without a trailing slash.
            #[must_use]
            pub fn root(&self) -> &str {
                self.http.root()
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("root", &self.root()).finish()
            }
        }
    };
}
pub(super) use constructors;

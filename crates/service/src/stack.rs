//! What happens to every request before and after its handler.

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router, middleware};
use futures_util::{FutureExt, StreamExt};
use synod_api::problem::code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;

use crate::error::{ProblemMark, problem_body};
use crate::per_address::{PerAddress, Place};
use crate::rate::RateLimit;
use crate::request_id::{self, RequestId};
use crate::{AccessPolicy, ApiError, Limits, Metrics, RouteClass};

/// The most bytes of a request body on a route, in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit(pub usize);

/// The time for a whole request body, in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyTimeout(pub(crate) Duration);

/// Gives a route another limit on its request body than [`Limits::max_body_bytes`].
///
/// The result is a layer: `routes.layer(body_limit(8_000_000))`.
pub fn body_limit(max_bytes: usize) -> Extension<BodyLimit> {
    Extension(BodyLimit(max_bytes))
}

/// What the outermost layer needs.
#[derive(Clone)]
pub(crate) struct Stack {
    pub(crate) access: Arc<AccessPolicy>,
    pub(crate) metrics: Metrics,
    pub(crate) body_timeout: Duration,
    pub(crate) max_body_bytes: usize,
}

impl Stack {
    /// Wraps all routes and fallbacks.
    pub(crate) fn wrap(self, router: Router) -> Router {
        router
            .fallback(no_such_route)
            .method_not_allowed_fallback(no_such_method)
            .layer(axum::extract::DefaultBodyLimit::max(self.max_body_bytes))
            .layer(body_limit(self.max_body_bytes))
            .layer(Extension(BodyTimeout(self.body_timeout)))
            .layer(middleware::from_fn_with_state(self, outermost))
    }
}

async fn no_such_route() -> ApiError {
    ApiError::not_found("There is no such route.")
}

async fn no_such_method() -> ApiError {
    let detail = "The route does not have this method.";
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        code::METHOD_NOT_ALLOWED,
        detail,
    )
}

async fn outermost(State(stack): State<Stack>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |it| it.as_str().to_owned());
    let span = tracing::info_span!("request", id = id.as_str(), %method, path);
    let answer = answer(&stack, request, next).instrument(span.clone());
    let mut response = answer.await;
    stack.access.open(&method, &path, response.headers_mut());
    write_id(&mut response, &id, &path);
    let status = response.status();
    let elapsed = started.elapsed();
    stack
        .metrics
        .observe_request(&method, &route, status, elapsed);
    span.in_scope(|| {
        tracing::debug!(
            status = status.as_u16(),
            ms = elapsed.as_millis(),
            "answered"
        );
    });
    response
}

async fn answer(stack: &Stack, request: Request, next: Next) -> Response {
    // Security: two measures of one body are two requests to two readers (RFC 9112, section
    // 6.1); what follows on the connection cannot be trusted.
    let headers = request.headers();
    if headers.contains_key(header::CONTENT_LENGTH)
        && headers.contains_key(header::TRANSFER_ENCODING)
    {
        let detail = "The request measures its body in two ways.";
        let mut response = ApiError::bad_request(detail).into_response();
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
        return response;
    }
    if let Err(error) = stack.access.check(&request) {
        return error.into_response();
    }
    if let Some(preflight) = stack.access.preflight(&request) {
        return preflight.into_response();
    }
    // Correctness: a panic in a handler ends that request only. Locks that it held are poisoned
    // and refused, never used half-changed.
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let cause = panic
                .downcast_ref::<&str>()
                .map(|it| (*it).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "a panic without a message".to_owned());
            ApiError::internal(cause).into_response()
        }
    }
}

/// Writes the request's id into the answer's header and, where it is one, its problem document.
fn write_id(response: &mut Response, id: &RequestId, path: &str) {
    if let Some(value) = id.to_header() {
        response
            .headers_mut()
            .insert(HeaderName::from_static(request_id::HEADER), value);
    }
    if let Some(ProblemMark(mut problem)) = response.extensions_mut().remove::<ProblemMark>() {
        id.as_str().clone_into(&mut problem.request_id);
        problem.instance.get_or_insert_with(|| path.to_owned());
        *response.body_mut() = problem_body(&problem);
        response
            .headers_mut()
            .remove(axum::http::header::CONTENT_LENGTH);
    }
}

/// The limits on handling, apart for short requests and for streams.
#[derive(Clone)]
pub(crate) struct Gate {
    /// What passes it, for refusals.
    class: &'static str,
    slots: Arc<Semaphore>,
    rate: Option<Arc<RateLimit>>,
    places: Option<Arc<PerAddress>>,
    timeout: Option<Duration>,
}

impl Gate {
    pub(crate) fn for_requests(
        class: RouteClass,
        limits: &Limits,
        rate: Option<&Arc<RateLimit>>,
    ) -> Self {
        Self {
            class: class.name,
            slots: Arc::new(Semaphore::new(class.max_requests)),
            rate: rate.map(Arc::clone),
            places: None,
            timeout: Some(limits.request_timeout),
        }
    }

    pub(crate) fn for_streams(limits: &Limits, rate: Option<&Arc<RateLimit>>) -> Self {
        Self {
            class: "streams",
            rate: rate.map(Arc::clone),
            slots: Arc::new(Semaphore::new(limits.max_streams)),
            places: Some(PerAddress::new(
                limits.max_streams_per_address,
                limits.counts_loopback,
            )),
            timeout: None,
        }
    }

    /// Takes a place of the request's address, where those are counted; `None` when it has as
    /// many as it may.
    fn place(&self, request: &Request) -> Option<Option<Place>> {
        match (&self.places, address_of(request)) {
            (Some(places), Some(address)) => places.take(address).map(Some),
            _ => Some(None),
        }
    }

    /// Counts the request against what its address may ask.
    fn count(&self, request: &Request) -> Result<(), ApiError> {
        let (Some(rate), Some(address)) = (&self.rate, address_of(request)) else {
            return Ok(());
        };
        let counted = rate.count(address, Instant::now());
        counted.map_err(|wait| too_many("This address asks too often.", wait))
    }

    pub(crate) fn wrap(self, router: Router) -> Router {
        if router.has_routes() {
            router.route_layer(middleware::from_fn_with_state(self, through))
        } else {
            router
        }
    }
}

fn address_of(request: &Request) -> Option<IpAddr> {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    address.map(|it| it.0.ip())
}

/// Refuses an address that has had its share.
fn too_many(detail: &str, wait: Duration) -> ApiError {
    let status = StatusCode::TOO_MANY_REQUESTS;
    // The header counts whole seconds.
    let seconds = wait.as_millis().div_ceil(1_000).clamp(1, 3_600);
    ApiError::new(status, code::TOO_MANY_REQUESTS, detail)
        .with_retry_after(Duration::from_secs(u64::try_from(seconds).unwrap_or(1)))
}

async fn through(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    if let Err(refusal) = gate.count(&request) {
        return refusal.into_response();
    }
    let Ok(slot) = Arc::clone(&gate.slots).try_acquire_owned() else {
        return ApiError::overloaded("The service has too many requests of this class at once.")
            .with("class", gate.class)
            .into_response();
    };
    let Some(place) = gate.place(&request) else {
        let detail = "This address has too many streams open.";
        return too_many(detail, Duration::from_secs(1)).into_response();
    };
    let is_head = *request.method() == Method::HEAD;
    match gate.timeout {
        None if is_head => next.run(request).await,
        None => hold(next.run(request).await, (slot, place)),
        Some(timeout) => match tokio::time::timeout(timeout, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                let detail = "The service did not finish in time.";
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code::TIMEOUT, detail)
                    .with_retry_after(Duration::from_secs(1))
                    .into_response()
            }
        },
    }
}

/// Keeps a slot until the answer's last byte.
fn hold(response: Response, held: (OwnedSemaphorePermit, Option<Place>)) -> Response {
    if !response.status().is_success() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let stream = body.into_data_stream().map(move |chunk| {
        let _held = &held;
        chunk
    });
    Response::from_parts(parts, Body::from_stream(stream))
}

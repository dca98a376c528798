//! Health: is the process alive, and does it do its work.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiError;

/// What a service needs before it does its work, by name.
///
/// Clones share their state. A service without checks is ready.
#[derive(Debug, Clone, Default)]
pub struct Health {
    checks: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
}

/// One thing that a service needs.
#[derive(Debug, Clone)]
pub struct Check {
    name: &'static str,
    health: Health,
}

impl Health {
    /// Adds a check that fails until [`Check::pass`] is called.
    #[must_use]
    pub fn check(&self, name: &'static str) -> Check {
        self.lock().insert(name, Some("starting".to_owned()));
        Check {
            name,
            health: self.clone(),
        }
    }

    /// Says whether every check passes.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.lock().values().all(Option::is_none)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Option<String>>> {
        // Correctness: each change is one insertion, so a panic leaves nothing half-done.
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Check {
    /// Says that the thing is there.
    pub fn pass(&self) {
        self.health.lock().insert(self.name, None);
    }

    /// Says that the thing is missing, and why, in words for strangers.
    pub fn fail(&self, reason: impl Into<String>) {
        self.health.lock().insert(self.name, Some(reason.into()));
    }
}

/// The answer of the health routes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthBody {
    /// `live` or `ready`.
    #[schema(examples("ready"))]
    status: &'static str,
    /// The checks by name: `ok`, or what is missing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    checks: BTreeMap<&'static str, String>,
}

pub(crate) fn routes(health: Health) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(live))
        .routes(routes!(ready))
        .with_state(health)
}

/// Is the process alive
///
/// Answers as long as the process handles requests at all.
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "getLive",
    tag = "service",
    responses((status = 200, description = "The process is alive.", body = HealthBody)),
)]
async fn live() -> Response {
    respond("live", BTreeMap::new())
}

/// Does the service do its work
///
/// Answers 200 when everything that the service needs is there.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "getReady",
    tag = "service",
    responses(
        (status = 200, description = "The service is ready.", body = HealthBody),
        (status = 503, description = "Something is missing; `checks` says what.",
            body = synod_api::Problem, content_type = "application/problem+json"),
    ),
)]
async fn ready(State(health): State<Health>) -> Response {
    let checks: BTreeMap<_, _> = health
        .lock()
        .iter()
        .map(|(name, reason)| (*name, reason.clone().unwrap_or_else(|| "ok".to_owned())))
        .collect();
    if health.is_ready() {
        return respond("ready", checks);
    }
    let checks: serde_json::Map<_, _> = checks
        .into_iter()
        .map(|(name, it)| (name.to_owned(), it.into()))
        .collect();
    ApiError::unavailable("The service is not ready yet.")
        .with("checks", checks)
        .into_response()
}

fn respond(status: &'static str, checks: BTreeMap<&'static str, String>) -> Response {
    let no_store = [(axum::http::header::CACHE_CONTROL, "no-store")];
    (no_store, axum::Json(HealthBody { status, checks })).into_response()
}

//! A service's routes, wrapped into what every service has.

use std::sync::Arc;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::docs::{self, Documents};
use crate::health::{self, Health};
use crate::stack::{Gate, Stack};
use crate::{AccessPolicy, Limits, Metrics, metrics};

/// Builds the router of a service.
///
/// Health and metrics answer even when all slots for requests are taken.
pub struct App {
    document: OpenApi,
    routes: Router,
    streams: Router,
    access: AccessPolicy,
    limits: Limits,
    health: Health,
    metrics: Metrics,
}

impl App {
    /// Starts from a document that has the service's name, version and description.
    #[must_use]
    pub fn new(document: OpenApi, limits: &Limits) -> Self {
        Self {
            document,
            routes: Router::new(),
            streams: Router::new(),
            access: AccessPolicy::default(),
            limits: limits.clone(),
            health: Health::default(),
            metrics: Metrics::default(),
        }
    }

    /// Adds routes that answer soon: limited in number and time.
    #[must_use]
    pub fn routes(mut self, routes: OpenApiRouter) -> Self {
        let (router, document) = routes.split_for_parts();
        self.document.merge(document);
        self.routes = self.routes.merge(router);
        self
    }

    /// Adds long polls and event streams: limited in number, not in time.
    #[must_use]
    pub fn streams(mut self, routes: OpenApiRouter) -> Self {
        let (router, document) = routes.split_for_parts();
        self.document.merge(document);
        self.streams = self.streams.merge(router);
        self
    }

    /// Adds routes that are not part of the documented interface, such as pages.
    #[must_use]
    pub fn pages(mut self, router: Router) -> Self {
        self.routes = self.routes.merge(router);
        self
    }

    /// Says which hosts and origins are answered.
    #[must_use]
    pub fn access(mut self, access: AccessPolicy) -> Self {
        self.access = access;
        self
    }

    /// Says what `/health/ready` checks.
    #[must_use]
    pub fn health(mut self, health: &Health) -> Self {
        self.health = health.clone();
        self
    }

    /// Says what `/metrics` shows besides requests.
    #[must_use]
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = metrics.clone();
        self
    }

    /// Returns the router, to be given to [`serve`](crate::serve).
    pub fn build(self) -> Router {
        let documents = Documents::new(&docs::complete(self.document));
        let (own, _) = OpenApiRouter::new()
            .merge(health::routes(self.health))
            .merge(metrics::routes(self.metrics.clone()))
            .split_for_parts();
        let router = Gate::for_requests(&self.limits)
            .wrap(self.routes)
            .merge(Gate::for_streams(&self.limits).wrap(self.streams))
            .merge(own)
            .merge(docs::routes(documents));
        let stack = Stack {
            access: Arc::new(self.access),
            metrics: self.metrics,
            body_timeout: self.limits.body_timeout,
            max_body_bytes: self.limits.max_body_bytes,
        };
        stack.wrap(router)
    }
}

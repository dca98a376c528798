//! A service's routes, wrapped into what every service has.

use std::sync::Arc;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::docs::{self, Documents};
use crate::health::{self, Health};
use crate::rate::RateLimit;
use crate::stack::{Gate, Stack};
use crate::{AccessPolicy, Limits, Metrics, RouteClass, metrics};

/// Builds the router of a service.
///
/// Health and metrics answer even when all slots for requests are taken.
pub struct App {
    document: OpenApi,
    /// The routes of each class; the first is for all that name none.
    classes: Vec<(RouteClass, Router)>,
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
            classes: vec![(
                RouteClass {
                    name: "requests",
                    max_requests: limits.max_requests,
                },
                Router::new(),
            )],
            streams: Router::new(),
            access: AccessPolicy::default(),
            limits: limits.clone(),
            health: Health::default(),
            metrics: Metrics::default(),
        }
    }

    /// Adds routes that answer soon: limited in number and time.
    #[must_use]
    pub fn routes(self, routes: OpenApiRouter) -> Self {
        let class = self.classes[0].0;
        self.routes_of(class, routes)
    }

    /// Adds routes of a class, which share its limit with all others of the same name, whatever
    /// other classes do.
    #[must_use]
    pub fn routes_of(mut self, class: RouteClass, routes: OpenApiRouter) -> Self {
        let (router, document) = routes.split_for_parts();
        self.document.merge(document);
        self.add(class, router);
        self
    }

    fn add(&mut self, class: RouteClass, router: Router) {
        match self.classes.iter_mut().find(|it| it.0.name == class.name) {
            Some((_, routes)) => *routes = std::mem::take(routes).merge(router),
            None => self.classes.push((class, router)),
        }
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
        let class = self.classes[0].0;
        self.add(class, router);
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
        let rate = self.limits.rate;
        let rate = rate.map(|rate| Arc::new(RateLimit::new(rate, self.limits.counts_loopback)));
        let mut router = Gate::for_streams(&self.limits, rate.as_ref()).wrap(self.streams);
        for (class, routes) in self.classes {
            let gate = Gate::for_requests(class, &self.limits, rate.as_ref());
            router = router.merge(gate.wrap(routes));
        }
        let router = router.merge(own).merge(docs::routes(documents));
        let stack = Stack {
            access: Arc::new(self.access),
            metrics: self.metrics,
            body_timeout: self.limits.body_timeout,
            max_body_bytes: self.limits.max_body_bytes,
        };
        stack.wrap(router)
    }
}

//! The node's routes: one folder a resource, one file an operation.

mod blocks;
mod chain;
mod dev;
mod duties;
mod events;
mod evidence;
mod fees;
mod finality;
mod mempool;
mod mining;
mod outputs;
mod p2p;
mod peers;
mod render;
mod submit;
mod transactions;
mod validators;

use axum::Router;
use synod_service::{AccessPolicy, App, Health, Limits, Metrics, RouteClass, docs};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::limits::RouteLimits;
use crate::state::AppState;

/// The document's head; the paths come from the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Synod node",
        description = "Chain, blocks, transactions, mempool, mining templates and peers of a \
                       Synod node. Hashes are in display order, amounts in satoshis. Errors are \
                       problem documents (RFC 9457) whose code is Bitcoin Core's reject string.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
        contact(name = "The Synod developers"),
    ),
    tags(
        (name = "chain", description = "The active chain, its branches and its coins"),
        (name = "blocks", description = "Blocks"),
        (name = "transactions", description = "Transactions and outputs"),
        (name = "mempool", description = "Transactions that wait, and what they pay"),
        (name = "mining", description = "Block templates and found work"),
        (name = "validators", description = "Who seals, what they sign, what is final, and who has contradicted itself"),
        (name = "peers", description = "Peers; for the operator"),
        (name = "events", description = "Server-sent events"),
        (name = "p2p", description = "Between nodes"),
        (name = "dev", description = "For tests: with --dev, and on loopback only"),
    )
)]
struct Document;

/// Returns the OpenAPI document of a node with all its routes.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut routes = OpenApiRouter::with_openapi(Document::openapi())
        .merge(peers::routes())
        .merge(duties::list_routes())
        .merge(duties::vote_routes())
        .merge(mempool::operator_routes())
        .merge(events::routes())
        .merge(mining::template_routes())
        .merge(p2p::stream_routes(None))
        .merge(dev::routes());
    for (_, reads) in answers_soon(&RouteLimits::default(), None) {
        routes = routes.merge(reads);
    }
    docs::complete(routes.split_for_parts().1)
}

/// The routes that answer soon and want no token, by what they cost.
///
/// With a state, what peers ask is held against the members of the network.
fn answers_soon(
    limits: &RouteLimits,
    state: Option<&AppState>,
) -> [(RouteClass, OpenApiRouter<AppState>); 13] {
    [
        (limits.reads(), chain::routes()),
        (limits.heavy_reads(), blocks::routes()),
        (limits.reads(), transactions::routes()),
        (limits.reads(), outputs::routes()),
        (limits.reads(), mempool::routes()),
        (limits.heavy_reads(), mempool::entries_routes()),
        (limits.reads(), fees::routes()),
        (limits.submits(), submit::routes()),
        (limits.submits(), mining::submit_routes()),
        (limits.reads(), validators::routes()),
        (limits.reads(), finality::routes()),
        (limits.submits(), evidence::routes()),
        (limits.peers(), p2p::routes(state)),
    ]
}

/// What the routes are built from besides the shared state.
pub struct Wiring {
    /// Limits of the listener.
    pub limits: Limits,
    /// Limits of the routes, by what they cost.
    pub classes: RouteLimits,
    /// Hosts and origins that are answered.
    pub access: AccessPolicy,
    /// What `/health/ready` checks.
    pub health: Health,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// Whether the routes of `/dev` exist.
    pub has_dev: bool,
}

/// Builds the router of the main listener.
pub fn router(state: &AppState, wiring: Wiring) -> Router {
    let mut app = App::new(Document::openapi(), &wiring.limits)
        .access(wiring.access)
        .health(&wiring.health)
        .metrics(&wiring.metrics);
    for (class, routes) in answers_soon(&wiring.classes, Some(state)) {
        app = app.routes_of(class, routes.with_state(state.clone()));
    }
    let operator = wiring.classes.operator();
    let protected = peers::routes()
        .merge(mempool::operator_routes())
        .merge(duties::vote_routes());
    let protected = state.token.protect(protected);
    app = app.routes_of(operator, protected.with_state(state.clone()));
    let duties = state.token.protect(duties::list_routes());
    app = app.streams(duties.with_state(state.clone()));
    app = app.streams(events::routes().with_state(state.clone()));
    app = app.streams(mining::template_routes().with_state(state.clone()));
    app = app.streams(p2p::stream_routes(Some(state)).with_state(state.clone()));
    if wiring.has_dev {
        app = app.routes_of(operator, dev::routes().with_state(state.clone()));
    }
    app.build()
}

/// Builds the router of a listener for peers only.
pub fn peer_router(state: &AppState, wiring: Wiring) -> Router {
    App::new(Document::openapi(), &wiring.limits)
        .access(wiring.access)
        .routes_of(
            wiring.classes.peers(),
            p2p::routes(Some(state)).with_state(state.clone()),
        )
        .streams(p2p::stream_routes(Some(state)).with_state(state.clone()))
        .build()
}

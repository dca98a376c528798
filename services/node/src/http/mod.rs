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
use synod_service::{AccessPolicy, App, Health, Limits, Metrics, docs};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

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
        .merge(events::routes())
        .merge(mining::template_routes())
        .merge(p2p::stream_routes(None))
        .merge(dev::routes());
    for reads in answers_soon(None) {
        routes = routes.merge(reads);
    }
    docs::complete(routes.split_for_parts().1)
}

/// The routes that answer soon and want no token.
///
/// With a state, what peers ask is held against the members of the network.
fn answers_soon(state: Option<&AppState>) -> [OpenApiRouter<AppState>; 12] {
    [
        chain::routes(),
        blocks::routes(),
        transactions::routes(),
        outputs::routes(),
        mempool::routes(),
        fees::routes(),
        submit::routes(),
        mining::submit_routes(),
        validators::routes(),
        finality::routes(),
        evidence::routes(),
        p2p::routes(state),
    ]
}

/// What the routes are built from besides the shared state.
pub struct Wiring {
    /// Limits of the listener.
    pub limits: Limits,
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
    for routes in answers_soon(Some(state)) {
        app = app.routes(routes.with_state(state.clone()));
    }
    app = app.routes(
        state
            .token
            .protect(peers::routes().merge(duties::vote_routes()))
            .with_state(state.clone()),
    );
    let duties = state.token.protect(duties::list_routes());
    app = app.streams(duties.with_state(state.clone()));
    app = app.streams(events::routes().with_state(state.clone()));
    app = app.streams(mining::template_routes().with_state(state.clone()));
    app = app.streams(p2p::stream_routes(Some(state)).with_state(state.clone()));
    if wiring.has_dev {
        app = app.routes(dev::routes().with_state(state.clone()));
    }
    app.build()
}

/// Builds the router of a listener for peers only.
pub fn peer_router(state: &AppState, wiring: Wiring) -> Router {
    App::new(Document::openapi(), &wiring.limits)
        .access(wiring.access)
        .routes(p2p::routes(Some(state)).with_state(state.clone()))
        .streams(p2p::stream_routes(Some(state)).with_state(state.clone()))
        .build()
}

//! The miner's REST.

mod mine;
mod set_payout;
mod set_policy;
mod set_threads;
mod start;
mod status;
mod stop;

use synod_service::{Token, docs};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::State;

/// The miner's name and description in its document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Synod miner",
        description = "Searches nonces for a node's templates: status, start, stop, threads, \
            payout, policy, and blocks on request.",
        contact(name = "Synod")
    ),
    tags(
        (name = "miner", description = "What the miner does and should do."),
        (name = "service", description = "Health and metrics, the same in every service."),
    )
)]
struct Document;

/// Returns the document that the service's own routes are added to.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Routes that answer at once.
pub(crate) fn routes(token: &Token) -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(status::status))
        .merge(token.protect(writes()))
}

/// Routes that answer when the work is done.
pub(crate) fn streams(token: &Token) -> OpenApiRouter<State> {
    token.protect(slow_writes())
}

fn writes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(start::start))
        .routes(routes!(stop::stop))
        .routes(routes!(set_threads::set_threads))
        .routes(routes!(set_payout::set_payout))
        .routes(routes!(set_policy::set_policy))
}

fn slow_writes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(mine::mine))
}

/// Returns the OpenAPI document of the miner, as `/openapi.json` serves it.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, own) = OpenApiRouter::with_openapi(document())
        .routes(routes!(status::status))
        .merge(writes())
        .merge(slow_writes())
        .split_for_parts();
    docs::complete(own)
}

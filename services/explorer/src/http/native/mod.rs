//! What is the explorer's own: faucet, reorganisations, events.

mod events;
pub(crate) mod faucet;
pub(crate) mod reorgs;
pub(crate) mod stake;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::state::Explorer;

/// Routes that answer soon.
pub(crate) fn routes() -> OpenApiRouter<Explorer> {
    OpenApiRouter::new()
        .routes(routes!(faucet::pay))
        .routes(routes!(reorgs::list))
        .routes(routes!(stake::validators))
        .routes(routes!(stake::finality))
        .routes(routes!(stake::evidence))
}

/// Routes that stream.
pub(crate) fn streams() -> OpenApiRouter<Explorer> {
    OpenApiRouter::new().routes(routes!(events::stream))
}

//! What validators sign, for the operator's validators.

mod list;
mod vote;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

/// The long poll.
pub(crate) fn list_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list::list_duties))
}

pub(crate) fn vote_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(vote::submit_vote))
}

//! Who seals.

mod list;

use synod_api::node::validator::NO_STAKE;
use synod_service::ApiError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::duty::Clockwork;
use crate::state::AppState;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list::list_validators))
}

/// Returns the engine's slots.
///
/// # Errors
/// 409 under an engine without stake.
pub(crate) fn clockwork(state: &AppState) -> Result<Clockwork, ApiError> {
    state.duties.clockwork.ok_or_else(|| {
        let engine = state.spec.consensus.engine.name();
        let detail = format!("Under the engine {engine} nobody has a stake.");
        ApiError::conflict(NO_STAKE, detail)
    })
}

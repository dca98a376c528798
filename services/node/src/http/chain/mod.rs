//! The chain as a whole.

mod headers;
mod show;
mod state;
mod tips;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show::get_chain))
        .routes(routes!(state::get_state))
        .routes(routes!(tips::get_tips))
        .routes(routes!(headers::get_headers))
}

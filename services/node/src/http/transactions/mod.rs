//! Reading transactions.

pub(crate) mod confirmed;
mod pending;
mod raw;
mod show;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show::get_transaction))
        .routes(routes!(raw::get_raw_transaction))
}

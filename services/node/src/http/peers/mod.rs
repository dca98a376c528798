//! Peers, for the operator.

mod add;
mod list;
mod remove;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_peers, add::add_peer))
        .routes(routes!(remove::remove_peer))
}

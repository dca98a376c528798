//! Block templates and found work.

mod submit;
mod template;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

/// The long poll, which may take a minute.
pub(crate) fn template_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(template::get_template))
}

pub(crate) fn submit_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(submit::submit_work))
}

//! Who has contradicted itself.

mod list;
mod submit;

use synod_api::node::evidence::MAX_STATEMENT_BYTES;
use synod_service::body_limit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

/// Two statements in hex, with the JSON around them.
const MAX_BODY_BYTES: usize = 4 * MAX_STATEMENT_BYTES + 1024;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_evidence, submit::submit_evidence))
        .layer(body_limit(MAX_BODY_BYTES))
}

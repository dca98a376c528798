//! Fee estimates.

mod estimator;
mod show;

use axum::Extension;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;
use estimator::Estimator;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show::get_fees))
        .layer(Extension(Estimator::default()))
}

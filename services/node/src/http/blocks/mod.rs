//! Blocks.

mod at;
mod finality;
pub(crate) mod load;
pub(crate) mod place;
mod raw;
mod show;
mod starts;
mod view;

use axum::Extension;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;
use view::Renderers;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show::get_block))
        .routes(routes!(raw::get_raw_block))
        .routes(routes!(finality::get_finality))
        .routes(routes!(at::get_block_at))
        .layer(Extension(Renderers::default()))
}

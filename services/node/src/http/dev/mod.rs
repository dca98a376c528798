//! Routes for tests, which exist with `--dev` only and answer on loopback only.

mod chain;
mod mine;
mod time;

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use synod_service::ApiError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(mine::mine_blocks))
        .routes(routes!(time::set_time))
        .routes(routes!(chain::invalidate_block))
        .routes(routes!(chain::reconsider_block))
        .route_layer(from_fn(loopback_only))
}

async fn loopback_only(request: Request, next: Next) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    if address.is_some_and(|it| it.0.ip().to_canonical().is_loopback()) {
        return next.run(request).await;
    }
    let detail = "Routes for tests answer on loopback only.";
    ApiError::new(StatusCode::FORBIDDEN, "loopback-only", detail).into_response()
}

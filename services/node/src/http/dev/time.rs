//! `POST /dev/v1/time`.

use axum::http::StatusCode;
use synod_api::Problem;
use synod_api::node::DevTime;
use synod_service::Json;

use crate::state::set_clock;

/// Sets the clock.
#[utoipa::path(
    post, path = "/dev/v1/time", tag = "dev", operation_id = "setTime",
    summary = "Set the clock",
    description = "Sets the clock of this process to a moment at which it stays; null lets it run \
                   again.",
    request_body = DevTime,
    responses(
        (status = 204, description = "The clock is set"),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn set_time(Json(request): Json<DevTime>) -> StatusCode {
    set_clock(request.unix);
    StatusCode::NO_CONTENT
}

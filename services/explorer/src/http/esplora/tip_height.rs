//! `GET /blocks/tip/height`.

use axum::extract::State;

use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Height of the last block
#[utoipa::path(
    get,
    path = "/blocks/tip/height",
    operation_id = "getTipHeight",
    tag = "esplora",
    responses(
        (status = 200, description = "The height.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn tip_height(State(explorer): State<Explorer>) -> Answer {
    let snapshot = explorer.snapshot().await?;
    Ok(Reply::text(snapshot.tip.height, Keep::Moment))
}

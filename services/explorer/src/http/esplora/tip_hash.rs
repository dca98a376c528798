//! `GET /blocks/tip/hash`.

use axum::extract::State;

use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Hash of the last block
#[utoipa::path(
    get,
    path = "/blocks/tip/hash",
    operation_id = "getTipHash",
    tag = "esplora",
    responses(
        (status = 200, description = "The hash.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn tip_hash(State(explorer): State<Explorer>) -> Answer {
    let snapshot = explorer.snapshot().await?;
    Ok(Reply::text(snapshot.tip.hash, Keep::Moment))
}

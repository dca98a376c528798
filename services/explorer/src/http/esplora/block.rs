//! `GET /block/{hash}`.

use axum::extract::{Path, State};

use super::body::BlockBody;
use super::parse;
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// A block
///
/// Stale blocks are found too.
#[utoipa::path(
    get,
    path = "/block/{hash}",
    operation_id = "getBlock",
    tag = "esplora",
    params(
        ("hash" = String, Path, description = "The block's hash in hex."),
    ),
    responses(
        (status = 200, description = "The block.", body = BlockBody),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such thing.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn block(State(explorer): State<Explorer>, Path(hash): Path<String>) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let record = parse::block(&mut snapshot, &hash).await?;
    Reply::json(&BlockBody::of(&record), Keep::Forever)
}

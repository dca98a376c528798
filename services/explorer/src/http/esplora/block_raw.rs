//! `GET /block/{hash}/raw`.

use axum::extract::{Path, State};

use super::parse;
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// The bytes of a block
#[utoipa::path(
    get,
    path = "/block/{hash}/raw",
    operation_id = "getBlockRaw",
    tag = "esplora",
    params(
        ("hash" = String, Path, description = "The block's hash in hex."),
    ),
    responses(
        (status = 200, description = "The block in consensus encoding.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such thing.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn block_raw(
    State(explorer): State<Explorer>,
    Path(hash): Path<String>,
) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let record = parse::block(&mut snapshot, &hash).await?;
    Ok(Reply::bytes(
        snapshot.block_bytes(&record).await?,
        Keep::Forever,
    ))
}

//! `GET /block-height/{height}`.

use axum::extract::{Path, State};

use super::parse;
use crate::http::reply::{Answer, Keep, Refusal, Reply};
use crate::http::state::Explorer;

/// Hash of the block at a height
#[utoipa::path(
    get,
    path = "/block-height/{height}",
    operation_id = "getBlockHash",
    tag = "esplora",
    params(
        ("height" = u32, Path, description = "The block's height."),
    ),
    responses(
        (status = 200, description = "The hash.", body = String, content_type = "text/plain"),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such thing.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn block_height(
    State(explorer): State<Explorer>,
    Path(height): Path<String>,
) -> Answer {
    let height = parse::number(&height)?;
    let mut snapshot = explorer.snapshot().await?;
    let record = snapshot.reader.block_at(height).await?;
    let record = record.ok_or_else(|| Refusal::missing("Block not found"))?;
    Ok(Reply::text(record.hash, Keep::Moment))
}

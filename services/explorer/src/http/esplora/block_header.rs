//! `GET /block/{hash}/header`.

use axum::extract::{Path, State};
use synod_primitives::hex;

use super::parse;
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// The header of a block in hex
#[utoipa::path(
    get,
    path = "/block/{hash}/header",
    operation_id = "getBlockHeader",
    tag = "esplora",
    params(
        ("hash" = String, Path, description = "The block's hash in hex."),
    ),
    responses(
        (status = 200, description = "160 hex digits.", body = String, content_type = "text/plain"),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such thing.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn block_header(
    State(explorer): State<Explorer>,
    Path(hash): Path<String>,
) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let record = parse::block(&mut snapshot, &hash).await?;
    Ok(Reply::text(
        hex::encode(record.header.encode()),
        Keep::Forever,
    ))
}

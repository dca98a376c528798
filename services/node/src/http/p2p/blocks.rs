//! `POST /p2p/v1/blocks`.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use synod_api::Problem;
use synod_api::p2p::{BlocksRequest, MAX_REQUESTED_BLOCKS};
use synod_gossip::wire;
use synod_primitives::BlockHash;
use synod_service::{ApiError, Json};
use synod_store::{Reader, StoreError};

use super::budget;
use super::seat::{From, Session};
use crate::error;
use crate::state::AppState;

/// Streams blocks by hash.
#[utoipa::path(
    post, path = "/p2p/v1/blocks", tag = "p2p", operation_id = "sendBlocks",
    summary = "Get blocks",
    description = "The blocks in the order asked for, each after its length in 4 bytes \
                   little-endian. The answer ends before the first block that is not there, or \
                   after 8 MiB.",
    request_body = BlocksRequest,
    responses(
        (status = 200, description = "Blocks", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "The sender was sent too much lately", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn send_blocks(
    State(state): State<AppState>,
    From(address): From,
    Session(session): Session,
    Json(request): Json<BlocksRequest>,
) -> Result<Response, ApiError> {
    if request.hashes.len() > MAX_REQUESTED_BLOCKS {
        let detail = format!("At most {MAX_REQUESTED_BLOCKS} blocks are asked for at once.");
        return Err(ApiError::bad_request(detail));
    }
    budget::check(&state, address)?;
    let peer = session.and_then(|it| state.peers.find_session(it));
    let hashes = request
        .hashes
        .iter()
        .map(|it| BlockHash::from_bytes(it.to_internal()));
    let hashes: Vec<BlockHash> = hashes.collect();
    let there = state.chain.look(move |node, _| {
        let tree = node.chain().tree();
        let has_block = |hash: &BlockHash| {
            tree.find(*hash)
                .is_some_and(|id| tree.entry(id).record.status.has_block())
        };
        Ok(hashes.into_iter().take_while(has_block).collect::<Vec<_>>())
    });
    let hashes = there.await.map_err(error::unavailable)?;
    let start = (state, hashes.into_iter(), 0);
    let frames = stream::try_unfold(start, move |(state, mut hashes, sent)| async move {
        let Some(hash) = hashes.next() else {
            return Ok(None);
        };
        if sent >= wire::BLOCKS_ANSWER_BYTES {
            return Ok(None);
        }
        let Some(frame) = load_frame(&state.reader, hash).await? else {
            return Ok(None);
        };
        state.peers.spend_upload(address, frame.len());
        if let Some(peer) = peer {
            state.peers.count(peer, 0, frame.len());
        }
        let sent = sent + frame.len();
        Ok::<_, StoreError>(Some((frame, (state, hashes, sent))))
    });
    Ok((
        [(CONTENT_TYPE, "application/octet-stream")],
        Body::from_stream(frames),
    )
        .into_response())
}

/// Reads a block to where it goes out from.
///
/// Correctness: the store checks every part against its checksum and the whole against its hash.
async fn load_frame(reader: &Reader, hash: BlockHash) -> Result<Option<Bytes>, StoreError> {
    let found = reader.block_after(hash, wire::FRAME_HEAD_BYTES).await?;
    Ok(found.map(|mut frame| {
        wire::fill_frame_head(&mut frame);
        frame.into()
    }))
}

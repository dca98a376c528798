//! `POST /dev/v1/chain/invalidate` and `/reconsider`.

use axum::extract::State;
use axum::http::StatusCode;
use synod_api::Problem;
use synod_api::node::DevHash;
use synod_node_core::{Node, NodeError, StorageError};
use synod_primitives::BlockHash;
use synod_service::{ApiError, Json};

use crate::error;
use crate::state::AppState;

/// Treats a block and all above it as invalid.
#[utoipa::path(
    post, path = "/dev/v1/chain/invalidate", tag = "dev", operation_id = "invalidateBlock",
    summary = "Invalidate a block",
    description = "Treats a block and all above it as invalid; the chain moves to the best branch left.",
    request_body = DevHash,
    responses(
        (status = 204, description = "Done"),
        (status = 409, description = "The block is final (`block-is-final`): nothing changes", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The block is not known", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn invalidate_block(
    State(state): State<AppState>,
    Json(request): Json<DevHash>,
) -> Result<StatusCode, ApiError> {
    correct(&state, request, Node::invalidate).await
}

/// Forgets that a block was found invalid.
#[utoipa::path(
    post, path = "/dev/v1/chain/reconsider", tag = "dev", operation_id = "reconsiderBlock",
    summary = "Reconsider a block",
    description = "Forgets that a block, its ancestors or descendants were found invalid.",
    request_body = DevHash,
    responses(
        (status = 204, description = "Done"),
        (status = 422, description = "The block is not known", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn reconsider_block(
    State(state): State<AppState>,
    Json(request): Json<DevHash>,
) -> Result<StatusCode, ApiError> {
    correct(&state, request, Node::reconsider).await
}

async fn correct(
    state: &AppState,
    request: DevHash,
    action: fn(&mut Node, BlockHash, u64) -> Result<(), NodeError>,
) -> Result<StatusCode, ApiError> {
    let hash = BlockHash::from_bytes(request.hash.to_internal());
    let result = state
        .chain
        .run(move |node, now| match action(node, hash, now) {
            Ok(()) => Ok(Ok(())),
            Err(NodeError::Refused(refusal)) => Ok(Err(refusal)),
            Err(NodeError::Storage(error)) => Err::<_, StorageError>(error),
        });
    match result.await.map_err(error::unavailable)? {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(refusal) => Err(error::refused(refusal)),
    }
}

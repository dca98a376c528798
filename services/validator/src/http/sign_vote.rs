//! `POST /v1/sign/vote`.

use axum::extract::State as Extract;
use synod_api::node::CheckpointBody;
use synod_api::validator::{SignVote, SignatureBody};
use synod_api::{HexBytes, Problem};
use synod_primitives::BlockHash;
use synod_seal::{Checkpoint, Epoch, SealKey, VoteLink};
use synod_service::{ApiError, Json};

use crate::signer::LocalSigner;

/// Sign a checkpoint vote
///
/// Answers when the vote and its signature are in the protection database. A repeat has the
/// same answer.
#[utoipa::path(
    post,
    path = "/v1/sign/vote",
    operation_id = "signVote",
    tag = "signer",
    security(("bearer" = [])),
    request_body = SignVote,
    responses(
        (status = 200, description = "The signature.", body = SignatureBody),
        (status = 401, description = "The token is missing or wrong.", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "The vote is of another chain.", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "The key is not here.", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Signing it could be slashed; `code` says why.",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn sign_vote(
    Extract(signer): Extract<LocalSigner>,
    Json(asked): Json<SignVote>,
) -> Result<Json<SignatureBody>, ApiError> {
    let point = |it: &CheckpointBody| Checkpoint {
        epoch: Epoch(it.epoch),
        hash: BlockHash::from_bytes(it.hash.to_internal()),
    };
    let link = VoteLink {
        source: point(&asked.source),
        target: point(&asked.target),
    };
    let key = SealKey(asked.key.to_bytes());
    let signature = signer.vote(&asked.chain_id.to_bytes(), key, link).await?;
    Ok(Json(SignatureBody {
        signature: HexBytes(signature.to_vec()),
        reveal: None,
    }))
}

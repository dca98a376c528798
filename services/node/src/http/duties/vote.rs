//! `POST /v1/votes`.

use axum::extract::State;
use axum::http::StatusCode;
use synod_api::Problem;
use synod_api::node::{CheckpointBody, SignedVote};
use synod_primitives::BlockHash;
use synod_seal::{Checkpoint, Epoch, SealKey, Vote, VoteLink};
use synod_service::{ApiError, Json};

use crate::duty::hear_vote;
use crate::error;
use crate::http::validators::clockwork;
use crate::state::AppState;

/// Takes in a signed vote.
#[utoipa::path(
    post, path = "/v1/votes", tag = "validators", operation_id = "submitVote",
    summary = "Submit a signed vote",
    description = "Takes in a checkpoint vote of a validator and passes it on to peers. A repeat is \
                   fine.",
    security(("bearer" = [])),
    request_body = SignedVote,
    responses(
        (status = 204, description = "The engine has the vote"),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The token is missing or wrong", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The engine has no stake (`engine-without-stake`) or no votes (`engine-without-votes`)", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The signature does not hold (`bad-vote-signature`), or the vote does not count (`vote-not-wanted`)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn submit_vote(
    State(state): State<AppState>,
    Json(body): Json<SignedVote>,
) -> Result<StatusCode, ApiError> {
    if !clockwork(&state)?.has_votes {
        let detail = "Under this engine blocks are the votes.";
        return Err(ApiError::conflict("engine-without-votes", detail));
    }
    let signature = body.signature.as_bytes().try_into();
    let vote = Vote {
        link: VoteLink {
            source: checkpoint(&body.source),
            target: checkpoint(&body.target),
        },
        key: SealKey(body.key.to_bytes()),
        signature: signature.map_err(|_| ApiError::bad_request("signature is 64 bytes."))?,
    };
    if !vote.is_signed(&state.spec.chain_id().0) {
        let detail = "The signature is not this key's for this vote.";
        return Err(ApiError::unprocessable("bad-vote-signature", detail));
    }
    let is_there = hear_vote(&state.chain, vote).await;
    if !is_there.map_err(error::unavailable)? {
        let detail = "The vote is of no validator, for another epoch, or not the first.";
        return Err(ApiError::unprocessable("vote-not-wanted", detail));
    }
    state
        .duties
        .board
        .voted(&vote.key, vote.link.target.epoch.0);
    Ok(StatusCode::NO_CONTENT)
}

fn checkpoint(it: &CheckpointBody) -> Checkpoint {
    Checkpoint {
        epoch: Epoch(it.epoch),
        hash: BlockHash::from_bytes(it.hash.to_internal()),
    }
}

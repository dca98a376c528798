//! `GET /v1/finality`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use synod_api::node::validator::NO_FINALITY_ENGINE;
use synod_api::node::{CheckpointBody, CheckpointPlace, EpochVotes, FinalityStatus, PublishedLag};
use synod_api::{HashHex, Problem};
use synod_engine::{Finality, LinkVotes, Place};
use synod_primitives::Height;
use synod_seal::Checkpoint;
use synod_service::ApiError;

use crate::error;
use crate::http::render::{answer, block_ref, satoshis};
use crate::state::AppState;

/// Shows what is final, and how votes stand.
#[utoipa::path(
    get, path = "/v1/finality", tag = "validators", operation_id = "getFinalityStatus",
    summary = "Get what is final",
    description = "The last final block, how far behind the tip it is and should be, and the votes \
                   for what comes next. Under proof of work nothing ever is final.",
    responses(
        (status = 200, description = "What is final", body = FinalityStatus),
        (status = 304, description = "The answer is the one that the client has"),
        (status = 409, description = "The engine has no finality (`engine-without-finality`)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_finality_status(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let finality = state
        .chain
        .look(|node, _| Ok(node.chain().engine().finality()))
        .await
        .map_err(error::unavailable)?;
    let engine = state.spec.consensus.engine.name().to_owned();
    let finality = finality.ok_or_else(|| {
        let detail = format!("Under the engine {engine} no block is ever final.");
        ApiError::conflict(NO_FINALITY_ENGINE, detail)
    })?;
    answer::json(&headers, &body(engine, &finality))
}

fn body(engine: String, finality: &Finality) -> FinalityStatus {
    let last = finality.finalized.map_or(0, |it| it.height.0);
    FinalityStatus {
        engine,
        tip: block_ref(&finality.at),
        finalized: finality.finalized.as_ref().map(block_ref),
        finalized_epoch: finality.finalized_epoch.map(|it| it.0),
        justified: finality.justified.map(place),
        prevoted_height: finality.prevoted.map(|it| it.0),
        lag_blocks: finality.at.height.0.saturating_sub(last),
        published_lag: PublishedLag {
            blocks: finality.lag_blocks,
            seconds: u64::from(finality.lag_blocks).saturating_mul(finality.slot_s.into()),
        },
        epochs: finality.links.iter().map(votes).collect(),
    }
}

fn place(it: Place) -> CheckpointPlace {
    at(it.checkpoint, it.height)
}

fn at(checkpoint: Checkpoint, height: Option<Height>) -> CheckpointPlace {
    CheckpointPlace {
        checkpoint: CheckpointBody {
            epoch: checkpoint.epoch.0,
            hash: HashHex::from_internal(checkpoint.hash.to_bytes()),
        },
        height: height.map(|it| it.0),
    }
}

fn votes(link: &LinkVotes) -> EpochVotes {
    EpochVotes {
        source: at(link.link.source, link.source_height),
        target: at(link.link.target, link.target_height),
        votes: link.votes,
        weight_sat: satoshis(link.weight_sat),
        validators: link.electorate.map(|(count, _)| count),
        total_sat: link.electorate.map(|(_, total)| satoshis(total)),
        is_justified: link.is_justified,
    }
}

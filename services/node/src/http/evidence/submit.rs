//! `POST /v1/evidence`.

use axum::extract::State;
use axum::http::StatusCode;
use synod_api::Problem;
use synod_api::node::{EvidenceStatus, SubmitEvidence, SubmittedEvidence};
use synod_seal::{Evidence, SealKey};
use synod_service::{ApiError, Json};

use super::list::{delegate, key, status};
use crate::duty::{Accused, hear_evidence};
use crate::error;
use crate::http::validators::clockwork;
use crate::state::AppState;

/// Takes in evidence.
#[utoipa::path(
    post, path = "/v1/evidence", tag = "validators", operation_id = "submitEvidence",
    summary = "Show evidence",
    description = "Two statements of one key that contradict each other, as a slashing transaction's \
                   witness carries them. The node passes them on, and the next validator that seals \
                   a block of its reports them and earns the reward. Who wants the reward makes the \
                   transaction itself.",
    request_body = SubmitEvidence,
    responses(
        (status = 200, description = "The evidence holds", body = SubmittedEvidence),
        (status = 400, description = "The body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The engine has no stake (`engine-without-stake`)", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The statements prove nothing; the code is that of the rule", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The node remembers as much evidence as it can (`too-much-evidence`), or too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn submit_evidence(
    State(state): State<AppState>,
    Json(body): Json<SubmitEvidence>,
) -> Result<Json<SubmittedEvidence>, ApiError> {
    clockwork(&state)?;
    let evidence = Evidence::decode(body.first.as_bytes(), body.second.as_bytes())
        .and_then(|it| it.check(&state.spec.chain_id().0).map(|key| (key, it)));
    let (guilty, evidence) =
        evidence.map_err(|error| ApiError::unprocessable(error.code(), format!("{error}.")))?;
    let accused = hear_evidence(&state.chain, &state.duties, guilty, evidence).await;
    let accused = accused.map_err(error::unavailable)?;
    if accused == Accused::Full {
        let detail = "The node remembers as much open evidence as it can.";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(ApiError::new(status, "too-much-evidence", detail));
    }
    Ok(Json(answer(&state, &guilty, accused).await?))
}

async fn answer(
    state: &AppState,
    guilty: &SealKey,
    accused: Accused,
) -> Result<SubmittedEvidence, ApiError> {
    let hash = guilty.delegate_hash();
    let bonds = state
        .chain
        .look(move |node, _| Ok(node.chain().engine().bonds_of(&hash)));
    let bonds = bonds.await.map_err(error::unavailable)?;
    let is_bare = bonds.is_empty() && !state.duties.offences.is_leaving(&hash);
    let piece = state.duties.offences.find(guilty);
    Ok(SubmittedEvidence {
        key: key(guilty),
        delegate: delegate(guilty),
        status: piece.map_or(EvidenceStatus::Baseless, |it| status(&it, is_bare)),
        known: accused == Accused::Known,
    })
}

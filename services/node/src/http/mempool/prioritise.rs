//! `POST /v1/mempool/{txid}/priority`.

use axum::extract::State;
use synod_api::node::{Prioritise, Priority};
use synod_api::{HashHex, Problem};
use synod_primitives::Txid;
use synod_service::{ApiError, Json, Path};

use super::read;
use crate::error;
use crate::state::AppState;

/// The code of one changed fee too many.
const TOO_MANY: &str = "too-many-priorities";

/// Adds to a transaction's fee when it is compared with others.
#[utoipa::path(
    post, path = "/v1/mempool/{txid}/priority", tag = "mempool", operation_id = "prioritiseTransaction",
    summary = "Change a transaction's priority",
    description = "Adds to what the transaction counts as paying when blocks are filled and the \
                   mempool is cut to its size; what it pays stays the same. Each call adds to those \
                   before it, and a sum of 0 is as if there had been none. The transaction need \
                   not be in the mempool yet. It ends when a block holds the transaction.",
    security(("bearer" = [])),
    params(("txid" = HashHex, Path, description = "The transaction's id", example = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b")),
    request_body = Prioritise,
    responses(
        (status = 200, description = "The sum of all that was added", body = Priority),
        (status = 400, description = "The id or the body is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The token is missing or wrong", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The fees of too many transactions are changed (`too-many-priorities`)", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The body is not what the route takes", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn prioritise(
    State(state): State<AppState>,
    Path(shown): Path<HashHex>,
    Json(request): Json<Prioritise>,
) -> Result<Json<Priority>, ApiError> {
    let txid = Txid::from_bytes(shown.to_internal());
    let delta = request.fee_delta_sat;
    let sum = state
        .chain
        .run(move |node, _| Ok(node.prioritise(txid, delta)))
        .await
        .map_err(error::unavailable)?
        .map_err(|error| ApiError::conflict(TOO_MANY, format!("{error}.")))?;
    Ok(Json(Priority {
        txid: shown,
        fee_delta_sat: sum,
        in_mempool: read(&state).find(&txid).is_some(),
    }))
}

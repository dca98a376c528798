//! `GET /v1/outputs/{txid}/{vout}`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use synod_api::node::OutputBody;
use synod_api::{HashHex, Problem};
use synod_primitives::{OutPoint, Txid};
use synod_service::{ApiError, Path};

use super::find;
use crate::http::render::answer;
use crate::state::AppState;

/// Returns an output and whether it can still be spent.
#[utoipa::path(
    get, path = "/v1/outputs/{txid}/{vout}", tag = "transactions", operation_id = "getOutput",
    summary = "Get an output",
    description = "An output of a transaction in the mempool or on the active chain, and whether \
                   it can still be spent. Who spends it is known while the spender waits in the \
                   mempool; once it is in a block, the node keeps no record of that.",
    params(
        ("txid" = HashHex, Path, description = "The transaction's id", example = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"),
        ("vout" = u32, Path, description = "The index of the output", example = 0),
    ),
    responses(
        (status = 200, description = "The output", headers(("ETag" = String, description = "Names this answer")), body = OutputBody),
        (status = 304, description = "The answer is the one that the client has"),
        (status = 400, description = "The id or the index is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such transaction (`transaction-not-found`), or it has no such output (`output-not-found`)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The index of transactions is behind the chain, or too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_output(
    State(state): State<AppState>,
    Path((txid, vout)): Path<(HashHex, u32)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let outpoint = OutPoint::new(Txid::from_bytes(txid.to_internal()), vout);
    answer::json(&headers, &find::output(&state, outpoint).await?)
}

//! `GET /v1/keys`.

use axum::extract::State as Extract;
use synod_api::validator::SignerKeys;
use synod_api::{HashHex, Problem};
use synod_service::{ApiError, Json};

use crate::signer::LocalSigner;

/// Read the signer's keys
///
/// The keys with what they last signed, and the chain that they sign for.
#[utoipa::path(
    get,
    path = "/v1/keys",
    operation_id = "getKeys",
    tag = "signer",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The keys.", body = SignerKeys),
        (status = 401, description = "The token is missing or wrong.", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn keys(
    Extract(signer): Extract<LocalSigner>,
) -> Result<Json<SignerKeys>, ApiError> {
    Ok(Json(SignerKeys {
        chain_id: HashHex::from_bytes(*signer.chain_id()),
        keys: signer.keys().await?,
    }))
}

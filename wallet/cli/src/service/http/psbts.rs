//! `POST /v1/wallets/{name}/psbts`.

use axum::{extract::State, http::StatusCode};
use synod_api::{
    Problem,
    wallet::{CreatePsbt, PsbtBody},
};
use synod_service::{ApiError, Json, Path};
use synod_wallet_core::psbt::encode_base64;

use crate::service::{
    AppState,
    bodies::{amount, pay_request, txid_hex},
    error::of_hot,
};

/// Make an unsigned payment
///
/// To be signed elsewhere, such as by the cold wallet; its coins are held for a day.
#[utoipa::path(
    post,
    path = "/v1/wallets/{name}/psbts",
    operation_id = "createPsbt",
    tag = "wallets",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "The wallet's name.")),
    request_body = CreatePsbt,
    responses(
        (status = 201, description = "The PSBT.", body = PsbtBody),
        (status = 401, description = "No token, or a wrong one.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such wallet.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The payment is refused.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The explorer does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    State(state): State<AppState>,
    Path(name): Path<String>,
    Json(body): Json<CreatePsbt>,
) -> Result<(StatusCode, Json<PsbtBody>), ApiError> {
    let (wallet, explorer) = (state.wallets.find(&name).await?, state.wallets.explorer());
    let request = pay_request(&body.recipients, body.fee_rate_sat_vb, None, explorer).await?;
    wallet.refresh(explorer).await?;
    let (review, _) = wallet.hot().draft(&request).await.map_err(of_hot)?;
    let body = PsbtBody {
        psbt: encode_base64(review.psbt()),
        txid: txid_hex(review.txid),
        fee_sat: amount(review.fee_sat.unwrap_or(0))?,
        is_complete: false,
    };
    Ok((StatusCode::CREATED, Json(body)))
}

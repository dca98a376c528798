//! `POST /v1/wallets/{name}/payments`.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use synod_api::{
    Problem,
    wallet::{CreatePayment, MAX_LABEL, PaymentBody},
};
use synod_service::{ApiError, Json, Path};
use synod_wallet_core::text::displayable;

use crate::service::{
    AppState,
    bodies::{MAX_KEY_BYTES, amount, pay_request, txid_hex},
    error::of_hot,
};

/// Pay
///
/// Signs with the wallet's unlocked keys and broadcasts. With the header `Idempotency-Key` the same
/// request is paid once, however often it is sent; after a crash the same transaction is sent again.
#[utoipa::path(
    post,
    path = "/v1/wallets/{name}/payments",
    operation_id = "createPayment",
    tag = "wallets",
    security(("bearer" = [])),
    params(
        ("name" = String, Path, description = "The wallet's name."),
        ("Idempotency-Key" = Option<String>, Header, description = "Id of this request, up to 128 printable characters."),
    ),
    request_body = CreatePayment,
    responses(
        (status = 201, description = "The payment.", body = PaymentBody),
        (status = 400, description = "The key is malformed.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such wallet.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The wallet is locked, or the key was used for another payment.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The payment is refused.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The explorer does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    State(state): State<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Json(body): Json<CreatePayment>,
) -> Result<(StatusCode, Json<PaymentBody>), ApiError> {
    let (wallet, explorer) = (state.wallets.find(&name).await?, state.wallets.explorer());
    let label = body
        .label
        .map(|label| displayable(&label))
        .filter(|label| !label.is_empty());
    if label.as_ref().is_some_and(|label| label.len() > MAX_LABEL) {
        let detail = format!("A label has at most {MAX_LABEL} bytes.");
        return Err(ApiError::unprocessable("label-too-long", detail));
    }
    let key = idempotency_key(&headers)?;
    let request = pay_request(&body.recipients, body.fee_rate_sat_vb, key, explorer).await?;
    wallet.refresh(explorer).await?;
    let paid = wallet.pay(explorer, &request).await?;
    if let Some(label) = label {
        wallet
            .hot()
            .set_label(&paid.txid.to_string(), &label)
            .await
            .map_err(of_hot)?;
    }
    let body = PaymentBody {
        txid: txid_hex(paid.txid),
        fee_sat: amount(paid.fee_sat.unwrap_or(0))?,
        vsize: u32::try_from(paid.transaction.vsize()).map_err(ApiError::internal)?,
    };
    Ok((StatusCode::CREATED, Json(body)))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    if text.is_empty() || text.len() > MAX_KEY_BYTES {
        let detail = format!("The idempotency key has 1 to {MAX_KEY_BYTES} printable characters.");
        return Err(ApiError::bad_request(detail));
    }
    Ok(Some(text.to_owned()))
}

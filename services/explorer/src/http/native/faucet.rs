//! `POST /faucet`.

use axum::extract::State;
use synod_api::faucet::{FaucetPayment, FaucetRequest};
use synod_api::{AmountSat, HashHex, Problem};
use synod_primitives::Txid;
use synod_script::{Address, AddressError};
use synod_service::{ApiError, Json};

use crate::http::state::{ADDRESSES, Explorer};

/// Asks the faucet for coins of the test network
///
/// When the answer has come, every route and page shows the payment.
#[utoipa::path(
    post,
    path = "/faucet",
    operation_id = "requestCoins",
    tag = "synod",
    request_body = FaucetRequest,
    responses(
        (status = 200, description = "The payment that was made.", body = FaucetPayment),
        (status = 400, description = "The body is malformed.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The explorer has no faucet.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The address or amount cannot be paid; `code` says why.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The faucet does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn pay(
    State(explorer): State<Explorer>,
    Json(request): Json<FaucetRequest>,
) -> Result<axum::Json<FaucetPayment>, ApiError> {
    let FaucetRequest { address, amount } = request;
    let txid = request_coins(&explorer, &address, amount).await?;
    Ok(axum::Json(FaucetPayment {
        txid,
        address,
        amount,
    }))
}

/// Has the faucet pay, and shows the payment.
pub(crate) async fn request_coins(
    explorer: &Explorer,
    address: &str,
    amount: AmountSat,
) -> Result<HashHex, ApiError> {
    let faucet = explorer.faucet.as_ref().ok_or_else(|| {
        ApiError::not_found("This explorer has no faucet.")
            .with_hint("`synod up` starts one; a single explorer takes --faucet-url.")
    })?;
    check(address, amount, faucet.max_amount())?;
    let txid = faucet.pay(address, amount).await?;
    let id = Txid::from_bytes(txid.to_internal());
    match explorer.node.transactions(&[id]).await {
        Ok(transactions) => {
            for transaction in transactions {
                explorer.follower.show(transaction).await;
            }
        }
        // The payment is made; the node's events will show it.
        Err(error) => tracing::warn!(%error, "the faucet's payment cannot be read yet"),
    }
    Ok(txid)
}

fn check(address: &str, amount: AmountSat, most: AmountSat) -> Result<(), ApiError> {
    Address::parse(address, ADDRESSES).map_err(|error| {
        let code = match error {
            AddressError::OtherNetwork { .. } => "address-other-network",
            _ => "bad-address",
        };
        ApiError::unprocessable(code, format!("The address cannot be paid: {error}."))
    })?;
    if amount == AmountSat::ZERO || amount > most {
        let detail = format!("The faucet pays 1 to {} satoshis at once.", most.to_sat());
        return Err(ApiError::unprocessable("bad-amount", detail).with("max_amount", most.to_sat()));
    }
    Ok(())
}

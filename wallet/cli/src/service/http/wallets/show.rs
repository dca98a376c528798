//! `GET /v1/wallets/{name}`.

use axum::extract::State;
use synod_api::{Problem, wallet::WalletBody};
use synod_service::{ApiError, Json, Path};

use crate::service::{AppState, bodies::wallet_body};

/// Show a wallet
///
/// Its public side and the height that it has seen.
#[utoipa::path(
    get,
    path = "/v1/wallets/{name}",
    operation_id = "getWallet",
    tag = "wallets",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "The wallet's name.")),
    responses(
        (status = 200, description = "The wallet.", body = WalletBody),
        (status = 401, description = "No token, or a wrong one.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such wallet.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<WalletBody>, ApiError> {
    Ok(Json(wallet_body(&*state.wallets.find(&name).await?).await?))
}

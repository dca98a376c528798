//! `GET /v1/wallets`.

use axum::extract::State;
use synod_api::{Problem, wallet::WalletList};
use synod_service::{ApiError, Json};

use crate::service::{AppState, bodies::wallet_body};

/// List the wallets
///
/// Every wallet of the directory by name, locked ones too.
#[utoipa::path(
    get,
    path = "/v1/wallets",
    operation_id = "listWallets",
    tag = "wallets",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The wallets.", body = WalletList),
        (status = 401, description = "No token, or a wrong one.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(State(state): State<AppState>) -> Result<Json<WalletList>, ApiError> {
    let mut wallets = Vec::new();
    for name in state.wallets.names().await? {
        wallets.push(wallet_body(&*state.wallets.find(&name).await?).await?);
    }
    Ok(Json(WalletList { wallets }))
}

//! `GET /v1/wallets/{name}/balance`.

use axum::extract::State;
use synod_api::{Problem, wallet::BalanceBody};
use synod_service::{ApiError, Json, Path};

use crate::service::{AppState, bodies::balance_body, error::of_hot};

/// Show what a wallet holds
///
/// Synced with the explorer first.
#[utoipa::path(
    get,
    path = "/v1/wallets/{name}/balance",
    operation_id = "getBalance",
    tag = "wallets",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "The wallet's name.")),
    responses(
        (status = 200, description = "The balance.", body = BalanceBody),
        (status = 401, description = "No token, or a wrong one.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such wallet.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The explorer does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<BalanceBody>, ApiError> {
    let wallet = state.wallets.find(&name).await?;
    wallet.refresh(state.wallets.explorer()).await?;
    let balance = wallet.hot().balance().await.map_err(of_hot)?;
    Ok(Json(balance_body(&balance)?))
}

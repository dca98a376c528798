//! `POST /v1/wallets`.

use axum::{extract::State, http::StatusCode};
use synod_api::{
    Problem,
    wallet::{CreateWallet, WalletBody},
};
use synod_service::{ApiError, Json};
use synod_wallet_core::descriptors::Descriptors;
use zeroize::Zeroizing;

use crate::service::{AppState, WalletsError, bodies::wallet_body};

/// Make a wallet
///
/// With a passphrase a hot one with new seed words, sealed under it and unlocked until the service
/// stops; `synod-wallet seed` shows the words. With both descriptors a watch-only one.
#[utoipa::path(
    post,
    path = "/v1/wallets",
    operation_id = "createWallet",
    tag = "wallets",
    security(("bearer" = [])),
    request_body = CreateWallet,
    responses(
        (status = 201, description = "The new wallet.", body = WalletBody),
        (status = 401, description = "No token, or a wrong one.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The name, passphrase or descriptors are refused.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    State(state): State<AppState>,
    Json(body): Json<CreateWallet>,
) -> Result<(StatusCode, Json<WalletBody>), ApiError> {
    let birthday = body.birthday.unwrap_or(0);
    let wallet = match (
        body.passphrase,
        body.external_descriptor,
        body.internal_descriptor,
    ) {
        (Some(passphrase), None, None) => {
            state
                .wallets
                .create(&body.name, Zeroizing::new(passphrase), birthday)
                .await?
        }
        (None, Some(external), Some(internal)) => {
            let descriptors =
                Descriptors::parse(&external, &internal).map_err(WalletsError::from)?;
            state
                .wallets
                .create_watch_only(&body.name, descriptors, birthday)
                .await?
        }
        _ => {
            let detail = "Give either a passphrase or both descriptors.";
            return Err(ApiError::unprocessable("wallet-kind", detail));
        }
    };
    Ok((StatusCode::CREATED, Json(wallet_body(&wallet).await?)))
}

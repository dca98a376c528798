//! `POST /v1/wallets/{name}/addresses`.

use axum::{extract::State, http::StatusCode};
use synod_api::{
    Problem,
    wallet::{AddressBody, MAX_LABEL, NewAddress},
};
use synod_service::{ApiError, Json, Path};
use synod_wallet_core::text::displayable;

use crate::service::{AppState, bodies::address_body, error::of_hot};

/// Give out a new receiving address
///
/// It is durable before it is answered, so that no address is given out twice.
#[utoipa::path(
    post,
    path = "/v1/wallets/{name}/addresses",
    operation_id = "createAddress",
    tag = "wallets",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "The wallet's name.")),
    request_body = NewAddress,
    responses(
        (status = 201, description = "The address.", body = AddressBody),
        (status = 401, description = "No token, or a wrong one.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such wallet.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The label is too long.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    State(state): State<AppState>,
    Path(name): Path<String>,
    Json(body): Json<NewAddress>,
) -> Result<(StatusCode, Json<AddressBody>), ApiError> {
    let label = body
        .label
        .map(|label| displayable(&label))
        .filter(|label| !label.is_empty());
    if label.as_ref().is_some_and(|label| label.len() > MAX_LABEL) {
        let detail = format!("A label has at most {MAX_LABEL} bytes.");
        return Err(ApiError::unprocessable("label-too-long", detail));
    }
    let wallet = state.wallets.find(&name).await?;
    let address = wallet.hot().new_address().await.map_err(of_hot)?;
    if let Some(label) = label {
        wallet
            .hot()
            .set_label(&address.address.to_string(), &label)
            .await
            .map_err(of_hot)?;
    }
    let labels = wallet.hot().labels().await.map_err(of_hot)?;
    Ok((StatusCode::CREATED, Json(address_body(&address, &labels))))
}

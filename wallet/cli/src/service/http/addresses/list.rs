//! `GET /v1/wallets/{name}/addresses`.

use axum::extract::State;
use synod_api::{Problem, wallet::AddressPage};
use synod_service::{ApiError, Json, Path, Query};

use super::super::Cursor;
use crate::service::{
    AppState,
    bodies::{address_body, page},
    error::of_hot,
};

/// List the addresses that were given out
///
/// By index, a hundred at a time.
#[utoipa::path(
    get,
    path = "/v1/wallets/{name}/addresses",
    operation_id = "listAddresses",
    tag = "wallets",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "The wallet's name."), Cursor),
    responses(
        (status = 200, description = "A page of addresses.", body = AddressPage),
        (status = 400, description = "The cursor is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such wallet.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(query): Query<Cursor>,
) -> Result<Json<AddressPage>, ApiError> {
    let wallet = state.wallets.find(&name).await?;
    let addresses = wallet.hot().addresses().await.map_err(of_hot)?;
    let labels = wallet.hot().labels().await.map_err(of_hot)?;
    let (items, next_cursor) = page(addresses, query.cursor.as_deref(), |at| {
        at.index.to_string()
    })?;
    let items = items.iter().map(|at| address_body(at, &labels)).collect();
    Ok(Json(AddressPage { items, next_cursor }))
}

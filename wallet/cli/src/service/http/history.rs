//! `GET /v1/wallets/{name}/history`.

use axum::extract::State;
use synod_api::{Problem, wallet::HistoryPage};
use synod_service::{ApiError, Json, Path, Query};

use super::Cursor;
use crate::service::{
    AppState,
    bodies::{history_entry, page},
    error::of_hot,
};

/// List a wallet's transactions
///
/// Newest first, a hundred at a time; synced with the explorer first.
#[utoipa::path(
    get,
    path = "/v1/wallets/{name}/history",
    operation_id = "listHistory",
    tag = "wallets",
    security(("bearer" = [])),
    params(("name" = String, Path, description = "The wallet's name."), Cursor),
    responses(
        (status = 200, description = "A page of transactions.", body = HistoryPage),
        (status = 400, description = "The cursor is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such wallet.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The explorer does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(query): Query<Cursor>,
) -> Result<Json<HistoryPage>, ApiError> {
    let wallet = state.wallets.find(&name).await?;
    wallet.refresh(state.wallets.explorer()).await?;
    let history = wallet.hot().history().await.map_err(of_hot)?;
    let labels = wallet.hot().labels().await.map_err(of_hot)?;
    let (items, next_cursor) = page(history, query.cursor.as_deref(), |entry| {
        entry.txid.to_string()
    })?;
    let items = items
        .iter()
        .map(|entry| history_entry(entry, &labels))
        .collect::<Result<_, _>>()?;
    Ok(Json(HistoryPage { items, next_cursor }))
}

//! `GET /v1/mempool/entries`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use synod_api::Problem;
use synod_api::node::{MAX_PAGE, MempoolPage};
use synod_mempool::Entry;
use synod_service::{ApiError, Query};

use super::cursor::Cursor;
use super::{entry, read};
use crate::http::render::answer;
use crate::http::render::page_limit::PageLimit;
use crate::state::AppState;

/// The query of the entries.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntriesQuery {
    cursor: Option<Cursor>,
    #[serde(default)]
    limit: PageLimit<MAX_PAGE>,
}

/// Lists the transactions of the mempool.
#[utoipa::path(
    get, path = "/v1/mempool/entries", tag = "mempool", operation_id = "getMempoolEntries",
    summary = "List the mempool",
    description = "The transactions of the mempool in the order of their arrival. `next_cursor` \
                   goes on after the last one of the page; what arrives meanwhile comes later.",
    params(
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before", example = "0000000069560a800000000000000001"),
        ("limit" = Option<u32>, Query, description = "The most entries, 1 to 1000; 50 by default", example = 50, minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "A page", headers(("ETag" = String, description = "Names this answer")), body = MempoolPage),
        (status = 304, description = "The answer is the one that the client has"),
        (status = 400, description = "The query is not understood", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_mempool_entries(
    State(state): State<AppState>,
    Query(query): Query<EntriesQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer::json(&headers, &page(&state, query))
}

fn page(state: &AppState, query: EntriesQuery) -> MempoolPage {
    let mempool = read(state);
    let after = query.cursor.map(|cursor| cursor.0);
    let mut entries = mempool.entries(after);
    let page: Vec<&Entry> = entries.by_ref().take(query.limit.count()).collect();
    let last = page.last().filter(|_| entries.next().is_some());
    MempoolPage {
        items: page.iter().map(|it| entry::body(&mempool, it)).collect(),
        next_cursor: last.map(|it| Cursor(it.arrival()).to_string()),
    }
}

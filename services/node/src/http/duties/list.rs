//! `GET /v1/duties`.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use synod_api::node::duty::{MAX_DUTY_KEYS, MAX_DUTY_WAIT_MS};
use synod_api::node::{Duties, DutiesQuery};
use synod_api::{HashHex, Problem};
use synod_engine::{Input, Millis};
use synod_primitives::Script;
use synod_seal::SealKey;
use synod_service::{ApiError, Json, Query};
use tokio::time::timeout;

use crate::duty::Clockwork;
use crate::error;
use crate::http::validators::clockwork;
use crate::payout;
use crate::state::{AppState, clock_ms};

/// Returns what keys have to sign.
#[utoipa::path(
    get, path = "/v1/duties", tag = "validators", operation_id = "listDuties",
    summary = "Get what keys have to sign",
    description = "The blocks to seal and the votes to sign of the keys that ask, and what else a \
                   validator needs to know of the chain's slots. From the first request on the \
                   engine works for these keys, until they have not asked for a minute. With \
                   `after` and `wait_ms` the answer comes when there is a duty that is newer than \
                   the cursor. All open duties are in every answer.",
    security(("bearer" = [])),
    params(DutiesQuery),
    responses(
        (status = 200, description = "The duties", body = Duties),
        (status = 400, description = "The query is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The token is missing or wrong", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The engine has no stake (`engine-without-stake`)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many keys ask (`too-many-keys`), or too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_duties(
    State(state): State<AppState>,
    Query(query): Query<DutiesQuery>,
) -> Result<Json<Duties>, ApiError> {
    let clockwork = clockwork(&state)?;
    let keys = keys_of(&query.keys)?;
    let payout = query.payout.as_deref().map(payout::script_of).transpose()?;
    let wait_ms = query.wait_ms.unwrap_or(0);
    if wait_ms > MAX_DUTY_WAIT_MS {
        let detail = format!("wait_ms is {MAX_DUTY_WAIT_MS} at the most.");
        return Err(ApiError::bad_request(detail));
    }
    ask(&state, &keys, payout.as_ref()).await?;
    if let Some(after) = query.after {
        wait_for_newer(&state, &keys, payout.is_some(), after, wait_ms).await;
    }
    Ok(Json(body(&state, clockwork, &keys, payout.is_some())))
}

fn keys_of(text: &str) -> Result<Vec<SealKey>, ApiError> {
    let parts: Vec<&str> = text.split(',').take(MAX_DUTY_KEYS + 1).collect();
    if parts.len() > MAX_DUTY_KEYS {
        let detail = format!("There are at most {MAX_DUTY_KEYS} keys.");
        return Err(ApiError::bad_request(detail));
    }
    let keys = parts.into_iter().map(|it| {
        let key: Result<HashHex, _> = it.parse();
        key.map(|it| SealKey(it.to_bytes()))
            .map_err(|error| ApiError::bad_request(format!("keys: {error}.")))
    });
    let mut keys = keys.collect::<Result<Vec<_>, _>>()?;
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

/// Lets the engine know who asks.
async fn ask(state: &AppState, keys: &[SealKey], payout: Option<&Script>) -> Result<(), ApiError> {
    let board = &state.duties.board;
    let is_news = board.ask(keys, payout, clock_ms()).map_err(|error| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        ApiError::new(status, "too-many-keys", format!("{error}."))
    })?;
    if !is_news {
        return Ok(());
    }
    let shared = state.duties.clone();
    let told = state.chain.run(move |node, _| {
        let keys = Input::Keys(shared.board.keys());
        node.tell(Millis(clock_ms()), keys)
    });
    told.await.map_err(error::unavailable)
}

/// Waits until there is a duty after a cursor. One that this node has not reached is of another
/// run of it: then nothing is waited for.
async fn wait_for_newer(
    state: &AppState,
    keys: &[SealKey],
    wants_seals: bool,
    after: u64,
    wait_ms: u64,
) {
    let board = &state.duties.board;
    let mut changes = board.changes();
    if after > *changes.borrow_and_update() {
        return;
    }
    let newer = async {
        while board.open(keys, wants_seals, clock_ms()).newest <= after {
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = timeout(Duration::from_millis(wait_ms), newer) => {}
        () = state.shutdown.stopping() => {}
    }
}

fn body(state: &AppState, clockwork: Clockwork, keys: &[SealKey], wants_seals: bool) -> Duties {
    let board = &state.duties.board;
    let now_ms = clock_ms();
    // Correctness: the cursor is read before the duties, so that none between is ever lost.
    let cursor = *board.changes().borrow();
    let open = board.open(keys, wants_seals, now_ms);
    Duties {
        chain_id: HashHex::from_bytes(state.spec.chain_id().0),
        now_ms,
        slot_ms: clockwork.slot_ms,
        epoch_slots: clockwork.epoch_slots,
        cursor,
        seals: open.seals,
        votes: open.votes,
    }
}

//! What goes wrong, as problem documents: one place for all routes.

use std::time::Duration;

use axum::http::StatusCode;
use synod_api::HashHex;
use synod_mempool::Rejected;
use synod_node_core::{BLOCK_IS_FINAL, Blame, NodeError, Refusal, StorageError};
use synod_service::ApiError;
use synod_store::StoreError;

use crate::chain::Unavailable;

/// When a client may try again that met a full queue.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// When a client may try again that met a full disk.
const RETRY_AFTER_FULL: Duration = Duration::from_secs(10);
/// The code of a node whose disk is full.
pub const STORAGE_FULL: &str = "storage-full";

/// Translates a refusal of a block.
#[must_use]
pub fn refused(refusal: Refusal) -> ApiError {
    let status = match refusal.blame {
        Blame::Malformed => StatusCode::BAD_REQUEST,
        Blame::Nobody if refusal.code == BLOCK_IS_FINAL => StatusCode::CONFLICT,
        Blame::Invalid | Blame::Mutated | Blame::Nobody => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let mut error = ApiError::new(status, &refusal.code, refusal.detail);
    if let Some(name) = refusal.script_error {
        error = error.with_script_error(name);
    }
    if let Some(at) = refusal.at {
        error = error.at(HashHex::from_internal(at.to_bytes()));
    }
    if refusal.known { error.known() } else { error }
}

/// Translates a rejection of a transaction.
#[must_use]
pub fn rejected(rejected: &Rejected) -> ApiError {
    let error = ApiError::unprocessable(rejected.code(), rejected.to_string());
    match rejected.script_error() {
        Some(script) => error.with_script_error(script.name()),
        None => error,
    }
}

/// Translates what came of a transaction that is held until its parents come: it is not in the
/// mempool, and the answer says where it is.
#[must_use]
pub fn held(missing: &Rejected) -> ApiError {
    let hint = "It is held in memory for up to 20 minutes and joins the mempool when its parents \
                come; it is lost when the node stops.";
    rejected(missing).with("orphan", true).with_hint(hint)
}

/// Translates a node's error.
#[must_use]
pub fn node(error: NodeError) -> ApiError {
    match error {
        NodeError::Refused(refusal) => refused(refusal),
        NodeError::Storage(StorageError::Full(_)) => storage_full(),
        NodeError::Storage(error) => ApiError::internal(error),
    }
}

/// Translates a failure of the store.
#[must_use]
pub fn store(error: StoreError) -> ApiError {
    if !error.is_transient() {
        return ApiError::internal(error);
    }
    let detail = match error {
        StoreError::Starved(_) => "The system gives the node no memory or thread.",
        _ => "The database is busy.",
    };
    ApiError::unavailable(detail).with_retry_after(RETRY_AFTER)
}

/// Translates a chain thread that takes no requests.
#[must_use]
pub fn unavailable(error: Unavailable) -> ApiError {
    match error {
        Unavailable::Busy => ApiError::overloaded("Too many requests wait for the chain.")
            .with_retry_after(RETRY_AFTER),
        Unavailable::Stopped => ApiError::unavailable("The node is stopping."),
        Unavailable::StorageFull => storage_full(),
    }
}

fn storage_full() -> ApiError {
    let detail = "The node's disk is full: it reads, and takes in nothing until there is room.";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, STORAGE_FULL, detail)
        .with_retry_after(RETRY_AFTER_FULL)
}

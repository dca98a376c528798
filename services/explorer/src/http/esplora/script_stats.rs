//! `GET /address/{address}`, `GET /scripthash/{hash}`.

use axum::extract::{Path, State};

use super::body::UseBody;
use super::parse::Subject;
use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::Explorer;

/// Sums of an address
///
/// Zeros for one that was never used.
#[utoipa::path(
    get,
    path = "/address/{address}",
    operation_id = "getAddress",
    tag = "esplora",
    params(
        ("address" = String, Path, description = "The address."),
    ),
    responses(
        (status = 200, description = "The sums.", body = UseBody),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn address_stats(
    State(explorer): State<Explorer>,
    Path(text): Path<String>,
) -> Answer {
    stats(&explorer, Subject::Address, text).await
}

/// Sums of a script
///
/// Zeros for one that was never used.
#[utoipa::path(
    get,
    path = "/scripthash/{hash}",
    operation_id = "getScriptHash",
    tag = "esplora",
    params(
        ("hash" = String, Path, description = "SHA-256 of the locking script, in hex as it was computed."),
    ),
    responses(
        (status = 200, description = "The sums.", body = UseBody),
        (status = 400, description = "The path or body is malformed; the text says how.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready or overloaded; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn scripthash_stats(
    State(explorer): State<Explorer>,
    Path(text): Path<String>,
) -> Answer {
    stats(&explorer, Subject::ScriptHash, text).await
}

async fn stats(explorer: &Explorer, subject: Subject, text: String) -> Answer {
    let key = subject.key(&text)?;
    let mut snapshot = explorer.snapshot().await?;
    let sums = snapshot.script_use(&key).await?;
    let body = match subject {
        Subject::Address => UseBody::of(Some(text), None, &sums),
        Subject::ScriptHash => UseBody::of(None, Some(text), &sums),
    };
    Reply::json(&body, Keep::Moment)
}

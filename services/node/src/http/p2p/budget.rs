//! How much one address may take.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::StatusCode;
use synod_service::ApiError;

use crate::state::AppState;

/// When an address may ask again that has taken its share.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Refuses an address that was sent too much lately.
///
/// Security: a hundred bytes of a request make megabytes of an answer (P26).
pub(super) fn check(state: &AppState, address: IpAddr) -> Result<(), ApiError> {
    if state.peers.may_upload(address) {
        return Ok(());
    }
    let detail = "This address was sent too much lately.";
    Err(
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail)
            .with_retry_after(RETRY_AFTER),
    )
}

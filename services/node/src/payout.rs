//! Where the coins of a block go.

use synod_primitives::Script;
use synod_script::{Address, Network};
use synod_service::ApiError;

/// Reads an address of this network.
///
/// # Errors
/// 400 with a code that says whether the text is no address or one of another network.
pub fn script_of(address: &str) -> Result<Script, ApiError> {
    Address::parse(address, Network::Regtest)
        .map(|address| address.script_pubkey())
        .map_err(|error| {
            let status = axum::http::StatusCode::BAD_REQUEST;
            ApiError::new(status, "bad-address", format!("{address:?}: {error}."))
        })
}

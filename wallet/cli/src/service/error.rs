//! Wallet errors as problem documents: one exhaustive match.

use axum::http::StatusCode;
use synod_service::ApiError;
use synod_wallet_cold::exit::{Exit, Failure};
use synod_wallet_core::keystore::KeystoreError;

use super::WalletsError;
use crate::{commands::failure, hot::HotError};

impl From<WalletsError> for ApiError {
    fn from(error: WalletsError) -> Self {
        match error {
            WalletsError::Home(failure) => of_failure(&failure),
            WalletsError::Keystore(KeystoreError::Exists(_)) => {
                Self::conflict("wallet-exists", "A wallet of this name exists already.")
            }
            WalletsError::Keystore(error) => of_failure(&error.into()),
            WalletsError::Mnemonic(error) => Self::internal(error),
            WalletsError::Descriptor(error) => Self::unprocessable(error.code(), error.to_string()),
            WalletsError::Hot(error) => of_hot(error),
            WalletsError::Locked => Self::conflict("wallet-locked", error.to_string()).with_hint(
                "Unlock it when the service starts, or make a PSBT and sign it elsewhere.",
            ),
            WalletsError::TooMany => Self::overloaded("Too many wallets are open."),
            WalletsError::Background(reason) => Self::internal(reason),
        }
    }
}

pub(crate) fn of_hot(error: HotError) -> ApiError {
    let conflict = matches!(
        error,
        HotError::RequestMismatch | HotError::RequestFailed(_)
    );
    let (code, text) = (error.code(), error.to_string());
    if conflict {
        ApiError::conflict(code, text)
    } else {
        of_failure(&failure(error))
    }
}

/// Security: causes inside the service (paths, statements) stay in its log.
fn of_failure(failure: &Failure) -> ApiError {
    let detail = failure.message();
    match failure.exit() {
        Exit::NotFound => ApiError::new(
            StatusCode::NOT_FOUND,
            failure.code(),
            "There is no such wallet or thing.",
        ),
        Exit::Usage
        | Exit::InvalidData
        | Exit::Refused
        | Exit::InsufficientFunds
        | Exit::Incomplete => ApiError::unprocessable(failure.code(), detail),
        Exit::Locked => ApiError::conflict(failure.code(), detail),
        Exit::Unreachable | Exit::Timeout => {
            tracing::warn!(reason = detail, "the explorer does not answer");
            ApiError::unavailable(
                "The explorer does not answer. A payment that was signed is kept and sent later.",
            )
        }
        Exit::Ok | Exit::Internal | Exit::Interrupted => ApiError::internal(detail),
    }
}

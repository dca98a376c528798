//! The client of a validator and of a remote signer.

use reqwest::Method;

use super::ClientError;
use super::http::{Http, constructors};
use crate::validator::{SignSeal, SignVote, SignatureBody, SignerKeys, ValidatorStatus};

/// A client of the validator's routes, and of a signer's.
#[derive(Clone)]
pub struct ValidatorClient {
    http: Http,
}

constructors!(ValidatorClient, "validator");

/// # Errors
/// Each request fails with the service's problem document, or with what broke on the way.
impl ValidatorClient {
    /// Reads `GET /v1/status`.
    pub async fn status(&self) -> Result<ValidatorStatus, ClientError> {
        self.http.json(self.http.get(&["v1", "status"], &[])).await
    }

    /// Signs again: `POST /v1/start` (token).
    pub async fn start(&self) -> Result<ValidatorStatus, ClientError> {
        self.http
            .json(self.http.request(Method::POST, &["v1", "start"], &[]))
            .await
    }

    /// Signs nothing any more: `POST /v1/stop` (token).
    pub async fn stop(&self) -> Result<ValidatorStatus, ClientError> {
        self.http
            .json(self.http.request(Method::POST, &["v1", "stop"], &[]))
            .await
    }

    /// Reads a signer's `GET /v1/keys` (token).
    pub async fn keys(&self) -> Result<SignerKeys, ClientError> {
        self.http.json(self.http.get(&["v1", "keys"], &[])).await
    }

    /// Asks a signer for a seal's signature: `POST /v1/sign/seal` (token).
    pub async fn sign_seal(&self, request: &SignSeal) -> Result<SignatureBody, ClientError> {
        self.http
            .json(self.http.post(&["v1", "sign", "seal"], request))
            .await
    }

    /// Asks a signer for a vote's signature: `POST /v1/sign/vote` (token).
    pub async fn sign_vote(&self, request: &SignVote) -> Result<SignatureBody, ClientError> {
        self.http
            .json(self.http.post(&["v1", "sign", "vote"], request))
            .await
    }
}

//! The explorer's client: what is the explorer's own; Esplora has clients enough.

use super::ClientError;
use super::http::{Http, constructors};
use crate::AmountSat;
use crate::faucet::{FaucetPayment, FaucetRequest};

/// A client of the explorer's own routes.
#[derive(Clone)]
pub struct ExplorerClient {
    http: Http,
}

constructors!(ExplorerClient, "explorer");

/// # Errors
/// Each request fails with the service's problem document, or with what broke on the way.
impl ExplorerClient {
    /// Asks the faucet for coins: `POST /faucet`.
    pub async fn faucet(
        &self,
        address: &str,
        amount: AmountSat,
    ) -> Result<FaucetPayment, ClientError> {
        let body = FaucetRequest {
            address: address.to_owned(),
            amount,
        };
        self.http.json(self.http.post(&["faucet"], &body)).await
    }

    /// Asks `GET /health/ready`.
    pub async fn ready(&self) -> Result<(), ClientError> {
        self.http
            .empty(self.http.get(&["health", "ready"], &[]))
            .await
    }
}

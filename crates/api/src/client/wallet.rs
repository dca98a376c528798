//! The wallet service's client.

use super::http::{Http, constructors};
use super::{ClientError, SLOW_TIMEOUT};
use crate::wallet::{
    AddressBody, AddressPage, BalanceBody, CreatePayment, CreatePsbt, CreateWallet, HistoryPage,
    NewAddress, PaymentBody, PsbtBody, WalletBody, WalletList,
};

/// A client of the wallet service's routes; all of them want the token.
#[derive(Clone)]
pub struct WalletClient {
    http: Http,
}

constructors!(WalletClient, "wallet service");

/// # Errors
/// Each request fails with the service's problem document, or with what broke on the way.
impl WalletClient {
    /// Reads `GET /v1/wallets`.
    pub async fn wallets(&self) -> Result<WalletList, ClientError> {
        self.http.json(self.http.get(&["v1", "wallets"], &[])).await
    }

    /// Makes a wallet by `POST /v1/wallets`.
    pub async fn create(&self, wallet: &CreateWallet) -> Result<WalletBody, ClientError> {
        self.http
            .json(
                self.http
                    .post(&["v1", "wallets"], wallet)
                    .timeout(SLOW_TIMEOUT),
            )
            .await
    }

    /// Reads `GET /v1/wallets/{name}`.
    pub async fn wallet(&self, name: &str) -> Result<WalletBody, ClientError> {
        self.http
            .json(self.http.get(&["v1", "wallets", name], &[]))
            .await
    }

    /// Asks for an address by `POST /v1/wallets/{name}/addresses`.
    pub async fn new_address(
        &self,
        name: &str,
        label: Option<&str>,
    ) -> Result<AddressBody, ClientError> {
        let body = NewAddress {
            label: label.map(str::to_owned),
        };
        self.http
            .json(self.http.post(&["v1", "wallets", name, "addresses"], &body))
            .await
    }

    /// Reads a page of `GET /v1/wallets/{name}/addresses`.
    pub async fn addresses(
        &self,
        name: &str,
        cursor: Option<&str>,
    ) -> Result<AddressPage, ClientError> {
        let query: Vec<_> = cursor.map(|it| ("cursor", it)).into_iter().collect();
        self.http
            .json(self.http.get(&["v1", "wallets", name, "addresses"], &query))
            .await
    }

    /// Reads `GET /v1/wallets/{name}/balance`.
    pub async fn balance(&self, name: &str) -> Result<BalanceBody, ClientError> {
        self.http
            .json(self.http.get(&["v1", "wallets", name, "balance"], &[]))
            .await
    }

    /// Reads a page of `GET /v1/wallets/{name}/history`.
    pub async fn history(
        &self,
        name: &str,
        cursor: Option<&str>,
    ) -> Result<HistoryPage, ClientError> {
        let query: Vec<_> = cursor.map(|it| ("cursor", it)).into_iter().collect();
        self.http
            .json(self.http.get(&["v1", "wallets", name, "history"], &query))
            .await
    }

    /// Builds an unsigned payment by `POST /v1/wallets/{name}/psbts`.
    pub async fn create_psbt(
        &self,
        name: &str,
        psbt: &CreatePsbt,
    ) -> Result<PsbtBody, ClientError> {
        self.http
            .json(self.http.post(&["v1", "wallets", name, "psbts"], psbt))
            .await
    }

    /// Pays by `POST /v1/wallets/{name}/payments`; a key makes a repeat harmless.
    pub async fn pay(
        &self,
        name: &str,
        payment: &CreatePayment,
        idempotency_key: Option<&str>,
    ) -> Result<PaymentBody, ClientError> {
        let mut request = self
            .http
            .post(&["v1", "wallets", name, "payments"], payment);
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        self.http.json(request.timeout(SLOW_TIMEOUT)).await
    }

    /// Asks `GET /health/ready`.
    pub async fn ready(&self) -> Result<(), ClientError> {
        self.http
            .empty(self.http.get(&["health", "ready"], &[]))
            .await
    }
}

//! The miner's client.

use reqwest::Method;

use super::ClientError;
use super::http::{Http, constructors};
use crate::miner::{
    MineBlocks, MinedBlocks, MinerStatus, MiningPolicy, SetPayout, SetPolicy, SetThreads,
};

/// A client of the miner's routes.
#[derive(Clone)]
pub struct MinerClient {
    http: Http,
}

constructors!(MinerClient, "miner");

/// # Errors
/// Each request fails with the service's problem document, or with what broke on the way.
impl MinerClient {
    /// Reads `GET /v1/status`.
    pub async fn status(&self) -> Result<MinerStatus, ClientError> {
        self.http.json(self.http.get(&["v1", "status"], &[])).await
    }

    /// Searches again: `POST /v1/start` (token).
    pub async fn start(&self) -> Result<MinerStatus, ClientError> {
        self.http
            .json(self.http.request(Method::POST, &["v1", "start"], &[]))
            .await
    }

    /// Stops searching: `POST /v1/stop` (token).
    pub async fn stop(&self) -> Result<MinerStatus, ClientError> {
        self.http
            .json(self.http.request(Method::POST, &["v1", "stop"], &[]))
            .await
    }

    /// Sets the number of threads: `PUT /v1/threads` (token).
    pub async fn set_threads(&self, threads: u16) -> Result<MinerStatus, ClientError> {
        let request = self.http.request(Method::PUT, &["v1", "threads"], &[]);
        self.http.json(request.json(&SetThreads { threads })).await
    }

    /// Sets who is paid: `PUT /v1/payout` (token).
    pub async fn set_payout(&self, address: &str) -> Result<MinerStatus, ClientError> {
        let request = self.http.request(Method::PUT, &["v1", "payout"], &[]);
        self.http
            .json(request.json(&SetPayout {
                address: address.to_owned(),
            }))
            .await
    }

    /// Sets when to search: `PUT /v1/policy` (token).
    pub async fn set_policy(
        &self,
        policy: MiningPolicy,
        block_time_ms: Option<u64>,
    ) -> Result<MinerStatus, ClientError> {
        let request = self.http.request(Method::PUT, &["v1", "policy"], &[]);
        self.http
            .json(request.json(&SetPolicy {
                policy,
                block_time_ms,
            }))
            .await
    }

    /// Asks for blocks and waits for them: `POST /v1/mine` (token).
    pub async fn mine(&self, blocks: u32) -> Result<MinedBlocks, ClientError> {
        let request = self.http.post(&["v1", "mine"], &MineBlocks { blocks });
        self.http.json(request.timeout(super::SLOW_TIMEOUT)).await
    }
}

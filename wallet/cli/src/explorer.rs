//! The explorer's Esplora API, as this wallet uses it.
//!
//! The client blocks; each call runs on the runtime's blocking pool with a timeout on every
//! request. Retries (on 429, 500 and 503, reads only) are the client's own.

use std::time::Duration;

use bdk_esplora::{
    EsploraExt,
    esplora_client::{self, BlockingClient, Builder, TxStatus},
};
use synod_api::stake::StakeStatus;
use synod_wallet_core::{
    bdk_wallet::{
        KeychainKind, Update,
        chain::spk_client::{FullScanRequest, SyncRequest},
    },
    bitcoin::{FeeRate, ScriptBuf, Transaction, Txid},
    stake::StakeTerms,
    text::displayable,
};

/// Requests that run at a time in one sync.
const PARALLEL_REQUESTS: usize = 4;
/// Confirmation target of the default fee rate, in blocks.
const FEE_TARGET_BLOCKS: usize = 6;
/// Confirmed transactions that the explorer gives at once; fewer are the last.
const CHAIN_PAGE: usize = 25;
/// Retries of a read that the server asked to repeat.
const MAX_RETRIES: usize = 4;

/// Where the explorer is unless another is named.
pub const DEFAULT_URL: &str = "http://127.0.0.1:9332/api";

/// Why the explorer gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExplorerError {
    /// Not reachable, or it answered with a server error.
    #[error("the explorer at {url} cannot be reached: {reason}")]
    Unreachable {
        /// Its address.
        url: String,
        /// What happened.
        reason: String,
    },
    /// It did not answer in time.
    #[error("the explorer at {0} did not answer in time")]
    Timeout(String),
    /// The network refused a transaction.
    #[error("the transaction was refused: {0}")]
    Rejected(String),
    /// The answer makes no sense.
    #[error("the explorer's answer is invalid: {0}")]
    Invalid(String),
    /// The address is not of the form `http://host:port/path`.
    #[error("'{0}' is not an http:// address")]
    Url(String),
}

impl ExplorerError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "explorer-unreachable",
            Self::Timeout(_) => "explorer-timeout",
            Self::Rejected(_) => "tx-rejected",
            Self::Invalid(_) => "explorer-invalid-answer",
            Self::Url(_) => "explorer-url",
        }
    }
}

/// A connection to one explorer.
#[derive(Debug, Clone)]
pub struct Explorer {
    client: BlockingClient,
}

impl Explorer {
    /// Takes the address of an Esplora API and the longest wait for one answer.
    ///
    /// # Errors
    /// [`ExplorerError::Url`] unless it begins with `http://`.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, ExplorerError> {
        let url = url.trim_end_matches('/');
        if !url.starts_with("http://") || url.len() < 8 || url.contains(char::is_whitespace) {
            return Err(ExplorerError::Url(displayable(url)));
        }
        let builder = Builder::new(url)
            .timeout(timeout.as_secs().max(1))
            .max_retries(MAX_RETRIES);
        Ok(Self {
            client: builder.build_blocking(),
        })
    }

    /// Looks for everything that belongs to the wallet; stops after `stop_gap` unused addresses.
    ///
    /// # Errors
    /// See [`ExplorerError`].
    pub async fn full_scan(
        &self,
        request: FullScanRequest<KeychainKind>,
        stop_gap: usize,
    ) -> Result<Update, ExplorerError> {
        self.call(move |client| {
            client
                .full_scan(request, stop_gap, PARALLEL_REQUESTS)
                .map_err(|e| *e)
        })
        .await
        .map(Update::from)
    }

    /// Looks for what is new on known addresses.
    ///
    /// # Errors
    /// See [`ExplorerError`].
    pub async fn sync(
        &self,
        request: SyncRequest<(KeychainKind, u32)>,
    ) -> Result<Update, ExplorerError> {
        self.call(move |client| client.sync(request, PARALLEL_REQUESTS).map_err(|e| *e))
            .await
            .map(Update::from)
    }

    /// Sends a transaction to the network.
    ///
    /// # Errors
    /// [`ExplorerError::Rejected`] with the network's words when it is refused.
    pub async fn broadcast(&self, transaction: &Transaction) -> Result<(), ExplorerError> {
        let transaction = transaction.clone();
        self.call(move |client| client.broadcast(&transaction))
            .await
    }

    /// Tells whether and where a transaction is confirmed; `None` when it is unknown.
    ///
    /// # Errors
    /// See [`ExplorerError`].
    pub async fn status(&self, txid: Txid) -> Result<Option<TxStatus>, ExplorerError> {
        let known = self.call(move |client| client.get_tx_info(&txid)).await?;
        Ok(known.map(|tx| tx.status))
    }

    /// Returns the height of the chain.
    ///
    /// # Errors
    /// See [`ExplorerError`].
    pub async fn height(&self) -> Result<u32, ExplorerError> {
        self.call(BlockingClient::get_height).await
    }

    /// Returns the fee rate for a confirmation within six blocks, at least the relay minimum.
    ///
    /// # Errors
    /// See [`ExplorerError`].
    pub async fn fee_rate(&self) -> Result<FeeRate, ExplorerError> {
        let estimates = self.call(BlockingClient::get_fee_estimates).await?;
        let estimate = esplora_client::convert_fee_rate(FEE_TARGET_BLOCKS, estimates);
        Ok(estimate
            .map_or(FeeRate::BROADCAST_MIN, fee_rate_of)
            .max(FeeRate::BROADCAST_MIN))
    }

    /// Returns a script's transactions with the heights of their blocks, the newest first; no more
    /// than `limit`.
    ///
    /// # Errors
    /// [`ExplorerError::Invalid`] when there are more; see [`ExplorerError`] for the others.
    pub async fn script_transactions(
        &self,
        script: &ScriptBuf,
        limit: usize,
    ) -> Result<Vec<(Transaction, Option<u32>)>, ExplorerError> {
        let mut found = Vec::new();
        let mut last = None;
        loop {
            let script = script.clone();
            let page = self
                .call(move |client| client.scripthash_txs(&script, last))
                .await?;
            let mut confirmed = page.iter().filter(|tx| tx.status.confirmed);
            let is_last = confirmed.clone().count() < CHAIN_PAGE;
            last = confirmed.next_back().map(|tx| tx.txid);
            found.extend(page.iter().map(|tx| {
                let height = tx.status.block_height.filter(|_| tx.status.confirmed);
                (tx.to_tx(), height)
            }));
            if found.len() > limit {
                let message = format!("more than {limit} transactions of stake");
                return Err(ExplorerError::Invalid(message));
            }
            if is_last {
                return Ok(found);
            }
        }
    }

    /// Returns the network's terms of stake; `None` where its engine has none.
    ///
    /// # Errors
    /// See [`ExplorerError`].
    pub async fn stake_terms(&self) -> Result<Option<StakeTerms>, ExplorerError> {
        let status: StakeStatus = self
            .call(|client| {
                let answer = client.get_request("/stake")?.send()?;
                if answer.status_code != 200 {
                    return Err(esplora_client::Error::HttpResponse {
                        status: u16::try_from(answer.status_code).unwrap_or_default(),
                        message: answer.as_str().unwrap_or_default().to_owned(),
                    });
                }
                Ok(answer.json()?)
            })
            .await?;
        let engine = status.engine;
        Ok(status.terms.map(|terms| StakeTerms {
            engine,
            min_bond_sat: terms.min_bond_sat.to_sat(),
            min_delegation_sat: terms.min_delegation_sat.to_sat(),
            unbonding_blocks: terms.unbonding_blocks,
            slash_percent: terms.slash_percent,
            fee_cap_sat: terms.fee_cap_sat.to_sat(),
        }))
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&BlockingClient) -> Result<T, esplora_client::Error> + Send + 'static,
    ) -> Result<T, ExplorerError> {
        let client = self.client.clone();
        let done = tokio::task::spawn_blocking(move || work(&client)).await;
        match done {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(explain(self.client.url(), error)),
            Err(error) => Err(ExplorerError::Invalid(error.to_string())),
        }
    }
}

/// Turns an estimate in sat/vB into a fee rate, rounded up; nonsense counts as none.
fn fee_rate_of(sat_per_vb: f32) -> FeeRate {
    let text = format!("{:.3}", sat_per_vb.max(0.0));
    synod_wallet_core::amount::parse_fee_rate(&text).unwrap_or(FeeRate::BROADCAST_MIN)
}

fn explain(url: &str, error: esplora_client::Error) -> ExplorerError {
    use esplora_client::Error as E;
    let unreachable = |reason: String| ExplorerError::Unreachable {
        url: url.to_owned(),
        reason: displayable(&reason),
    };
    match error {
        E::Minreq(minreq::Error::IoError(e)) => match e.kind() {
            std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock => {
                ExplorerError::Timeout(url.to_owned())
            }
            _ => unreachable(e.to_string()),
        },
        E::Minreq(e) => unreachable(e.to_string()),
        E::HttpResponse {
            status: 400 | 422,
            message,
        } => ExplorerError::Rejected(displayable(&message)),
        E::HttpResponse { status, message } => unreachable(format!("status {status} {message}")),
        other => ExplorerError::Invalid(displayable(&other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_are_taken() {
        for good in ["http://127.0.0.1:9332/api", "http://explorer:9332/api/"] {
            assert!(
                Explorer::new(good, Duration::from_secs(1)).is_ok(),
                "{good}"
            );
        }
        for bad in ["", "http://", "https://x", "127.0.0.1:9332", "http://a b"] {
            assert_eq!(
                Explorer::new(bad, Duration::from_secs(1))
                    .map(|_| ())
                    .map_err(|e| e.code()),
                Err("explorer-url")
            );
        }
    }

    #[test]
    fn estimates_become_rates_and_nonsense_does_not() {
        assert_eq!(fee_rate_of(1.5).to_sat_per_kwu(), 375);
        assert_eq!(fee_rate_of(f32::NAN), FeeRate::BROADCAST_MIN);
        assert_eq!(fee_rate_of(-3.0), FeeRate::BROADCAST_MIN);
    }
}

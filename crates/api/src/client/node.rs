//! The node's client.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;

use super::http::{Http, constructors};
use super::{ClientError, EventStream, SLOW_TIMEOUT};
use crate::HashHex;
use crate::node::{
    AddPeer, BlockBody, ChainStatus, ChainTip, ChainTips, DevHash, DevMine, DevMined, DevTime,
    Duties, DutiesQuery, EvidencePage, FeeEstimates, FinalityProof, FinalityStatus, HeaderPage,
    MempoolEntry, MempoolPage, MempoolStatus, OutputBody, PackageResult, PeerBody, SignedVote,
    StateDigest, SubmitBlock, SubmitEvidence, SubmitTransaction, SubmitWork, SubmittedEvidence,
    Template, TemplateQuery, TestTransaction, Topic, TransactionBody, ValidatorPage,
    ValidatorsQuery, mining,
};

/// What a long poll may take beyond its own limit.
const LONG_POLL_GRACE: Duration = Duration::from_secs(15);

/// A client of the node's routes.
#[derive(Clone)]
pub struct NodeClient {
    http: Http,
}

constructors!(NodeClient, "node");

/// # Errors
/// Each request fails with the service's problem document, or with what broke on the way.
impl NodeClient {
    /// Reads `GET /v1/chain`.
    pub async fn chain(&self) -> Result<ChainStatus, ClientError> {
        self.http.json(self.http.get(&["v1", "chain"], &[])).await
    }

    /// Reads `GET /v1/state`.
    pub async fn state(&self) -> Result<StateDigest, ClientError> {
        let request = self.http.get(&["v1", "state"], &[]).timeout(SLOW_TIMEOUT);
        self.http.json(request).await
    }

    /// Reads `GET /v1/chain/tips`.
    pub async fn tips(&self) -> Result<Vec<ChainTip>, ClientError> {
        let request = self.http.get(&["v1", "chain", "tips"], &[]);
        let body: ChainTips = self.http.json(request).await?;
        Ok(body.tips)
    }

    /// Reads `GET /v1/chain/headers?from=&limit=`.
    pub async fn headers(&self, from: u32, limit: u32) -> Result<HeaderPage, ClientError> {
        let (from, limit) = (from.to_string(), limit.to_string());
        let query = [("from", from.as_str()), ("limit", limit.as_str())];
        self.http
            .json(self.http.get(&["v1", "chain", "headers"], &query))
            .await
    }

    /// Reads `GET /v1/blocks/{hash}` with transaction ids.
    pub async fn block(&self, hash: HashHex) -> Result<BlockBody, ClientError> {
        self.http
            .json(self.http.get(&["v1", "blocks", &hash.to_string()], &[]))
            .await
    }

    /// Reads `GET /v1/blocks/{hash}?transactions=full`.
    pub async fn block_full(&self, hash: HashHex) -> Result<BlockBody, ClientError> {
        let query = [("transactions", "full")];
        self.http
            .json(self.http.get(&["v1", "blocks", &hash.to_string()], &query))
            .await
    }

    /// Reads `GET /v1/blocks/at/{height}` with transaction ids.
    pub async fn block_at(&self, height: u32) -> Result<BlockBody, ClientError> {
        self.http
            .json(
                self.http
                    .get(&["v1", "blocks", "at", &height.to_string()], &[]),
            )
            .await
    }

    /// Reads `GET /v1/blocks/{hash}/raw`.
    pub async fn block_raw(&self, hash: HashHex) -> Result<Bytes, ClientError> {
        self.http
            .bytes(
                self.http
                    .get(&["v1", "blocks", &hash.to_string(), "raw"], &[]),
            )
            .await
    }

    /// Reads `GET /v1/blocks/at/{height}` in raw form.
    pub async fn block_raw_at(&self, height: u32) -> Result<Bytes, ClientError> {
        self.http
            .bytes(
                self.http
                    .get(&["v1", "blocks", "at", &height.to_string()], &[]),
            )
            .await
    }

    /// Reads `GET /v1/blocks/{hash}/finality`.
    pub async fn finality(&self, hash: HashHex) -> Result<FinalityProof, ClientError> {
        let path = ["v1", "blocks", &hash.to_string(), "finality"];
        self.http.json(self.http.get(&path, &[])).await
    }

    /// Posts a raw block to `POST /v1/blocks`.
    pub async fn submit_block(&self, block: impl Into<Bytes>) -> Result<SubmitBlock, ClientError> {
        let request = self
            .http
            .post_bytes(&["v1", "blocks"], block)
            .timeout(SLOW_TIMEOUT);
        self.http.json(request).await
    }

    /// Reads `GET /v1/transactions/{txid}`.
    pub async fn transaction(&self, txid: HashHex) -> Result<TransactionBody, ClientError> {
        self.http
            .json(
                self.http
                    .get(&["v1", "transactions", &txid.to_string()], &[]),
            )
            .await
    }

    /// Reads `GET /v1/transactions/{txid}/raw`.
    pub async fn transaction_raw(&self, txid: HashHex) -> Result<Bytes, ClientError> {
        self.http
            .bytes(
                self.http
                    .get(&["v1", "transactions", &txid.to_string(), "raw"], &[]),
            )
            .await
    }

    /// Posts a raw transaction to `POST /v1/transactions`.
    pub async fn submit_transaction(
        &self,
        transaction: impl Into<Bytes>,
    ) -> Result<SubmitTransaction, ClientError> {
        self.http
            .json(self.http.post_bytes(&["v1", "transactions"], transaction))
            .await
    }

    /// Posts a raw transaction to `POST /v1/transactions/test`.
    pub async fn test_transaction(
        &self,
        transaction: impl Into<Bytes>,
    ) -> Result<TestTransaction, ClientError> {
        self.http
            .json(
                self.http
                    .post_bytes(&["v1", "transactions", "test"], transaction),
            )
            .await
    }

    /// Posts raw transactions in hex, parents first, to `POST /v1/transactions/package`.
    pub async fn submit_package(&self, package: &[String]) -> Result<PackageResult, ClientError> {
        let request = self.http.post(&["v1", "transactions", "package"], &package);
        self.http.json(request.timeout(SLOW_TIMEOUT)).await
    }

    /// Reads `GET /v1/outputs/{txid}/{vout}`.
    pub async fn output(&self, txid: HashHex, vout: u32) -> Result<OutputBody, ClientError> {
        let path = ["v1", "outputs", &txid.to_string(), &vout.to_string()];
        self.http.json(self.http.get(&path, &[])).await
    }

    /// Reads `GET /v1/mempool`.
    pub async fn mempool(&self) -> Result<MempoolStatus, ClientError> {
        self.http.json(self.http.get(&["v1", "mempool"], &[])).await
    }

    /// Reads a page of `GET /v1/mempool/entries?cursor=&limit=`.
    pub async fn mempool_entries(
        &self,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<MempoolPage, ClientError> {
        let limit = limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(cursor.map(|it| ("cursor", it)));
        self.http
            .json(self.http.get(&["v1", "mempool", "entries"], &query))
            .await
    }

    /// Reads `GET /v1/mempool/entries/{txid}`.
    pub async fn mempool_entry(&self, txid: HashHex) -> Result<MempoolEntry, ClientError> {
        let path = ["v1", "mempool", "entries", &txid.to_string()];
        self.http.json(self.http.get(&path, &[])).await
    }

    /// Reads `GET /v1/fees`.
    pub async fn fees(&self) -> Result<FeeEstimates, ClientError> {
        self.http.json(self.http.get(&["v1", "fees"], &[])).await
    }

    /// Reads `GET /v1/mining/template`; with `longpoll` it waits for up to a minute.
    pub async fn template(&self, query: &TemplateQuery) -> Result<Template, ClientError> {
        let flag =
            |name, value: Option<bool>| value.map(|it| (name, if it { "true" } else { "false" }));
        let mut pairs = vec![("payout", query.payout.as_str())];
        pairs.extend(query.longpoll.as_deref().map(|it| ("longpoll", it)));
        pairs.extend(flag("longpoll_mempool", query.longpoll_mempool));
        pairs.extend(flag("transactions", query.transactions));
        let mut request = self.http.get(&["v1", "mining", "template"], &pairs);
        if query.longpoll.is_some() {
            let wait = Duration::from_secs(mining::LONG_POLL_SECONDS);
            request = request.timeout(wait + LONG_POLL_GRACE);
        }
        self.http.json(request).await
    }

    /// Reads `GET /v1/duties` (token), and waits as long as the query says.
    pub async fn duties(&self, query: &DutiesQuery) -> Result<Duties, ClientError> {
        let after = query.after.map(|it| it.to_string());
        let wait = query.wait_ms.map(|it| it.to_string());
        let mut pairs = vec![("keys", query.keys.as_str())];
        pairs.extend(query.payout.as_deref().map(|it| ("payout", it)));
        pairs.extend(after.as_deref().map(|it| ("after", it)));
        pairs.extend(wait.as_deref().map(|it| ("wait_ms", it)));
        let mut request = self.http.get(&["v1", "duties"], &pairs);
        if let Some(wait_ms) = query.wait_ms {
            request = request.timeout(Duration::from_millis(wait_ms) + LONG_POLL_GRACE);
        }
        self.http.json(request).await
    }

    /// Posts a signed vote to `POST /v1/votes`.
    pub async fn submit_vote(&self, vote: &SignedVote) -> Result<(), ClientError> {
        self.http
            .empty(self.http.post(&["v1", "votes"], vote))
            .await
    }

    /// Reads a page of `GET /v1/validators`.
    pub async fn validators(&self, query: &ValidatorsQuery) -> Result<ValidatorPage, ClientError> {
        let limit = query.limit.map(|it| it.to_string());
        let mut pairs = Vec::new();
        pairs.extend(query.cursor.as_deref().map(|it| ("cursor", it)));
        pairs.extend(limit.as_deref().map(|it| ("limit", it)));
        self.http
            .json(self.http.get(&["v1", "validators"], &pairs))
            .await
    }

    /// Reads `GET /v1/finality`.
    pub async fn finality_status(&self) -> Result<FinalityStatus, ClientError> {
        self.http
            .json(self.http.get(&["v1", "finality"], &[]))
            .await
    }

    /// Reads `GET /v1/evidence`.
    pub async fn evidence(&self) -> Result<EvidencePage, ClientError> {
        self.http
            .json(self.http.get(&["v1", "evidence"], &[]))
            .await
    }

    /// Posts evidence to `POST /v1/evidence`.
    pub async fn submit_evidence(
        &self,
        evidence: &SubmitEvidence,
    ) -> Result<SubmittedEvidence, ClientError> {
        self.http
            .json(self.http.post(&["v1", "evidence"], evidence))
            .await
    }

    /// Posts found work to `POST /v1/mining/submit`.
    pub async fn submit_work(&self, work: &SubmitWork) -> Result<SubmitBlock, ClientError> {
        let request = self
            .http
            .post(&["v1", "mining", "submit"], work)
            .timeout(SLOW_TIMEOUT);
        self.http.json(request).await
    }

    /// Reads `GET /v1/peers` (token).
    pub async fn peers(&self) -> Result<Vec<PeerBody>, ClientError> {
        self.http.json(self.http.get(&["v1", "peers"], &[])).await
    }

    /// Adds a peer by `POST /v1/peers` (token).
    pub async fn add_peer(&self, url: &str) -> Result<(), ClientError> {
        let body = AddPeer {
            url: url.to_owned(),
        };
        self.http
            .empty(self.http.post(&["v1", "peers"], &body))
            .await
    }

    /// Drops a peer by `DELETE /v1/peers/{id}` (token).
    pub async fn remove_peer(&self, id: u64) -> Result<(), ClientError> {
        let path = ["v1", "peers", &id.to_string()];
        self.http
            .empty(self.http.request(Method::DELETE, &path, &[]))
            .await
    }

    /// Opens `GET /v1/events?topics=`, after the event `last_event_id` where one is given.
    ///
    /// Nothing is sent before the first event is asked for.
    #[must_use]
    pub fn events(&self, topics: &[Topic], last_event_id: Option<u64>) -> EventStream {
        EventStream::new(self.http.clone(), topics, last_event_id)
    }

    /// Mines at once by `POST /dev/v1/mine`.
    pub async fn dev_mine(&self, blocks: u32, payout: &str) -> Result<DevMined, ClientError> {
        let body = DevMine {
            blocks,
            payout: payout.to_owned(),
        };
        let request = self
            .http
            .post(&["dev", "v1", "mine"], &body)
            .timeout(SLOW_TIMEOUT);
        self.http.json(request).await
    }

    /// Sets the node's clock by `POST /dev/v1/time`; none is the real clock.
    pub async fn dev_time(&self, unix: Option<u32>) -> Result<(), ClientError> {
        self.http
            .empty(self.http.post(&["dev", "v1", "time"], &DevTime { unix }))
            .await
    }

    /// Marks a block invalid by `POST /dev/v1/chain/invalidate`.
    pub async fn dev_invalidate(&self, hash: HashHex) -> Result<(), ClientError> {
        let request = self
            .http
            .post(&["dev", "v1", "chain", "invalidate"], &DevHash { hash });
        self.http.empty(request.timeout(SLOW_TIMEOUT)).await
    }

    /// Lifts the mark by `POST /dev/v1/chain/reconsider`.
    pub async fn dev_reconsider(&self, hash: HashHex) -> Result<(), ClientError> {
        let request = self
            .http
            .post(&["dev", "v1", "chain", "reconsider"], &DevHash { hash });
        self.http.empty(request.timeout(SLOW_TIMEOUT)).await
    }

    /// Asks `GET /health/ready`.
    pub async fn ready(&self) -> Result<(), ClientError> {
        self.http
            .empty(self.http.get(&["health", "ready"], &[]))
            .await
    }
}

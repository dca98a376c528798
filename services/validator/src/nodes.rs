//! The nodes that a validator asks, in the order of preference.

use std::time::Duration;

use synod_api::client::ClientOptions;
use synod_api::node::{Duties, DutiesQuery};
use synod_api::validator::ValidatorNode;
use synod_api::{ClientError, HashHex, NodeClient};
use tokio::time::timeout;

use crate::clock::{Clock, ahead_ms};

/// The longest time that a short request may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// What an answer may take beyond the wait that was asked for.
const GRACE: Duration = Duration::from_secs(2);

/// A node by its root and the token of its operator's routes.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeEndpoint {
    /// The root of its routes.
    pub url: String,
    /// What its operator's routes ask for.
    pub token: Option<String>,
}

impl std::fmt::Debug for NodeEndpoint {
    /// Security: the token never reaches a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.url)
    }
}

/// Why no duties come from a node, in a sentence for the status.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeProblem {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("it is of the chain {0}")]
    OtherChain(HashHex),
    #[error("it catches up with its peers")]
    Synchronising,
    #[error("it gives no length of a slot")]
    Slots,
}

/// A node, and what was found out about it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) client: NodeClient,
    pub(crate) shown: ValidatorNode,
    cursor: Option<u64>,
}

/// What a healthy node says.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) tip: HashHex,
    pub(crate) duties: Duties,
    /// The wall clock when the answer came.
    pub(crate) wall_ms: u64,
}

impl Node {
    pub(crate) fn new(endpoint: &NodeEndpoint) -> Result<Self, ClientError> {
        let options = ClientOptions {
            connect_timeout: TIMEOUT,
            timeout: TIMEOUT,
            ..ClientOptions::default()
        };
        let client = NodeClient::with_options(&endpoint.url, options)?;
        let client = match &endpoint.token {
            Some(token) => client.with_token(token)?,
            None => client,
        };
        let shown = ValidatorNode {
            url: client.root().to_owned(),
            healthy: false,
            ahead_ms: None,
            problem: Some("not asked yet".to_owned()),
        };
        Ok(Self {
            client,
            shown,
            cursor: None,
        })
    }

    /// Asks for duties; waits `wait` for a new one.
    pub(crate) async fn ask(
        &mut self,
        chain_id: HashHex,
        query: &DutiesQuery,
        wait: Duration,
        clock: &Clock,
    ) -> Result<Answer, NodeProblem> {
        let result = self.try_ask(chain_id, query, wait, clock).await;
        match &result {
            Ok(answer) => {
                self.shown.healthy = true;
                self.shown.problem = None;
                self.shown.ahead_ms = Some(ahead_ms(answer.wall_ms, answer.duties.now_ms));
                self.cursor = Some(answer.duties.cursor);
            }
            Err(problem) => {
                self.shown.healthy = false;
                self.shown.problem = Some(problem.to_string());
                self.cursor = None;
            }
        }
        result
    }

    async fn try_ask(
        &self,
        chain_id: HashHex,
        query: &DutiesQuery,
        wait: Duration,
        clock: &Clock,
    ) -> Result<Answer, NodeProblem> {
        let query = DutiesQuery {
            after: self.cursor,
            wait_ms: self
                .cursor
                .map(|_| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            ..query.clone()
        };
        let duties = timeout(wait + GRACE, self.client.duties(&query))
            .await
            .map_err(|_| ClientError::Timeout)??;
        let wall_ms = clock.wall_ms();
        let chain = self.client.chain().await?;
        for found in [duties.chain_id, chain.chain_id] {
            if found != chain_id {
                return Err(NodeProblem::OtherChain(found));
            }
        }
        if chain.initial_sync {
            return Err(NodeProblem::Synchronising);
        }
        if duties.slot_ms == 0 || duties.epoch_slots == 0 {
            return Err(NodeProblem::Slots);
        }
        Ok(Answer {
            tip: chain.best_block_hash,
            duties,
            wall_ms,
        })
    }
}

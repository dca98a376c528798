//! One peer: a task that keeps up with it and tells it the news.

use std::sync::Arc;
use std::time::Duration;

use synod_api::hex::NodeIdHex;
use synod_api::p2p::{
    Announcements, Handshake, MAX_ANNOUNCED_BLOCKS, MAX_ANNOUNCED_TRANSACTIONS,
    MAX_REQUESTED_TRANSACTIONS, PROTOCOL_VERSION,
};
use synod_api::{HashHex, NumberHex};
use synod_primitives::{BlockHash, Work, Wtxid};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::client::{BlockStep, ClientError, PeerClient, Traffic};
use crate::port::{NodePort, Verdict};
use crate::table::{Message, PeerId, PeerTable};
use crate::url::PeerUrl;

/// How often a silent peer is asked where it stands.
const POLL: Duration = Duration::from_secs(10);
/// The first wait after a failure; it doubles each time.
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// The longest wait after failures.
const LONGEST_RETRY: Duration = Duration::from_secs(15);

/// What a session ends with, for now.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The peer did not answer, or not well.
    Client(ClientError),
    /// The peer is of no use: another chain, or this very node.
    Useless(&'static str),
    /// The peer held up blocks that another one has.
    Stalled,
    /// The node behind is busy or stopping.
    Busy,
    /// The peer did what no honest peer does.
    Misbehavior(&'static str),
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

/// A session with one peer.
pub(crate) struct Session<N: NodePort> {
    pub(crate) table: Arc<PeerTable<N>>,
    pub(crate) client: PeerClient,
    pub(crate) id: PeerId,
    /// Blocks that the peer is known to have, so that they are not announced back.
    known: Vec<BlockHash>,
}

/// How many hashes of blocks that a peer has are remembered.
const MAX_KNOWN: usize = 64;

impl<N: NodePort> Session<N> {
    pub(crate) fn new(
        table: Arc<PeerTable<N>>,
        id: PeerId,
        url: PeerUrl,
        traffic: Arc<Traffic>,
    ) -> Self {
        let client = PeerClient::new(table.http.clone(), url, traffic);
        Self {
            table,
            client,
            id,
            known: Vec::new(),
        }
    }
}

/// Runs a session until it is told to stop.
pub(crate) async fn run<N: NodePort>(
    mut session: Session<N>,
    mut inbox: mpsc::Receiver<Message>,
    stop: CancellationToken,
) {
    let talk = async {
        let mut retry = FIRST_RETRY;
        loop {
            let started = Instant::now();
            let trouble = session.talk(&mut inbox).await;
            if started.elapsed() > POLL {
                retry = FIRST_RETRY;
            }
            session.report(&trouble);
            if let Trouble::Useless(_) = trouble {
                retry = LONGEST_RETRY;
            }
            sleep(retry).await;
            retry = (retry * 2).min(LONGEST_RETRY);
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = talk => {}
    }
    session.leave();
}

impl<N: NodePort> Session<N> {
    /// Speaks to the peer until something goes wrong.
    async fn talk(&mut self, inbox: &mut mpsc::Receiver<Message>) -> Trouble {
        loop {
            if let Err(trouble) = self.greet_and_catch_up().await {
                return trouble;
            }
            let quiet_until = Instant::now() + POLL;
            while let Ok(message) = timeout(
                quiet_until.saturating_duration_since(Instant::now()),
                inbox.recv(),
            )
            .await
            {
                let Some(message) = message else {
                    return Trouble::Busy;
                };
                if let Err(trouble) = self.pass_on(message, inbox).await {
                    return trouble;
                }
            }
        }
    }

    /// Gives what it was asked for to others.
    fn leave(&self) {
        self.table.downloads().forget(self.id);
        self.table.downloads_changed.notify_waiters();
    }

    fn report(&self, trouble: &Trouble) {
        let text = match trouble {
            Trouble::Client(ClientError::Malformed(why)) => {
                self.table.blame(self.id, 20, why);
                why.clone()
            }
            Trouble::Client(error @ ClientError::TooLong) => {
                self.table.blame(self.id, 20, "an answer past its limit");
                error.to_string()
            }
            Trouble::Client(error) => error.to_string(),
            Trouble::Useless(why) => (*why).to_owned(),
            Trouble::Stalled => "the peer delivers too slowly".to_owned(),
            Trouble::Busy => "this node is busy".to_owned(),
            Trouble::Misbehavior(why) => {
                self.table.blame(self.id, 100, why);
                (*why).to_owned()
            }
        };
        self.table.update(self.id, |state| {
            if state.is_connected {
                tracing::info!(peer = %state.url, why = text, "lost a peer");
            }
            state.is_connected = false;
            state.last_error = Some(text);
        });
    }

    fn our_handshake(&self) -> Handshake {
        let identity = &self.table.identity;
        let tip = self.table.node.tip();
        Handshake {
            protocol_version: PROTOCOL_VERSION,
            chain_id: identity.chain_id,
            network: identity.network.clone(),
            agent: identity.agent.clone(),
            node_id: identity.node_id,
            listen_url: identity.listen_url.clone(),
            height: tip.height.0,
            best_block_hash: HashHex::from_internal(tip.hash.to_bytes()),
            chainwork: NumberHex::from_bytes(tip.chainwork.to_be_bytes()),
            time: (self.table.clock)(),
        }
    }

    async fn greet_and_catch_up(&mut self) -> Result<(), Trouble> {
        let asked = Instant::now();
        let theirs = self.client.handshake(&self.our_handshake()).await?;
        let identity = &self.table.identity;
        if theirs.chain_id != identity.chain_id {
            return Err(Trouble::Useless("the peer is on another chain"));
        }
        if theirs.node_id == identity.node_id {
            return Err(Trouble::Useless("the peer is this node itself"));
        }
        if theirs.protocol_version != PROTOCOL_VERSION {
            return Err(Trouble::Useless("the peer speaks another version"));
        }
        let work = Work::from_be_bytes(theirs.chainwork.to_bytes());
        let best = BlockHash::from_bytes(theirs.best_block_hash.to_internal());
        let latency = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now = (self.table.clock)();
        self.table.update(self.id, |state| {
            if !state.is_connected {
                tracing::info!(peer = %state.url, height = theirs.height, "a peer answers");
            }
            state.is_connected = true;
            state.last_seen = Some(now);
            state.latency_ms = Some(latency);
            state.last_error = None;
            state.handshake = Some(theirs);
        });
        self.note_known(best);
        if work > self.table.node.tip().chainwork && !self.table.node.knows_block(best).await {
            self.catch_up().await?;
        }
        Ok(())
    }

    /// Passes on a message, and with it all that wait in the queue.
    async fn pass_on(
        &mut self,
        first: Message,
        inbox: &mut mpsc::Receiver<Message>,
    ) -> Result<(), Trouble> {
        let mut news = News::default();
        let mut next = Some(first);
        while let Some(message) = next {
            news.add(message, &self.known);
            next = if news.is_full() {
                None
            } else {
                inbox.try_recv().ok()
            };
        }
        if news.has_announcements() {
            self.client
                .announce(&news.announcements(self.table.identity.node_id))
                .await?;
            for block in &news.blocks {
                self.note_known(BlockHash::from_bytes(block.hash.to_internal()));
            }
        }
        for hash in news.their_blocks {
            self.note_known(hash);
            if !self.table.node.knows_block(hash).await {
                self.fetch_announced(hash).await?;
            }
        }
        self.fetch_transactions(news.their_transactions).await
    }

    /// Fetches a block that the peer announced: alone where it follows what is known, else
    /// with the headers and blocks before it.
    async fn fetch_announced(&mut self, hash: BlockHash) -> Result<(), Trouble> {
        let mut stream = self.client.blocks(&[hash]).await?;
        let mut blocks = Vec::new();
        while let Some(step) = stream.next().await? {
            if let BlockStep::Block(block) = step {
                blocks.push(block);
            }
        }
        let verdicts = self.table.node.submit_blocks(blocks).await;
        match verdicts.first() {
            Some(Verdict::Orphan) => self.catch_up().await,
            Some(Verdict::Misbehavior) => Err(Trouble::Misbehavior("an invalid block")),
            Some(Verdict::Mutated) => Err(Trouble::Misbehavior("a mutated block")),
            Some(Verdict::Unavailable) => Err(Trouble::Busy),
            _ => Ok(()),
        }
    }

    async fn fetch_transactions(&self, mut wtxids: Vec<Wtxid>) -> Result<(), Trouble> {
        wtxids.retain(|wtxid| !self.table.node.knows_transaction(*wtxid));
        for wanted in wtxids.chunks(MAX_REQUESTED_TRANSACTIONS) {
            let transactions = self.client.transactions(wanted).await?;
            if transactions.is_empty() {
                continue;
            }
            let node = &self.table.node;
            let verdicts = node.submit_transactions(self.id, transactions).await;
            if verdicts.contains(&Verdict::Misbehavior) {
                self.table.blame(self.id, 10, "an invalid transaction");
            }
        }
        Ok(())
    }

    fn note_known(&mut self, hash: BlockHash) {
        if self.known.contains(&hash) {
            return;
        }
        if self.known.len() == MAX_KNOWN {
            self.known.remove(0);
        }
        self.known.push(hash);
    }
}

/// What a queue held, sorted by what to do with it.
#[derive(Default)]
struct News {
    blocks: Vec<synod_api::p2p::BlockAnnouncement>,
    transactions: Vec<HashHex>,
    their_blocks: Vec<BlockHash>,
    their_transactions: Vec<Wtxid>,
}

impl News {
    fn add(&mut self, message: Message, known: &[BlockHash]) {
        match message {
            Message::AnnounceBlock(block) => {
                if !known.contains(&BlockHash::from_bytes(block.hash.to_internal())) {
                    self.blocks.push(block);
                }
            }
            Message::AnnounceTransaction(wtxid) => {
                self.transactions
                    .push(HashHex::from_internal(wtxid.to_bytes()));
            }
            Message::BlockThere(hash) => self.their_blocks.push(hash),
            Message::TransactionsThere(wtxids) => self.their_transactions.extend(wtxids),
        }
    }

    fn is_full(&self) -> bool {
        self.blocks.len() >= MAX_ANNOUNCED_BLOCKS
            || self.transactions.len() >= MAX_ANNOUNCED_TRANSACTIONS
            || self.their_transactions.len() >= MAX_ANNOUNCED_TRANSACTIONS
    }

    fn has_announcements(&self) -> bool {
        !self.blocks.is_empty() || !self.transactions.is_empty()
    }

    fn announcements(&self, node_id: NodeIdHex) -> Announcements {
        Announcements {
            node_id,
            blocks: self.blocks.clone(),
            transactions: self.transactions.clone(),
        }
    }
}

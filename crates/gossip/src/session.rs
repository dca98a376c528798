//! One peer that this node speaks to: a task that keeps up with it, listens to it, and tells
//! it the news.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use synod_api::hex::NodeIdHex;
use synod_api::p2p::{CompactStatus, Handshake, MAX_REQUESTED_TRANSACTIONS, PROTOCOL_VERSION};
use synod_api::{HashHex, NumberHex};
use synod_primitives::{BlockHash, Transaction, Txid, Work, Wtxid};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::client::{BlockStep, PeerClient, Traffic};
use crate::client_error::ClientError;
use crate::hear::Heard;
use crate::outbox::{MAX_OFFERS, MAX_WAITING_OFFERS, NewBlock, OFFER_AGAIN_MS, Outbox};
use crate::port::NodePort;
use crate::table::{Origin, PeerId, PeerTable};
use crate::url::PeerUrl;
use crate::wire::News;

/// How often a silent peer is asked where it stands.
const POLL: Duration = Duration::from_secs(10);
/// The first wait after a failure; it doubles each time.
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// The longest wait after failures.
const LONGEST_RETRY: Duration = Duration::from_secs(15);
/// The most messages of a peer's stream that wait; past it the stream is not read on.
const MAX_WAITING_NEWS: usize = 16;
/// The most requests in a row for transactions after one announcement.
const MAX_TRANSACTION_ROUNDS: usize = 64;

/// Points for a claim of more work than the headers that the peer has to show; it is made at
/// every greeting.
const EMPTY_CLAIM: u32 = 10;
/// How far up the parents of an orphan are asked for: no chain in a mempool is longer.
const MAX_GENERATIONS: usize = 25;

/// What a session ends with, until it is tried again.
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
    /// The peer was asked once whether it is there, and it is.
    Felt,
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

/// A transaction that is asked of another peer, or whose parents are missing.
struct Later {
    due_ms: u64,
    wtxid: Wtxid,
    tries: u8,
}

/// A session with one peer.
pub(crate) struct Session<N: NodePort> {
    pub(crate) table: Arc<PeerTable<N>>,
    pub(crate) client: PeerClient,
    pub(crate) id: PeerId,
    url: PeerUrl,
    traffic: Arc<Traffic>,
    wake: Arc<Notify>,
    /// Transactions that are asked of another peer, and when to look again.
    later: VecDeque<Later>,
}

impl<N: NodePort> Session<N> {
    pub(crate) fn new(
        table: Arc<PeerTable<N>>,
        id: PeerId,
        url: PeerUrl,
        traffic: Arc<Traffic>,
        wake: Arc<Notify>,
    ) -> Self {
        let client = PeerClient::new(PeerClient::http(None), url.clone(), Arc::clone(&traffic));
        Self {
            table,
            client,
            id,
            url,
            traffic,
            wake,
            later: VecDeque::new(),
        }
    }
}

/// Runs a session until it is told to stop.
pub(crate) async fn run<N: NodePort>(mut session: Session<N>, stop: CancellationToken) {
    let talk = async {
        let mut retry = FIRST_RETRY;
        loop {
            let started = Instant::now();
            let trouble = session.talk().await;
            if started.elapsed() > POLL {
                retry = FIRST_RETRY;
            }
            if session.is_over(&trouble) {
                return;
            }
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
    session.table.forget(session.id);
}

impl<N: NodePort> Session<N> {
    /// Speaks to the peer until something goes wrong.
    async fn talk(&mut self) -> Trouble {
        if let Err(error) = self.connect().await {
            return error.into();
        }
        let session = match self.greet().await {
            Ok(session) => session,
            Err(trouble) => return trouble,
        };
        let origin = self.origin();
        self.table.book().succeeded(&self.url, (self.table.clock)());
        if origin == Some(Origin::Feeler) {
            return Trouble::Felt;
        }
        let (news, mut inbox) = mpsc::channel(MAX_WAITING_NEWS);
        let client = self.client.clone().with_session(session);
        self.client = client.clone();
        self.table.keep_client(self.id, &client);
        // Dropping the guard ends the listening with this conversation.
        let listening = tokio::spawn(listen(client, news));
        let _guard = AbortOnDrop(listening.abort_handle());
        if let Err(trouble) = self.swap_addresses().await {
            return trouble;
        }
        loop {
            if let Err(trouble) = self.round(&mut inbox).await {
                return trouble;
            }
            match self.greet().await {
                Ok(again) if again == session => {}
                // The peer forgot this node: a new conversation has a stream of its own.
                Ok(_) => return Trouble::Useless("the peer had forgotten this node"),
                Err(trouble) => return trouble,
            }
        }
    }

    /// Catches up, then passes news both ways until it is time to greet again.
    async fn round(&mut self, inbox: &mut mpsc::Receiver<News>) -> Result<(), Trouble> {
        self.catch_up_if_behind().await?;
        self.post_if_ahead().await?;
        let end = Instant::now() + POLL;
        loop {
            self.tell().await?;
            self.look_again().await?;
            let due = self.next_due();
            let until = due.map_or(end, |wait| (Instant::now() + wait).min(end));
            tokio::select! {
                news = inbox.recv() => match news {
                    Some(news) => self.hear(news).await?,
                    None => return Err(Trouble::Useless("the peer's stream ended")),
                },
                () = self.wake.notified() => {}
                () = tokio::time::sleep_until(until) => {
                    if Instant::now() >= end {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Returns how long until there is something to tell or to look at again.
    fn next_due(&self) -> Option<Duration> {
        let now = self.table.now_ms();
        let told = self
            .table
            .with_outbox(self.id, |outbox| outbox.due())
            .flatten();
        let later = self.later.front().map(|it| it.due_ms);
        let due = told.into_iter().chain(later).min()?;
        Some(Duration::from_millis(due.saturating_sub(now)))
    }

    fn origin(&self) -> Option<Origin> {
        let mut origin = None;
        self.table
            .update(self.id, |state| origin = Some(state.origin));
        origin
    }

    /// Resolves the peer's name once, where the connection goes then, and learns which member it
    /// is where that matters.
    ///
    /// Security: between a check and a connection a name could change (DNS rebinding, P17).
    async fn connect(&mut self) -> Result<(), ClientError> {
        let pinned = self.url.resolve().await?;
        let http = PeerClient::http(pinned);
        self.client = PeerClient::new(http, self.url.clone(), Arc::clone(&self.traffic));
        if let Some(members) = &self.table.members {
            self.client = self.client.clone().meet(members).await?;
            let member = self.client.member();
            self.table.update(self.id, |state| state.member = member);
        }
        Ok(())
    }

    /// Notes what went wrong; says whether the session is over for good.
    fn is_over(&self, trouble: &Trouble) -> bool {
        let origin = self.origin();
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
            Trouble::Felt => "the peer is there".to_owned(),
        };
        self.table.drop_client(self.id);
        self.table.update(self.id, |state| {
            if state.is_connected {
                tracing::info!(peer = %self.url, why = text, "lost a peer");
            }
            state.is_connected = false;
            state.last_error = Some(text);
        });
        let is_lost = matches!(trouble, Trouble::Client(_) | Trouble::Useless(_));
        if is_lost {
            self.table.book().failed(&self.url);
        }
        // A peer out of the address book makes way for another one.
        let is_over = match origin {
            Some(Origin::Configured) => false,
            Some(Origin::Feeler) | None => true,
            Some(_) => is_lost || matches!(trouble, Trouble::Stalled | Trouble::Misbehavior(_)),
        };
        if is_over {
            self.table.let_go(self.id);
            self.table.to_dial.notify_one();
        }
        is_over
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
            session: None,
            height: tip.height.0,
            prune_height: self.table.node.prune_height(),
            best_block_hash: HashHex::from_internal(tip.hash.to_bytes()),
            chainwork: NumberHex::from_bytes(tip.chainwork.to_be_bytes()),
            time: (self.table.clock)(),
        }
    }

    /// Greets the peer; returns the secret by which it knows this node.
    async fn greet(&mut self) -> Result<NodeIdHex, Trouble> {
        let asked = Instant::now();
        let theirs = self.client.handshake(&self.our_handshake()).await?;
        let identity = &self.table.identity;
        if theirs.chain_id != identity.chain_id {
            return Err(Trouble::Useless("the peer is on another chain"));
        }
        if theirs.node_id == identity.node_id {
            self.table.book().forget(&self.url);
            return Err(Trouble::Useless("the peer is this node itself"));
        }
        if theirs.protocol_version != PROTOCOL_VERSION {
            return Err(Trouble::Useless("the peer speaks another version"));
        }
        let Some(session) = theirs.session else {
            return Err(Trouble::Useless("the peer gave no session"));
        };
        let latency = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now = (self.table.clock)();
        let best = BlockHash::from_bytes(theirs.best_block_hash.to_internal());
        self.table.update(self.id, |state| {
            if !state.is_connected {
                tracing::info!(peer = %self.url, height = theirs.height, "a peer answers");
            }
            state.is_connected = true;
            state.last_seen = Some(now);
            state.latency_ms = Some(state.latency_ms.map_or(latency, |it| it.min(latency)));
            state.last_error = None;
            state.handshake = Some(theirs);
        });
        self.table
            .with_outbox(self.id, |outbox| outbox.note_block(best));
        self.table.note_clock(self.id);
        Ok(session)
    }

    /// Returns the work and the tip that the peer claimed last.
    pub(crate) fn their_tip(&self) -> Option<(Work, BlockHash)> {
        let mut tip = None;
        self.table.update(self.id, |state| {
            tip = state.handshake.as_ref().map(|it| {
                let work = Work::from_be_bytes(it.chainwork.to_bytes());
                (
                    work,
                    BlockHash::from_bytes(it.best_block_hash.to_internal()),
                )
            });
        });
        tip
    }

    /// Says whether the peer has forgotten the block that this node needs next: those that it
    /// has would not connect.
    fn lacks_next(&self) -> bool {
        let next = self.table.node.tip().height.next().0;
        let mut lowest = None;
        self.table.update(self.id, |state| {
            lowest = state.handshake.as_ref().and_then(|it| it.prune_height);
        });
        lowest.is_some_and(|height| height > next)
    }

    async fn catch_up_if_behind(&mut self) -> Result<(), Trouble> {
        let Some((work, best)) = self.their_tip() else {
            return Ok(());
        };
        let has_more = work > self.table.node.tip().chainwork && !self.lacks_next();
        let mut is_doubted = false;
        if has_more && self.table.node.knows_block(best).await {
            // Its chain was judged here, and is none.
            is_doubted = true;
        } else if has_more {
            let shown = self.catch_up().await?;
            is_doubted = !shown && work > self.table.node.tip().chainwork;
        }
        self.table
            .update(self.id, |state| state.is_doubted = is_doubted);
        if is_doubted && has_more && !self.table.node.knows_block(best).await {
            self.table.blame(
                self.id,
                EMPTY_CLAIM,
                "it claims more work than its headers have",
            );
        }
        Ok(())
    }

    /// Tells the peer what is due.
    async fn tell(&mut self) -> Result<(), Trouble> {
        loop {
            let block = self.table.with_outbox(self.id, Outbox::take_block);
            if let Some(block) = block.flatten() {
                self.tell_block(&block).await?;
                continue;
            }
            let messages = self
                .table
                .with_outbox(self.id, |outbox| outbox.messages.take());
            if let Some(messages) = messages.filter(|it| !it.is_empty()) {
                self.client.messages(&messages).await?;
                continue;
            }
            let now = self.table.now_ms();
            let batch = self
                .table
                .with_outbox(self.id, |outbox| outbox.take_transactions(now))
                .unwrap_or_default();
            if batch.is_empty() {
                return Ok(());
            }
            self.tell_transactions(&batch).await?;
        }
    }

    async fn tell_block(&mut self, block: &NewBlock) -> Result<(), Trouble> {
        let mut answer = self.client.compact(block.compact.clone()).await?;
        if answer.status == CompactStatus::Missing {
            let transactions = block.transactions(&answer.missing);
            let Some(transactions) = transactions else {
                return Err(Trouble::Misbehavior(
                    "it misses transactions that are not there",
                ));
            };
            answer = self.client.fill(block.hash, &transactions).await?;
        }
        if answer.status == CompactStatus::Whole {
            answer = self.client.whole(block.hash, block.raw.clone()).await?;
        }
        if answer.status == CompactStatus::Behind {
            self.post_chain().await?;
        }
        Ok(())
    }

    async fn tell_transactions(&mut self, batch: &[Wtxid]) -> Result<(), Trouble> {
        let wanted = self.client.announce(batch).await?;
        let mut again = wanted.retry;
        // Security: only what was announced is sent, whatever is asked for.
        let announced: std::collections::HashSet<Wtxid> = batch.iter().copied().collect();
        let asked: Vec<Wtxid> = wanted
            .send
            .into_iter()
            .filter(|it| announced.contains(it))
            .collect();
        for part in asked.chunks(MAX_REQUESTED_TRANSACTIONS) {
            let raws = self.table.node.mempool_transactions(part);
            if !raws.is_empty() {
                again.extend(self.send_with_parents(raws).await?);
            }
        }
        again.retain(|it| announced.contains(it));
        let now = self.table.now_ms();
        self.table
            .with_outbox(self.id, |outbox| outbox.offer_again(&again, now));
        Ok(())
    }

    /// Posts transactions, then those of their parents that the peer lacks, up to their first
    /// ancestors; returns those to be announced again.
    async fn send_with_parents(&self, mut raws: Vec<Bytes>) -> Result<Vec<Wtxid>, Trouble> {
        let mut again = Vec::new();
        for _ in 0..MAX_GENERATIONS {
            let heard = self.client.send_transactions(&raws).await?;
            again.extend(heard.again);
            // Security: only what the posted ones spend is sent, whatever is asked for.
            let spent = parents_of(&raws);
            let mut wanted = heard.parents;
            wanted.retain(|it| spent.contains(it));
            wanted.truncate(MAX_REQUESTED_TRANSACTIONS);
            raws = self.table.node.mempool_parents(&wanted);
            if raws.is_empty() {
                break;
            }
        }
        Ok(again)
    }

    /// Takes in a message of the peer's stream.
    async fn hear(&mut self, news: News) -> Result<(), Trouble> {
        match news {
            News::Alive => Ok(()),
            News::Block(body) => self.hear_block(body).await,
            News::Transactions(wtxids) => self.want(&wtxids, 0).await,
            News::Message(message) => {
                self.table.hear_messages(self.id, vec![message]).await;
                Ok(())
            }
        }
    }

    async fn hear_block(&mut self, body: Bytes) -> Result<(), Trouble> {
        let Ok(compact) = crate::compact::CompactBlock::decode(body.clone()) else {
            return Err(Trouble::Misbehavior("bytes that are no compact block"));
        };
        let hash = compact.hash();
        let mut heard = self.table.hear_compact(self.id, body).await;
        if let Heard::Missing(places) = &heard {
            let raws = self.client.block_transactions(hash, places).await?;
            heard = self.table.hear_missing(self.id, hash, raws).await;
        }
        if heard == Heard::Whole {
            let raw = self.fetch_one(hash).await?;
            heard = match raw {
                Some(raw) => self.table.hear_whole(self.id, raw).await,
                None => Heard::Declined,
            };
        }
        match heard {
            Heard::Behind => self.catch_up().await.map(drop),
            Heard::Busy => Err(Trouble::Busy),
            _ => Ok(()),
        }
    }

    async fn fetch_one(&self, hash: BlockHash) -> Result<Option<Bytes>, Trouble> {
        let mut stream = self.client.blocks(&[hash]).await?;
        while let Some(step) = stream.next().await? {
            if let BlockStep::Block(raw) = step {
                let header = raw
                    .first_chunk::<80>()
                    .map(synod_primitives::Header::decode);
                if header.is_none_or(|it| it.block_hash() != hash) {
                    return Err(Trouble::Misbehavior("a block that was not asked for"));
                }
                return Ok(Some(raw));
            }
        }
        Ok(None)
    }

    /// Fetches those of the transactions that are wanted; `tries` says how often they were
    /// looked at before.
    async fn want(&mut self, wtxids: &[Wtxid], tries: u8) -> Result<(), Trouble> {
        let wanted = self.table.hear_inventory(self.id, wtxids);
        self.keep_for_later(&wanted.retry, tries);
        let parts = wanted.send.chunks(MAX_REQUESTED_TRANSACTIONS);
        for part in parts.take(MAX_TRANSACTION_ROUNDS) {
            let raws = self.client.transactions(part).await?;
            let mut heard = self.table.hear_transactions(self.id, raws).await;
            self.keep_for_later(&heard.again, tries);
            for _ in 0..MAX_GENERATIONS {
                if heard.parents.is_empty() {
                    break;
                }
                let raws = self.client.parents(&heard.parents).await?;
                heard = self.table.hear_transactions(self.id, raws).await;
            }
        }
        Ok(())
    }

    fn keep_for_later(&mut self, wtxids: &[Wtxid], tries: u8) {
        let due_ms = self.table.now_ms() + OFFER_AGAIN_MS;
        let room = MAX_WAITING_OFFERS.saturating_sub(self.later.len());
        if tries < MAX_OFFERS {
            let tries = tries + 1;
            let entries = wtxids.iter().take(room).map(|wtxid| Later {
                due_ms,
                wtxid: *wtxid,
                tries,
            });
            self.later.extend(entries);
        }
    }

    async fn look_again(&mut self) -> Result<(), Trouble> {
        let now = self.table.now_ms();
        let count = self.later.iter().take_while(|it| it.due_ms <= now).count();
        let due: Vec<Later> = self.later.drain(..count).collect();
        for tries in 1..=MAX_OFFERS {
            let alike = due.iter().filter(|it| it.tries == tries);
            let wtxids: Vec<Wtxid> = alike.map(|it| it.wtxid).collect();
            if !wtxids.is_empty() {
                self.want(&wtxids, tries).await?;
            }
        }
        Ok(())
    }

    /// Tells the peer addresses, and learns some of it.
    async fn swap_addresses(&self) -> Result<(), Trouble> {
        let ours = self.table.addresses_to_tell();
        let theirs = timeout(POLL, self.client.addresses(&ours)).await;
        match theirs {
            Ok(Ok(theirs)) => self.table.note_addresses(&self.url, &theirs),
            // A peer that keeps its addresses to itself is a peer all the same.
            Ok(Err(ClientError::Refused { .. })) | Err(_) => {}
            Ok(Err(error)) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Returns what transactions spend from.
fn parents_of(raws: &[Bytes]) -> BTreeSet<Txid> {
    let transactions = raws.iter().filter_map(|raw| Transaction::decode(raw).ok());
    transactions
        .flat_map(|it| {
            let spent = it.inputs().iter().map(|input| input.prevout.txid);
            spent.collect::<Vec<_>>()
        })
        .collect()
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads the peer's stream of announcements until it ends.
async fn listen(client: PeerClient, news: mpsc::Sender<News>) {
    let mut stream = match client.listen().await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%error, "a peer's stream does not open");
            return;
        }
    };
    loop {
        match stream.next().await {
            Ok(Some(item)) => {
                if news.send(item).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(%error, "a peer's stream broke");
                return;
            }
        }
    }
}

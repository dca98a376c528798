//! One peer that this node speaks to: a task that keeps up with it, listens to it, and tells
//! it the news.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use synod_api::p2p::CompactStatus;
use synod_primitives::BlockHash;
use tokio::sync::{Notify, mpsc};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::answers::BlockStep;
use crate::client::PeerClient;
use crate::client_error::ClientError;
use crate::hear::Heard;
use crate::offers::Later;
use crate::outbox::{INVENTORY_INTERVAL_MS, NewBlock, Outbox};
use crate::pace::Pace;
use crate::peers::{Origin, PeerId};
use crate::port::NodePort;
use crate::table::PeerTable;
use crate::traffic::Traffic;
use crate::trouble::Trouble;
use crate::url::PeerUrl;
use crate::wire::News;

/// How often a silent peer is asked where it stands.
const POLL: Duration = Duration::from_secs(10);
/// The first wait after a failure; it doubles each time.
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// The longest wait after failures.
const LONGEST_RETRY: Duration = Duration::from_secs(15);
/// The announcements of transactions of one stream that are looked at at once.
const ANNOUNCEMENTS_BURST: u32 = 32;
/// The milliseconds in which one more is: half of what an honest peer takes for it.
const ANNOUNCEMENT_MS: u64 = INVENTORY_INTERVAL_MS / 2;
/// The most messages of a peer's stream that wait; past it the stream is not read on.
const MAX_WAITING_NEWS: usize = 16;

/// A session with one peer.
pub(crate) struct Session<N: NodePort> {
    pub(crate) table: Arc<PeerTable<N>>,
    pub(crate) client: PeerClient,
    pub(crate) id: PeerId,
    pub(crate) url: PeerUrl,
    traffic: Arc<Traffic>,
    wake: Arc<Notify>,
    /// How fast announcements of transactions are looked at.
    announcements: Pace,
    /// Transactions that are asked of another peer, and when to look again.
    pub(crate) later: VecDeque<Later>,
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
            announcements: Pace::new(ANNOUNCEMENT_MS, ANNOUNCEMENTS_BURST),
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
                    Some(news) => {
                        self.hear(news).await?;
                        // Security: a stream that never pauses would hold a thread of the runtime,
                        // and all who wait for it, for as many messages as wait (P05, P21).
                        yield_now().await;
                    }
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

    pub(crate) fn origin(&self) -> Option<Origin> {
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

    /// Takes in a message of the peer's stream.
    async fn hear(&mut self, news: News) -> Result<(), Trouble> {
        match news {
            News::Alive => Ok(()),
            News::Block(body) => self.hear_block(body).await,
            News::Transactions(wtxids) => {
                self.wait_for_pace().await;
                self.want(&wtxids, 0).await
            }
            News::Message(message) => {
                self.table.hear_messages(self.id, vec![message]).await;
                Ok(())
            }
        }
    }

    /// Waits until one more announcement of transactions may be looked at.
    ///
    /// Security: a thousand ids cost half a millisecond, and their sender nothing (P05). Nobody
    /// reads the stream on meanwhile, so it is the sender that waits.
    async fn wait_for_pace(&mut self) {
        let now = self.table.now_ms();
        let wait_ms = self.announcements.wait_ms(now);
        self.announcements.take(now);
        if wait_ms > 0 {
            sleep(Duration::from_millis(wait_ms)).await;
        }
    }

    async fn hear_block(&mut self, body: Bytes) -> Result<(), Trouble> {
        let Ok(compact) = crate::compact::CompactBlock::decode(body.clone()) else {
            return Err(Trouble::Misbehavior("bytes that are no compact block"));
        };
        let (hash, nonce) = (compact.hash(), compact.nonce);
        let mut heard = self.table.hear_compact(self.id, body).await;
        if let Heard::Missing(ranks) = &heard {
            let raws = self.client.block_transactions(hash, nonce, ranks).await?;
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

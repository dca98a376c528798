//! Greeting the peer that a session speaks to, and what its claims are worth.

use synod_api::hex::NodeIdHex;
use synod_api::p2p::{Handshake, PROTOCOL_VERSION};
use synod_api::{HashHex, NumberHex};
use synod_primitives::{BlockHash, Work};
use tokio::time::Instant;

use crate::port::NodePort;
use crate::session::Session;
use crate::trouble::Trouble;

/// Points for a claim of more work than the headers that the peer has to show; it is made at
/// every greeting.
const EMPTY_CLAIM: u32 = 10;

impl<N: NodePort> Session<N> {
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
            marks: self.table.marks_of(&self.url),
            height: tip.height.0,
            prune_height: self.table.node.prune_height(),
            best_block_hash: HashHex::from_internal(tip.hash.to_bytes()),
            chainwork: NumberHex::from_bytes(tip.chainwork.to_be_bytes()),
            time: (self.table.clock)(),
        }
    }

    /// Greets the peer; returns the secret by which it knows this node.
    pub(crate) async fn greet(&mut self) -> Result<NodeIdHex, Trouble> {
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
        let height = theirs.height;
        let mut is_new = false;
        self.table.update(self.id, |state| {
            is_new = !state.is_connected;
            state.is_connected = true;
            state.last_seen = Some(now);
            state.latency_ms = Some(state.latency_ms.map_or(latency, |it| it.min(latency)));
            state.last_error = None;
            state.handshake = Some(theirs);
        });
        if is_new && self.table.may_log() {
            tracing::info!(peer = %self.url, height, "a peer answers");
        }
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

    pub(crate) async fn catch_up_if_behind(&mut self) -> Result<(), Trouble> {
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
}

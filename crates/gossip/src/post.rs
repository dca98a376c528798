//! Telling a peer of a chain that it does not have: headers first, then the blocks that it
//! asks for.
//!
//! This is how a node that nobody can reach shows what it has; the peer treats it as a source
//! of blocks like any other.

use std::time::Duration;

use bytes::Bytes;
use synod_api::p2p::{MAX_HEADERS, MAX_REQUESTED_BLOCKS, Posted};
use synod_primitives::BlockHash;
use tokio::time::sleep;

use crate::port::NodePort;
use crate::session::Session;
use crate::trouble::Trouble;
use crate::wire::BLOCKS_ANSWER_BYTES;

/// The most pages of headers that are posted in a row.
const MAX_PAGES: usize = 10_000;
/// The most requests for the blocks below one page.
const MAX_ROUNDS: usize = 10_000;
/// The longest wait that a peer may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

impl<N: NodePort> Session<N> {
    /// Posts the chain to a peer that says it has less work.
    pub(crate) async fn post_if_ahead(&mut self) -> Result<(), Trouble> {
        let Some((work, best)) = self.their_tip() else {
            return Ok(());
        };
        let tip = self.table.node.tip();
        if tip.chainwork <= work || tip.hash == best {
            return Ok(());
        }
        self.post_chain().await
    }

    pub(crate) async fn post_chain(&mut self) -> Result<(), Trouble> {
        let Some((_, best)) = self.their_tip() else {
            return Ok(());
        };
        let mut after = best;
        let mut page = self.table.node.headers_after(after, MAX_HEADERS).await;
        if page.is_none() {
            // Their tip is not on this chain: what follows the fork on theirs names it.
            let locator = self.table.node.locator().await;
            let theirs = self.client.headers(&locator).await?.headers;
            let Some((first, _)) = theirs.first() else {
                return Ok(());
            };
            after = first.previous_block_hash;
            page = self.table.node.headers_after(after, MAX_HEADERS).await;
        }
        for _ in 0..MAX_PAGES {
            let Some(headers) = page.filter(|it| !it.is_empty()) else {
                return Ok(());
            };
            let posted = self.client.post_headers(&headers).await?;
            let next = posted.next;
            self.post_blocks(posted).await?;
            let Some(next) = next else {
                return Ok(());
            };
            after = BlockHash::from_bytes(next.to_internal());
            page = self.table.node.headers_after(after, MAX_HEADERS).await;
        }
        Ok(())
    }

    async fn post_blocks(&self, mut posted: Posted) -> Result<(), Trouble> {
        for _ in 0..MAX_ROUNDS {
            if posted.send.len() > MAX_REQUESTED_BLOCKS {
                return Err(Trouble::Misbehavior("it asks for too many blocks"));
            }
            if posted.send.is_empty() {
                if posted.wait_ms == 0 {
                    return Ok(());
                }
                sleep(Duration::from_millis(posted.wait_ms).min(LONGEST_WAIT)).await;
            }
            let mut raws: Vec<Bytes> = Vec::new();
            let mut bytes = 0;
            for hash in &posted.send {
                let hash = BlockHash::from_bytes(hash.to_internal());
                let Some(raw) = self.table.node.raw_block(hash).await else {
                    break;
                };
                if !raws.is_empty() && bytes + raw.len() > BLOCKS_ANSWER_BYTES {
                    break;
                }
                bytes += raw.len();
                raws.push(raw);
            }
            if raws.is_empty() && !posted.send.is_empty() {
                return Ok(());
            }
            posted = self.client.post_blocks(&raws).await?;
        }
        Ok(())
    }
}

//! Transactions in a session: told, wanted, looked at again later.

use std::collections::{BTreeSet, HashSet};

use bytes::Bytes;
use synod_api::p2p::MAX_REQUESTED_TRANSACTIONS;
use synod_primitives::{Transaction, Txid, Wtxid};

use crate::outbox::{MAX_OFFERS, MAX_WAITING_OFFERS, OFFER_AGAIN_MS};
use crate::port::NodePort;
use crate::session::Session;
use crate::trouble::Trouble;

/// The most requests in a row for transactions after one announcement.
const MAX_TRANSACTION_ROUNDS: usize = 64;
/// How far up the parents of an orphan are asked for: no chain in a mempool is longer.
const MAX_GENERATIONS: usize = 25;

/// A transaction that is asked of another peer, or whose parents are missing.
pub(crate) struct Later {
    pub(crate) due_ms: u64,
    wtxid: Wtxid,
    tries: u8,
}

impl<N: NodePort> Session<N> {
    pub(crate) async fn tell_transactions(&mut self, batch: &[Wtxid]) -> Result<(), Trouble> {
        let wanted = self.client.announce(batch).await?;
        let mut again = wanted.retry;
        // Security: only what was announced is sent, whatever is asked for.
        let announced: HashSet<Wtxid> = batch.iter().copied().collect();
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

    /// Fetches those of the transactions that are wanted; `tries` says how often they were
    /// looked at before.
    pub(crate) async fn want(&mut self, wtxids: &[Wtxid], tries: u8) -> Result<(), Trouble> {
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

    pub(crate) async fn look_again(&mut self) -> Result<(), Trouble> {
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

//! What happened to a locking script: sums, history, unspent outputs.

use std::collections::HashSet;

use synod_primitives::{OutPoint, Txid};

use super::{ExploreError, Place, TxView};
use crate::snapshot::Snapshot;
use crate::store::{HistoryRow, ScriptStats, TxNumber};

/// Unspent outputs in one answer; a wallet gets all of them or a refusal, never a part.
const MAX_UNSPENT: usize = 50_000;

/// The sums of a script over the chain and over the mempool.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct ScriptUse {
    pub(crate) chain: ScriptStats,
    pub(crate) mempool: ScriptStats,
}

impl ScriptUse {
    /// The balance over the chain alone.
    pub(crate) fn confirmed_sat(&self) -> i64 {
        self.chain.funded_sat - self.chain.spent_sat
    }

    /// What the mempool would change of it.
    pub(crate) fn pending_sat(&self) -> i64 {
        self.mempool.funded_sat - self.mempool.spent_sat
    }
}

/// An output that nothing spends, not even the mempool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unspent {
    pub(crate) outpoint: OutPoint,
    pub(crate) value_sat: i64,
    pub(crate) place: Place,
}

impl Snapshot {
    /// Sums up what happened to a script.
    pub(crate) async fn script_use(
        &mut self,
        script: &[u8; 32],
    ) -> Result<ScriptUse, ExploreError> {
        let chain = self.reader.script_stats(script).await?;
        let mut mempool = ScriptStats::default();
        for entry in self.pool.of_script(script) {
            let (funded, spent) = entry.effect_on(script);
            mempool.tx_count += 1;
            mempool.funded_count += funded.count;
            mempool.funded_sat += funded.sat;
            mempool.spent_count += spent.count;
            mempool.spent_sat += spent.sat;
        }
        Ok(ScriptUse { chain, mempool })
    }

    /// Lists a script's transactions in the mempool in the order of arrival.
    pub(crate) fn script_pool_txs(&self, script: &[u8; 32], limit: usize) -> Vec<TxView> {
        self.pool
            .of_script(script)
            .take(limit)
            .map(|entry| Self::pool_view(entry))
            .collect()
    }

    /// Lists a script's confirmed transactions after one of them, the newest first.
    ///
    /// Nothing when `after` is not one of them: clients hand in ids of the mempool or of blocks
    /// that are gone, and read an empty page as the end.
    pub(crate) async fn script_chain_txs(
        &mut self,
        script: &[u8; 32],
        after: Option<Txid>,
        limit: u32,
    ) -> Result<Vec<TxView>, ExploreError> {
        let before = match after {
            None => None,
            Some(txid) => match self.reader.number_of(txid).await? {
                Some(number) if self.reader.is_in_history(script, number).await? => Some(number),
                _ => return Ok(Vec::new()),
            },
        };
        let rows = self.reader.script_history(script, before, limit).await?;
        let numbers: Vec<TxNumber> = rows.iter().map(|row| row.number).collect();
        self.txs_at(&numbers).await
    }

    /// Lists what single transactions did to a script, the newest first.
    pub(crate) async fn script_history(
        &mut self,
        script: &[u8; 32],
        before: Option<TxNumber>,
        limit: u32,
    ) -> Result<Vec<HistoryRow>, ExploreError> {
        Ok(self.reader.script_history(script, before, limit).await?)
    }

    /// Lists a script's outputs that nothing spends: confirmed ones first.
    ///
    /// # Errors
    /// More of them than one answer may have.
    pub(crate) async fn unspent(
        &mut self,
        script: &[u8; 32],
    ) -> Result<Vec<Unspent>, ExploreError> {
        let limit = u32::try_from(MAX_UNSPENT + 1).unwrap_or(u32::MAX);
        let rows = self.reader.unspent(script, limit).await?;
        let numbers: HashSet<TxNumber> = rows.iter().map(|row| row.number).collect();
        let places = self
            .places(&numbers.into_iter().collect::<Vec<_>>())
            .await?;
        let mut unspent: Vec<Unspent> = rows
            .iter()
            .filter_map(|row| {
                let outpoint = OutPoint::new(row.txid, row.vout);
                let place = places.get(&row.number).copied()?;
                let is_spent = self.pool.spender(&outpoint).is_some();
                let value_sat = row.value_sat;
                (!is_spent).then_some(Unspent {
                    outpoint,
                    value_sat,
                    place,
                })
            })
            .collect();
        unspent.extend(self.pool_unspent(script));
        if unspent.len() > MAX_UNSPENT {
            return Err(ExploreError::TooMany { limit: MAX_UNSPENT });
        }
        Ok(unspent)
    }

    fn pool_unspent(&self, script: &[u8; 32]) -> Vec<Unspent> {
        let mut unspent = Vec::new();
        for entry in self.pool.of_script(script) {
            for (vout, output) in (0..).zip(entry.transaction.outputs()) {
                let outpoint = entry.transaction.outpoint(vout);
                let is_own = crate::pool::script_key(&output.script_pubkey) == *script;
                if is_own && self.pool.spender(&outpoint).is_none() {
                    let place = Place::Mempool {
                        seen_at: entry.seen_at,
                    };
                    let value_sat = output.value.sat();
                    unspent.push(Unspent {
                        outpoint,
                        value_sat,
                        place,
                    });
                }
            }
        }
        unspent
    }
}

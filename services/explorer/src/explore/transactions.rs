//! Transactions with what their inputs spend, and who spends their outputs.

use std::collections::HashMap;

use synod_primitives::{Block, BlockHash, OutPoint, Transaction, TxOut, Txid};

use super::ExploreError;
use crate::pool::PoolEntry;
use crate::snapshot::Snapshot;
use crate::store::{BlockRecord, Spender, StoredTransaction, TxNumber};

/// Where a transaction is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// On the active chain.
    Confirmed {
        number: TxNumber,
        block: BlockHash,
        /// The block's time in Unix seconds.
        time: u32,
    },
    /// In the mempool, first seen at a time in Unix seconds.
    Mempool { seen_at: i64 },
    /// Only in a block that is not on the active chain.
    Stale,
}

/// A transaction with what its inputs spend.
#[derive(Clone, Debug)]
pub(crate) struct TxView {
    pub(crate) transaction: Transaction,
    /// What each input spends; nothing for a coinbase, and where it is not known.
    pub(crate) prevouts: Vec<Option<TxOut>>,
    pub(crate) fee_sat: i64,
    pub(crate) place: Place,
}

/// The input that spends an output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outspend {
    pub(crate) txid: Txid,
    pub(crate) vin: u32,
    pub(crate) place: Place,
}

impl TxView {
    fn of_pool(entry: &PoolEntry) -> Self {
        Self {
            transaction: entry.transaction.clone(),
            prevouts: entry.prevouts.iter().cloned().map(Some).collect(),
            fee_sat: entry.fee_sat,
            place: Place::Mempool {
                seen_at: entry.seen_at,
            },
        }
    }

    /// The place in the active chain, if it has one.
    pub(crate) fn number(&self) -> Option<TxNumber> {
        match self.place {
            Place::Confirmed { number, .. } => Some(number),
            _ => None,
        }
    }

    /// The sum of the outputs.
    pub(crate) fn output_sat(&self) -> i64 {
        self.transaction
            .outputs()
            .iter()
            .map(|output| output.value.sat())
            .sum()
    }

    /// The fee rate in satoshis a vbyte.
    pub(crate) fn fee_rate(&self) -> f64 {
        self.fee_sat as f64 / self.transaction.weight().vsize().max(1) as f64
    }
}

impl Snapshot {
    /// Finds a transaction of the active chain or the mempool.
    pub(crate) async fn tx(&mut self, txid: Txid) -> Result<Option<TxView>, ExploreError> {
        if let Some(entry) = self.pool.get(&txid) {
            return Ok(Some(TxView::of_pool(entry)));
        }
        match self.reader.transaction(txid).await? {
            Some(stored) => Ok(self.views(vec![stored]).await?.pop()),
            None => Ok(None),
        }
    }

    /// Finds out where a transaction is without reading it.
    pub(crate) async fn place(&mut self, txid: Txid) -> Result<Option<Place>, ExploreError> {
        if let Some(entry) = self.pool.get(&txid) {
            return Ok(Some(Place::Mempool {
                seen_at: entry.seen_at,
            }));
        }
        let Some(number) = self.reader.number_of(txid).await? else {
            return Ok(None);
        };
        let places = self.places(&[number]).await?;
        Ok(places.get(&number).copied())
    }

    /// Works out the places of numbers of the active chain.
    pub(super) async fn places(
        &mut self,
        numbers: &[TxNumber],
    ) -> Result<HashMap<TxNumber, Place>, ExploreError> {
        let mut heights: Vec<u32> = numbers.iter().map(|number| number.height()).collect();
        heights.sort_unstable();
        heights.dedup();
        let stamps = self.reader.stamps(&heights).await?;
        let place = |number: &TxNumber| {
            let (block, time) = *stamps.get(&number.height())?;
            Some((
                *number,
                Place::Confirmed {
                    number: *number,
                    block,
                    time,
                },
            ))
        };
        Ok(numbers.iter().filter_map(place).collect())
    }

    /// Adds what the inputs spend to transactions of the active chain.
    pub(crate) async fn views(
        &mut self,
        stored: Vec<StoredTransaction>,
    ) -> Result<Vec<TxView>, ExploreError> {
        let numbers: Vec<TxNumber> = stored.iter().map(|row| row.number).collect();
        let places = self.places(&numbers).await?;
        let mut prevouts = self.reader.prevouts(&numbers).await?;
        Ok(stored
            .into_iter()
            .map(|row| TxView {
                prevouts: (0..)
                    .zip(row.transaction.inputs())
                    .map(|(vin, _)| prevouts.remove(&(row.number, vin)))
                    .collect(),
                place: places.get(&row.number).copied().unwrap_or(Place::Stale),
                fee_sat: row.fee_sat,
                transaction: row.transaction,
            })
            .collect())
    }

    /// Reads transactions by their place, in the order asked for.
    pub(crate) async fn txs_at(
        &mut self,
        numbers: &[TxNumber],
    ) -> Result<Vec<TxView>, ExploreError> {
        let stored = self.reader.transactions(numbers).await?;
        self.views(stored).await
    }

    /// Reads transactions of a block from a position on; the block may be stale.
    pub(crate) async fn block_txs(
        &mut self,
        record: &BlockRecord,
        from: u32,
        limit: u32,
    ) -> Result<Vec<TxView>, ExploreError> {
        match &record.stale {
            None => {
                let stored = self
                    .reader
                    .block_transactions(record.height, from, limit)
                    .await?;
                self.views(stored).await
            }
            Some((_, block)) => self.stale_txs(block, from, limit).await,
        }
    }

    /// Reads transactions of a stale block; what their inputs spend is looked up in the block, in
    /// the active chain and in the mempool.
    async fn stale_txs(
        &mut self,
        block: &Block,
        from: u32,
        limit: u32,
    ) -> Result<Vec<TxView>, ExploreError> {
        let transactions: Vec<&Transaction> = block
            .transactions()
            .iter()
            .skip(from as usize)
            .take(limit as usize)
            .collect();
        let wanted: Vec<OutPoint> = transactions
            .iter()
            .flat_map(|tx| tx.inputs())
            .map(|input| input.prevout)
            .collect();
        let coins = self.reader.coins(&wanted).await?;
        let inside: HashMap<Txid, &Transaction> = block
            .transactions()
            .iter()
            .map(|tx| (tx.txid(), tx))
            .collect();
        let pool = self.pool.clone();
        let find = |outpoint: &OutPoint| {
            let output = |tx: &Transaction| tx.outputs().get(outpoint.vout as usize).cloned();
            coins
                .get(outpoint)
                .map(|coin| coin.output.clone())
                .or_else(|| inside.get(&outpoint.txid).and_then(|tx| output(tx)))
                .or_else(|| {
                    pool.get(&outpoint.txid)
                        .and_then(|entry| output(&entry.transaction))
                })
        };
        Ok(transactions
            .into_iter()
            .map(|transaction| {
                let inputs = transaction.inputs().iter();
                let prevouts: Vec<Option<TxOut>> =
                    inputs.map(|input| find(&input.prevout)).collect();
                let spent: Option<i64> = prevouts
                    .iter()
                    .map(|output| output.as_ref().map(|it| it.value.sat()))
                    .sum();
                let paid: i64 = transaction
                    .outputs()
                    .iter()
                    .map(|output| output.value.sat())
                    .sum();
                let transaction = transaction.clone();
                let fee_sat = spent.map_or(0, |spent| spent - paid);
                TxView {
                    transaction,
                    prevouts,
                    fee_sat,
                    place: Place::Stale,
                }
            })
            .collect())
    }

    /// Finds who spends each output of a transaction, in the active chain or the mempool.
    pub(crate) async fn outspends(
        &mut self,
        view: &TxView,
    ) -> Result<Vec<Option<Outspend>>, ExploreError> {
        let mut confirmed: HashMap<u32, Spender> = HashMap::new();
        if let Some(number) = view.number() {
            let spenders = self.reader.spenders(&[number]).await?;
            confirmed.extend(
                spenders
                    .into_iter()
                    .map(|((_, vout), spender)| (vout, spender)),
            );
        }
        let numbers: Vec<TxNumber> = confirmed.values().filter_map(|it| it.number).collect();
        let places = self.places(&numbers).await?;
        let outputs = (0..).zip(view.transaction.outputs());
        Ok(outputs
            .map(|(vout, _)| {
                if let Some(spender) = confirmed.get(&vout) {
                    let place = spender
                        .number
                        .and_then(|number| places.get(&number).copied());
                    let Spender { txid, vin, .. } = *spender;
                    return place.map(|place| Outspend { txid, vin, place });
                }
                let (txid, vin) = self.pool.spender(&view.transaction.outpoint(vout))?;
                let seen_at = self.pool.get(&txid)?.seen_at;
                Some(Outspend {
                    txid,
                    vin,
                    place: Place::Mempool { seen_at },
                })
            })
            .collect())
    }

    /// Lists the transactions that arrived last: of the mempool, then of the last blocks.
    pub(crate) async fn latest_txs(&mut self, limit: usize) -> Result<Vec<TxView>, ExploreError> {
        /// Blocks that are looked at for payments.
        const LOOK_BACK: u32 = 200;
        let pool = self.pool.clone();
        let mut views: Vec<TxView> = pool
            .recent()
            .take(limit)
            .map(|entry| TxView::of_pool(entry))
            .collect();
        let rest = u32::try_from(limit - views.len()).unwrap_or(0);
        if rest > 0 {
            let stored = self
                .reader
                .latest_payments(self.tip.height, LOOK_BACK, rest)
                .await?;
            views.extend(self.views(stored).await?);
        }
        Ok(views)
    }

    /// Reads a transaction of the mempool.
    pub(crate) fn pool_view(entry: &PoolEntry) -> TxView {
        TxView::of_pool(entry)
    }
}

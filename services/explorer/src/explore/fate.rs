//! What became of a transaction that left the active chain.

use synod_primitives::{Transaction, Txid};

use super::{ExploreError, Place};
use crate::snapshot::Snapshot;
use crate::store::Dropped;

/// Where a dropped transaction is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// In another block of the active chain.
    Confirmed {
        /// That block's height.
        height: u32,
    },
    /// Back in the mempool.
    Mempool,
    /// Another transaction spends one of its inputs.
    Replaced {
        /// The other transaction.
        by: Txid,
    },
    /// Neither in a block nor in the mempool.
    Gone,
}

impl Snapshot {
    /// Finds out what became of a transaction that a reorganisation took off.
    pub(crate) async fn fate(&mut self, dropped: Dropped) -> Result<Fate, ExploreError> {
        match self.place(dropped.txid).await? {
            Some(Place::Confirmed { number, .. }) => {
                return Ok(Fate::Confirmed {
                    height: number.height(),
                });
            }
            Some(Place::Mempool { .. }) => return Ok(Fate::Mempool),
            Some(Place::Stale) | None => {}
        }
        let Some(record) = self.reader.block(dropped.block).await? else {
            return Ok(Fate::Gone);
        };
        let transaction = record.stale.and_then(|(_, block)| {
            block
                .transactions()
                .iter()
                .find(|tx| tx.txid() == dropped.txid)
                .cloned()
        });
        match transaction {
            Some(transaction) => self.replaced_by(&transaction).await,
            None => Ok(Fate::Gone),
        }
    }

    /// Finds the transaction that spends an input of another one.
    async fn replaced_by(&mut self, transaction: &Transaction) -> Result<Fate, ExploreError> {
        for input in transaction.inputs() {
            if let Some((by, _)) = self.pool.spender(&input.prevout) {
                return Ok(Fate::Replaced { by });
            }
            let Some(number) = self.reader.number_of(input.prevout.txid).await? else {
                continue;
            };
            let spenders = self.reader.spenders(&[number]).await?;
            if let Some(spender) = spenders.get(&(number, input.prevout.vout)) {
                return Ok(Fate::Replaced { by: spender.txid });
            }
        }
        Ok(Fate::Gone)
    }
}

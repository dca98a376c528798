//! The rows that a run of blocks adds to the index, worked out without the database.
//!
//! Invariant: after [`Batch::resolve`] every input of the batch is matched with the output that
//! it spends, made in the batch itself or found in the index before.

use std::collections::HashMap;

use bytes::Bytes;
use synod_primitives::{
    Block, BlockHash, Header, OutPoint, Script, Transaction, Txid, Work, sha256,
};

use crate::store::{StoreError, TxNumber};

/// What is known of a block beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockStamp {
    pub(crate) height: u32,
    pub(crate) median_time: u32,
    pub(crate) chainwork: Work,
    /// Unix seconds at which the block was seen; `None` when it was caught up on.
    pub(crate) seen_at: Option<i64>,
}

/// A row of `blocks`.
#[derive(Debug)]
pub(crate) struct BlockRow {
    pub(crate) height: u32,
    pub(crate) hash: BlockHash,
    pub(crate) header: Header,
    pub(crate) median_time: u32,
    pub(crate) tx_count: u32,
    pub(crate) size: i64,
    pub(crate) weight: i64,
    pub(crate) fees_sat: i64,
    pub(crate) output_sat: i64,
    pub(crate) chainwork: Work,
    pub(crate) seen_at: Option<i64>,
}

/// A row of `transactions`.
#[derive(Debug)]
pub(crate) struct TransactionRow {
    pub(crate) number: TxNumber,
    pub(crate) txid: Txid,
    pub(crate) fee_sat: i64,
    pub(crate) raw: Bytes,
}

/// A row of `outputs`; `script` is an index into the batch's scripts.
#[derive(Debug)]
pub(crate) struct OutputRow {
    pub(crate) number: TxNumber,
    pub(crate) vout: u32,
    pub(crate) value_sat: i64,
    pub(crate) script: usize,
    pub(crate) spent: Option<(TxNumber, u32)>,
}

/// Money that came to a script and left it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Sums {
    pub(crate) funded_count: i64,
    pub(crate) funded_sat: i64,
    pub(crate) spent_count: i64,
    pub(crate) spent_sat: i64,
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.funded_count += other.funded_count;
        self.funded_sat += other.funded_sat;
        self.spent_count += other.spent_count;
        self.spent_sat += other.spent_sat;
    }
}

/// A script with what the batch adds to its sums.
#[derive(Debug)]
pub(crate) struct ScriptRow {
    pub(crate) hash: [u8; 32],
    pub(crate) script: Script,
    pub(crate) tx_count: i64,
    pub(crate) sums: Sums,
}

/// A row of `history`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistoryRow {
    pub(crate) script: usize,
    pub(crate) number: TxNumber,
    pub(crate) sums: Sums,
}

/// An output of the index that the batch spends.
#[derive(Debug)]
pub(crate) struct SpentRow {
    pub(crate) number: TxNumber,
    pub(crate) vout: u32,
    pub(crate) by: (TxNumber, u32),
}

/// An unspent output as the index knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PreviousOutput {
    pub(crate) number: TxNumber,
    pub(crate) value_sat: i64,
    pub(crate) script_hash: [u8; 32],
}

/// An input whose output was made before the batch.
#[derive(Debug)]
struct OutsideSpend {
    outpoint: OutPoint,
    transaction: usize,
    vin: u32,
}

/// Rows of consecutive blocks.
#[derive(Default, Debug)]
pub(crate) struct Batch {
    pub(crate) blocks: Vec<BlockRow>,
    pub(crate) transactions: Vec<TransactionRow>,
    pub(crate) outputs: Vec<OutputRow>,
    pub(crate) scripts: Vec<ScriptRow>,
    pub(crate) spent: Vec<SpentRow>,
    script_index: HashMap<[u8; 32], usize>,
    output_index: HashMap<OutPoint, usize>,
    outside: Vec<OutsideSpend>,
    touched: Vec<HistoryRow>,
}

impl Batch {
    /// Adds the next block.
    pub(crate) fn push(&mut self, block: &Block, stamp: BlockStamp) {
        let mut output_sat = 0;
        for (position, transaction) in (0..).zip(block.transactions()) {
            let number = TxNumber::new(stamp.height, position);
            output_sat += self.push_transaction(transaction, number);
        }
        self.blocks.push(BlockRow {
            height: stamp.height,
            hash: block.hash(),
            header: *block.header(),
            median_time: stamp.median_time,
            tx_count: u32::try_from(block.transactions().len()).unwrap_or(u32::MAX),
            size: i64::try_from(block.size()).unwrap_or(i64::MAX),
            weight: i64::try_from(block.weight().0).unwrap_or(i64::MAX),
            fees_sat: 0,
            output_sat,
            chainwork: stamp.chainwork,
            seen_at: stamp.seen_at,
        });
    }

    /// Adds a transaction; gives the sum of its outputs.
    fn push_transaction(&mut self, transaction: &Transaction, number: TxNumber) -> i64 {
        let index = self.transactions.len();
        let outputs = transaction
            .outputs()
            .iter()
            .map(|output| output.value.sat());
        let output_sat = outputs.fold(0i64, i64::saturating_add);
        let is_coinbase = transaction.is_coinbase();
        self.transactions.push(TransactionRow {
            number,
            txid: transaction.txid(),
            // Inputs are added as they are matched.
            fee_sat: if is_coinbase { 0 } else { -output_sat },
            raw: transaction.raw().clone(),
        });
        if !is_coinbase {
            for (vin, input) in (0..).zip(transaction.inputs()) {
                self.push_input(input.prevout, index, vin);
            }
        }
        for (vout, output) in (0..).zip(transaction.outputs()) {
            let script = &output.script_pubkey;
            if synod_script::is_unspendable(script.as_bytes()) {
                continue;
            }
            let value_sat = output.value.sat();
            let script = self.script(sha256(script.as_bytes()), script);
            let funded = Sums {
                funded_count: 1,
                funded_sat: value_sat,
                ..Sums::default()
            };
            self.touched.push(HistoryRow {
                script,
                number,
                sums: funded,
            });
            self.output_index
                .insert(transaction.outpoint(vout), self.outputs.len());
            self.outputs.push(OutputRow {
                number,
                vout,
                value_sat,
                script,
                spent: None,
            });
        }
        output_sat
    }

    fn push_input(&mut self, outpoint: OutPoint, transaction: usize, vin: u32) {
        let Some(&index) = self.output_index.get(&outpoint) else {
            self.outside.push(OutsideSpend {
                outpoint,
                transaction,
                vin,
            });
            return;
        };
        let number = self.transactions[transaction].number;
        let output = &mut self.outputs[index];
        output.spent = Some((number, vin));
        let (script, value_sat) = (output.script, output.value_sat);
        self.spend(transaction, script, value_sat);
    }

    fn spend(&mut self, transaction: usize, script: usize, value_sat: i64) {
        let row = &mut self.transactions[transaction];
        row.fee_sat += value_sat;
        let sums = Sums {
            spent_count: 1,
            spent_sat: value_sat,
            ..Sums::default()
        };
        self.touched.push(HistoryRow {
            script,
            number: row.number,
            sums,
        });
    }

    fn script(&mut self, hash: [u8; 32], script: &Script) -> usize {
        let scripts = &mut self.scripts;
        *self.script_index.entry(hash).or_insert_with(|| {
            let sums = Sums::default();
            scripts.push(ScriptRow {
                hash,
                script: script.clone(),
                tx_count: 0,
                sums,
            });
            scripts.len() - 1
        })
    }

    /// Returns the index of a script by its hash.
    pub(crate) fn script_index(&self, hash: &[u8; 32]) -> Option<usize> {
        self.script_index.get(hash).copied()
    }

    /// Lists the outputs made before the batch that it spends, sorted.
    pub(crate) fn outside_spends(&self) -> Vec<OutPoint> {
        let mut outpoints: Vec<_> = self.outside.iter().map(|spend| spend.outpoint).collect();
        outpoints.sort_unstable();
        outpoints
    }

    /// Matches the inputs that spend outputs made before the batch.
    ///
    /// # Errors
    /// [`StoreError::MissingCoin`] for one that is not there.
    pub(crate) fn resolve(
        &mut self,
        coins: &HashMap<OutPoint, PreviousOutput>,
    ) -> Result<(), StoreError> {
        for spend in std::mem::take(&mut self.outside) {
            let OutsideSpend {
                outpoint,
                transaction,
                vin,
            } = spend;
            let coin = coins
                .get(&outpoint)
                .ok_or(StoreError::MissingCoin(outpoint))?;
            let script = self.script(coin.script_hash, &Script::default());
            self.spend(transaction, script, coin.value_sat);
            let by = (self.transactions[transaction].number, vin);
            self.spent.push(SpentRow {
                number: coin.number,
                vout: outpoint.vout,
                by,
            });
        }
        self.spent
            .sort_unstable_by_key(|row| (row.number, row.vout));
        self.sum_fees();
        Ok(())
    }

    fn sum_fees(&mut self) {
        let mut transactions = self.transactions.iter();
        for block in &mut self.blocks {
            let of_block = transactions.by_ref().take(block.tx_count as usize);
            block.fees_sat = of_block.map(|row| row.fee_sat).sum();
        }
    }

    /// Merges what was touched into one row for each script and transaction, and adds it to the
    /// scripts' sums.
    pub(crate) fn take_history(&mut self) -> Vec<HistoryRow> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable_by_key(|row| (row.script, row.number));
        let mut history: Vec<HistoryRow> = Vec::with_capacity(touched.len());
        for row in touched {
            let script = &mut self.scripts[row.script];
            script.sums.add(row.sums);
            match history.last_mut() {
                Some(last) if (last.script, last.number) == (row.script, row.number) => {
                    last.sums.add(row.sums);
                }
                _ => {
                    script.tx_count += 1;
                    history.push(row);
                }
            }
        }
        history
    }
}

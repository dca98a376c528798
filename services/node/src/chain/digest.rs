//! The digest of all coins: MuHash3072, as Core's `gettxoutsetinfo muhash` gives it.
//!
//! It starts from the coins table and follows the blocks from the one that the table stands
//! at, so each block is taken in once, when somebody asks. Bulk work costs nothing.

use synod_ledger::{BlockUndo, Coin, MuHash};
use synod_primitives::{Block, BlockHash, Height, OutPoint, Transaction};
use synod_script::is_unspendable;
use synod_store::{Reader, StoreError};
use tokio::sync::Mutex;

/// The state of all coins at a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateDigest {
    /// The block's height.
    pub height: Height,
    /// The block.
    pub hash: BlockHash,
    /// How many coins there are.
    pub coins: u64,
    /// Their sum in satoshis.
    pub total_sat: u64,
    /// The digest.
    pub muhash: [u8; 32],
}

/// Computes digests; remembers where it got to.
pub struct StateDigests {
    reader: Reader,
    state: Mutex<Option<Accumulator>>,
}

#[derive(Clone)]
struct Accumulator {
    height: Height,
    hash: BlockHash,
    coins: u64,
    total_sat: u64,
    muhash: MuHash,
}

impl StateDigests {
    /// Starts without having computed anything.
    #[must_use]
    pub fn new(reader: Reader) -> Self {
        Self {
            reader,
            state: Mutex::new(None),
        }
    }

    /// Returns the digest of the coins at the tip.
    ///
    /// # Errors
    /// The store failed or is damaged.
    pub async fn at_tip(&self) -> Result<StateDigest, StoreError> {
        let mut state = self.state.lock().await;
        let mut accumulator = match state.take() {
            Some(accumulator) => accumulator,
            None => self.scan().await?,
        };
        self.follow(&mut accumulator).await?;
        let digest = StateDigest {
            height: accumulator.height,
            hash: accumulator.hash,
            coins: accumulator.coins,
            total_sat: accumulator.total_sat,
            muhash: accumulator.muhash.finalize(),
        };
        *state = Some(accumulator);
        Ok(digest)
    }

    async fn scan(&self) -> Result<Accumulator, StoreError> {
        let mut muhash = MuHash::new();
        let (mut coins, mut total_sat) = (0, 0);
        let tip = self
            .reader
            .scan_coins(|outpoint, bytes| {
                let coin =
                    Coin::decode(bytes).map_err(|error| corrupt("coins", &outpoint, &error))?;
                muhash.insert_coin(&outpoint, &coin);
                coins += 1;
                total_sat += coin.value.to_sat_unsigned();
                Ok(())
            })
            .await?;
        let hash = tip.ok_or_else(|| corrupt("state", &"coins_tip", &"missing"))?;
        let height = self.reader.header(hash).await?.height;
        Ok(Accumulator {
            height,
            hash,
            coins,
            total_sat,
            muhash,
        })
    }

    /// Takes blocks off and on until the accumulator stands at the tip.
    async fn follow(&self, at: &mut Accumulator) -> Result<(), StoreError> {
        loop {
            if self.reader.active_hash(at.height).await? != Some(at.hash) {
                let (block, undo) = self.load(at.hash).await?;
                at.disconnect(&block, &undo)?;
                continue;
            }
            let Some(next) = self.reader.active_hash(at.height.next()).await? else {
                return Ok(());
            };
            let (block, undo) = self.load(next).await?;
            // A reorganisation may have come between the two reads.
            if block.header().previous_block_hash == at.hash {
                at.connect(&block, &undo)?;
            }
        }
    }

    async fn load(&self, hash: BlockHash) -> Result<(Block, BlockUndo), StoreError> {
        let missing = || corrupt("blocks", &hash, &"block or undo data is missing");
        let raw = self.reader.block(hash).await?.ok_or_else(missing)?;
        let undo = self.reader.undo(hash).await?.ok_or_else(missing)?;
        let block = Block::decode(&raw).map_err(|error| corrupt("blocks", &hash, &error))?;
        let undo =
            BlockUndo::decode(&undo, hash).map_err(|error| corrupt("undo", &hash, &error))?;
        Ok((block, undo))
    }
}

impl Accumulator {
    fn connect(&mut self, block: &Block, undo: &BlockUndo) -> Result<(), StoreError> {
        self.height = self.height.next();
        self.hash = block.hash();
        self.count_outputs(block, true);
        self.count_spent(block, undo, false)
    }

    /// Correctness: what the block spent comes back first, so that no count falls below zero.
    fn disconnect(&mut self, block: &Block, undo: &BlockUndo) -> Result<(), StoreError> {
        self.count_spent(block, undo, true)?;
        self.count_outputs(block, false);
        self.height = self.height.previous().unwrap_or(Height::GENESIS);
        self.hash = block.header().previous_block_hash;
        Ok(())
    }

    fn count_outputs(&mut self, block: &Block, inserts: bool) {
        for (index, transaction) in block.transactions().iter().enumerate() {
            for (outpoint, coin) in self.outputs(transaction, index == 0) {
                self.count(outpoint, &coin, inserts);
            }
        }
    }

    fn count_spent(
        &mut self,
        block: &Block,
        undo: &BlockUndo,
        inserts: bool,
    ) -> Result<(), StoreError> {
        let mismatch = || corrupt("undo", &block.hash(), &"does not belong to the block");
        for (transaction, spent) in undo.spent_by(block).ok_or_else(mismatch)? {
            for (input, coin) in transaction.inputs().iter().zip(spent) {
                self.count(input.prevout, coin, inserts);
            }
        }
        Ok(())
    }

    fn outputs(&self, transaction: &Transaction, is_coinbase: bool) -> Vec<(OutPoint, Coin)> {
        let outputs = (0..).zip(transaction.outputs());
        outputs
            .filter(|(_, output)| !is_unspendable(output.script_pubkey.as_bytes()))
            .map(|(vout, output)| {
                (
                    transaction.outpoint(vout),
                    Coin::new(output, self.height, is_coinbase),
                )
            })
            .collect()
    }

    fn count(&mut self, outpoint: OutPoint, coin: &Coin, inserts: bool) {
        let value = coin.value.to_sat_unsigned();
        if inserts {
            self.muhash.insert_coin(&outpoint, coin);
            self.coins += 1;
            self.total_sat += value;
        } else {
            self.muhash.remove_coin(&outpoint, coin);
            self.coins -= 1;
            self.total_sat -= value;
        }
    }
}

fn corrupt(table: &'static str, key: &dyn ToString, what: &dyn ToString) -> StoreError {
    StoreError::Corrupt {
        table,
        key: key.to_string(),
        what: what.to_string(),
    }
}

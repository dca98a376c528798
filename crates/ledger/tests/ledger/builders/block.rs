//! Blocks, right or wrong in a chosen way.

use synod_ledger::{height_script, witness_commitment, witness_commitment_script};
use synod_primitives::{
    Block, BlockHash, CompactTarget, Header, Height, MerkleRoot, OutPoint, Script, Transaction,
    TxIn, TxOut, Witness,
};

use super::{free, sat};

/// The nonce that commitments are made with.
pub(crate) const NONCE: [u8; 32] = [7; 32];

/// A block in the making.
#[derive(Clone)]
pub(crate) struct BlockBuilder {
    pub(crate) parent: BlockHash,
    pub(crate) height: Height,
    pub(crate) time: u32,
    pub(crate) version: i32,
    /// What the coinbase pays out.
    pub(crate) reward: i64,
    /// What it pays to.
    pub(crate) reward_script: Script,
    /// Further outputs of the coinbase, before the commitment.
    pub(crate) coinbase_outputs: Vec<TxOut>,
    pub(crate) coinbase_script: Vec<u8>,
    pub(crate) coinbase_sequence: u32,
    pub(crate) coinbase_lock_time: u32,
    /// The coinbase's witness; an empty one leaves the commitment out as well.
    pub(crate) coinbase_witness: Vec<Vec<u8>>,
    pub(crate) transactions: Vec<Transaction>,
}

impl BlockBuilder {
    pub(crate) fn new(parent: BlockHash, height: Height, time: u32, reward: i64) -> Self {
        let coinbase_script = [height_script(height).as_bytes(), &[0]].concat();
        Self {
            parent,
            height,
            time,
            version: 4,
            reward,
            reward_script: free(),
            coinbase_outputs: Vec::new(),
            coinbase_script,
            coinbase_sequence: u32::MAX,
            coinbase_lock_time: 0,
            coinbase_witness: vec![NONCE.to_vec()],
            transactions: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, transaction: Transaction) -> Self {
        self.transactions.push(transaction);
        self
    }

    pub(crate) fn with_all(mut self, transactions: impl IntoIterator<Item = Transaction>) -> Self {
        self.transactions.extend(transactions);
        self
    }

    /// Adds fees to what the coinbase pays out.
    pub(crate) fn fees(mut self, fees: i64) -> Self {
        self.reward += fees;
        self
    }

    fn coinbase(&self, commitment: Option<Script>) -> Transaction {
        let input = TxIn {
            prevout: OutPoint::NULL,
            script_sig: Script::new(self.coinbase_script.clone()),
            sequence: self.coinbase_sequence,
            witness: Witness::from_items(&self.coinbase_witness),
        };
        let script_pubkey = self.reward_script.clone();
        let mut outputs = vec![TxOut {
            value: sat(self.reward),
            script_pubkey,
        }];
        outputs.extend(self.coinbase_outputs.iter().cloned());
        let commitment = commitment.map(|script_pubkey| TxOut {
            value: sat(0),
            script_pubkey,
        });
        outputs.extend(commitment);
        Transaction::new(2, vec![input], outputs, self.coinbase_lock_time)
    }

    pub(crate) fn build(&self) -> Block {
        let is_committed = !self.coinbase_witness.is_empty();
        let draft = self.assemble(self.coinbase(None));
        let commitment = witness_commitment(&draft.witness_root().hash, &NONCE);
        let script = is_committed.then(|| witness_commitment_script(&commitment));
        self.assemble(self.coinbase(script))
    }

    /// Puts a block together that starts with `first`.
    pub(crate) fn assemble(&self, first: Transaction) -> Block {
        let mut transactions = vec![first];
        transactions.extend(self.transactions.iter().cloned());
        self.of(transactions)
    }

    /// Puts a block of exactly these transactions together, with their Merkle root.
    pub(crate) fn of(&self, transactions: Vec<Transaction>) -> Block {
        let header = Header {
            version: self.version,
            previous_block_hash: self.parent,
            merkle_root: MerkleRoot::ZERO,
            time: self.time,
            bits: CompactTarget(0x207f_ffff),
            nonce: 0,
        };
        let draft = Block::new(header, transactions.clone());
        let merkle_root = MerkleRoot::from_bytes(draft.merkle_root().hash);
        Block::new(
            Header {
                merkle_root,
                ..header
            },
            transactions,
        )
    }
}

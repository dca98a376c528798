//! Blocks made by hand.

use synod_chainspec::genesis_block;
use synod_ledger::{Rules, height_script, witness_commitment, witness_commitment_script};
use synod_primitives::{
    Amount, Block, CompactTarget, Header, Height, MerkleRoot, OutPoint, Script, Transaction, TxIn,
    TxOut, Witness,
};

const NONCE: [u8; 32] = [0; 32];

/// A script that anyone can spend.
pub(crate) fn free() -> Script {
    Script::new(vec![0x51])
}

/// A block in the making.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) header: Header,
    pub(crate) coinbase_script: Vec<u8>,
    pub(crate) reward_sat: i64,
    pub(crate) reward_script: Script,
    /// Whether the coinbase commits to the witnesses.
    pub(crate) is_committed: bool,
    pub(crate) transactions: Vec<Transaction>,
}

impl Draft {
    /// An empty, valid block on top of another; `branch` makes branches differ.
    pub(crate) fn on(parent: &Block, height: u32, branch: u8) -> Self {
        let header = Header {
            version: 4,
            previous_block_hash: parent.hash(),
            merkle_root: MerkleRoot::ZERO,
            time: parent.header().time + 600,
            bits: CompactTarget(0x207f_ffff),
            nonce: 0,
        };
        let mut coinbase_script = height_script(Height(height)).as_bytes().to_vec();
        coinbase_script.extend([0, branch]);
        Self {
            header,
            coinbase_script,
            reward_sat: Rules::regtest().subsidy(Height(height)).sat(),
            reward_script: free(),
            is_committed: false,
            transactions: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, transaction: Transaction) -> Self {
        self.transactions.push(transaction);
        self
    }

    fn coinbase(&self, commitment: Option<Script>) -> Transaction {
        let witness = if self.is_committed {
            Witness::from_items(&[NONCE])
        } else {
            Witness::EMPTY
        };
        let input = TxIn {
            prevout: OutPoint::NULL,
            script_sig: Script::new(self.coinbase_script.clone()),
            sequence: u32::MAX,
            witness,
        };
        let mut outputs = vec![output(self.reward_sat, self.reward_script.clone())];
        outputs.extend(commitment.map(|script| output(0, script)));
        Transaction::new(2, vec![input], outputs, 0)
    }

    pub(crate) fn build(&self) -> Block {
        let draft = self.assemble(self.coinbase(None));
        let commitment = witness_commitment(&draft.witness_root().hash, &NONCE);
        let script = self
            .is_committed
            .then(|| witness_commitment_script(&commitment));
        self.assemble(self.coinbase(script))
    }

    fn assemble(&self, coinbase: Transaction) -> Block {
        let mut transactions = vec![coinbase];
        transactions.extend(self.transactions.iter().cloned());
        let draft = Block::new(self.header, transactions.clone());
        let mut header = Header {
            merkle_root: MerkleRoot::from_bytes(draft.merkle_root().hash),
            ..self.header
        };
        let target = header.bits.to_target().expect("a target");
        while !target.is_met_by(header.block_hash()) {
            header.nonce += 1;
        }
        Block::new(header, transactions)
    }
}

pub(crate) fn output(sat: i64, script_pubkey: Script) -> TxOut {
    TxOut {
        value: Amount::from_sat(sat),
        script_pubkey,
    }
}

/// Spends an output with this unlocking script, all of it to a free one.
pub(crate) fn spend(transaction: &Transaction, vout: u32, script_sig: &[u8]) -> Transaction {
    let value = transaction.outputs()[vout as usize].value.sat();
    let input = TxIn {
        prevout: transaction.outpoint(vout),
        script_sig: Script::new(script_sig.to_vec()),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    Transaction::new(1, vec![input], vec![output(value, free())], 0)
}

/// A chain of empty blocks from the genesis block on, which is at index 0.
pub(crate) fn chain(length: u32, branch: u8) -> Vec<Block> {
    extend(vec![genesis_block()], length, branch)
}

/// Puts empty blocks on top of a chain.
pub(crate) fn extend(mut chain: Vec<Block>, more: u32, branch: u8) -> Vec<Block> {
    for _ in 0..more {
        let height = height_after(&chain);
        let block = Draft::on(&chain[chain.len() - 1], height, branch).build();
        chain.push(block);
    }
    chain
}

/// The height of the block after a chain that starts with the genesis block.
pub(crate) fn height_after(chain: &[Block]) -> u32 {
    u32::try_from(chain.len()).expect("a short chain")
}

/// A block to put on a chain that starts with the genesis block.
pub(crate) fn next(chain: &[Block], branch: u8) -> Draft {
    Draft::on(
        chain.last().expect("the genesis block"),
        height_after(chain),
        branch,
    )
}

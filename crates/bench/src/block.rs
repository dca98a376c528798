//! Blocks around signed transactions.

use anyhow::{Context as _, Result};
use synod_ledger::{Rules, height_script, witness_commitment, witness_commitment_script};
use synod_primitives::{
    Amount, Block, BlockHash, CompactTarget, Header, Height, MerkleRoot, OutPoint, Script,
    Transaction, TxIn, TxOut, Witness,
};

/// Regtest's target, the easiest there is.
const BITS: CompactTarget = CompactTarget(0x207f_ffff);
/// Seconds between two blocks.
const SPACING_S: u32 = 600;
/// The nonce that commitments to witnesses are made with.
const WITNESS_NONCE: [u8; 32] = [0; 32];

/// Where the next block stands.
#[derive(Clone, Copy)]
pub(crate) struct Tip {
    pub(crate) hash: BlockHash,
    pub(crate) height: Height,
    pub(crate) time: u32,
}

impl Tip {
    /// The place above a block.
    pub(crate) fn above(self, block: &Block) -> Self {
        Self {
            hash: block.hash(),
            height: self.height.next(),
            time: block.header().time,
        }
    }
}

/// Makes a coinbase without commitment.
pub(crate) fn coinbase(height: Height, fees_sat: i64, payout: &Script) -> Transaction {
    let subsidy = Rules::regtest().subsidy(height).sat();
    let reward = TxOut {
        value: Amount::from_sat(subsidy + fees_sat),
        script_pubkey: payout.clone(),
    };
    assemble_coinbase(height, vec![reward])
}

fn assemble_coinbase(height: Height, outputs: Vec<TxOut>) -> Transaction {
    let script_sig = [height_script(height).as_bytes(), &[0]].concat();
    let input = TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script::new(script_sig),
        sequence: u32::MAX,
        witness: Witness::from_items(&[WITNESS_NONCE]),
    };
    Transaction::new(2, vec![input], outputs, 0)
}

/// Returns the coinbase that a block of `transactions` starts with: `bare` and the commitment to
/// their witnesses.
pub(crate) fn commit(
    bare: &Transaction,
    height: Height,
    transactions: &[Transaction],
) -> Transaction {
    let ids = std::iter::once([0; 32]).chain(transactions.iter().map(|tx| tx.wtxid().to_bytes()));
    let root = synod_primitives::merkle::root(ids.collect()).hash;
    let script_pubkey = witness_commitment_script(&witness_commitment(&root, &WITNESS_NONCE));
    let mut outputs = bare.outputs().to_vec();
    outputs.push(TxOut {
        value: Amount::ZERO,
        script_pubkey,
    });
    assemble_coinbase(height, outputs)
}

/// Returns a block at the same place with other transactions behind its coinbase: commitment, root and
/// nonce fit them. For tests that need a block of which one thing is wrong.
///
/// # Errors
/// There is no coinbase, or no nonce.
pub fn with_transactions(
    block: &Block,
    height: Height,
    transactions: Vec<Transaction>,
) -> Result<Block> {
    let coinbase = block.transactions().first().context("no coinbase")?;
    let outputs = coinbase.outputs();
    let (_, rewards) = outputs.split_last().context("no commitment")?;
    let bare = assemble_coinbase(height, rewards.to_vec());
    let coinbase = commit(&bare, height, &transactions);
    let below = Tip {
        hash: block.header().previous_block_hash,
        height,
        time: block.header().time - SPACING_S,
    };
    let all = std::iter::once(coinbase).chain(transactions);
    assemble(below, all.collect())
}

/// Puts a block on top of `tip` and looks for its nonce.
pub(crate) fn assemble(tip: Tip, transactions: Vec<Transaction>) -> Result<Block> {
    let ids = transactions.iter().map(|tx| tx.txid().to_bytes());
    let root = synod_primitives::merkle::root(ids.collect()).hash;
    let target = BITS.to_target().context("regtest's target")?;
    let header = |nonce| Header {
        version: 0x2000_0000,
        previous_block_hash: tip.hash,
        merkle_root: MerkleRoot::from_bytes(root),
        time: tip.time + SPACING_S,
        bits: BITS,
        nonce,
    };
    let found = (0..=u32::MAX).map(header);
    let found = found
        .into_iter()
        .find(|header| target.is_met_by(header.block_hash()));
    Ok(Block::new(found.context("no nonce")?, transactions))
}

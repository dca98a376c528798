//! Block templates: everything that a miner needs to look for a block.

use std::sync::Arc;

use synod_primitives::encode::{write_count, write_var_bytes};
use synod_primitives::merkle;
use synod_primitives::{
    Amount, Block, BlockHash, CompactTarget, Header, Height, MerkleRoot, OutPoint, Script,
    Transaction, TxOut, Witness, sha256d, usual_order,
};

/// The bytes of the coinbase that miners count in.
pub const EXTRA_NONCE_BYTES: usize = 8;
/// The version of new blocks: BIP9's top bits and no signal.
pub(crate) const BLOCK_VERSION: i32 = 0x2000_0000;
/// What the coinbases of our templates are marked with.
const COINBASE_MARK: &[u8] = b"/synod/";
/// The reserved value in the coinbase's witness (BIP141).
const WITNESS_RESERVED_VALUE: [u8; 32] = [0; 32];

/// A block without its extra nonce, time and nonce.
#[derive(Clone, Debug)]
pub struct BlockTemplate {
    /// The height that the block will have.
    pub height: Height,
    /// The tip that it extends.
    pub previous_block_hash: BlockHash,
    /// The header's version.
    pub version: i32,
    /// The header's target.
    pub bits: CompactTarget,
    /// The time to start with, in seconds since 1970.
    pub time: u32,
    /// The least time that the rules allow.
    pub min_time: u32,
    /// The only time that the rules allow, for bootstrap blocks.
    pub fixed_time: Option<u32>,
    /// Subsidy and fees.
    pub coinbase_value: Amount,
    /// The fees alone.
    pub fees: Amount,
    /// The coinbase without witness up to the extra nonce.
    pub coinbase_prefix: Vec<u8>,
    /// The coinbase without witness after the extra nonce.
    pub coinbase_suffix: Vec<u8>,
    /// The transactions after the coinbase.
    pub chosen: Arc<Chosen>,
    has_witness_commitment: bool,
}

/// The transactions of a template after its coinbase, with what follows from them alone: it
/// holds for every coinbase and every time.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// The transactions in the usual order, see [`usual_order`]: parents before children.
    pub transactions: Vec<TemplateEntry>,
    /// Their fees.
    pub fees: Amount,
    /// Their weight in weight units.
    pub weight: u64,
    /// The siblings of the coinbase on the way to the Merkle root.
    pub merkle_branch: Vec<[u8; 32]>,
    /// The root of the ids with witness, the coinbase counted as zeros (BIP141).
    witness_root: [u8; 32],
}

/// What was chosen last, with the trees over it: what is chosen next costs what follows the
/// first difference.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    transactions: Vec<Arc<Transaction>>,
    txids: merkle::Tree,
    wtxids: merkle::Tree,
}

impl Choice {
    /// Lays out other transactions, which have these fees and this weight, and computes what
    /// follows from them.
    ///
    /// What a mempool chose first stands first only by chance: so laid out, peers that have the
    /// transactions need not be told their places.
    pub(crate) fn choose(
        &mut self,
        chosen: Vec<TemplateEntry>,
        (fees, weight): (Amount, u64),
    ) -> Chosen {
        let order = usual_order(&chosen.iter().map(|it| &*it.transaction).collect::<Vec<_>>());
        let mut chosen: Vec<Option<TemplateEntry>> = chosen.into_iter().map(Some).collect();
        let in_order = order.iter().filter_map(|at| chosen[*at as usize].take());
        let transactions: Vec<TemplateEntry> = in_order.collect();
        let pairs = self.transactions.iter().zip(&transactions);
        let kept = pairs
            .take_while(|(known, new)| Arc::ptr_eq(known, &new.transaction))
            .count();
        let new = || transactions[kept..].iter().map(|it| &it.transaction);
        self.transactions.truncate(kept);
        self.transactions.extend(new().cloned());
        // The coinbase stands before them and counts as zeros until it is known.
        let coinbase = || (kept == 0).then_some([0; 32]).into_iter();
        let leaves = if kept == 0 { 0 } else { kept + 1 };
        let txids = new().map(|it| it.txid().to_bytes());
        self.txids.replace_after(leaves, coinbase().chain(txids));
        let wtxids = new().map(|it| it.wtxid().to_bytes());
        self.wtxids.replace_after(leaves, coinbase().chain(wtxids));
        Chosen {
            weight,
            merkle_branch: self.txids.branch(0),
            witness_root: self.wtxids.root(),
            transactions,
            fees,
        }
    }
}

/// What a template is built from.
#[derive(Clone, Debug)]
pub struct TemplateParts {
    /// The height that the block will have.
    pub height: Height,
    /// The tip that it extends.
    pub previous_block_hash: BlockHash,
    /// The header's target.
    pub bits: CompactTarget,
    /// The time to start with.
    pub time: u32,
    /// The least time that the rules allow.
    pub min_time: u32,
    /// The only time that the rules allow.
    pub fixed_time: Option<u32>,
    /// New coins.
    pub subsidy: Amount,
    /// Where the coins go.
    pub payout: Script,
    /// Outputs that the coinbase has to start with; their amounts come out of its value.
    pub fixed_outputs: Vec<TxOut>,
    /// The chain id, where the coinbase must carry it.
    pub chain_id: Option<[u8; 32]>,
    /// Whether segregated witness is in force.
    pub has_witness_commitment: bool,
    /// The transactions after the coinbase.
    pub chosen: Arc<Chosen>,
}

/// A transaction of a template.
#[derive(Clone, Debug)]
pub struct TemplateEntry {
    /// The transaction.
    pub transaction: Arc<Transaction>,
    /// What it pays.
    pub fee: Amount,
}

impl BlockTemplate {
    /// Says whether work on the other template is work on this one: all of the block that a miner
    /// does not choose is the same.
    #[must_use]
    pub fn is_same_work(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chosen, &other.chosen)
            && self.previous_block_hash == other.previous_block_hash
            && (self.version, self.bits) == (other.version, other.bits)
            && (self.time, self.min_time, self.fixed_time)
                == (other.time, other.min_time, other.fixed_time)
            && self.coinbase_prefix == other.coinbase_prefix
            && self.coinbase_suffix == other.coinbase_suffix
    }

    /// Lays out the block.
    ///
    /// # Panics
    /// When subsidy and fees exceed 64 bits, which the money range rules out.
    #[must_use]
    pub fn new(parts: TemplateParts) -> Self {
        let coinbase_value = parts
            .subsidy
            .checked_add(parts.chosen.fees)
            .expect("within money range");
        let outputs = coinbase_outputs(&parts, coinbase_value);
        let script_start = height_push(parts.height);
        let script_length = script_start.len() + 1 + EXTRA_NONCE_BYTES + 1 + COINBASE_MARK.len();
        let mut prefix = 2i32.to_le_bytes().to_vec();
        write_count(&mut prefix, 1);
        prefix.extend_from_slice(&OutPoint::NULL.encode());
        write_count(&mut prefix, script_length);
        prefix.extend_from_slice(&script_start);
        prefix.push(EXTRA_NONCE_BYTES as u8);
        let mut suffix = Vec::new();
        write_var_bytes(&mut suffix, COINBASE_MARK);
        suffix.extend_from_slice(&u32::MAX.to_le_bytes());
        write_count(&mut suffix, outputs.len());
        for output in &outputs {
            output.encode_into(&mut suffix);
        }
        suffix.extend_from_slice(&0u32.to_le_bytes());
        Self {
            height: parts.height,
            previous_block_hash: parts.previous_block_hash,
            version: BLOCK_VERSION,
            bits: parts.bits,
            time: parts.time,
            min_time: parts.min_time,
            fixed_time: parts.fixed_time,
            coinbase_value,
            fees: parts.chosen.fees,
            coinbase_prefix: prefix,
            coinbase_suffix: suffix,
            chosen: parts.chosen,
            has_witness_commitment: parts.has_witness_commitment,
        }
    }

    /// Returns the header with these numbers.
    #[must_use]
    pub fn header(&self, work: &FoundWork) -> Header {
        let coinbase = [
            &self.coinbase_prefix[..],
            &work.extra_nonce,
            &self.coinbase_suffix,
        ];
        let txid = sha256d(&coinbase.concat());
        let root = merkle::fold_branch(txid, 0, &self.chosen.merkle_branch);
        Header {
            version: work.version.unwrap_or(self.version),
            previous_block_hash: self.previous_block_hash,
            merkle_root: MerkleRoot::from_bytes(root),
            time: work.time,
            bits: self.bits,
            nonce: work.nonce,
        }
    }

    /// Builds the block with these numbers.
    ///
    /// # Panics
    /// Never: the template's own coinbase decodes.
    #[must_use]
    pub fn assemble(&self, work: &FoundWork) -> Block {
        let coinbase = [
            &self.coinbase_prefix[..],
            &work.extra_nonce,
            &self.coinbase_suffix,
        ];
        let stripped = Transaction::decode(&coinbase.concat().into())
            .expect("the template's own coinbase decodes");
        let coinbase = if self.has_witness_commitment {
            let mut input = stripped.inputs()[0].clone();
            input.witness = Witness::from_items(&[WITNESS_RESERVED_VALUE]);
            Transaction::new(
                stripped.version(),
                vec![input],
                stripped.outputs().to_vec(),
                0,
            )
        } else {
            stripped
        };
        let chosen = &self.chosen.transactions;
        let mut transactions = Vec::with_capacity(1 + chosen.len());
        transactions.push(coinbase);
        let others = chosen.iter();
        transactions.extend(others.map(|it| Transaction::clone(&it.transaction)));
        Block::new(self.header(work), transactions)
    }
}

/// The numbers that a miner found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FoundWork {
    /// The bytes in the coinbase.
    pub extra_nonce: [u8; EXTRA_NONCE_BYTES],
    /// The header's time.
    pub time: u32,
    /// The header's nonce.
    pub nonce: u32,
    /// Another version than the template's.
    pub version: Option<i32>,
}

/// Pushes the height as BIP34 wants it: as Core's script builder would.
fn height_push(height: Height) -> Vec<u8> {
    match height.0 {
        0 => vec![0],
        n @ 1..=16 => vec![0x50 + n as u8],
        n => {
            let mut bytes = n.to_le_bytes().to_vec();
            while bytes.last() == Some(&0) {
                bytes.pop();
            }
            // The highest bit is the sign of a script number.
            if bytes.last().is_some_and(|byte| byte & 0x80 != 0) {
                bytes.push(0);
            }
            bytes.insert(0, bytes.len() as u8);
            bytes
        }
    }
}

fn coinbase_outputs(parts: &TemplateParts, value: Amount) -> Vec<TxOut> {
    let data = |script: Vec<u8>| TxOut {
        value: Amount::ZERO,
        script_pubkey: Script::new(script),
    };
    let fixed: Option<Amount> = parts.fixed_outputs.iter().map(|it| it.value).sum();
    let rest = fixed.and_then(|fixed| value.checked_sub(fixed));
    let mut outputs = parts.fixed_outputs.clone();
    outputs.push(TxOut {
        value: rest.expect("a chain spec fixes less than the subsidy"),
        script_pubkey: parts.payout.clone(),
    });
    if let Some(id) = parts.chain_id {
        outputs.push(data([&[0x6a, 36][..], b"SYND", &id].concat()));
    }
    if parts.has_witness_commitment {
        let commitment = sha256d(&[parts.chosen.witness_root, WITNESS_RESERVED_VALUE].concat());
        outputs.push(data(
            [&[0x6a, 36, 0xaa, 0x21, 0xa9, 0xed][..], &commitment].concat(),
        ));
    }
    outputs
}

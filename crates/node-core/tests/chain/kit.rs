//! Storage to look into, nodes on it, and blocks for them.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use synod_chainspec::ChainSpec;
use synod_ledger::Coin;
use synod_mempool::Policy;
use synod_node_core::{
    Batch, BlockTemplate, ChainSettings, Durability, FoundWork, MemoryStorage, Node, Settings,
    Storage, StorageError, Stored,
};
use synod_primitives::{
    Amount, Block, BlockHash, Header, Height, OutPoint, Script, Transaction, TxIn, TxOut, Witness,
};

pub(crate) const NOW: u64 = 1_800_000_000;

/// Storage that can be looked at, and kept as it was after each commit.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    now: Arc<Mutex<MemoryStorage>>,
    pub(crate) history: Arc<Mutex<Vec<MemoryStorage>>>,
    /// While this is set there is no room; the batch that met it waits here.
    pub(crate) is_full: Arc<Mutex<bool>>,
    waiting: Arc<Mutex<Option<Batch>>>,
}

impl Disk {
    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, MemoryStorage> {
        self.now.lock().expect("no test panics while it writes")
    }

    pub(crate) fn of(storage: MemoryStorage) -> Self {
        Self {
            now: Arc::new(Mutex::new(storage)),
            ..Self::default()
        }
    }
}

impl Storage for Disk {
    fn load(&mut self) -> Result<Stored, StorageError> {
        self.lock().load()
    }

    fn load_block(&mut self, hash: BlockHash) -> Result<Option<Bytes>, StorageError> {
        self.lock().load_block(hash)
    }

    fn load_undo(&mut self, hash: BlockHash) -> Result<Option<Bytes>, StorageError> {
        self.lock().load_undo(hash)
    }

    fn load_coins(&mut self, wanted: &[OutPoint]) -> Result<Vec<(OutPoint, Coin)>, StorageError> {
        self.lock().load_coins(wanted)
    }

    fn retry(&mut self) -> Result<(), StorageError> {
        let mut waiting = self.waiting.lock().expect("no panic");
        if waiting.is_none() {
            return Ok(());
        }
        if *self.is_full.lock().expect("no panic") {
            return Err(StorageError::Full("a test".to_owned()));
        }
        waiting.take().map_or(Ok(()), |it| self.lock().commit(it))
    }

    fn prune(&mut self, below: Height) -> Result<Height, StorageError> {
        self.lock().prune(below)
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StorageError> {
        self.retry()?;
        if *self.is_full.lock().expect("no panic") {
            *self.waiting.lock().expect("no panic") = Some(batch);
            return Err(StorageError::Full("a test".to_owned()));
        }
        self.lock().commit(batch)?;
        let copy = self.lock().clone();
        self.history
            .lock()
            .expect("no test panics while it writes")
            .push(copy);
        Ok(())
    }
}

pub(crate) fn open(disk: &Disk) -> Node {
    open_with(disk, 64 << 20)
}

pub(crate) fn open_with(disk: &Disk, coins_cache_bytes: usize) -> Node {
    try_open_on(Box::new(disk.clone()), coins_cache_bytes).expect("storage works")
}

/// Opens a node under other rules.
pub(crate) fn open_spec(spec: &ChainSpec, disk: &Disk) -> Node {
    let storage = Box::new(disk.clone());
    Node::open(spec, storage, settings(64 << 20), NOW).expect("storage works")
}

/// Opens a node under other rules at a moment.
pub(crate) fn try_open_spec_at(
    spec: &ChainSpec,
    disk: &Disk,
    now: u64,
) -> Result<Node, StorageError> {
    Node::open(spec, Box::new(disk.clone()), settings(64 << 20), now)
}

pub(crate) fn try_open_on(
    storage: Box<dyn Storage>,
    coins_cache_bytes: usize,
) -> Result<Node, StorageError> {
    let spec = ChainSpec::preset("regtest").expect("a preset");
    Node::open(&spec, storage, settings(coins_cache_bytes), NOW)
}

fn settings(coins_cache_bytes: usize) -> Settings {
    Settings {
        chain: ChainSettings {
            coins_cache_bytes,
            threads: 2,
            hash_key: (1, 2),
        },
        policy: Policy::default(),
    }
}

/// Anyone can spend what pays here; the byte makes branches differ.
pub(crate) fn free(branch: u8) -> Script {
    Script::new(vec![0x51, 0x51, 0x75, 0x50 + (branch % 16 + 1), 0x75])
}

pub(crate) fn start_of(template: &BlockTemplate) -> FoundWork {
    FoundWork {
        extra_nonce: [0; 8],
        time: template.time,
        nonce: 0,
        version: None,
    }
}

pub(crate) fn search(template: &BlockTemplate) -> Block {
    search_from(template, start_of(template))
}

pub(crate) fn search_from(template: &BlockTemplate, mut work: FoundWork) -> Block {
    let target = template.bits.to_target().expect("a target");
    while !target.is_met_by(template.header(&work).block_hash()) {
        work.nonce += 1;
    }
    template.assemble(&work)
}

pub(crate) fn mine(node: &mut Node, branch: u8, now: u64) -> Block {
    let block = search(&node.template(free(branch), now));
    assert_eq!(submit(node, &block).as_deref(), Ok("active"));
    block
}

pub(crate) fn mine_many(node: &mut Node, branch: u8, count: u32) -> Vec<Block> {
    (0..count).map(|_| mine(node, branch, NOW)).collect()
}

/// Submits a block; gives the placement's name, or the code of the refusal.
pub(crate) fn submit(node: &mut Node, block: &Block) -> Result<String, String> {
    submit_raw(node, block.raw())
}

pub(crate) fn submit_raw(node: &mut Node, raw: &Bytes) -> Result<String, String> {
    let verdicts = node.submit_blocks(std::slice::from_ref(raw), NOW, Durability::Synced);
    let mut verdicts = verdicts.expect("storage works");
    match verdicts.pop().expect("one block, one verdict") {
        Ok(accepted) => Ok(format!("{:?}", accepted.placement).to_lowercase()),
        Err(refusal) if refusal.known => Err(format!("{} (known)", refusal.code)),
        Err(refusal) => Err(refusal.code),
    }
}

/// Changes a block and searches a new nonce for it.
pub(crate) fn rebuilt(block: &Block, transactions: Vec<Transaction>) -> Block {
    let draft = Block::new(*block.header(), transactions.clone());
    let merkle_root = synod_primitives::MerkleRoot::from_bytes(draft.merkle_root().hash);
    let mut header = Header {
        merkle_root,
        ..*block.header()
    };
    let target = header.bits.to_target().expect("a target");
    while !target.is_met_by(header.block_hash()) {
        header.nonce += 1;
    }
    Block::new(header, transactions)
}

/// A block's coinbase without witness and commitment, which a block without witnesses needs not.
pub(crate) fn plain_coinbase(block: &Block) -> Transaction {
    let coinbase = &block.transactions()[0];
    let mut input = coinbase.inputs()[0].clone();
    input.witness = Witness::EMPTY;
    Transaction::new(2, vec![input], coinbase.outputs()[..1].to_vec(), 0)
}

/// Spends an output to the same script, less a fee of one satoshi.
pub(crate) fn spend(transaction: &Transaction) -> Transaction {
    let input = TxIn {
        prevout: transaction.outpoint(0),
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let output = &transaction.outputs()[0];
    let value = Amount::from_sat(output.value.sat() - 1);
    let output = TxOut {
        value,
        script_pubkey: output.script_pubkey.clone(),
    };
    Transaction::new(2, vec![input], vec![output], 0)
}

pub(crate) fn coins_after_flush(node: &mut Node, disk: &Disk) -> Vec<(OutPoint, Coin)> {
    node.flush().expect("storage works");
    let coins: Vec<_> = disk
        .lock()
        .coins()
        .iter()
        .map(|(at, coin)| (*at, coin.clone()))
        .collect();
    coins
}

/// Builds the block after `parent`, whatever the node's own tip is.
pub(crate) fn search_child(node: &Node, parent: &Block, header: Header) -> Block {
    let height = node
        .chain()
        .tree()
        .find(parent.hash())
        .map_or(0, |id| node.chain().tree().entry(id).record.height.0 + 1);
    let input = TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script::new(vec![
            0x50 + u8::try_from(height).expect("a low height"),
            0x00,
        ]),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let output = TxOut {
        value: Amount::from_sat(50 * 100_000_000),
        script_pubkey: free(2),
    };
    let coinbase = Transaction::new(2, vec![input], vec![output], 0);
    rebuilt(&Block::new(header, vec![coinbase.clone()]), vec![coinbase])
}

//! A reorganisation of 1,200 blocks that is cut off at each of its commits.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use synod_ledger::{Coin, MuHash};
use synod_node_core::{
    Batch, Durability, MAX_UNCOMMITTED_BYTES, MemoryStorage, Node, Storage, StorageError, Stored,
};
use synod_primitives::{Amount, Block, BlockHash, OutPoint, Script, Transaction, TxOut};
use synod_script::is_unspendable;

use crate::kit::*;

/// Blocks that both branches have: the coinbases of the first become mature.
const COMMON: u32 = 110;
/// Blocks of the branch that is left; the one that wins has one more.
const LOST: u32 = 1_200;
/// What each winning block carries beside its transactions: the branch is then more than waits
/// for one commit, so the reorganisation takes several.
const PADDING: usize = MAX_UNCOMMITTED_BYTES / LOST as usize + 1_000;

/// Storage that ends at one of its commits, of which nothing is written. To end after one that is
/// written is to end before the next.
#[derive(Clone)]
struct Fragile {
    now: Arc<Mutex<MemoryStorage>>,
    commits_left: u64,
}

impl Fragile {
    fn on(storage: MemoryStorage, commits_left: u64) -> Self {
        Self {
            now: Arc::new(Mutex::new(storage)),
            commits_left,
        }
    }

    fn lasting(storage: MemoryStorage) -> Self {
        Self::on(storage, u64::MAX)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, MemoryStorage> {
        self.now.lock().expect("no test panics while it writes")
    }

    /// What is left after the end.
    fn remains(&self) -> MemoryStorage {
        self.lock().clone()
    }
}

impl Storage for Fragile {
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

    fn commit(&mut self, batch: Batch) -> Result<(), StorageError> {
        if self.commits_left == 0 {
            return Err(StorageError::Failed("the power went".to_owned()));
        }
        self.commits_left -= 1;
        self.lock().commit(batch)
    }
}

/// So small a cache that coins are written with every commit.
const NO_CACHE: usize = 1;

fn try_start(storage: &Fragile) -> Result<Node, StorageError> {
    try_open_on(Box::new(storage.clone()), NO_CACHE)
}

fn start(storage: &Fragile) -> Node {
    try_start(storage).expect("storage works")
}

/// Mines a block that spends the coinbase that has just become mature.
fn mine_spending(node: &mut Node, branch: u8, padding: usize) -> Block {
    let draft = search(&node.template(free(branch), NOW));
    let mut coinbase = plain_coinbase(&draft);
    if padding > 0 {
        let mut outputs = coinbase.outputs().to_vec();
        let mut script = vec![0x6a];
        script.resize(padding, 0);
        outputs.push(TxOut {
            value: Amount::ZERO,
            script_pubkey: Script::new(script),
        });
        coinbase = Transaction::new(2, coinbase.inputs().to_vec(), outputs, 0);
    }
    let mut transactions = vec![coinbase];
    if let Some(height) = (node.view().height.0 + 1)
        .checked_sub(100)
        .filter(|it| *it > 0)
    {
        let id = node
            .chain()
            .tree()
            .active_at(height.into())
            .expect("below the tip");
        let hash = node.chain().tree().entry(id).record.hash;
        let mature = node.chain_mut().block(hash).expect("stored");
        transactions.push(spend(&mature.transactions()[0]));
    }
    let block = rebuilt(&draft, transactions);
    assert_eq!(submit(node, &block).as_deref(), Ok("active"));
    block
}

/// The digest of the coins of a chain, from its blocks alone.
fn replayed(blocks: &[Block]) -> [u8; 32] {
    let mut hash = MuHash::new();
    let mut made = std::collections::BTreeMap::new();
    for (height, block) in (1u32..).zip(blocks) {
        for (index, transaction) in block.transactions().iter().enumerate() {
            for input in transaction.inputs().iter().filter(|_| index > 0) {
                let coin: Coin = made.remove(&input.prevout).expect("unspent");
                hash.remove_coin(&input.prevout, &coin);
            }
            for (vout, output) in (0..).zip(transaction.outputs()) {
                if !is_unspendable(output.script_pubkey.as_bytes()) {
                    let coin = Coin::new(output, height.into(), index == 0);
                    hash.insert_coin(&transaction.outpoint(vout), &coin);
                    made.insert(transaction.outpoint(vout), coin);
                }
            }
        }
    }
    hash.finalize()
}

/// Opens what is stored; gives the tip and the digest of the coins.
fn standing(storage: MemoryStorage) -> (BlockHash, [u8; 32]) {
    let disk = Fragile::lasting(storage);
    let mut node = start(&disk);
    node.flush().expect("storage works");
    let mut hash = MuHash::new();
    let stored = disk.lock();
    for (outpoint, coin) in stored.coins() {
        hash.insert_coin(outpoint, coin);
    }
    (node.view().hash, hash.finalize())
}

/// Opens a node and submits blocks, the first one alone and the others together; stops when
/// storage fails.
fn run(storage: &Fragile, raws: &[Bytes]) -> Result<(), StorageError> {
    let mut node = try_start(storage)?;
    let (first, others) = raws.split_at(1);
    for together in [first, others] {
        let verdicts = node.submit_blocks(together, NOW, Durability::Synced)?;
        assert!(verdicts.iter().all(Result::is_ok));
    }
    Ok(())
}

#[test]
fn a_reorganisation_of_1200_blocks_that_is_cut_off_anywhere_leaves_one_chain_with_its_coins() {
    let disk = Fragile::lasting(MemoryStorage::new());
    let mut node = start(&disk);
    let mut lost: Vec<Block> = (0..COMMON)
        .map(|_| mine_spending(&mut node, 1, 0))
        .collect();
    let mut winning = lost.clone();
    let mut other = start(&Fragile::lasting(disk.remains()));
    lost.extend((0..LOST).map(|_| mine_spending(&mut node, 1, 0)));
    winning.extend((0..=LOST).map(|_| mine_spending(&mut other, 2, PADDING)));
    drop((node, other));
    let before = disk.remains();
    let of = |blocks: &[Block]| (blocks.last().expect("blocks").hash(), replayed(blocks));
    let (old, new) = (of(&lost), of(&winning));
    assert_eq!(standing(before.clone()), old);

    let raws: Vec<Bytes> = winning[COMMON as usize..]
        .iter()
        .map(|block| block.raw().clone())
        .collect();
    let whole = Fragile::lasting(before.clone());
    run(&whole, &raws).expect("storage works");
    let after = whole.remains();
    assert_eq!(standing(after.clone()), new);
    let commits = after.commits() - before.commits();
    assert!(commits >= 4, "{commits} commits");

    let mut seen = Vec::new();
    for commit in 0..commits {
        let fragile = Fragile::on(before.clone(), commit);
        assert!(run(&fragile, &raws).is_err(), "commit {commit} is reached");
        let found = standing(fragile.remains());
        assert!(found == old || found == new, "commit {commit}: {found:?}");
        seen.push(found == new);
        if commit == 1 {
            // What was cut off goes on from where it stands.
            let again = Fragile::lasting(fragile.remains());
            run(&again, &raws).expect("storage works");
            assert_eq!(standing(again.remains()), new);
        }
    }
    // The change comes once and stays: with the last commit, or with the start after the one that
    // has written all blocks of the branch ahead of it.
    assert!(seen.is_sorted() && !seen[0], "{seen:?}");
}

//! What a chain promises: the branch with most work, the same coins however it got there, and
//! nothing lost at any commit.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use synod_chainspec::ChainSpec;
use synod_ledger::Coin;
use synod_mempool::Policy;
use synod_node_core::{
    Batch, BlockTemplate, ChainSettings, Durability, Event, FoundWork, MemoryStorage, Node,
    Placement, Settings, Status, Storage, StorageError, Stored,
};
use synod_primitives::{
    Amount, Block, BlockHash, Header, OutPoint, Script, Transaction, TxIn, TxOut, Witness,
};

const NOW: u64 = 1_800_000_000;

/// Storage that can be looked at, and kept as it was after each commit.
#[derive(Clone, Default)]
struct Disk {
    now: Arc<Mutex<MemoryStorage>>,
    history: Arc<Mutex<Vec<MemoryStorage>>>,
}

impl Disk {
    fn lock(&self) -> std::sync::MutexGuard<'_, MemoryStorage> {
        self.now.lock().expect("no test panics while it writes")
    }

    fn of(storage: MemoryStorage) -> Self {
        Self {
            now: Arc::new(Mutex::new(storage)),
            history: Arc::default(),
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

    fn commit(&mut self, batch: Batch) -> Result<(), StorageError> {
        self.lock().commit(batch)?;
        let copy = self.lock().clone();
        self.history
            .lock()
            .expect("no test panics while it writes")
            .push(copy);
        Ok(())
    }
}

fn open(disk: &Disk) -> Node {
    open_with(disk, 64 << 20)
}

fn open_with(disk: &Disk, coins_cache_bytes: usize) -> Node {
    let spec = ChainSpec::preset("regtest").expect("a preset");
    let settings = Settings {
        chain: ChainSettings {
            coins_cache_bytes,
            threads: 2,
            hash_key: (1, 2),
        },
        policy: Policy::default(),
    };
    Node::open(&spec, Box::new(disk.clone()), settings, NOW).expect("storage works")
}

/// Anyone can spend what pays here; the byte makes branches differ.
fn free(branch: u8) -> Script {
    Script::new(vec![0x51, 0x51, 0x75, 0x50 + (branch % 16 + 1), 0x75])
}

fn search(template: &BlockTemplate) -> Block {
    let mut work = FoundWork {
        extra_nonce: [0; 8],
        time: template.time,
        nonce: 0,
        version: None,
    };
    let target = template.bits.to_target().expect("a target");
    while !target.is_met_by(template.header(&work).block_hash()) {
        work.nonce += 1;
    }
    template.assemble(&work)
}

fn mine(node: &mut Node, branch: u8, now: u64) -> Block {
    let block = search(&node.template(free(branch), now));
    assert_eq!(submit(node, &block).as_deref(), Ok("active"));
    block
}

fn mine_many(node: &mut Node, branch: u8, count: u32) -> Vec<Block> {
    (0..count).map(|_| mine(node, branch, NOW)).collect()
}

/// Submits a block; gives the placement's name, or the code of the refusal.
fn submit(node: &mut Node, block: &Block) -> Result<String, String> {
    submit_raw(node, block.raw())
}

fn submit_raw(node: &mut Node, raw: &Bytes) -> Result<String, String> {
    let verdicts = node.submit_blocks(std::slice::from_ref(raw), NOW, Durability::Synced);
    let mut verdicts = verdicts.expect("storage works");
    match verdicts.pop().expect("one block, one verdict") {
        Ok(accepted) => Ok(format!("{:?}", accepted.placement).to_lowercase()),
        Err(refusal) if refusal.known => Err(format!("{} (known)", refusal.code)),
        Err(refusal) => Err(refusal.code),
    }
}

/// Changes a block and searches a new nonce for it.
fn rebuilt(block: &Block, transactions: Vec<Transaction>) -> Block {
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
fn plain_coinbase(block: &Block) -> Transaction {
    let coinbase = &block.transactions()[0];
    let mut input = coinbase.inputs()[0].clone();
    input.witness = Witness::EMPTY;
    Transaction::new(2, vec![input], coinbase.outputs()[..1].to_vec(), 0)
}

/// Spends an output to the same script, less a fee of one satoshi.
fn spend(transaction: &Transaction) -> Transaction {
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

fn coins_after_flush(node: &mut Node, disk: &Disk) -> Vec<(OutPoint, Coin)> {
    node.flush().expect("storage works");
    let coins: Vec<_> = disk
        .lock()
        .coins()
        .iter()
        .map(|(at, coin)| (*at, coin.clone()))
        .collect();
    coins
}

#[test]
fn a_branch_with_more_work_takes_over_and_the_coins_are_its_own() {
    let (disk, other_disk) = (Disk::default(), Disk::default());
    let (mut node, mut other) = (open(&disk), open(&other_disk));
    let common = mine_many(&mut node, 1, 3);
    for block in &common {
        assert_eq!(submit(&mut other, block).as_deref(), Ok("active"));
    }
    let lost = mine_many(&mut node, 1, 2);
    let winning = mine_many(&mut other, 2, 3);
    drop(node.take_events());
    assert_eq!(submit(&mut node, &winning[0]).as_deref(), Ok("side"));
    assert_eq!(
        submit(&mut node, &winning[1]).as_deref(),
        Ok("side"),
        "equal work stays"
    );
    assert_eq!(submit(&mut node, &winning[2]).as_deref(), Ok("active"));
    assert_eq!(node.view(), other.view());
    assert_eq!(
        coins_after_flush(&mut node, &disk),
        coins_after_flush(&mut other, &other_disk)
    );
    let reorg = node
        .take_events()
        .into_iter()
        .find_map(|event| match event {
            Event::Reorganized {
                fork_height,
                disconnected,
                connected,
            } => Some((fork_height.0, disconnected, connected)),
            _ => None,
        });
    let hashes = |blocks: &[Block]| blocks.iter().map(Block::hash).collect::<Vec<_>>();
    let mut left = hashes(&lost);
    left.reverse();
    assert_eq!(reorg, Some((3, left, hashes(&winning))));
}

#[test]
fn blocks_before_their_parent_wait_and_join_with_it() {
    let mut source = open(&Disk::default());
    let blocks = mine_many(&mut source, 1, 4);
    let mut node = open(&Disk::default());
    for block in blocks[1..].iter().rev() {
        assert_eq!(submit(&mut node, block).as_deref(), Ok("orphan"));
    }
    assert_eq!(submit(&mut node, &blocks[0]).as_deref(), Ok("active"));
    assert_eq!(node.view(), source.view());
    assert_eq!(submit(&mut node, &blocks[2]).as_deref(), Ok("duplicate"));
}

#[test]
fn a_block_that_pays_too_much_is_refused_for_ever_with_all_that_build_on_it() {
    let mut node = open(&Disk::default());
    mine_many(&mut node, 1, 2);
    let honest = search(&node.template(free(1), NOW));
    let coinbase = &honest.transactions()[0];
    let mut outputs = coinbase.outputs().to_vec();
    outputs[0].value = Amount::from_sat(outputs[0].value.sat() + 1);
    let greedy = Transaction::new(2, coinbase.inputs().to_vec(), outputs, 0);
    let bad = rebuilt(&honest, vec![greedy]);
    assert_eq!(submit(&mut node, &bad), Err("bad-cb-amount".to_owned()));
    assert_eq!(
        submit(&mut node, &bad),
        Err("bad-cb-amount (known)".to_owned())
    );
    let mut header = Header {
        previous_block_hash: bad.hash(),
        ..*honest.header()
    };
    header.time += 1;
    let child = rebuilt(
        &Block::new(header, vec![coinbase.clone()]),
        vec![coinbase.clone()],
    );
    assert_eq!(submit(&mut node, &child), Err("bad-prevblk".to_owned()));
    assert_eq!(submit(&mut node, &honest).as_deref(), Ok("active"));
}

#[test]
fn an_invalid_block_inside_a_longer_branch_is_named_and_the_tip_stays() {
    let mut node = open(&Disk::default());
    let stay = mine_many(&mut node, 1, 2);
    let mut other = open(&Disk::default());
    let first = mine(&mut other, 2, NOW);
    // Spends a coin that does not exist: found only when it is connected.
    let second = search(&other.template(free(2), NOW));
    let input = TxIn {
        prevout: OutPoint::new(first.transactions()[0].txid(), 7),
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let output = TxOut {
        value: Amount::from_sat(1),
        script_pubkey: free(3),
    };
    let thief = Transaction::new(2, vec![input], vec![output], 0);
    let bad = rebuilt(&second, vec![plain_coinbase(&second), thief]);
    assert_eq!(submit(&mut node, &first).as_deref(), Ok("side"));
    assert_eq!(submit(&mut node, &bad).as_deref(), Ok("side"));
    // A block on top gives the branch more work.
    let mut header = Header {
        previous_block_hash: bad.hash(),
        ..*bad.header()
    };
    header.time += 1;
    let top = search_child(&node, &bad, header);
    let verdict = node.submit_blocks(&[top.raw().clone()], NOW, Durability::Synced);
    let refusal = verdict
        .expect("storage works")
        .remove(0)
        .expect_err("the branch is invalid");
    assert_eq!(refusal.code, "bad-txns-inputs-missingorspent");
    assert_eq!(refusal.at, Some(bad.hash()));
    assert_eq!(node.view().hash, stay[1].hash());
}

/// Builds the block after `parent`, whatever the node's own tip is.
fn search_child(node: &Node, parent: &Block, header: Header) -> Block {
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

#[test]
fn a_mutated_block_does_not_poison_the_honest_one() {
    let mut node = open(&Disk::default());
    let mined = mine_many(&mut node, 1, 101);
    let draft = search(&node.template(free(1), NOW));
    let first = spend(&mined[0].transactions()[0]);
    let second = spend(&first);
    let honest = rebuilt(&draft, vec![plain_coinbase(&draft), first, second.clone()]);
    let mut transactions = honest.transactions().to_vec();
    transactions.push(second);
    let doubled = Block::new(*honest.header(), transactions);
    assert_eq!(doubled.hash(), honest.hash());
    assert_eq!(
        submit(&mut node, &doubled),
        Err("bad-txns-duplicate".to_owned())
    );
    assert_eq!(submit(&mut node, &honest).as_deref(), Ok("active"));
}

#[test]
fn a_block_from_the_future_is_welcome_when_its_time_has_come() {
    let mut node = open(&Disk::default());
    let early = search(&node.template(free(1), NOW + 7201));
    assert_eq!(submit(&mut node, &early), Err("time-too-new".to_owned()));
    let verdicts = node.submit_blocks(&[early.raw().clone()], NOW + 1, Durability::Synced);
    assert_eq!(
        verdicts.expect("storage works")[0]
            .as_ref()
            .map(|it| it.placement),
        Ok(Placement::Active)
    );
}

#[test]
fn bytes_that_are_no_block_change_nothing() {
    let disk = Disk::default();
    let mut node = open(&disk);
    let block = search(&node.template(free(1), NOW));
    for end in [0, 79, 80, 81, block.size() - 1] {
        let refused = submit_raw(&mut node, &block.raw().slice(..end));
        assert_eq!(refused, Err("block-malformed".to_owned()));
    }
    assert_eq!(node.view().height.0, 0);
    assert_eq!(submit(&mut node, &block).as_deref(), Ok("active"));
}

#[test]
fn an_operator_takes_a_block_out_and_in_again() {
    let mut node = open(&Disk::default());
    let blocks = mine_many(&mut node, 1, 4);
    let tip = node.view();
    node.invalidate(blocks[1].hash(), NOW)
        .expect("a known block");
    assert_eq!(node.view().hash, blocks[0].hash());
    assert_eq!(
        submit(&mut node, &blocks[1]),
        Err("invalidated (known)".to_owned())
    );
    node.reconsider(blocks[1].hash(), NOW)
        .expect("a known block");
    assert_eq!(node.view(), tip);
}

/// Plays a history with reorganisations, and opens the storage as it was after every commit.
#[test]
fn at_every_commit_the_storage_is_one_state_of_the_chain() {
    let disk = Disk::default();
    // So small that coins are flushed in the middle of things.
    let mut node = open_with(&disk, 1);
    let mut other = open(&Disk::default());
    mine_many(&mut node, 1, 5);
    let longer = mine_many(&mut other, 2, 8);
    for block in &longer {
        assert!(submit(&mut node, block).is_ok());
    }
    mine_many(&mut node, 3, 3);
    node.flush().expect("storage works");
    let history = disk
        .history
        .lock()
        .expect("no test panics while it writes")
        .clone();
    assert!(history.len() > 15, "{} commits", history.len());
    for (index, storage) in history.into_iter().enumerate() {
        let copy = Disk::of(storage);
        let mut reopened = open(&copy);
        let coins = coins_after_flush(&mut reopened, &copy);
        // The same blocks on a fresh chain give the same coins.
        let fresh_disk = Disk::default();
        let mut fresh = open(&fresh_disk);
        for height in 1..=reopened.view().height.0 {
            let id = reopened
                .chain()
                .tree()
                .active_at(height.into())
                .expect("below the tip");
            let record = reopened.chain().tree().entry(id).record.clone();
            assert_eq!(record.status, Status::Valid);
            let block = reopened.chain_mut().block(record.hash).expect("stored");
            assert_eq!(submit(&mut fresh, &block).as_deref(), Ok("active"));
        }
        assert_eq!(fresh.view(), reopened.view(), "commit {index}");
        assert_eq!(
            coins_after_flush(&mut fresh, &fresh_disk),
            coins,
            "commit {index}"
        );
    }
}

#[test]
fn a_reorganisation_of_1200_blocks_is_one_change() {
    let disk = Disk::default();
    let mut node = open(&disk);
    mine_many(&mut node, 1, 1200);
    let mut other = open(&Disk::default());
    let branch = mine_many(&mut other, 2, 1201);
    let raws: Vec<Bytes> = branch.iter().map(|block| block.raw().clone()).collect();
    let before = disk.lock().commits();
    let verdicts = node
        .submit_blocks(&raws, NOW, Durability::Synced)
        .expect("storage works");
    assert!(verdicts.iter().all(Result::is_ok));
    assert_eq!(disk.lock().commits(), before + 1);
    assert_eq!(node.view(), other.view());
}

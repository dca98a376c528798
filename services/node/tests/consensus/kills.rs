//! A reorganisation of 1,200 blocks, killed at many moments.

use std::collections::BTreeMap;
use std::io::BufWriter;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use synod_api::HashHex;
use synod_api::node::StateDigest;
use synod_blockfile::BlockFileWriter;
use synod_ledger::{Coin, MuHash};
use synod_primitives::{Block, OutPoint};

use crate::blocks::{chain, next, spend};
use crate::process::NodeProcess;

/// Blocks of the branch that is left; the one that wins has one more.
const LOST: u32 = 1_200;
/// Blocks that both branches have.
const COMMON: u32 = 100;
/// How often the process is killed.
const KILLS: u32 = 8;

/// Puts blocks on a chain, each of which spends the coinbase that has just become mature.
pub(crate) fn extend_spending(mut chain: Vec<Block>, more: u32, branch: u8) -> Vec<Block> {
    for _ in 0..more {
        let mature = &chain[chain.len() - 100].transactions()[0];
        let block = next(&chain, branch).with(spend(mature, 0, &[])).build();
        chain.push(block);
    }
    chain
}

/// What a node has to say of its coins on a chain, from the chain's blocks alone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    tip: HashHex,
    coins: u64,
    muhash: HashHex,
}

impl Standing {
    pub(crate) fn of(chain: &[Block]) -> Self {
        let mut coins: BTreeMap<OutPoint, Coin> = BTreeMap::new();
        for (height, block) in (0u32..).zip(chain).skip(1) {
            for (index, transaction) in block.transactions().iter().enumerate() {
                for input in transaction.inputs().iter().filter(|_| index > 0) {
                    coins.remove(&input.prevout).expect("unspent");
                }
                let output = &transaction.outputs()[0];
                let coin = Coin::new(output, height.into(), index == 0);
                coins.insert(transaction.outpoint(0), coin);
            }
        }
        let mut muhash = MuHash::new();
        for (outpoint, coin) in &coins {
            muhash.insert_coin(outpoint, coin);
        }
        let tip = chain.last().expect("the genesis block").hash();
        Self {
            tip: HashHex::from_internal(tip.to_bytes()),
            coins: coins.len() as u64,
            muhash: HashHex::from_internal(muhash.finalize()),
        }
    }

    pub(crate) async fn of_node(node: &NodeProcess) -> Self {
        Self::told(&node.client.state().await.expect("an answer"))
    }

    /// What a node tells of itself.
    pub(crate) fn told(state: &StateDigest) -> Self {
        Self {
            tip: state.best_block_hash,
            coins: state.coins,
            muhash: state.muhash,
        }
    }
}

/// Fills a data directory from a file of blocks.
pub(crate) fn import(data: &Path, blocks: &[&[Block]]) {
    let file = data.with_extension("blocks");
    let output = BufWriter::new(std::fs::File::create(&file).expect("a file"));
    let mut writer = BlockFileWriter::new(output, None);
    for block in blocks.iter().copied().flatten() {
        writer.write(block.raw()).expect("written");
    }
    drop(writer.finish().expect("written"));
    let status = Command::new(env!("CARGO_BIN_EXE_synod-node"))
        .args(["--log", "error", "import", "--network", "regtest", "--data"])
        .args([data, &file])
        .stdout(std::process::Stdio::null())
        .status()
        .expect("the program starts");
    assert!(status.success());
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
        }
    }
}

#[tokio::test]
async fn a_process_killed_in_a_reorganisation_of_1200_blocks_leaves_one_chain_with_its_coins() {
    let folder = tempfile::tempdir().expect("a directory");
    let common = chain(COMMON, 1);
    let lost = extend_spending(common.clone(), LOST, 1);
    let winning = extend_spending(common, LOST + 1, 2);
    let (old, new) = (Standing::of(&lost), Standing::of(&winning));
    let before = folder.path().join("before");
    let (last, side) = winning[COMMON as usize + 1..].split_last().expect("blocks");
    import(&before, &[&lost, side]);

    // Once in peace, to know how long it takes.
    let whole = folder.path().join("whole");
    copy(&before, &whole);
    let node = NodeProcess::start(&whole, &[]);
    assert_eq!(Standing::of_node(&node).await, old);
    let start = Instant::now();
    assert_eq!(node.post(last).await, Ok("active"));
    let duration = start.elapsed();
    assert_eq!(Standing::of_node(&node).await, new);
    drop(node);

    let mut stayed = 0;
    for kill in 0..KILLS {
        let data = folder.path().join(format!("killed-{kill}"));
        copy(&before, &data);
        let mut node = NodeProcess::start(&data, &[]);
        let client = node.client.clone();
        let raw = last.raw().clone();
        let posting = tokio::spawn(async move { client.submit_block(raw).await });
        // From the moment it is posted to a little after the answer.
        tokio::time::sleep(duration * (2 * kill + 1) / (2 * KILLS - 4)).await;
        node.kill();
        let is_acknowledged = posting.await.expect("no panic").is_ok();
        let node = NodeProcess::start(&data, &[]);
        let found = Standing::of_node(&node).await;
        assert!(found == old || found == new, "{found:?}");
        assert!(
            !is_acknowledged || found == new,
            "what was promised is there"
        );
        stayed += u32::from(found == old);
        let again = node.post(last).await.expect("a valid block");
        assert!(["active", "duplicate"].contains(&again));
        assert_eq!(Standing::of_node(&node).await, new);
        drop(node);
        std::fs::remove_dir_all(&data).expect("removed");
    }
    println!("{KILLS} kills within {duration:?}: {stayed} before the change");
}

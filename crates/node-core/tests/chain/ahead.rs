//! The tip runs ahead of the scripts inside a call, and nobody can tell.

use synod_node_core::{Durability, Node, Refusal, Status, Storage as _};
use synod_primitives::{Block, BlockHash, Header, Script, Transaction};

use crate::kit::*;

/// As many blocks as are taken in before the verdict on the second counts.
const BLOCKS: usize = 6;
const INVALID: &str = "mandatory-script-verify-flag-failed";

/// A node with a mature coin, and blocks for it of which the second spends that coin.
fn node_and_blocks(disk: &Disk) -> (Node, Vec<Block>, Transaction) {
    let mut node = open(disk);
    let common = mine_many(&mut node, 1, 101);
    let mut other = open(&Disk::default());
    for block in &common {
        assert_eq!(submit(&mut other, block).as_deref(), Ok("active"));
    }
    let payment = spend(&common[0].transactions()[0]);
    let mut blocks = vec![mine(&mut other, 2, NOW)];
    let draft = search(&other.template(free(2), NOW));
    blocks.push(rebuilt(
        &draft,
        vec![plain_coinbase(&draft), payment.clone()],
    ));
    assert_eq!(submit(&mut other, &blocks[1]).as_deref(), Ok("active"));
    blocks.extend(mine_many(&mut other, 2, BLOCKS as u32 - 2));
    (node, blocks, payment)
}

/// The same payment with a script that ends the execution.
fn forged(payment: &Transaction) -> Transaction {
    let mut inputs = payment.inputs().to_vec();
    inputs[0].script_sig = Script::new(vec![0x6a]);
    Transaction::new(2, inputs, payment.outputs().to_vec(), 0)
}

/// The same blocks, of which the second holds the forged payment and all above follow it.
fn invalid_branch(blocks: &[Block], payment: &Transaction) -> Vec<Block> {
    let mut branch = vec![blocks[0].clone()];
    for (index, block) in blocks.iter().enumerate().skip(1) {
        let mut transactions = block.transactions().to_vec();
        if index == 1 {
            transactions[1] = forged(payment);
        }
        let header = Header {
            previous_block_hash: branch[index - 1].hash(),
            ..*block.header()
        };
        let draft = Block::new(header, transactions.clone());
        branch.push(rebuilt(&draft, transactions));
    }
    branch
}

fn submit_all(node: &mut Node, blocks: &[Block]) -> Vec<Result<String, Refusal>> {
    let raws: Vec<_> = blocks.iter().map(|block| block.raw().clone()).collect();
    let verdicts = node.submit_blocks(&raws, NOW, Durability::Synced);
    let verdicts = verdicts.expect("storage works").into_iter();
    verdicts
        .map(|verdict| verdict.map(|it| format!("{:?}", it.placement)))
        .collect()
}

/// What a verdict says: nothing of a block that is accepted, else the code and whose fault it is.
type Said = (String, Option<BlockHash>);

fn accepted() -> Said {
    (String::new(), None)
}

fn refused(code: &str, at: Option<BlockHash>) -> Said {
    (code.to_owned(), at)
}

fn said(verdicts: &[Result<String, Refusal>]) -> Vec<Said> {
    let said = |verdict: &Result<String, Refusal>| match verdict {
        Ok(_) => accepted(),
        Err(refusal) => refused(&refusal.code, refusal.at),
    };
    verdicts.iter().map(said).collect()
}

#[test]
fn blocks_above_one_whose_script_fails_are_refused_for_their_parent_and_leave_nothing() {
    let disk = Disk::default();
    let (mut node, blocks, payment) = node_and_blocks(&disk);
    let branch = invalid_branch(&blocks, &payment);
    let verdicts = submit_all(&mut node, &branch);
    let bad = branch[1].hash();
    let mut expected = vec![accepted(), refused(INVALID, None)];
    expected.resize(BLOCKS, refused("bad-prevblk", Some(bad)));
    assert_eq!(said(&verdicts), expected);
    let failed = verdicts[1].as_ref().expect_err("a script fails");
    assert_eq!(failed.script_error.as_deref(), Some("OP_RETURN"));
    assert_eq!(node.view().hash, blocks[0].hash());
    for block in &branch[2..] {
        let hash = block.hash();
        assert_eq!(disk.lock().load_block(hash).expect("memory"), None);
        assert_eq!(disk.lock().load_undo(hash).expect("memory"), None);
        assert!(
            !node
                .chain()
                .tree()
                .entry(node.chain().tree().find(hash).expect("its header"))
                .record
                .status
                .has_block()
        );
    }
    assert_eq!(disk.lock().load_undo(bad).expect("memory"), None);

    // The coins are those of a node that never saw the branch.
    let plain_disk = Disk::default();
    let (mut plain, ..) = node_and_blocks(&plain_disk);
    assert_eq!(submit(&mut plain, &blocks[0]).as_deref(), Ok("active"));
    assert_eq!(
        coins_after_flush(&mut node, &disk),
        coins_after_flush(&mut plain, &plain_disk)
    );
    // The honest blocks follow as ever.
    assert!(
        submit_all(&mut node, &blocks[1..])
            .iter()
            .all(Result::is_ok)
    );
    assert!(
        submit_all(&mut plain, &blocks[1..])
            .iter()
            .all(Result::is_ok)
    );
    assert_eq!(node.view(), plain.view());
    assert_eq!(
        coins_after_flush(&mut node, &disk),
        coins_after_flush(&mut plain, &plain_disk)
    );
}

#[test]
fn one_call_or_many_give_each_block_the_same_verdict_where_headers_came_first() {
    let (one, many) = (Disk::default(), Disk::default());
    let (mut at_once, blocks, payment) = node_and_blocks(&one);
    let (mut one_by_one, ..) = node_and_blocks(&many);
    let branch = invalid_branch(&blocks, &payment);
    let headers: Vec<_> = branch
        .iter()
        .map(|block| (*block.header(), bytes::Bytes::new()))
        .collect();
    for node in [&mut at_once, &mut one_by_one] {
        let inserted = node.chain_mut().insert_headers(&headers, NOW);
        assert!(inserted.is_ok());
    }
    let expected: Vec<_> = branch
        .iter()
        .flat_map(|block| submit_all(&mut one_by_one, std::slice::from_ref(block)))
        .collect();
    assert_eq!(submit_all(&mut at_once, &branch), expected);
    assert_eq!(at_once.view(), one_by_one.view());
}

#[test]
fn a_block_twice_in_one_call_is_judged_before_it_counts_as_known() {
    let (mut node, blocks, payment) = node_and_blocks(&Disk::default());
    let branch = invalid_branch(&blocks, &payment);
    let twice = [
        branch[0].clone(),
        branch[1].clone(),
        branch[1].clone(),
        branch[0].clone(),
    ];
    let verdicts = submit_all(&mut node, &twice);
    let known: Vec<bool> = verdicts
        .iter()
        .map(|it| it.as_ref().is_err_and(|refusal| refusal.known))
        .collect();
    assert_eq!(known, [false, false, true, false]);
    assert_eq!(
        said(&verdicts),
        [
            accepted(),
            refused(INVALID, None),
            refused(INVALID, None),
            accepted()
        ]
    );
}

#[test]
fn an_honest_branch_in_the_same_call_takes_over_from_one_whose_script_fails() {
    let disk = Disk::default();
    let (mut node, blocks, payment) = node_and_blocks(&disk);
    let branch = invalid_branch(&blocks, &payment);
    let mixed: Vec<Block> = branch[..4].iter().chain(&blocks[1..]).cloned().collect();
    let verdicts = submit_all(&mut node, &mixed);
    let bad = branch[1].hash();
    let mut expected = vec![accepted(), refused(INVALID, None)];
    expected.resize(4, refused("bad-prevblk", Some(bad)));
    expected.resize(4 + BLOCKS - 1, accepted());
    assert_eq!(said(&verdicts), expected);
    assert_eq!(node.view().hash, blocks[BLOCKS - 1].hash());
    let tree = node.chain().tree();
    for block in &blocks {
        let id = tree.find(block.hash()).expect("taken in");
        assert_eq!(tree.entry(id).record.status, Status::Valid);
    }
    // What was written opens to the same chain.
    let view = node.view();
    assert_eq!(open(&Disk::of(disk.lock().clone())).view(), view);
}

#[test]
fn of_two_invalid_blocks_in_one_call_the_lower_one_is_the_cause() {
    let (mut node, blocks, payment) = node_and_blocks(&Disk::default());
    let mut branch = invalid_branch(&blocks, &payment);
    // The third block spends what the second has spent, which its own rules forbid.
    let draft = &branch[2];
    let transactions = vec![plain_coinbase(draft), payment.clone()];
    branch[2] = rebuilt(draft, transactions);
    let verdicts = submit_all(&mut node, &branch[..3]);
    let expected = [
        accepted(),
        refused(INVALID, None),
        refused("bad-prevblk", Some(branch[1].hash())),
    ];
    assert_eq!(said(&verdicts), expected);
    assert_eq!(node.view().hash, blocks[0].hash());
}

#[test]
fn a_row_gives_each_block_its_verdict_in_order_and_writes_only_what_is_verified() {
    let disk = Disk::default();
    let (mut node, blocks, payment) = node_and_blocks(&disk);
    let branch = invalid_branch(&blocks, &payment);
    let mut source = open(&Disk::of(disk.lock().clone()));
    let bad = branch[1].hash();
    // Enough blocks for commits within the row, on both sides of an invalid branch.
    let mut row_blocks: Vec<Block> = branch.clone();
    row_blocks.extend(blocks[1..].iter().cloned());
    for block in &blocks {
        assert_eq!(submit(&mut source, block).as_deref(), Ok("active"));
    }
    row_blocks.extend(mine_many(&mut source, 3, 600));
    disk.history.lock().expect("no panic").clear();

    let mut verdicts = Vec::new();
    let mut row = node.row();
    for block in &row_blocks {
        let prepared = synod_node_core::PreparedBlock::check(block.raw());
        verdicts.extend(row.push(prepared, NOW).expect("storage works"));
    }
    assert!(
        !verdicts.is_empty(),
        "verdicts come before the end of the row"
    );
    verdicts.extend(row.finish(NOW).expect("storage works"));
    node.sync().expect("storage works");

    let verdicts: Vec<_> = verdicts
        .into_iter()
        .map(|verdict| verdict.map(|it| format!("{:?}", it.placement)))
        .collect();
    let mut expected = vec![accepted(), refused(INVALID, None)];
    expected.resize(BLOCKS, refused("bad-prevblk", Some(bad)));
    expected.resize(row_blocks.len(), accepted());
    assert_eq!(said(&verdicts), expected);
    assert_eq!(node.view(), source.view());
    let history = disk.history.lock().expect("no panic").clone();
    assert!(history.len() > 2, "{} commits", history.len());
    for mut storage in history {
        let stored = storage.load().expect("memory");
        for hash in &stored.active[1..] {
            let record = stored.headers.iter().find(|it| it.hash == *hash);
            assert_eq!(record.expect("its header").status, Status::Valid);
            assert!(storage.load_block(*hash).expect("memory").is_some());
            assert!(storage.load_undo(*hash).expect("memory").is_some());
        }
        for block in &branch[2..] {
            assert_eq!(storage.load_block(block.hash()).expect("memory"), None);
        }
    }
}

#[test]
fn a_row_that_is_dropped_leaves_a_verified_tip() {
    let disk = Disk::default();
    let (mut node, blocks, payment) = node_and_blocks(&disk);
    let branch = invalid_branch(&blocks, &payment);
    let mut row = node.row();
    for block in &branch[..3] {
        let prepared = synod_node_core::PreparedBlock::check(block.raw());
        row.push(prepared, NOW).expect("storage works");
    }
    drop(row);
    assert_eq!(node.view().hash, blocks[0].hash());
    assert!(
        submit_all(&mut node, &blocks[1..])
            .iter()
            .all(Result::is_ok)
    );
}

#[test]
fn a_row_shows_and_writes_only_what_is_verified_while_the_tip_runs_ahead() {
    let disk = Disk::default();
    let (mut node, blocks, payment) = node_and_blocks(&disk);
    let before = node.view();
    drop(node.take_events());
    let branch = invalid_branch(&blocks, &payment);
    let mut row = node.row();
    let mut verdicts = Vec::new();
    for block in &branch[..3] {
        let prepared = synod_node_core::PreparedBlock::check(block.raw());
        verdicts.extend(row.push(prepared, NOW).expect("storage works"));
    }
    // None has been waited for.
    assert_eq!(verdicts.len(), 0);
    assert_eq!(row.sync(NOW).expect("storage works"), before);
    assert!(row.take_events().is_empty());
    assert_eq!(stored_tip(&disk), before.hash);

    let first = row.settle_next().expect("storage works");
    assert_eq!(first.map(|it| it.len()), Some(1));
    let shown = row.sync(NOW).expect("storage works");
    assert_eq!(shown.hash, blocks[0].hash());
    assert_eq!(row.take_events().len(), 1);
    assert_eq!(stored_tip(&disk), blocks[0].hash());

    let rest = row.settle_next().expect("storage works").expect("two wait");
    let codes: Vec<_> = rest
        .iter()
        .map(|it| it.as_ref().expect_err("the branch fails").code.as_str())
        .collect();
    assert_eq!(codes, [INVALID, "bad-prevblk"]);
    assert_eq!(row.settle_next(), Ok(None));
    assert_eq!(row.sync(NOW).expect("storage works").hash, blocks[0].hash());
    assert!(row.take_events().is_empty());

    // The row goes on with the honest branch.
    for block in &blocks[1..] {
        let prepared = synod_node_core::PreparedBlock::check(block.raw());
        row.push(prepared, NOW).expect("storage works");
    }
    row.finish(NOW).expect("storage works");
    assert_eq!(node.view().hash, blocks[BLOCKS - 1].hash());
    assert_eq!(stored_tip(&disk), blocks[BLOCKS - 1].hash());
}

fn stored_tip(disk: &Disk) -> BlockHash {
    let stored = disk.lock().load().expect("memory");
    *stored.active.last().expect("the genesis block")
}

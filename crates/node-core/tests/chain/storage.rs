//! Storage without room, and storage that forgets.

use synod_node_core::{Durability, MIN_BLOCKS_KEPT, NodeError, StorageError};
use synod_primitives::Height;

use super::kit::{Disk, NOW, free, mine, mine_many, open, search, submit};

#[test]
fn a_block_that_met_a_full_disk_is_there_when_there_is_room() {
    let disk = Disk::default();
    let mut node = open(&disk);
    mine_many(&mut node, 1, 3);
    let block = search(&node.template(free(1), NOW));
    let next = |full| *disk.is_full.lock().expect("no panic") = full;
    next(true);
    for _ in 0..3 {
        let refused = node.submit_blocks(&[block.raw().clone()], NOW, Durability::Synced);
        assert!(matches!(refused, Err(StorageError::Full(_))), "{refused:?}");
        assert!(matches!(node.resume(NOW), Err(StorageError::Full(_))));
    }
    assert!(
        node.take_events()
            .iter()
            .all(|it| !format!("{it:?}").contains(&block.hash().to_string())),
        "nobody hears of a block that is not durable"
    );
    next(false);
    node.resume(NOW).expect("there is room");
    assert_eq!(node.view().hash, block.hash());
    assert_eq!(submit(&mut node, &block).as_deref(), Ok("duplicate"));
    let after = mine(&mut node, 1, NOW);
    drop(node);
    let node = open(&disk);
    assert_eq!(
        (node.view().height, node.view().hash),
        (Height(5), after.hash())
    );
}

#[test]
fn pruning_keeps_the_last_288_blocks_and_refuses_branches_below() {
    let disk = Disk::default();
    let mut node = open(&disk);
    let early = mine_many(&mut node, 1, 5);
    let mut other = open(&Disk::default());
    for block in &early {
        assert_eq!(submit(&mut other, block).as_deref(), Ok("active"));
    }
    let side = mine(&mut other, 2, NOW);
    let kept = mine_many(&mut node, 1, MIN_BLOCKS_KEPT - 1);
    assert!(node.prune(1000).expect("pruned"));
    // Height 5 is the lowest of the last 288: it stays, and so does a branch on height 4.
    assert_eq!(node.chain().pruned_below(), Height(5));
    assert!(!node.prune(1000).expect("no more"), "288 blocks are kept");
    assert_eq!(submit(&mut node, &side).as_deref(), Ok("side"));
    mine(&mut node, 1, NOW);
    let late = mine_many(&mut node, 1, 3);
    assert!(node.prune(2).expect("pruned"));
    assert_eq!(
        node.chain().pruned_below(),
        Height(7),
        "not more at once than wanted"
    );

    let child = mine(&mut other, 2, NOW);
    let refused = submit(&mut node, &child);
    let code = refused.clone().expect_err("it forks below");
    assert_eq!(code, "bad-fork-prior-to-pruned");
    let again = submit(&mut node, &child);
    assert_eq!(again, refused, "it is not remembered as invalid");
    for gone in [&early[2], &early[4]] {
        let refused = node.invalidate(gone.hash(), NOW);
        assert!(
            matches!(&refused, Err(NodeError::Refused(it)) if it.code == "block-pruned"),
            "{refused:?}"
        );
    }
    // What is kept can still be taken back, down to the lowest.
    node.invalidate(kept[1].hash(), NOW).expect("taken back");
    assert_eq!(node.view().height, Height(6));
    node.reconsider(kept[1].hash(), NOW).expect("back");
    assert_eq!(node.view().hash, late[2].hash());
    drop(node);
    let mut node = open(&disk);
    assert_eq!(node.chain().pruned_below(), Height(7));
    assert_eq!(node.view().hash, late[2].hash());
    assert_eq!(submit(&mut node, &child), refused);
}

#[test]
fn the_last_blocks_are_connected_once_more() {
    let disk = Disk::default();
    let mut node = open(&disk);
    mine_many(&mut node, 1, 20);
    let tip = node.view().hash;
    assert_eq!(node.chain_mut().recheck(6).expect("sound"), 6);
    assert_eq!(node.view().hash, tip);
    assert_eq!(node.chain_mut().recheck(100).expect("sound"), 20);
    assert_eq!(node.view().hash, tip);
}

//! Nothing is lost at any commit.

use bytes::Bytes;
use synod_node_core::{Durability, Status};

use crate::kit::*;

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

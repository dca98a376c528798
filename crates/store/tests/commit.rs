//! What is committed is read back, and only that.

mod chain;

use bytes::Bytes;
use chain::{blocks, coins, connect, extend, locations, open, record, undo};
use synod_primitives::{Block, BlockHash, Height, OutPoint, Txid};
use synod_store::{
    Batch, BlockStatus, ChainChange, CoinsFlush, Durability, StoreError, TransactionsFlush,
};

#[tokio::test]
async fn a_committed_chain_is_read_back_after_reopening() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = blocks(30, 7);
    let mut store = open(dir.path()).await;
    store
        .writer
        .commit(&connect(&chain, 0))
        .await
        .expect("committed");
    store.close().await.expect("closed");

    let store = open(dir.path()).await;
    let reader = &store.reader;
    let standing = reader.standing().await.expect("standing");
    let tip = chain[30].hash();
    assert_eq!(standing.tip, Some((Height(30), tip)));
    assert_eq!(standing.coins_tip, Some(tip));
    assert_eq!(standing.transactions_tip, Some(tip));
    assert_eq!(
        (standing.commits, standing.headers, standing.coins),
        (1, 31, 31 * 14)
    );

    let records = reader.headers().await.expect("headers");
    let expected: Vec<_> = (0..)
        .zip(&chain)
        .map(|(height, block)| record(block, height, BlockStatus::Valid))
        .collect();
    assert_eq!(records, expected);
    let hashes: Vec<BlockHash> = chain.iter().map(Block::hash).collect();
    assert_eq!(
        reader
            .active_chain(Height(0), usize::MAX)
            .await
            .expect("chain"),
        hashes
    );
    assert_eq!(
        reader.active_chain(Height(29), 5).await.expect("chain"),
        hashes[29..]
    );
    assert_eq!(
        reader.active_hash(Height(30)).await.expect("hash"),
        Some(tip)
    );
    let active = reader.active_headers(Height(0), 31).await.expect("headers");
    assert_eq!(
        (active.tip, &active.records),
        (Some((Height(30), tip)), &expected)
    );
    let some = reader.active_headers(Height(5), 12).await.expect("headers");
    assert_eq!(some.records, expected[5..17]);
    let last = reader.active_headers(Height(29), 5).await.expect("headers");
    assert_eq!(last.records, expected[29..]);
    assert_eq!(
        reader
            .active_headers(Height(31), 5)
            .await
            .expect("headers")
            .records,
        vec![]
    );
    let found = reader.find_header(chain[7].hash()).await.expect("a header");
    assert_eq!(found.as_ref(), Some(&expected[7]));
    assert_eq!(
        reader
            .find_header(BlockHash::ZERO)
            .await
            .expect("no header"),
        None
    );
    assert_eq!(reader.active_hash(Height(31)).await.expect("hash"), None);
    for block in &chain {
        assert_eq!(
            reader.block(block.hash()).await.expect("block"),
            Some(block.raw().clone())
        );
        assert_eq!(
            reader.undo(block.hash()).await.expect("undo"),
            Some(undo(block))
        );
        let wanted: Vec<OutPoint> = coins(block)
            .into_iter()
            .map(|(outpoint, _)| outpoint)
            .collect();
        assert_eq!(reader.coins(&wanted).await.expect("coins"), coins(block));
        let here = reader.coin_reader().expect("a connection");
        assert_eq!(here.coins(&wanted).expect("coins"), coins(block));
        assert_eq!(
            reader.coins_proven(&wanted).await.expect("coins"),
            coins(block)
        );
        for (txid, location) in locations(block) {
            let found = reader.transaction_location(txid).await.expect("location");
            assert_eq!(found, Some(location));
            let range = location.offset..location.offset + location.length;
            let bytes = reader
                .block_range(block.hash(), range)
                .await
                .expect("range");
            let tx = synod_primitives::Transaction::decode(&bytes.expect("stored"));
            assert_eq!(tx.expect("a transaction").txid(), txid);
        }
    }
}

#[tokio::test]
async fn absent_coins_and_transactions_are_absent_for_certain() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    store
        .writer
        .commit(&connect(&blocks(3, 3), 0))
        .await
        .expect("committed");
    let nowhere: Vec<OutPoint> = (0..250u8)
        .map(|i| OutPoint::new(Txid::from_bytes([i; 32]), u32::from(i)))
        .collect();
    assert_eq!(store.reader.coins(&nowhere).await.expect("coins"), vec![]);
    assert_eq!(
        store.reader.coins_proven(&nowhere).await.expect("coins"),
        vec![]
    );
    assert_eq!(store.reader.coins(&[]).await.expect("coins"), vec![]);
    let here = store.reader.coin_reader().expect("a connection");
    assert_eq!(here.coins(&nowhere).expect("coins"), vec![]);
    assert_eq!(here.coins(&[]).expect("coins"), vec![]);
    let txid = Txid::from_bytes([1; 32]);
    assert_eq!(
        store
            .reader
            .transaction_location(txid)
            .await
            .expect("location"),
        None
    );
    assert_eq!(
        store
            .reader
            .transaction_location_proven(txid)
            .await
            .expect("location"),
        None
    );
}

#[tokio::test]
async fn a_reorganisation_replaces_the_upper_part_of_the_chain() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let old = blocks(10, 2);
    store
        .writer
        .commit(&connect(&old, 0))
        .await
        .expect("committed");
    let new = extend(old[..=6].to_vec(), 12, 1, 2);
    let mut batch = connect(&new, 7);
    let dropped = &old[7..];
    let mut deletes: Vec<OutPoint> = dropped.iter().flat_map(coins).map(|(o, _)| o).collect();
    deletes.sort_unstable();
    let mut txids: Vec<Txid> = dropped.iter().flat_map(locations).map(|(t, _)| t).collect();
    txids.sort_unstable();
    batch.coins.as_mut().expect("coins").deletes = deletes.clone();
    batch.transactions.as_mut().expect("transactions").deletes = txids.clone();
    store.writer.commit(&batch).await.expect("committed");

    let reader = &store.reader;
    let hashes: Vec<BlockHash> = new.iter().map(Block::hash).collect();
    assert_eq!(
        reader
            .active_chain(Height(0), usize::MAX)
            .await
            .expect("chain"),
        hashes
    );
    assert_eq!(reader.coins_proven(&deletes).await.expect("coins"), vec![]);
    assert_eq!(
        reader
            .transaction_location_proven(txids[0])
            .await
            .expect("location"),
        None
    );
    assert!(
        reader.block(old[10].hash()).await.expect("block").is_some(),
        "side blocks stay"
    );
    assert_eq!(reader.standing().await.expect("standing").coins, 13 * 4);
    assert!(
        store
            .maintenance
            .verify(|_| ())
            .await
            .expect("verified")
            .is_sound()
    );
}

#[tokio::test]
async fn a_connection_that_has_read_coins_holds_up_no_checkpoint() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let chain = blocks(2, 4);
    let first = store.writer.commit(&connect(&chain[..2], 0)).await;
    first.expect("committed");
    let here = store.reader.coin_reader().expect("a connection");
    let wanted: Vec<OutPoint> = coins(&chain[1]).into_iter().map(|(at, _)| at).collect();
    assert_eq!(here.coins(&wanted).expect("coins").len(), wanted.len());
    let second = store.writer.commit(&connect(&chain, 2)).await;
    second.expect("committed");
    let report = store.maintenance.checkpoint().await.expect("a checkpoint");
    assert!(report.log_pages > 0);
    assert_eq!(report.moved_pages, report.log_pages);
}

#[tokio::test]
async fn replaced_and_absent_rows_keep_the_count_of_coins_right() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let chain = blocks(1, 60);
    store
        .writer
        .commit(&connect(&chain, 0))
        .await
        .expect("committed");
    let all = coins(&chain[1]);
    let here = store.reader.coin_reader().expect("a connection");
    let tip = chain[1].hash();
    let new = OutPoint::new(Txid::from_bytes([9; 32]), 4);
    let changed: Vec<_> = all
        .iter()
        .map(|(o, _)| (*o, Bytes::from_static(b"other")))
        .collect();
    let mut inserts = changed.clone();
    inserts.push((new, Bytes::from_static(b"new")));
    let flush = CoinsFlush {
        tip,
        inserts,
        deletes: vec![],
    };
    commit_coins(&mut store, flush).await;
    assert_eq!(
        store.reader.standing().await.expect("standing").coins,
        2 * 120 + 1
    );
    let outpoints: Vec<OutPoint> = all.iter().map(|(o, _)| *o).collect();
    assert_eq!(
        store.reader.coins(&outpoints).await.expect("coins"),
        changed
    );
    assert_eq!(here.coins(&outpoints).expect("coins"), changed);

    let mut deletes = outpoints.clone();
    deletes.extend([new, OutPoint::NULL]);
    commit_coins(
        &mut store,
        CoinsFlush {
            tip,
            inserts: vec![],
            deletes,
        },
    )
    .await;
    assert_eq!(store.reader.standing().await.expect("standing").coins, 120);
    assert_eq!(
        store.reader.coins_proven(&outpoints).await.expect("coins"),
        vec![]
    );
    assert_eq!(here.coins(&outpoints).expect("coins"), vec![]);
    assert!(
        store
            .maintenance
            .verify(|_| ())
            .await
            .expect("verified")
            .is_sound()
    );
}

async fn commit_coins(store: &mut synod_store::Store, flush: CoinsFlush) {
    let batch = Batch {
        coins: Some(flush),
        ..Batch::default()
    };
    store.writer.commit(&batch).await.expect("committed");
}

#[tokio::test]
async fn a_batch_that_does_not_fit_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let chain = blocks(4, 2);
    store
        .writer
        .commit(&connect(&chain[..4], 0))
        .await
        .expect("committed");
    let before = store.reader.standing().await.expect("standing");

    let mut wrong_fork = connect(&chain, 4);
    wrong_fork.chain.as_mut().expect("a change").fork = Some((Height(2), chain[3].hash()));
    let mut no_header = connect(&chain, 4);
    no_header.headers.clear();
    let mut wrong_bytes = connect(&chain, 4);
    wrong_bytes.blocks[0].1 = chain[2].raw().clone();
    let mut wrong_index = connect(&chain, 4);
    wrong_index.transactions.as_mut().expect("an index").inserts[0]
        .1
        .block = BlockHash::ZERO;
    for batch in [wrong_fork, no_header, wrong_bytes, wrong_index] {
        let refused = store.writer.commit(&batch).await;
        assert!(
            matches!(refused, Err(StoreError::Inconsistent(_))),
            "{refused:?}"
        );
        assert_eq!(store.reader.standing().await.expect("standing"), before);
    }
    assert!(
        store
            .maintenance
            .verify(|_| ())
            .await
            .expect("verified")
            .is_sound()
    );
    store
        .writer
        .commit(&connect(&chain, 4))
        .await
        .expect("the right batch goes in");
    assert_eq!(store.reader.standing().await.expect("standing").headers, 5);
}

#[tokio::test]
async fn status_changes_update_the_header_and_keep_its_place() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let chain = blocks(3, 1);
    let mut records: Vec<_> = (0..)
        .zip(&chain)
        .map(|(height, block)| record(block, height, BlockStatus::HeaderOnly))
        .collect();
    let batch = Batch {
        headers: records.clone(),
        ..Batch::default()
    };
    store.writer.commit(&batch).await.expect("committed");
    assert_eq!(
        store.reader.block(chain[2].hash()).await.expect("known"),
        None
    );
    records[2].status = BlockStatus::Failed {
        code: "bad-txns-inputs-missingorspent".to_owned(),
        at: chain[1].hash(),
    };
    records[2].arrival = 77;
    let batch = Batch {
        headers: vec![records[2].clone()],
        ..Batch::default()
    };
    store.writer.commit(&batch).await.expect("committed");
    assert_eq!(store.reader.headers().await.expect("headers"), records);
    assert_eq!(
        store.reader.header(chain[2].hash()).await.expect("header"),
        records[2]
    );
    let unknown = store.reader.header(BlockHash::ZERO).await;
    assert!(matches!(unknown, Err(StoreError::Inconsistent(_))));
}

#[tokio::test]
async fn blocks_of_many_parts_are_read_whole_and_in_ranges() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let mut chain = blocks(1, 1);
    chain = extend(chain, 2, 0, 3000);
    chain = extend(chain, 3, 0, 1);
    store
        .writer
        .commit(&connect(&chain, 0))
        .await
        .expect("committed");
    let big = &chain[2];
    assert!(big.size() > 5 * 65536);
    let reader = &store.reader;
    assert_eq!(
        reader
            .block(big.hash())
            .await
            .expect("read")
            .expect("stored"),
        big.raw()
    );
    let size = big.size() as u32;
    for range in [
        0..80,
        65_535..65_537,
        65_536..131_072,
        100..size,
        size - 1..size,
        5..5,
    ] {
        let read = reader
            .block_range(big.hash(), range.clone())
            .await
            .expect("read");
        assert_eq!(
            read.expect("stored"),
            big.raw().slice(range.start as usize..range.end as usize)
        );
    }
    assert!(reader.block_range(big.hash(), 0..size + 1).await.is_err());
    assert!(
        reader
            .block_range(big.hash(), size + 65_536..size + 65_537)
            .await
            .is_err()
    );

    let all = reader
        .active_blocks(Height(0), 100, usize::MAX)
        .await
        .expect("read");
    let raw: Vec<&Bytes> = all.iter().map(|block| &block.raw).collect();
    assert_eq!(raw, chain.iter().map(Block::raw).collect::<Vec<_>>());
    let some = reader
        .active_blocks(Height(1), 2, usize::MAX)
        .await
        .expect("read");
    assert_eq!(
        some.iter().map(|block| block.height.0).collect::<Vec<_>>(),
        [1, 2]
    );
    let cut = reader.active_blocks(Height(2), 100, 1).await.expect("read");
    assert_eq!(
        cut.len(),
        1,
        "one block is returned however small the limit"
    );
    assert_eq!(
        reader
            .active_blocks(Height(4), 100, 1)
            .await
            .expect("read")
            .len(),
        0
    );
}

#[tokio::test]
async fn records_are_set_replaced_and_deleted() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let batch = Batch {
        meta: vec![
            ("muhash", Some(Bytes::from_static(b"abc"))),
            ("pool", Some(Bytes::new())),
        ],
        ..Batch::default()
    };
    store.writer.commit(&batch).await.expect("committed");
    let reader = &store.reader;
    assert_eq!(
        reader.meta("muhash").await.expect("read"),
        Some(Bytes::from_static(b"abc"))
    );
    assert_eq!(reader.meta("pool").await.expect("read"), Some(Bytes::new()));
    assert_eq!(reader.meta("other").await.expect("read"), None);

    let batch = Batch {
        meta: vec![("muhash", None), ("pool", Some(Bytes::from_static(b"x")))],
        durability: Durability::Deferred,
        ..Batch::default()
    };
    store.writer.commit(&batch).await.expect("committed");
    assert_eq!(reader.meta("muhash").await.expect("read"), None);
    assert_eq!(
        reader.meta("pool").await.expect("read"),
        Some(Bytes::from_static(b"x"))
    );
}

#[tokio::test]
async fn a_transaction_in_both_lists_of_the_index_moves_to_its_new_block() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let chain = blocks(2, 2);
    store
        .writer
        .commit(&connect(&chain, 0))
        .await
        .expect("committed");
    let (txid, mut location) = locations(&chain[1])[0];
    location.block = chain[2].hash();
    let flush = TransactionsFlush {
        tip: chain[2].hash(),
        inserts: vec![(txid, location)],
        deletes: vec![txid],
    };
    let batch = Batch {
        transactions: Some(flush),
        ..Batch::default()
    };
    store.writer.commit(&batch).await.expect("committed");
    let found = store
        .reader
        .transaction_location_proven(txid)
        .await
        .expect("read");
    assert_eq!(found, Some(location));
}

#[tokio::test]
async fn pruning_removes_blocks_below_a_height_step_by_step() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let chain = blocks(20, 3);
    store
        .writer
        .commit(&connect(&chain, 0))
        .await
        .expect("committed");
    assert_eq!(
        store
            .writer
            .prune_blocks(Height(9), 5)
            .await
            .expect("pruned"),
        Height(5)
    );
    assert_eq!(
        store
            .writer
            .prune_blocks(Height(9), 5)
            .await
            .expect("pruned"),
        Height(9)
    );
    assert_eq!(
        store
            .writer
            .prune_blocks(Height(9), 5)
            .await
            .expect("pruned"),
        Height(9)
    );
    assert_eq!(
        store
            .writer
            .prune_blocks(Height(3), 5)
            .await
            .expect("pruned"),
        Height(9)
    );
    let reader = &store.reader;
    for (height, block) in chain.iter().enumerate() {
        let is_kept = height >= 9;
        let raw = reader.block(block.hash()).await.expect("read");
        assert_eq!(raw.is_some(), is_kept, "height {height}");
        assert_eq!(
            reader.undo(block.hash()).await.expect("read").is_some(),
            is_kept
        );
    }
    assert_eq!(
        reader
            .active_blocks(Height(8), 9, 1 << 20)
            .await
            .expect("read")
            .len(),
        0
    );
    assert_eq!(
        reader
            .active_blocks(Height(9), 99, 1 << 20)
            .await
            .expect("read")
            .len(),
        12
    );
    assert!(
        store
            .maintenance
            .verify(|_| ())
            .await
            .expect("verified")
            .is_sound()
    );
}

#[tokio::test]
async fn stored_blocks_are_listed_with_side_blocks_in_the_order_of_their_headers() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let chain = blocks(5, 1);
    store
        .writer
        .commit(&connect(&chain, 0))
        .await
        .expect("committed");
    let side = chain::block(chain[2].hash(), 3, 9, 1);
    let batch = Batch {
        headers: vec![record(&side, 3, BlockStatus::Stored)],
        blocks: vec![(side.hash(), side.raw().clone())],
        ..Batch::default()
    };
    store.writer.commit(&batch).await.expect("committed");
    let mut listed = Vec::new();
    let mut after = 0;
    loop {
        let page = store.reader.stored_blocks(after, 2).await.expect("read");
        let Some((last, _)) = page.last() else { break };
        after = *last;
        listed.extend(page.into_iter().map(|(_, raw)| raw.expect("sound")));
    }
    let expected: Vec<&Bytes> = chain.iter().chain([&side]).map(Block::raw).collect();
    assert_eq!(listed.iter().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn coins_are_scanned_in_the_order_of_their_outpoints() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let chain = blocks(40, 10);
    store
        .writer
        .commit(&connect(&chain, 0))
        .await
        .expect("committed");
    let mut expected: Vec<_> = chain.iter().flat_map(coins).collect();
    expected.sort_unstable_by_key(|(outpoint, _)| *outpoint);
    let mut scanned = Vec::new();
    let tip = store.reader.scan_coins(|outpoint, coin| {
        scanned.push((outpoint, Bytes::copy_from_slice(coin)));
        Ok(())
    });
    assert_eq!(tip.await.expect("scanned"), Some(chain[40].hash()));
    assert_eq!(scanned, expected);
}

#[tokio::test]
async fn a_chain_change_without_new_blocks_shortens_the_chain() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let chain = blocks(5, 1);
    store
        .writer
        .commit(&connect(&chain, 0))
        .await
        .expect("committed");
    let fork = Some((Height(3), chain[3].hash()));
    let change = ChainChange {
        fork,
        connected: vec![],
    };
    let batch = Batch {
        chain: Some(change),
        ..Batch::default()
    };
    store.writer.commit(&batch).await.expect("committed");
    assert_eq!(store.reader.standing().await.expect("standing").tip, fork);
    assert_eq!(
        store
            .reader
            .active_chain(Height(0), 99)
            .await
            .expect("chain")
            .len(),
        4
    );
}

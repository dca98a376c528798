//! Prints what statements cost; run with `--release -- --nocapture --ignored`.

mod chain;

use std::time::Instant;

use bytes::Bytes;
use chain::{blocks, connect, open, record};
use synod_primitives::{OutPoint, Txid, sha256};
use synod_store::{Batch, BlockStatus, CoinsFlush, Durability};

fn outpoints(range: std::ops::Range<u32>) -> Vec<OutPoint> {
    let mut made: Vec<OutPoint> = range
        .map(|i| OutPoint::new(Txid::from_bytes(sha256(&i.to_le_bytes())), i % 3))
        .collect();
    made.sort_unstable();
    made
}

fn report(what: &str, rows: usize, start: Instant) {
    let spent = start.elapsed();
    let per_row = spent.as_secs_f64() * 1e6 / rows as f64;
    println!("{what}: {rows} rows in {spent:?}, {per_row:.2} us a row");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures, checks nothing"]
async fn coins_by_the_quarter_million() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let chain = blocks(0, 1);
    store
        .writer
        .commit(&connect(&chain, 0))
        .await
        .expect("committed");
    let coin = Bytes::from_static(&[7; 30]);
    let tip = chain[0].hash();
    for round in 0..4u32 {
        let new = outpoints(round * 250_000..(round + 1) * 250_000);
        let inserts = new
            .iter()
            .map(|outpoint| (*outpoint, coin.clone()))
            .collect();
        let old = outpoints(round.saturating_sub(1) * 250_000..round * 250_000);
        let deletes: Vec<OutPoint> = old.into_iter().step_by(2).collect();
        let rows = new.len() + deletes.len();
        let flush = CoinsFlush {
            tip,
            inserts,
            deletes,
        };
        let batch = Batch {
            coins: Some(flush),
            durability: Durability::Deferred,
            ..Batch::default()
        };
        let start = Instant::now();
        store.writer.commit(&batch).await.expect("committed");
        report("flush of inserts and deletes", rows, start);
        let start = Instant::now();
        store.maintenance.checkpoint().await.expect("a checkpoint");
        report("  its checkpoint", rows, start);
    }
    let wanted: Vec<OutPoint> = outpoints(750_000..1_000_000)
        .into_iter()
        .step_by(50)
        .collect();
    for _ in 0..2 {
        let start = Instant::now();
        let found = store.reader.coins(&wanted).await.expect("read");
        report("lookup for a block", found.len(), start);
    }
    let start = Instant::now();
    store.reader.coins_proven(&wanted[..1]).await.expect("read");
    report("proof of one coin", 1, start);
    let mut count = 0;
    let start = Instant::now();
    store
        .reader
        .scan_coins(|_, _| {
            count += 1;
            Ok(())
        })
        .await
        .expect("scanned");
    report("scan", count, start);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures, checks nothing"]
async fn blocks_and_headers() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).await;
    let chain = blocks(100_000, 1);
    let records: Vec<_> = (0..)
        .zip(&chain)
        .map(|(height, block)| record(block, height, BlockStatus::HeaderOnly))
        .collect();
    let batch = Batch {
        headers: records,
        durability: Durability::Deferred,
        ..Batch::default()
    };
    let start = Instant::now();
    store.writer.commit(&batch).await.expect("committed");
    report("insert headers", chain.len(), start);
    let start = Instant::now();
    let loaded = store.reader.headers().await.expect("read");
    report("load headers", loaded.len(), start);

    let start = Instant::now();
    for height in 0..500 {
        let mut batch = connect(&chain[..=height], height);
        batch.durability = Durability::Deferred;
        store.writer.commit(&batch).await.expect("committed");
    }
    report(
        "connect small blocks, one transaction each, deferred",
        500,
        start,
    );
    let start = Instant::now();
    for height in 500..600 {
        store
            .writer
            .commit(&connect(&chain[..=height], height))
            .await
            .expect("committed");
    }
    report(
        "connect small blocks, one transaction each, synced",
        100,
        start,
    );
    let start = Instant::now();
    store
        .writer
        .commit(&connect(&chain[..1100], 600))
        .await
        .expect("committed");
    report(
        "connect small blocks in one transaction, synced",
        500,
        start,
    );

    let big = chain::extend(chain[..1100].to_vec(), 1110, 0, 5500);
    println!("a block of {} bytes", big[1105].size());
    for height in 1100..=1110usize {
        let mut batch = connect(&big[..=height], height);
        batch.coins = None;
        batch.transactions = None;
        batch.durability = Durability::Deferred;
        let start = Instant::now();
        store.writer.commit(&batch).await.expect("committed");
        report("commit a big block", 1, start);
    }
    let hash = big[1105].hash();
    for _ in 0..3 {
        let start = Instant::now();
        store.reader.block(hash).await.expect("read");
        report("read a big block", 1, start);
        let start = Instant::now();
        store
            .reader
            .block_range(hash, 500_000..500_300)
            .await
            .expect("read");
        report("read 300 bytes of it", 1, start);
    }
    let start = Instant::now();
    let read = store
        .reader
        .active_blocks(synod_primitives::Height(0), 1000, usize::MAX);
    report(
        "read small blocks in a row",
        read.await.expect("read").len(),
        start,
    );
}

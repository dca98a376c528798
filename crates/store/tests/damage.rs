//! Flipped bits: every read returns what was written or an error, never anything else.

mod chain;

use std::path::Path;

use bytes::Bytes;
use chain::{blocks, coins, connect, identity, locations, open, record, undo};
use synod_primitives::{Block, Height, OutPoint, Txid};
use synod_store::{BlockStatus, DATABASE_FILE, Options, Reader, Store, StoreError};

/// What the tests store: enough for inner pages in every tree.
struct Expected {
    chain: Vec<Block>,
}

async fn fill(directory: &Path) -> Expected {
    let mut store = open(directory).await;
    let mut chain = blocks(150, 6);
    chain = chain::extend(chain, 151, 0, 700);
    let mut batch = connect(&chain, 0);
    batch
        .meta
        .push(("muhash", Some(Bytes::from(vec![0xaa; 384]))));
    batch
        .meta
        .push(("pool", Some(Bytes::from(vec![0xbb; 40_000]))));
    store.writer.commit(&batch).await.expect("committed");
    store.close().await.expect("closed");
    Expected { chain }
}

/// Counts answers, errors and wrong answers.
#[derive(Default, Debug)]
struct Outcome {
    right: u64,
    refused: u64,
    wrong: Vec<String>,
}

impl Outcome {
    fn take<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: &str,
        read: Result<T, StoreError>,
        expected: &T,
    ) {
        match read {
            Ok(read) if read == *expected => self.right += 1,
            Ok(_) => self.wrong.push(what.to_owned()),
            Err(_) => self.refused += 1,
        }
    }
}

async fn read_all(reader: &Reader, expected: &Expected, outcome: &mut Outcome) {
    let chain = &expected.chain;
    let tip = (Height(151), chain[151].hash());
    let standing = reader.standing().await;
    outcome.take("tip", standing.map(|standing| standing.tip), &Some(tip));
    let records: Vec<_> = (0..)
        .zip(chain)
        .map(|(height, block)| record(block, height, BlockStatus::Valid))
        .collect();
    outcome.take("headers", reader.headers().await, &records);
    let hashes: Vec<_> = chain.iter().map(Block::hash).collect();
    outcome.take(
        "chain",
        reader.active_chain(Height(0), usize::MAX).await,
        &hashes,
    );
    let blocks = reader.active_blocks(Height(0), u32::MAX, usize::MAX).await;
    let raw = blocks.map(|found| found.into_iter().map(|block| block.raw).collect());
    let expected_raw: Vec<Bytes> = chain.iter().map(|block| block.raw().clone()).collect();
    outcome.take("blocks", raw, &expected_raw);
    for height in (0..152).step_by(19).chain([151]) {
        read_block(reader, &chain[height], height as u32, outcome).await;
    }
    let nowhere = OutPoint::new(Txid::from_bytes([0x5a; 32]), 0);
    outcome.take("no coin", reader.coins_proven(&[nowhere]).await, &vec![]);
    let location = reader.transaction_location_proven(nowhere.txid).await;
    outcome.take("no transaction", location, &None);
    let mut all: Vec<_> = chain.iter().flat_map(coins).collect();
    all.sort_unstable_by_key(|(outpoint, _)| *outpoint);
    let mut scanned = Vec::new();
    let scan = reader.scan_coins(|outpoint, coin| {
        scanned.push((outpoint, Bytes::copy_from_slice(coin)));
        Ok(())
    });
    let scan = scan.await;
    outcome.take("coins", scan.map(|_| scanned), &all);
    outcome.take(
        "muhash",
        reader.meta("muhash").await,
        &Some(Bytes::from(vec![0xaa; 384])),
    );
    outcome.take(
        "pool",
        reader.meta("pool").await,
        &Some(Bytes::from(vec![0xbb; 40_000])),
    );
    outcome.take("no record", reader.meta("none").await, &None);
}

async fn read_block(reader: &Reader, block: &Block, height: u32, outcome: &mut Outcome) {
    let hash = block.hash();
    let record = record(block, height, BlockStatus::Valid);
    outcome.take("header", reader.header(hash).await, &record);
    outcome.take(
        "active",
        reader.active_hash(Height(height)).await,
        &Some(hash),
    );
    outcome.take("undo", reader.undo(hash).await, &Some(undo(block)));
    outcome.take(
        "block",
        reader.block(hash).await,
        &Some(block.raw().clone()),
    );
    let made = coins(block);
    let wanted: Vec<OutPoint> = made.iter().map(|(outpoint, _)| *outpoint).collect();
    outcome.take("coins of block", reader.coins_proven(&wanted).await, &made);
    // An unproven read may miss a coin, it may not change one.
    let found = reader.coins(&wanted).await;
    let subset = found.map(|found| found.iter().all(|coin| made.contains(coin)));
    outcome.take("unproven coins", subset, &true);
    let here = reader.coin_reader().and_then(|here| here.coins(&wanted));
    let subset = here.map(|found| found.iter().all(|coin| made.contains(coin)));
    outcome.take("coins on this thread", subset, &true);
    let (txid, location) = locations(block)[0];
    let read = reader.transaction_location_proven(txid).await;
    outcome.take("location", read, &Some(location));
    let range = location.offset..location.offset + location.length;
    let bytes = reader.block_range(hash, range.clone()).await;
    outcome.take(
        "range",
        bytes,
        &Some(block.raw().slice(range.start as usize..range.end as usize)),
    );
}

/// A generator with a seed, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below
    }
}

/// The number of bits to flip, each in a fresh copy; more with `SYNOD_FLIPS`.
fn flips() -> usize {
    std::env::var("SYNOD_FLIPS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(300)
}

#[tokio::test]
async fn no_flipped_bit_of_the_database_is_ever_served() {
    let dir = tempfile::tempdir().expect("a directory");
    let expected = fill(dir.path()).await;
    let path = dir.path().join(DATABASE_FILE);
    let sound = std::fs::read(&path).expect("a file");
    let mark = std::fs::read(dir.path().join("tip.mark")).expect("a mark");
    let mut dice = Dice(1);
    let mut outcome = Outcome::default();
    let mut noticed = 0;
    for flip in 0..flips() {
        let (at, bit) = (dice.roll(sound.len()), dice.roll(8));
        let mut damaged = sound.clone();
        damaged[at] ^= 1 << bit;
        std::fs::write(&path, damaged).expect("written");
        std::fs::write(dir.path().join("tip.mark"), &mark).expect("written");
        let _ = std::fs::remove_file(dir.path().join("node.sqlite-wal"));
        let _ = std::fs::remove_file(dir.path().join("node.sqlite-shm"));
        let refused = outcome.refused;
        match Store::open(dir.path(), &identity(), &Options::default()).await {
            Ok(store) => {
                read_all(&store.reader, &expected, &mut outcome).await;
                store.reader.close().await;
                close_after_damage(store).await;
            }
            Err(_) => outcome.refused += 1,
        }
        noticed += u64::from(outcome.refused > refused);
        assert!(
            outcome.wrong.is_empty(),
            "flip {flip}: bit {bit} of byte {at}: {outcome:?}"
        );
    }
    println!("{noticed} of {} flips were noticed, {outcome:?}", flips());
    assert!(noticed > 0, "some flips hit what is read");
}

async fn close_after_damage(store: Store) {
    let Store {
        writer,
        maintenance,
        ..
    } = store;
    // Closing may fail on a damaged file; it must only let go of it.
    let _ = writer.close().await;
    let _ = maintenance.close().await;
}

#[tokio::test]
async fn verification_finds_a_flipped_bit_in_every_kind_of_row() {
    let dir = tempfile::tempdir().expect("a directory");
    let expected = fill(dir.path()).await;
    let path = dir.path().join(DATABASE_FILE);
    let sound = std::fs::read(&path).expect("a file");
    let block = &expected.chain[100];
    let (outpoint, coin) = coins(block)[3].clone();
    let (txid, _) = locations(block)[2];
    let raw = block.raw();
    let needles: [(&str, Vec<u8>); 7] = [
        ("header", block.header().encode()[36..80].to_vec()),
        ("block", raw[raw.len() - 60..].to_vec()),
        ("undo", undo(block).to_vec()),
        ("coin", coin.to_vec()),
        ("outpoint", outpoint.txid.as_bytes().to_vec()),
        ("transaction", txid.as_bytes().to_vec()),
        ("record", vec![0xaa; 384]),
    ];
    for (what, needle) in needles {
        let mut damaged = sound.clone();
        let mut hits = 0;
        for at in 0..sound.len() - needle.len() {
            if sound[at..].starts_with(&needle) {
                damaged[at + needle.len() / 2] ^= 4;
                hits += 1;
            }
        }
        assert!(hits > 0, "{what} is stored");
        std::fs::write(&path, damaged).expect("written");
        let _ = std::fs::remove_file(dir.path().join("node.sqlite-wal"));
        let mut store = open(dir.path()).await;
        let report = store.maintenance.verify(|_| ()).await.expect("verified");
        assert!(!report.is_sound(), "{what}");
        assert!(report.faults as usize >= report.listed.len() && !report.listed.is_empty());
        close_after_damage(store).await;
    }
    std::fs::write(&path, &sound).expect("written");
    let mut store = open(dir.path()).await;
    let report = store.maintenance.verify(|_| ()).await.expect("verified");
    assert!(report.is_sound(), "{:?}", report.listed);
    assert_eq!(
        (report.headers, report.blocks, report.undo),
        (152, 152, 152)
    );
}

#[tokio::test]
async fn rows_that_vanish_are_missed() {
    use sqlx::{ConnectOptions as _, Connection as _};
    let dir = tempfile::tempdir().expect("a directory");
    let expected = fill(dir.path()).await;
    let path = dir.path().join(DATABASE_FILE);
    let sound = std::fs::read(&path).expect("a file");
    let block = &expected.chain[80];
    for sql in [
        "DELETE FROM coins WHERE outpoint IN (SELECT outpoint FROM coins LIMIT 1 OFFSET 500)",
        "DELETE FROM transactions WHERE txid IN (SELECT txid FROM transactions LIMIT 1 OFFSET 500)",
        "DELETE FROM block_parts WHERE id = 81 * 1024",
        "DELETE FROM undo WHERE header_id = 81",
        "DELETE FROM active_chain WHERE height = 80",
        "DELETE FROM meta WHERE name = 'pool'",
        "DELETE FROM key_tallies WHERE id = 3",
    ] {
        std::fs::write(&path, &sound).expect("written");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
        let mut connection = options.connect().await.expect("connected");
        sqlx::raw_sql(sql)
            .execute(&mut connection)
            .await
            .expect("executed");
        connection.close().await.expect("closed");
        let mut store = open(dir.path()).await;
        let reader = &store.reader;
        let made: Vec<_> = expected
            .chain
            .iter()
            .flat_map(coins)
            .map(|(o, _)| o)
            .collect();
        let txids = expected
            .chain
            .iter()
            .flat_map(locations)
            .map(|(txid, _)| txid);
        let mut found = reader.coins_proven(&made).await.map(|_| ());
        for txid in txids {
            found = found.and(reader.transaction_location_proven(txid).await.map(|_| ()));
        }
        let noticed = [
            found,
            reader.block(block.hash()).await.map(|_| ()),
            reader.undo(block.hash()).await.map(|_| ()),
            reader.active_hash(Height(80)).await.map(|_| ()),
            reader.meta("pool").await.map(|_| ()),
        ];
        assert!(noticed.iter().any(Result::is_err), "{sql}");
        let report = store.maintenance.verify(|_| ()).await.expect("verified");
        assert!(!report.is_sound(), "{sql}");
        close_after_damage(store).await;
    }
}

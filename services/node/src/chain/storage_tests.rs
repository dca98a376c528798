use synod_chainspec::genesis_block;
use synod_ledger::CoinScript;
use synod_primitives::{Amount, Header, Txid, Work};
use synod_store::{Identity, Options, Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::*;

/// Bytes that the database may take: room for a few small blocks.
const SIZE_LIMIT: u64 = 1 << 20;

struct Fixture {
    adapter: StoreAdapter,
    _directory: TempDir,
    _runtime: Runtime,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::new().expect("a runtime");
        let identity = Identity {
            network: "regtest".to_owned(),
            chain_id: [1; 32],
            genesis: genesis_block().hash(),
        };
        let options = Options {
            size_limit: SIZE_LIMIT,
            ..Options::default()
        };
        let store = runtime.block_on(Store::open(directory.path(), &identity, &options));
        let Store { writer, reader, .. } = store.expect("opens");
        let adapter = StoreAdapter::new(writer, reader, runtime.handle().clone());
        Self {
            adapter: adapter.expect("a thread"),
            _directory: directory,
            _runtime: runtime,
        }
    }
}

/// A deferred batch with one block of about `size` bytes.
fn batch(number: u32, size: usize) -> (BlockHash, Batch) {
    let header = Header {
        nonce: number,
        ..*genesis_block().header()
    };
    let mut raw = header.encode().to_vec();
    raw.resize(raw.len() + size, number as u8);
    let hash = header.block_hash();
    let record = HeaderRecord {
        hash,
        header,
        height: Height(number),
        chainwork: Work::ZERO,
        status: Status::Stored,
        arrival: number.into(),
        transaction_count: 1,
    };
    let batch = Batch {
        headers: vec![record],
        blocks: vec![(hash, raw.into())],
        durability: Durability::Deferred,
        ..Batch::default()
    };
    (hash, batch)
}

fn outpoint(number: u8) -> OutPoint {
    OutPoint::new(Txid::from_bytes([number; 32]), 0)
}

fn coin(sat: i64) -> Coin {
    Coin {
        value: Amount::from_sat(sat),
        script_pubkey: CoinScript::new(&[0x51]),
        height: Height(1),
        is_coinbase: false,
    }
}

fn flush(tip: BlockHash, inserts: &[(u8, i64)], deletes: &[u8]) -> CoinsFlush {
    CoinsFlush {
        tip,
        inserts: inserts
            .iter()
            .map(|(number, sat)| (outpoint(*number), coin(*sat)))
            .collect(),
        deletes: deletes.iter().map(|number| outpoint(*number)).collect(),
    }
}

#[test]
fn what_a_deferred_commit_brings_is_seen_by_every_later_read() {
    let mut fixture = Fixture::new();
    let (first, batch_of_first) = batch(1, 1000);
    let coins = Some(flush(first, &[(1, 10), (2, 20)], &[]));
    let written = fixture.adapter.commit(Batch {
        coins,
        ..batch_of_first
    });
    assert_eq!(written, Ok(()));
    let found = fixture
        .adapter
        .load_coins(&[outpoint(1), outpoint(2), outpoint(3)]);
    assert_eq!(
        found,
        Ok(vec![(outpoint(1), coin(10)), (outpoint(2), coin(20))])
    );
    let raw = fixture.adapter.load_block(first).expect("reads");
    assert_eq!(raw.expect("stored").len(), 1080);
}

#[test]
fn deferred_commits_without_room_are_kept_in_order_and_reported_by_the_next() {
    let mut fixture = Fixture::new();
    let (first, batch_of_first) = batch(1, 1000);
    let coins = Some(flush(first, &[(1, 10), (2, 20), (3, 30)], &[]));
    let small = Batch {
        coins,
        ..batch_of_first
    };
    assert_eq!(fixture.adapter.commit(small), Ok(()));

    let (second, batch_of_second) = batch(2, 2 * SIZE_LIMIT as usize);
    let coins = Some(flush(second, &[(1, 11), (4, 40)], &[2]));
    let large = Batch {
        coins,
        ..batch_of_second
    };
    assert_eq!(fixture.adapter.commit(large), Ok(()), "nobody waits for it");

    let (third, batch_of_third) = batch(3, 1000);
    let coins = Some(flush(third, &[(2, 22)], &[4]));
    let after = Batch {
        coins,
        ..batch_of_third
    };
    let refused = fixture.adapter.commit(after);
    assert!(matches!(refused, Err(StorageError::Full(_))), "{refused:?}");

    for (hash, size) in [
        (first, 1080),
        (second, 80 + 2 * SIZE_LIMIT as usize),
        (third, 1080),
    ] {
        let raw = fixture.adapter.load_block(hash).expect("reads");
        assert_eq!(raw.expect("kept").len(), size);
    }
    let asked: Vec<OutPoint> = (1..=4).map(outpoint).collect();
    let found = fixture.adapter.load_coins(&asked);
    let expected = [(1, 11), (2, 22), (3, 30)].map(|(number, sat)| (outpoint(number), coin(sat)));
    assert_eq!(found, Ok(expected.to_vec()));
    let retried = fixture.adapter.retry();
    assert!(matches!(retried, Err(StorageError::Full(_))), "{retried:?}");
}

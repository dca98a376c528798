//! What hashing costs: Merkle roots, and the ids of a block's transactions.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sha2::{Digest as _, Sha256};
use synod_primitives::double_hash::sha256d_each;
use synod_primitives::{merkle, sha256d};

/// Leaves of a full block.
const LEAVES: u64 = 2_500;
/// Sizes of a payment without and with its witness.
const SIZES: [usize; 2] = [113, 222];

fn reference_root(mut row: Vec<[u8; 32]>) -> [u8; 32] {
    while row.len() > 1 {
        let pairs = row.chunks(2).map(|pair| {
            let hasher = Sha256::new_with_prefix(pair[0]);
            let hash = hasher.chain_update(pair[pair.len() - 1]).finalize();
            Sha256::digest(hash).into()
        });
        row = pairs.collect();
    }
    row[0]
}

fn roots(criterion: &mut Criterion) {
    let leaves: Vec<[u8; 32]> = (0..LEAVES).map(|it| sha256d(&it.to_le_bytes())).collect();
    assert_eq!(
        merkle::root(leaves.clone()).hash,
        reference_root(leaves.clone())
    );
    let mut group = criterion.benchmark_group("merkle root of 2,500 leaves");
    group.bench_function("ours", |bencher| {
        bencher.iter(|| merkle::root(black_box(leaves.clone())));
    });
    group.bench_function("sha2", |bencher| {
        bencher.iter(|| reference_root(black_box(leaves.clone())));
    });
}

fn ids(criterion: &mut Criterion) {
    let payments: Vec<Vec<u8>> = (0..2_000)
        .map(|index| vec![index as u8; SIZES[index % SIZES.len()]])
        .collect();
    let mut group = criterion.benchmark_group("ids of 1,000 payments");
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("ours", |bencher| {
        bencher.iter(|| {
            let messages = payments.iter().map(|it| [&it[..], &[], &[]]);
            sha256d_each(messages, |index, hash| {
                black_box((index, hash));
            });
        });
    });
    group.bench_function("sha2", |bencher| {
        bencher.iter(|| {
            for payment in &payments {
                black_box(sha256d(payment));
            }
        });
    });
}

criterion_group!(benches, roots, ids);
criterion_main!(benches);

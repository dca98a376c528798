//! Hashes a second of one thread: each kernel that this processor has, beside `sha2`'s plain
//! double hash of 80 bytes.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sha2::{Digest, Sha256};
use synod_miner::kernel::{Job, Kernel, Target};

const HASHES: u32 = 1 << 16;

fn search(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("double SHA-256 of headers");
    group.throughput(Throughput::Elements(u64::from(HASHES)));
    let mut header = [7; 80];
    let unreachable = Target::from_be_bytes([0; 32]);
    let job = Job::new(&header, unreachable);
    for kernel in Kernel::available() {
        group.bench_function(kernel.to_string(), |bencher| {
            bencher.iter(|| kernel.search(black_box(&job), 0, HASHES));
        });
    }
    group.bench_function("sha2, without midstate", |bencher| {
        bencher.iter(|| {
            for nonce in 0..HASHES {
                header[76..].copy_from_slice(&nonce.to_le_bytes());
                black_box(Sha256::digest(Sha256::digest(black_box(&header))));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, search);
criterion_main!(benches);

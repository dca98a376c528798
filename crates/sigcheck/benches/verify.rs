//! Time of a signature check with all parsing, beside k256's own verifier.
//!
//! The singles take the next of 512 signatures in each round, so that no branch or cache line is
//! learned by heart; the batches take all of them, and their throughput is in checks.

#[path = "../tests/sample/mod.rs"]
mod sample;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sample::{Bytes, EcdsaSample, SchnorrSample, der};
use std::hint::black_box;
use synod_sigcheck::{Check, is_tweaked_key, is_valid_x_only, verify, verify_batch};

const COUNT: usize = 512;

/// Calls `judge` with one sample after the other, round and round.
fn one_by_one<T>(criterion: &mut Criterion, name: &str, samples: &[T], judge: fn(&T) -> bool) {
    let mut next = samples.iter().cycle();
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| assert!(next.next().is_some_and(|sample| judge(black_box(sample)))));
    });
}

fn all_at_once<T>(criterion: &mut Criterion, name: &str, samples: &[T], parse: fn(&T) -> Check) {
    let mut group = criterion.benchmark_group("batch of 512");
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let checks: Vec<Check> = samples.iter().map(parse).collect();
            assert_eq!(verify_batch(&checks), Ok(()));
        });
    });
}

fn ecdsa(criterion: &mut Criterion) {
    let mut bytes = Bytes::new(1);
    let samples: Vec<(EcdsaSample, Vec<u8>)> = (0..COUNT)
        .map(|_| EcdsaSample::random_compressed(&mut bytes))
        .map(|sample| (sample.clone(), der(&sample.r, &sample.s)))
        .collect();
    type Sample = (EcdsaSample, Vec<u8>);
    fn parse((sample, der): &Sample) -> Check {
        Check::ecdsa(&sample.key, der, sample.digest).expect("parses")
    }
    one_by_one(criterion, "ecdsa", &samples, |sample| {
        verify(&parse(sample))
    });
    one_by_one(criterion, "ecdsa, k256", &samples, |(sample, der)| {
        sample.reference_of(der)
    });
    all_at_once(criterion, "ecdsa", &samples, parse);
}

fn schnorr(criterion: &mut Criterion) {
    let mut bytes = Bytes::new(2);
    let samples: Vec<SchnorrSample> = (0..COUNT)
        .map(|_| SchnorrSample::random(&mut bytes))
        .collect();
    one_by_one(criterion, "schnorr", &samples, |sample| {
        verify(&sample.check())
    });
    one_by_one(
        criterion,
        "schnorr, k256",
        &samples,
        SchnorrSample::reference,
    );
    all_at_once(criterion, "schnorr", &samples, SchnorrSample::check);
    one_by_one(criterion, "x-only key", &samples, |sample| {
        is_valid_x_only(&sample.key)
    });
    one_by_one(criterion, "tweaked key, refused", &samples, |sample| {
        !is_tweaked_key(&sample.message, false, &sample.key, &sample.message)
    });
}

criterion_group!(benches, ecdsa, schnorr);
criterion_main!(benches);
